"""Declarations of global and guarded fixtures, and how to read them; used by every process."""
