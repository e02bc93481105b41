"""A project with forms whose files go straight to the store."""
