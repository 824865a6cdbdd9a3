"""Processes of the operating system; controller and fixture worker."""
