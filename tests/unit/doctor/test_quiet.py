"""Nothing is said of a healthy store, whatever provider it is at."""

from __future__ import annotations

import pytest

from tests.doctor import shown, told
from tests.unit.doctor import SECRET, offline
from tests.unit.doctor.test_remedies import ENDPOINTS

# How keys of some providers begin.
KEYS = {"amazon": "AKIAIOSFODNN7EXAMPLE", "spaces": "DO00EXAMPLEEXAMPLE00", "scaleway": "SCW00000000000000000"}


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
@pytest.mark.parametrize("provider", ENDPOINTS)
def test_nothing_is_said_of_a_healthy_store_offline(provider: str, *, public: bool) -> None:
    endpoint = ENDPOINTS[provider]
    place = {"STORAGES_MODE": "do", "DO_REGION": "fra1"} if endpoint is None else {"AWS_S3_ENDPOINT_URL": endpoint}
    environ = {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_ACCESS_KEY_ID": KEYS.get(provider, "0123456789abcdef0123"),
        "AWS_SECRET_ACCESS_KEY": SECRET,
        **(place if endpoint != "" else {"AWS_S3_REGION_NAME": "eu-central-1"}),
        **({"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"} if public else {}),
    }
    report = offline(environ)
    assert shown(report) == [], told(report)
