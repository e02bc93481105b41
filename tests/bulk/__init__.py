"""What bulk work promises: it plans, does exactly that, proves it, and is taken up where it was ended."""
