"""Messages between the processes of a run, and how to send them; pure, used by every process."""
