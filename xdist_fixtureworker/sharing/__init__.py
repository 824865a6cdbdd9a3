"""What is shared of a fixture's value, as a copy or as a live object; every process."""
