"""From variables to a store. Nothing here contacts anything, or loads boto3 or django-storages."""
