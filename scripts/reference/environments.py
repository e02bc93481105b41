"""The environments that the examples start from."""

# Amazon's own documented example pair.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
S3 = {"STORAGE_BUCKET_NAME": "acme-media"}
SPACES = {"STORAGES_MODE": "do", **S3, **KEYS}
