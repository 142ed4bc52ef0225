"""Settings: where they come from, and the file they are kept in."""
