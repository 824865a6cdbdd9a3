"""Runs in the fixture worker."""
