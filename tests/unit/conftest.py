"""The pure tests run with every change: properties are searched briefly, and deeply when asked to."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import settings

# The same examples each time, so that what a change breaks is what it broke. HOLDALL_EXAMPLES=5000 digs deeper, elsewhere
# each time; what it finds becomes an `@example`.
_DEEP = os.environ.get("HOLDALL_EXAMPLES", "")
settings.register_profile("brief", max_examples=int(_DEEP or "15"), deadline=None, derandomize=not _DEEP)
settings.load_profile("brief")


@pytest.fixture(scope="session")
def pem() -> str:
    """A private key of CloudFront's kind."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
