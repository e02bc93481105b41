"""Direct uploads: from the ticket to the file, and everything that somebody else may try in between."""
