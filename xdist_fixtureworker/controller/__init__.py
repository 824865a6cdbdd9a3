"""Runs in the controller, and in the one process of a run without distribution."""
