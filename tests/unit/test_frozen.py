"""What users, databases and infrastructure keep: a change here breaks somebody, so it must be meant."""

from __future__ import annotations

import argparse
import json
from importlib import import_module

import pytest

import holdall
from holdall import cli, contract
from holdall.cli import env
from holdall.findings import Kind

VARIABLES = {
    "STORAGES_MODE",
    "STORAGE_BUCKET_NAME",
    "STORAGE_MAKE_FILES_PUBLIC",
    "AWS_S3_CUSTOM_DOMAIN",
    "DO_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_S3_REGION_NAME",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_S3_ENDPOINT_URL",
    "STORAGE_LOCATION",
    "STORAGE_URL_LIFETIME",
    "STORAGE_ENVIRONMENT",
    "AWS_CLOUDFRONT_KEY_ID",
    "AWS_CLOUDFRONT_KEY",
    "AWS_STORAGE_BUCKET_NAME",
    "BUILD_MODE",
}
SPECIFIED = {
    "STORAGES_MODE",
    "STORAGE_BUCKET_NAME",
    "STORAGE_MAKE_FILES_PUBLIC",
    "AWS_S3_CUSTOM_DOMAIN",
    "DO_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}
EXPORTED = {
    "AccessRefused",
    "BucketNotFound",
    "BuildModeError",
    "ContractError",
    "ContractWarning",
    "CredentialsRefused",
    "DevServerError",
    "HoldallError",
    "InvalidName",
    "NameTaken",
    "ObjectChanged",
    "ObjectNotFound",
    "StoreFailed",
    "StoreUnreachable",
    "default_local_folder",
    "from_env",
}
# Findings: id -> level, by the module that declares them. An id is never given to another kind.
INTENT_KINDS = {
    "D600": "ok",
    "D601": "error",
    "D602": "error",
    "D603": "error",
    "D604": "ok",
    "D605": "error",
    "D606": "error",
    "D607": "error",
    "D608": "warning",
    "D609": "notice",
    "D610": "error",
    "D611": "ok",
    "D612": "error",
    "D613": "ok",
}
LINKS_KINDS = {
    "D700": "ok",
    "D701": "error",
    "D702": "error",
    "D703": "error",
    "D704": "error",
    "D705": "warning",
    "D706": "error",
    "D707": "warning",
    "D708": "error",
    "D709": "error",
    "D710": "notice",
    "D711": "warning",
    "D712": "ok",
    "D713": "error",
    "D714": "error",
    "D715": "warning",
    "D716": "notice",
    "D717": "notice",
    "D718": "error",
    "D719": "ok",
}
CDN_KINDS = {
    "D800": "ok",
    "D801": "error",
    "D802": "error",
    "D803": "error",
    "D804": "error",
    "D805": "error",
    "D806": "error",
    "D807": "error",
    "D808": "error",
    "D809": "error",
    "D810": "notice",
    "D811": "warning",
    "D812": "warning",
    "D813": "notice",
    "D814": "ok",
    "D815": "warning",
    "D816": "notice",
    "D817": "warning",
    "D818": "warning",
    "D819": "notice",
    "D820": "warning",
    "D821": "warning",
    "D822": "warning",
    "D823": "warning",
    "D824": "ok",
    "D825": "error",
    "D826": "notice",
    "D827": "ok",
    "D828": "ok",
}
CORS_KINDS = {
    "D850": "ok",
    "D851": "warning",
    "D852": "notice",
    "D853": "warning",
    "D854": "warning",
    "D855": "notice",
}
HOUSEKEEPING_KINDS = {
    "D900": "ok",
    "D901": "error",
    "D902": "warning",
    "D903": "warning",
    "D904": "notice",
    "D905": "ok",
    "D906": "notice",
}


def test_variables_are_these() -> None:
    assert set(contract.BY_NAME) == VARIABLES
    assert len(contract.VARIABLES) == len(VARIABLES)


def test_specified_variables_are_these() -> None:
    assert {variable.name for variable in contract.VARIABLES if variable.specified} == SPECIFIED


def test_prefix_of_a_parent_is_this() -> None:
    assert contract.PARENT == "PARENT_"


def test_defaults_are_these() -> None:
    assert (contract.DEFAULT_LIFETIME_SECONDS, contract.DEFAULT_SPACES_REGION, contract.LOCAL_BUCKET) == (
        3600,
        "ams3",
        "media",
    )


def test_package_exports_these_names() -> None:
    assert set(holdall.__all__) == EXPORTED
    assert all(hasattr(holdall, name) for name in EXPORTED)


@pytest.mark.parametrize(
    "path", ["holdall.storage.MediaStorage", "holdall.storage.from_alias", "holdall.build.BuildModeStorage"]
)
def test_dotted_path_leads_to_what_it_names(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    assert f"{found.__module__}.{found.__name__}" == path


def test_settings_name_these_backends() -> None:
    made = holdall.from_env({"STORAGE_BUCKET_NAME": "acme"})
    assert {alias: entry["BACKEND"] for alias, entry in made.items()} == {
        "default": "holdall.storage.MediaStorage",
        "staticfiles": "django.contrib.staticfiles.storage.StaticFilesStorage",
    }


def test_commands_are_these() -> None:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    options = {
        name: sorted(
            option for action in command._actions for option in action.option_strings if option.startswith("--")
        )
        for name, command in commands.choices.items()
    }
    assert options == {"env": ["--help", "--json", "--prefix"], "serve": ["--folder", "--help", "--port"]}


def test_json_has_these_keys() -> None:
    document = json.loads(env.as_json(contract.read({"STORAGE_BUCKET_NAME": "acme"})))
    assert list(document) == ["version", "prefix", "building", "variables", "warnings", "problems"]
    assert document["version"] == 1
    assert {tuple(row) for row in document["variables"]} == {("name", "value", "source", "purpose")}
    assert [row["name"] for row in document["variables"]] == [variable.name for variable in contract.VARIABLES]


@pytest.mark.parametrize(
    ("module", "kinds"),
    [
        ("intent", INTENT_KINDS),
        ("links", LINKS_KINDS),
        ("cdn", CDN_KINDS),
        ("cors", CORS_KINDS),
        ("housekeeping", HOUSEKEEPING_KINDS),
    ],
)
def test_findings_have_these_ids_and_levels(module: str, kinds: dict[str, str]) -> None:
    declared = vars(import_module(f"holdall.doctor.{module}")).values()
    assert {kind.id: kind.level.value for kind in declared if isinstance(kind, Kind)} == kinds
