"""Private files by permission, on a real store."""
