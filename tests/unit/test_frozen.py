"""What users, databases and infrastructure keep: a change here breaks somebody, so it must be meant."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from importlib import import_module

import pytest

import holdall
from holdall import cli, doctor, sites
from holdall.cli import env
from holdall.environment import contract, variables
from holdall.findings import Report
from holdall.fork import tombstones
from holdall.provision import rights, settings
from holdall.provision.needs import Needs
from holdall.s3.claims import Claim

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
    "AWS_S3_PUBLIC_ENDPOINT_URL",
    "AWS_S3_SIGN_FOR_DOMAIN",
    "AWS_S3_ADDRESSING_STYLE",
    "STORAGE_LOCATION",
    "STORAGE_DOMAIN_IS_LIMITED",
    "STORAGE_URL_LIFETIME",
    "STORAGE_CACHE_LIFETIME",
    "STORAGE_TIMEOUT",
    "STORAGE_TRASH",
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
    "WriteRefused",
    "default_local_folder",
    "from_env",
}


def test_variables_are_these() -> None:
    assert set(variables.BY_NAME) == VARIABLES
    assert len(variables.VARIABLES) == len(VARIABLES)


def test_specified_variables_are_these() -> None:
    assert {variable.name for variable in variables.VARIABLES if variable.specified} == SPECIFIED


def test_prefix_of_a_parent_is_this() -> None:
    assert variables.PARENT == "PARENT_"


def test_prefix_of_a_mirror_is_this() -> None:
    assert variables.MIRROR == "MIRROR_"


def test_defaults_are_these() -> None:
    assert variables.DEFAULT_CACHE_SECONDS == 3600
    assert (variables.DEFAULT_LIFETIME_SECONDS, variables.DEFAULT_SPACES_REGION, variables.LOCAL_BUCKET) == (
        3600,
        "ams3",
        "media",
    )


def test_package_exports_these_names() -> None:
    assert set(holdall.__all__) == EXPORTED
    assert all(hasattr(holdall, name) for name in EXPORTED)


@pytest.mark.parametrize(
    "path",
    [
        "holdall.storage.MediaStorage",
        "holdall.storage.from_alias",
        "holdall.fork.ForkedStorage",
        "holdall.references.register",
        "holdall.uploads.handlers.StoreUploadHandler",
        "holdall.asgi.get_asgi_application",
        "holdall.environment.build.BuildModeStorage",
    ],
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


def test_settings_of_a_fork_name_its_backend() -> None:
    made = holdall.from_env({"STORAGE_BUCKET_NAME": "acme-copy", "PARENT_STORAGE_BUCKET_NAME": "acme"})
    assert made["default"]["BACKEND"] == "holdall.fork.ForkedStorage"
    assert made["default"]["OPTIONS"]["parent"]["bucket_name"] == "acme"


def test_objects_of_holdalls_own_lie_here() -> None:
    claims = [Claim(kind=kind, holder="x", location="media").key for kind in ("owner", "fork")]
    assert claims == ["media/.holdall/owner.json", "media/.holdall/fork.json"]
    assert [json.loads(Claim(kind=kind, holder="x").body())[kind] for kind in ("owner", "fork")] == ["x", "x"]
    assert (tombstones.HIDDEN, sites.FORKS_FOLDER) == (".holdall/hidden/", "forks")


def commands_of(parser: argparse.ArgumentParser, above: str = "") -> dict[str, list[str]]:
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        options = [option for action in parser._actions for option in action.option_strings]
        return {above: sorted(option for option in options if option.startswith("--"))}
    found: dict[str, list[str]] = {}
    for name, command in nested[0].choices.items():
        found |= commands_of(command, f"{above} {name}".strip())
    return found


def test_commands_are_these() -> None:
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    options = commands_of(parser)
    assert options == {
        "adopt": ["--env-file", "--help", "--json", "--write"],
        "audit": ["--apply", "--help", "--json", "--look", "--min-age", "--place", "--report", "--yes"],
        "copy": [
            "--celery",
            "--help",
            "--json",
            "--on-conflict",
            "--plan",
            "--prefix",
            "--report",
            "--s3-batch",
            "--since",
            "--workers",
            "--yes",
        ],
        "doctor": [
            "--alias",
            "--env-file",
            "--explain",
            "--help",
            "--json",
            "--json-lines",
            "--offline",
            "--only",
            "--origin",
            "--prefix",
            "--seconds",
            "--skip",
            "--verbose",
        ],
        "env": ["--env-file", "--help", "--json", "--prefix", "--write"],
        "fork diff": ["--env-file", "--help", "--json", "--prefix"],
        "fork drop": ["--env-file", "--help", "--json", "--prefix", "--yes"],
        "fork promote": ["--env-file", "--help", "--json", "--prefix", "--yes"],
        "fork status": ["--env-file", "--help", "--json", "--prefix"],
        "owner show": ["--env-file", "--help", "--json", "--prefix"],
        "owner take": ["--env-file", "--help", "--prefix", "--yes"],
        "provision": [
            "--apply",
            "--diff",
            "--distribution-arn",
            "--env-file",
            "--format",
            "--help",
            "--origin",
            "--output",
            "--prefix",
            "--read-only",
            "--with-areas",
            "--with-doctor",
            "--with-uploads",
            "--yes",
        ],
        "serve": ["--folder", "--help", "--port"],
        "trash empty": ["--all", "--env-file", "--help", "--json", "--older-than", "--place", "--yes"],
        "trash list": ["--env-file", "--help", "--json", "--place"],
        "trash restore": ["--env-file", "--help", "--json", "--missing", "--place"],
        "uploads sweep": ["--env-file", "--help", "--json", "--older-than", "--place", "--plan", "--yes"],
        "usage": ["--env-file", "--help", "--html", "--json"],
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
    with_uploads = replace(public, with_uploads=True)
    assert [one["Sid"] for one in settings.policy_statements(with_uploads)] == [
        "HoldallCloudFront8d9001d3",
        "HoldallCloudFrontNoUploads8d9001d3",
    ]
    assert [one["Sid"] for one in rights.app_policy(wanted)["Statement"]] == [
        "HoldallObjects",
        "HoldallBucket",
        "HoldallDoctor",
    ]
    assert (settings.STAGING, settings.TRASH) == (".holdall/uploads/", ".holdall/trash/")


# What people search for, scripts compare and settings silence: a level may not change either.
FINDINGS = {
    "": {
        "D090": "notice",
        "D091": "warning",
        "D092": "unknown",
        "D093": "unknown",
        "D094": "error",
        "D095": "error",
    },
    "backend": dict.fromkeys(["D001", "D002", "D005", "D006", "D007", "D008", "D010", "D012", "D014"], "error")
    | dict.fromkeys(["D003", "D011", "D013"], "warning")
    | {"D000": "ok", "D004": "notice"},
    "values": dict.fromkeys(
        [
            "D101",
            "D102",
            "D110",
            "D115",
            "D116",
            "D120",
            "D126",
            "D127",
            "D129",
            "D134",
            "D142",
            "D143",
            "D146",
            "D147",
            "D148",
            "D149",
            "D159",
            "D160",
            "D161",
            "D164",
            "D165",
            "D166",
            "D184",
            "D198",
        ],
        "warning",
    )
    | dict.fromkeys(
        [
            "D103",
            "D104",
            "D105",
            "D106",
            "D107",
            "D108",
            "D109",
            "D111",
            "D112",
            "D113",
            "D114",
            "D118",
            "D119",
            "D121",
            "D122",
            "D123",
            "D124",
            "D125",
            "D170",
            "D130",
            "D131",
            "D132",
            "D133",
            "D135",
            "D136",
            "D137",
            "D138",
            "D139",
            "D140",
            "D141",
            "D144",
            "D145",
            "D162",
            "D163",
            "D154",
            "D155",
            "D156",
            "D157",
            "D158",
            "D180",
            "D181",
            "D182",
            "D183",
            "D185",
            "D186",
            "D187",
            "D188",
            "D189",
            "D190",
            "D199",
        ],
        "error",
    )
    | {"D150": "ok", "D151": "ok", "D152": "notice", "D153": "notice"},
    "project": dict.fromkeys(["D051", "D053", "D055", "D056", "D057", "D058"], "warning")
    | {"D050": "error", "D052": "error", "D054": "notice"},
    "leftovers": {"D060": "error", "D061": "error", "D062": "warning", "D063": "error", "D065": "warning"},
    "urlconf": {"D064": "error"},
    "editors": {"D068": "warning"},
    "options": dict.fromkeys(["D201", "D202", "D203", "D204", "D206", "D207", "D208", "D209", "D210", "D211"], "error")
    | dict.fromkeys(["D205", "D212", "D220", "D221", "D222", "D223", "D224"], "warning"),
    "addresses": dict.fromkeys(
        ["D230", "D231", "D233", "D235", "D251", "D252", "D253", "D257", "D258", "D260"], "error"
    )
    | dict.fromkeys(["D232", "D234", "D236", "D237", "D238", "D239", "D254", "D259", "D261"], "warning")
    | {"D250": "ok", "D255": "notice", "D256": "notice"},
    "site": dict.fromkeys(["D263", "D264", "D266"], "warning") | {"D262": "error", "D265": "notice"},
    "files": {"D080": "ok", "D081": "warning", "D082": "error", "D083": "unknown"},
    "connection": dict.fromkeys(
        [
            "D301",
            "D302",
            "D303",
            "D304",
            "D305",
            "D306",
            "D308",
            "D310",
            "D311",
            "D314",
            "D320",
            "D321",
            "D322",
            "D323",
            "D326",
            "D327",
            "D328",
            "D332",
            "D333",
            "D334",
            "D335",
            "D336",
            "D325",
            "D324",
        ],
        "error",
    )
    | {
        "D330": "error",
        "D331": "error",
        "D313": "error",
        "D300": "ok",
        "D307": "warning",
        "D309": "ok",
        "D312": "unknown",
    },
    "saving": dict.fromkeys(["D401", "D402", "D403", "D404", "D405", "D407", "D408", "D409"], "error")
    | {"D400": "ok", "D406": "ok"},
    "writing": dict.fromkeys(["D410", "D413", "D418", "D419", "D422", "D424", "D426"], "ok")
    | dict.fromkeys(["D412", "D414", "D415", "D421", "D423", "D425", "D427", "D428"], "warning")
    | dict.fromkeys(["D411", "D417", "D420", "D430", "D431"], "error")
    | {"D416": "notice", "D429": "notice"},
    "reading": dict.fromkeys(["D500", "D501", "D511"], "error")
    | dict.fromkeys(["D502", "D506", "D507", "D510"], "warning")
    | {"D505": "ok", "D508": "ok", "D509": "notice"},
    "ownership": dict.fromkeys(["D340", "D344", "D352", "D353"], "error")
    | dict.fromkeys(["D343", "D354", "D361"], "warning")
    | dict.fromkeys(["D342", "D351", "D360"], "notice")
    | {"D341": "ok", "D350": "ok"},
    "processes": {"D550": "notice", "D551": "notice", "D552": "warning"},
    "intent": dict.fromkeys(["D601", "D602", "D603", "D605", "D606", "D607", "D610", "D612", "D620", "D622"], "error")
    | dict.fromkeys(["D609"], "notice")
    | dict.fromkeys(["D600", "D604", "D611", "D613", "D621", "D623"], "ok")
    | dict.fromkeys(["D608"], "warning"),
    "links": dict.fromkeys(["D701", "D702", "D703", "D704", "D706", "D709", "D713", "D714", "D718"], "error")
    | dict.fromkeys(["D716", "D717", "D720"], "notice")
    | dict.fromkeys(["D700", "D712", "D719"], "ok")
    | dict.fromkeys(["D711", "D715"], "warning")
    | {"D707": "notice"},
    "cdn": dict.fromkeys(
        ["D801", "D802", "D803", "D804", "D805", "D806", "D807", "D808", "D809", "D825", "D829", "D831", "D832"],
        "error",
    )
    | dict.fromkeys(["D826"], "notice")
    | dict.fromkeys(["D800", "D824", "D828", "D830"], "ok")
    | dict.fromkeys(["D811", "D820", "D821", "D822", "D823"], "warning"),
    "caching": dict.fromkeys(["D810", "D813", "D816", "D819"], "notice")
    | dict.fromkeys(["D814", "D827"], "ok")
    | dict.fromkeys(["D812", "D815", "D817", "D818"], "warning"),
    "cors": dict.fromkeys(["D852", "D855", "D856"], "notice")
    | dict.fromkeys(["D850"], "ok")
    | dict.fromkeys(["D851", "D853", "D854", "D857"], "warning"),
    "uploads": dict.fromkeys(["D872", "D873"], "notice")
    | dict.fromkeys(["D870"], "ok")
    | dict.fromkeys(["D871", "D874", "D875"], "warning"),
    "housekeeping": dict.fromkeys(["D901"], "error")
    | dict.fromkeys(["D904", "D906"], "notice")
    | dict.fromkeys(["D900", "D905", "D910"], "ok")
    | dict.fromkeys(["D902", "D903", "D907", "D908", "D909"], "warning"),
}


def test_findings_are_these() -> None:
    expected = {id_: level for found in FINDINGS.values() for id_, level in found.items()}
    assert {kind.id: kind.level.value for kind in doctor.kinds()} == expected


def test_probes_and_layers_are_told_apart_by_their_names() -> None:
    # `--only` and `--skip` take either. The one name that is both means the same with either.
    names = doctor.names()
    probes = [probe for found in names.values() for probe in found]
    assert len(probes) == len(set(probes))
    assert names.keys() & set(probes) == {"saving"}


def test_report_has_these_keys() -> None:
    document = Report([doctor.kinds()[0].found("seen")]).as_document()
    assert list(document) == ["version", "healthy", "counts", "findings"]
    assert document["version"] == 1
    assert list(document["counts"]) == ["error", "warning", "notice", "unknown", "ok"]
    [finding] = document["findings"]
    assert list(finding) == ["id", "level", "store", "title", "seen", "means", "do", "otherwise", "page"]


def test_json_has_these_keys() -> None:
    document = json.loads(env.as_json(contract.read({"STORAGE_BUCKET_NAME": "acme"})))
    assert list(document) == [
        "version",
        "prefix",
        "building",
        "variables",
        "warnings",
        "problems",
        "parent",
        "mirror",
        "proposal",
    ]
    assert document["version"] == 1
    assert document["parent"] is None
    fork = json.loads(env.as_json(contract.read({"STORAGE_BUCKET_NAME": "copy", "PARENT_STORAGE_BUCKET_NAME": "acme"})))
    assert list(fork["parent"]) == ["prefix", "variables", "parent"]
    moving = contract.read({"STORAGE_BUCKET_NAME": "acme", "MIRROR_STORAGE_BUCKET_NAME": "acme-new"})
    assert list(json.loads(env.as_json(moving))["mirror"]) == ["prefix", "variables", "parent"]
    assert {tuple(row) for row in document["variables"]} == {("name", "value", "source", "purpose")}
    assert [row["name"] for row in document["variables"]] == [variable.name for variable in variables.VARIABLES]


def test_salts_of_uploads_are_these() -> None:
    from holdall.uploads import owners, tickets

    assert (tickets.FIELD_SALT, tickets.TICKET_SALT, tickets.ACCEPTED_SALT, owners.SALT) == (
        "holdall.uploads.field",
        "holdall.uploads.ticket",
        "holdall.uploads.accepted",
        "holdall.uploads.owner",
    )


def test_reasons_of_refused_uploads_are_these() -> None:
    from holdall.uploads.refusals import REASONS

    assert {reason: status for reason, (status, _) in REASONS.items()} == {
        "malformed": 400,
        "bad_name": 400,
        "bad_parts": 400,
        "forbidden": 403,
        "invalid_ticket": 403,
        "not_yours": 403,
        "other_field": 403,
        "other_store": 403,
        "other_site": 403,
        "gone": 404,
        "not_uploaded": 409,
        "size_differs": 409,
        "changed": 409,
        "expired": 410,
        "spent": 410,
        "too_large": 413,
        "type_refused": 415,
        "disguised": 415,
        "throttled": 429,
        "too_many": 429,
        "store_failed": 502,
    }
