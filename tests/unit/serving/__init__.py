"""What serving decides without a request."""
