"""What a storage promises, tried on every S3 server there is."""

from __future__ import annotations

import pytest


def only(*names: str) -> pytest.MarkDecorator:
    """Try a test on these providers alone; say at the test why the others cannot have an opinion."""
    return pytest.mark.parametrize("provider", names, indirect=True, scope="session")
