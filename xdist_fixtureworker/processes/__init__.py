"""Processes of the operating system; used by the controller and the fixture worker."""
