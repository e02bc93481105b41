"""Media storage for stateless Django, configured by environment variables alone."""

__version__ = "0.1.0.dev0"
