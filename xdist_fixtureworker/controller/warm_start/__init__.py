"""Warm start: forks the processes of workers from the controller."""
