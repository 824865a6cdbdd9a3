"""Checks of what users declared; used by every process."""
