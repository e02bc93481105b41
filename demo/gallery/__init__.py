"""A gallery whose photographs live in a bucket."""
