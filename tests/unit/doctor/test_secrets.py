"""Whatever is wrong with an environment or a storage: no finding contains a secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storages.backends.s3 import S3Storage

from holdall.doctor.examination import Examination
from holdall.findings import Kind, Level, Report
from tests.doctor import examine, examine_storage, told
from tests.unit.doctor import PLAIN
from tests.unit.environment.test_contract_properties import (
    DIRT,
    NAMES,
    PLAIN_VALUES,
    SECRETS,
    TRACES,
    mutated_names,
    pasted_values,
)

DIRTY_SECRETS = st.builds(lambda dirt, secret: dirt.format(secret), DIRT, st.sampled_from(list(SECRETS.values())))


def assert_no_trace(report: Report) -> None:
    said = told(report) + json.dumps(report.as_document(), ensure_ascii=False)
    for trace in TRACES:
        assert trace.lower() not in said.lower(), trace


@given(
    secrets=st.dictionaries(st.sampled_from(list(SECRETS)), DIRT, min_size=1),
    pasted=st.dictionaries(st.one_of(st.sampled_from(NAMES), mutated_names()), pasted_values(), max_size=4),
    plain=st.dictionaries(st.sampled_from(NAMES), PLAIN_VALUES, max_size=5),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_secret_of_an_environment_is_in_a_finding(
    secrets: dict[str, str], pasted: dict[str, str], plain: dict[str, str]
) -> None:
    known = {name: dirt.format(SECRETS[name]) for name, dirt in secrets.items()}
    others = {f"OTHER_{name}": secret for name, secret in SECRETS.items()}
    environ = {**plain, **pasted, **known, **others, "THIRD_AWS_SECRET_ACCESS_KEY": "hunter2-hunter2"}
    assert_no_trace(examine(environ, offline=True))


@given(
    secret_key=DIRTY_SECRETS,
    others=st.dictionaries(st.sampled_from(["access_key", "security_token"]), DIRTY_SECRETS, max_size=2),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_secret_of_a_storage_is_in_a_finding(secret_key: str, others: dict[str, Any]) -> None:
    storage = S3Storage(**{**PLAIN, **others, "secret_key": secret_key, "custom_domain": "media.example.com"})
    assert_no_trace(examine_storage(storage, offline=True))


def test_signature_of_a_link_is_in_no_finding() -> None:
    signed = "https://acme.example/a.jpg?X-Amz-Credential=AKIA/1&X-Amz-Signature=0a1b2c&Signature=3d%2F&Expires=5"
    finding = Kind("D999", Level.ERROR, "title", "means").found(f"{signed}; more", do=f"curl '{signed}'")
    clean = Examination(S3Storage(**PLAIN)).redacted(finding)
    said = clean.seen + clean.cause.do
    assert "0a1b2c" not in said
    assert "3d%2F" not in said
    assert "Expires=5" in said
