"""What a process checks of what users declared; any process."""
