"""What users, databases and infrastructure keep: a change here breaks somebody, so it must be meant."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from importlib import import_module

import pytest

import holdall
from holdall import cli, contract
from holdall.cli import env
from holdall.provision import rights, settings
from holdall.provision.needs import Needs

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
    assert options == {
        "env": ["--help", "--json", "--prefix"],
        "provision": [
            "--apply",
            "--diff",
            "--distribution-arn",
            "--format",
            "--help",
            "--origin",
            "--output",
            "--prefix",
            "--read-only",
            "--with-areas",
            "--with-doctor",
            "--yes",
        ],
        "serve": ["--folder", "--help", "--port"],
    }


def test_names_on_live_buckets_are_these() -> None:
    """Rules and statements are found again by them."""
    store = contract.read({"STORAGE_BUCKET_NAME": "acme", "STORAGE_LOCATION": "shop"}).store
    assert store is not None
    wanted = Needs(
        store=store, origins=("https://a.example",), with_areas=True, distribution_arn="arn", with_doctor=True
    )
    public = replace(wanted, store=store._replace(public=True))
    named = [rule["ID"] for rule in (*settings.lifecycle_rules(wanted), *settings.cors_rules(wanted))]
    assert named == [f"Holdall{what}8d9001d3" for what in ("UnfinishedUploads", "Staging", "Trash", "Sites")]
    assert [one["Sid"] for one in settings.policy_statements(public)] == ["HoldallCloudFront8d9001d3"]
    assert [one["Sid"] for one in rights.app_policy(wanted)["Statement"]] == [
        "HoldallObjects",
        "HoldallBucket",
        "HoldallDoctor",
    ]
    assert (settings.STAGING, settings.TRASH) == (".holdall/uploads/", ".holdall/trash/")


def test_json_has_these_keys() -> None:
    document = json.loads(env.as_json(contract.read({"STORAGE_BUCKET_NAME": "acme"})))
    assert list(document) == ["version", "prefix", "building", "variables", "warnings", "problems"]
    assert document["version"] == 1
    assert {tuple(row) for row in document["variables"]} == {("name", "value", "source", "purpose")}
    assert [row["name"] for row in document["variables"]] == [variable.name for variable in contract.VARIABLES]
