"""What users write to declare a fixture global or guarded, and how it is found; any process."""
