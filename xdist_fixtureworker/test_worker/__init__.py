"""Fetches global fixtures for tests; runs in the test worker."""
