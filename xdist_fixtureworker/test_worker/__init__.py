"""Runs in the test worker."""
