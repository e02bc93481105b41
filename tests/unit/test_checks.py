"""The system checks: the doctor's offline half with its ids, silenced as all checks are, and never the network."""

from __future__ import annotations

import io
import socket
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

import holdall
from holdall import checks, doctor
from holdall.findings import Level
from tests.unit.doctor import PUBLIC, S3, SECRET
from tests.unit.doctor.test_backend import DISK, OURS, STATIC, plain


def said(*, deploy: bool = False) -> list[django_checks.CheckMessage]:
    return django_checks.run_checks(tags=[checks.TAG], include_deployment_checks=deploy)


def ids(*, deploy: bool = False) -> list[str | None]:
    return [message.id for message in said(deploy=deploy)]


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise AssertionError("a check opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


FORK = {**S3, **{f"PARENT_{name}": value for name, value in S3.items()}, "PARENT_STORAGE_BUCKET_NAME": "production"}


@pytest.mark.parametrize(
    "environ", [FORK, S3, {"STORAGE_BUCKET_NAME": "acme-media"}, {"STORAGES_MODE": "local"}, {**S3, **PUBLIC}]
)
def test_healthy_project_is_silent_and_sends_nothing(settings: Any, no_socket: None, environ: dict[str, str]) -> None:
    settings.STORAGES = holdall.from_env(environ)
    settings.DEBUG = True
    assert said(deploy=True) == []


@pytest.mark.parametrize(
    "options", [{}, {"access_key": None, "secret_key": None}, {"custom_domain": "media.example.com"}]
)
def test_plain_storage_is_checked_without_a_request(settings: Any, no_socket: None, options: dict[str, Any]) -> None:
    settings.STORAGES = {"default": plain(**options), **STATIC}
    assert ids() == (["holdall.D261"] if "custom_domain" in options else [])


def test_check_has_the_finding_and_its_remedy(settings: Any) -> None:
    elsewhere = {"endpoint_url": "https://nyc3.digitaloceanspaces.com", "access_key": "DO00EXAMPLEEXAMPLE00"}
    settings.STORAGES = {"default": plain(**elsewhere), **STATIC}
    [message] = said()
    assert (type(message), message.id) == (django_checks.Error, "holdall.D233")
    assert str(message.hint).endswith('AWS_S3_REGION_NAME = "nyc3" See `manage.py holdall doctor --explain D233`')
    assert SECRET not in str(message)


def test_error_stops_a_command_and_can_be_silenced(settings: Any) -> None:
    settings.STORAGES = {"default": plain(signature_version=None, region_name="us-east-1"), **STATIC}
    with pytest.raises(SystemCheckError, match=r"holdall\.D252"):
        call_command("check", "--tag", "storage", stdout=io.StringIO(), stderr=io.StringIO())
    settings.SILENCED_SYSTEM_CHECKS = ["holdall.D252"]
    call_command("check", "--tag", "storage", stdout=io.StringIO(), stderr=io.StringIO())


def test_what_is_right_in_development_is_told_at_deployment_alone(settings: Any) -> None:
    settings.STORAGES = {"default": {"BACKEND": DISK}, **STATIC}
    assert (ids(), ids(deploy=True)) == ([], ["holdall.D001"])
    settings.STORAGES = holdall.from_env({"STORAGES_MODE": "local"})
    assert (ids(), ids(deploy=True)) == ([], ["holdall.D058"])


def test_image_that_is_built_is_in_order(settings: Any) -> None:
    settings.STORAGES = holdall.from_env({"BUILD_MODE": "true"})
    assert ids(deploy=True) == []


def test_several_storages_are_told_apart(settings: Any) -> None:
    settings.STORAGES = {**OURS, "private": plain(bucket_name=None)}
    [message] = said()
    assert message.msg.startswith('STORAGES["private"]: ')


def test_ids_that_the_checks_choose_by_exist() -> None:
    known = {kind.id: kind for kind in doctor.kinds()}
    assert known.keys() >= checks.AT_DEPLOYMENT | checks.NEVER
    assert all(known[id_].level in {Level.ERROR, Level.WARNING} for id_ in checks.AT_DEPLOYMENT | checks.NEVER)
    probes = {probe for found in doctor.names().values() for probe in found}
    assert set(checks.SKIPPED) <= probes
