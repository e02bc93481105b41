"""Layer `values`: what is wrong with an environment, by variable, with the value's shape and its source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.doctor import stores
from holdall.doctor.catalogue import combinations, names
from holdall.doctor.catalogue import values as kinds
from holdall.environment import contract
from holdall.findings import Kind, Level
from tests.doctor import errors, ids, report_on, the, told, warnings
from tests.unit.doctor import ACCESS, PAIR, PUBLIC, S3, SECRET, SPACES, offline

SIGNED = {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
# What reads the environment names the kinds of finding by their ids.
SOURCES = sorted(Path(contract.__file__).parent.glob("*.py"))
EMPTY_FILE = str(Path(holdall.__file__).parent / "py.typed")


def case(failure: str, finding: str, environ: dict[str, str], *without: str, base: dict[str, str] = S3) -> Any:
    given = {name: value for name, value in {**base, **environ}.items() if name not in without}
    mark = [pytest.mark.failure(failure)] if failure else []
    return pytest.param(given, finding, marks=mark, id="-".join([finding, *environ, *without]))


BROKEN = [
    case("A3", "D104", {"STORAGES_MODE": "spaces"}),
    case("A3", "D125", {"STORAGE_MODE": "s3"}),
    case("A3", "D125", {"AWS_SECERT_ACCESS_KEY": SECRET}, "AWS_SECRET_ACCESS_KEY"),
    case("A3", "D125", {"AWS_BUCKET_NAME": "acme-media"}, "STORAGE_BUCKET_NAME"),
    case("A3", "D125", {"STORAGE_BUKET_NAME": "acme-media"}, "STORAGE_BUCKET_NAME", base=SPACES),
    case("A3", "D130", {"AWS_STORAGE_BUCKET_NAME": "another"}),
    case("A4", "D131", {}, "STORAGE_BUCKET_NAME"),
    case("A4", "D131", {"STORAGE_BUCKET_NAME": ""}),
    case("A4", "D107", {"STORAGE_BUCKET_NAME": "Acme_Media"}),
    case("A5", "D122", {"AWS_SECRET_ACCESS_KEY": "cut in two"}),
    case("A6", "D103", {"STORAGE_MAKE_FILES_PUBLIC": "ture"}),
    case("A6", "D105", {"STORAGE_URL_LIFETIME": "an hour"}),
    case("A7", "D137", {"AWS_ACCESS_KEY_ID": "' '"}, "AWS_SECRET_ACCESS_KEY"),
    case("B1", "D139", {"AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"}),
    case("B1", "D138", {"AWS_SESSION_TOKEN": "a-token"}, *PAIR),
    case("B2", "D136", {}, "AWS_SECRET_ACCESS_KEY"),
    case("B2", "D136", {}, "AWS_ACCESS_KEY_ID"),
    case("B2", "D135", {}, "AWS_SECRET_ACCESS_KEY", base=SPACES),
    case("C1", "D133", {"AWS_S3_ENDPOINT_URL": "https://acme-media.s3.fr-par.scw.cloud"}),
    case("C1", "D113", {"AWS_S3_ENDPOINT_URL": "https://acme-media.nyc3.cdn.digitaloceanspaces.com"}),
    case("C1", "D114", {"AWS_S3_ENDPOINT_URL": "https://s3.example.com/acme-media"}),
    case("C2", "D111", {"AWS_S3_ENDPOINT_URL": "ftp://s3.example.com"}),
    case("C3", "D132", {"AWS_S3_ENDPOINT_URL": "https://nyc3.digitaloceanspaces.com"}, base=SPACES),
    case("C5", "D108", {"AWS_S3_REGION_NAME": "Frankfurt"}),
    case("C5", "D108", {"AWS_S3_REGION_NAME": "us-east1"}),
    case("C5", "D109", {"AWS_S3_REGION_NAME": "eu-west-1a"}),
    case("C5", "D108", {"DO_REGION": "amsterdam"}, base=SPACES),
    case("C5", "D154", {"AWS_S3_REGION_NAME": "auto"}),
    case("C5", "D155", {"AWS_REGION": "fra1"}, base=SPACES),
    case("A4", "D156", {"STORAGE_BUCKET_NAME": "your-bucket-name"}),
    case("E2", "D157", {"STORAGE_LOCATION": "https://acme-media.nyc3.digitaloceanspaces.com"}),
    case("C6", "D158", {"AWS_S3_ENDPOINT_URL": "http://10.0.0.5:9000", "AWS_S3_ADDRESSING_STYLE": "virtual"}),
    case("E1", "D118", {**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "media example com"}),
    case("E3", "D141", {"STORAGE_MAKE_FILES_PUBLIC": "true"}),
    case("E7", "D140", {**SIGNED, "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F"}),
    case("E7", "D123", {**SIGNED, "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": "-----BEGIN"}),
    case("E7", "D162", {"AWS_S3_SIGN_FOR_DOMAIN": "true"}),
    case("F2", "D106", {"STORAGE_URL_LIFETIME": "30d"}),
    case("G11", "D119", {"STORAGE_LOCATION": "../up"}),
    case("", "D121", {"STORAGE_ENVIRONMENT": "our production"}),
    case("", "D112", {"AWS_S3_ENDPOINT_URL": "https://user:word@s3.example.com"}),
    case("", "D188", {f"MIRROR_{name}": value for name, value in S3.items()}),
    case(
        "",
        "D189",
        {f"MIRROR_{name}": value for name, value in {**S3, **PUBLIC, "STORAGE_BUCKET_NAME": "acme-new"}.items()},
    ),
    case("", "D190", {"MIRROR_STORAGE_BUCKET_NAME": "acme-new", "PARENT_STORAGE_BUCKET_NAME": "acme-original"}),
    case("", "D145", {f"PARENT_{name}": value for name, value in S3.items()}),
    case(
        "K1",
        "D170",
        {**PUBLIC, "PRIVATE_STORAGE_BUCKET_NAME": "acme-media", "PRIVATE_STORAGE_LOCATION": "private"},
    ),
    case("", "D124", {"STORAGE_LOCATION": f"media/{SECRET}"}),
    case("A3", "D183", {"R2_ACCOUNT_ID": "0123456789abcdef0123456789abcdef"}),
    case("A3", "D185", {f"DJANGO_{name}": value for name, value in S3.items()}, *S3),
    case("A3", "D186", {"STORAGE_URL": "s3://acme:a-secret@acme-media"}, *S3),
    case("A7", "D180", {"AWS_SECRET_ACCESS_KEY_FILE": EMPTY_FILE}),
    case("A7", "D181", {"AWS_SECRET_ACCESS_KEY_FILE": f"{EMPTY_FILE}/none"}, "AWS_SECRET_ACCESS_KEY"),
    case("A7", "D182", {"AWS_SECRET_ACCESS_KEY_FILE": EMPTY_FILE}, "AWS_SECRET_ACCESS_KEY"),
]
ODD = [
    case("A3", "D126", {"AWS_BUCKET_NAME": "acme-media"}),
    case("A3", "D129", {"DO_REGION": "ams3"}),
    case("A3", "D148", {"STORAGE_PUBLIC": "true"}),
    case("A3", "D148", {"S3_ENDPOINT_URL": "https://s3.example.com"}),
    case("B3", "D147", {"AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE"}),
    case("G11", "D149", {"STORAGE_LOCATION": "media # the folder"}),
    case("A5", "D101", {"AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"}),
    case("A5", "D102", {"STORAGE_BUCKET_NAME": '"acme-media"'}),
    case("A8", "D127", {"AWS_ENDPOINT_URL_S3": "http://localhost:4566"}),
    case("A8", "D127", {"AWS_ENDPOINT_URL": "http://localhost:4566"}),
    case("C1", "D134", {"AWS_S3_ENDPOINT_URL": "https://acme-media.example.com"}),
    case("C2", "D110", {"AWS_S3_ENDPOINT_URL": "s3.example.com"}),
    case("C6", "D159", {"AWS_S3_ENDPOINT_URL": "http://localhost:9000", "AWS_S3_ADDRESSING_STYLE": "virtual"}),
    case("C2", "D115", {"AWS_S3_ENDPOINT_URL": "http://s3.example.com"}),
    case("E1", "D116", {**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "media.example.com//files"}),
    case("C2", "D160", {**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "http://media.example.com"}),
    case("E4", "D143", {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}),
    case("E1", "D166", {**PUBLIC, "AWS_S3_CUSTOM_DOMAIN": "acme-old.s3.amazonaws.com"}),
    case("C8", "D161", {"AWS_S3_ENDPOINT_URL": "http://minio:9000"}),
    case("E7", "D164", {**PUBLIC, "AWS_S3_SIGN_FOR_DOMAIN": "true"}),
    case("", "D146", {"PARENT_STORAGES_MODE": "local", "PARENT_BUILD_MODE": "true"}),
    case("G11", "D120", {"STORAGE_LOCATION": "/media/"}),
    case("A3", "D184", {"AWS_S3_FILE_OVERWRITE": "False"}),
]


@pytest.mark.parametrize(("environ", "finding"), BROKEN)
def test_broken_environment_has_its_own_error(environ: dict[str, str], finding: str) -> None:
    report = offline(environ)
    assert errors(report) == [finding], told(report)
    assert SECRET not in told(report)


@pytest.mark.parametrize(("environ", "finding"), ODD)
def test_odd_environment_has_its_own_warning(environ: dict[str, str], finding: str) -> None:
    report = offline(environ)
    assert (errors(report), warnings(report)) == ([], [finding]), told(report)
    assert SECRET not in told(report)


@pytest.mark.failure("E7")
def test_cloudfront_key_without_a_domain_is_named(pem: str) -> None:
    environ = {**S3, "AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": pem}
    assert errors(offline(environ)) == ["D144"]
    assert the(offline(environ), "D144").cause.do.startswith("AWS_S3_CUSTOM_DOMAIN=")
    assert warnings(offline({**environ, **PUBLIC})) == ["D142"]
    assert errors(offline({**environ, **SIGNED, "AWS_S3_SIGN_FOR_DOMAIN": "true"})) == ["D163"]


@pytest.mark.failure("E4")
@pytest.mark.failure("C6")
def test_cdn_of_a_space_whose_name_has_dots_is_named() -> None:
    report = offline({**SPACES, **SIGNED, "STORAGE_BUCKET_NAME": "media.acme.example"})
    assert (errors(report), warnings(report)) == ([], ["D165", "D237"])


@pytest.mark.failure("A4")
def test_env_file_that_nothing_has_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("STORAGE_BUCKET_NAME=acme-media\n")
    monkeypatch.chdir(tmp_path)
    assert errors(offline({"DEBUG": "1"})) == ["D187"]


@pytest.mark.failure("A7")
def test_empty_variable_is_named_with_its_source() -> None:
    report = offline({**S3, "AWS_SESSION_TOKEN": ""})
    assert (errors(report), warnings(report)) == ([], [])
    assert the(report, "D152").seen == "`AWS_SESSION_TOKEN` (from the environment)"


@pytest.mark.failure("A8")
def test_profile_of_the_machine_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    without_keys = {name: value for name, value in S3.items() if name not in PAIR}
    report = offline({**without_keys, "AWS_PROFILE": "work"})
    assert (errors(report), warnings(report)) == ([], [])
    assert '"work"' in the(report, "D153").seen


def test_finding_describes_the_shape_and_source_of_a_value() -> None:
    environ = {**S3, "AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"}
    examination = stores.of_environment(environ, sources={"AWS_SECRET_ACCESS_KEY": "file .env"})
    report = report_on(examination, offline=True)
    assert the(report, "D101").seen.endswith("(41 characters, ends with a line break; from file .env)")
    assert "AWS_SECRET_ACCESS_KEY=(40 characters) (file .env)" in the(report, "D151").seen
    assert "AWS_S3_REGION_NAME=eu-central-1 (environment)" in the(report, "D151").seen


def test_remedy_names_the_variables() -> None:
    report = offline({**S3, "AWS_ACCESS_KEY_ID": ""})
    assert the(report, "D136").cause.do == "AWS_ACCESS_KEY_ID=…"
    prefixed = {f"PRIVATE_{name}": value for name, value in S3.items() if name != "STORAGE_BUCKET_NAME"}
    report = offline(prefixed, prefix="PRIVATE_")
    assert the(report, "D131").cause.do.startswith("PRIVATE_STORAGE_BUCKET_NAME=…")


def test_all_mistakes_are_told_at_once() -> None:
    report = offline({"STORAGE_MAKE_FILES_PUBLIC": "ture", "AWS_ACCESS_KEY_ID": ACCESS, "STORAGE_LOCATION": ".."})
    assert errors(report) == ["D103", "D119", "D131", "D136"]


def test_every_sentence_of_the_contract_has_a_kind_of_its_level() -> None:
    named = {id_ for path in SOURCES for id_ in re.findall(r'"(D1\d\d)"', path.read_text("utf-8"))}
    modules = (kinds, names, combinations)
    by_id = {kind.id: kind for module in modules for kind in vars(module).values() if isinstance(kind, Kind)}
    # What no sentence of the contract says.
    for own in (kinds.USABLE, kinds.SOURCES, kinds.EMPTY, kinds.PROFILE):
        del by_id[own.id]
    assert set(by_id) - {"D198"} == named
    provoked = {case.values[1] for case in BROKEN} | {"D144", "D187", "D163"}
    remarked = {case.values[1] for case in ODD} | {"D142", "D165"}
    assert {id_ for id_, kind in by_id.items() if kind.level is Level.ERROR} - {"D199"} == provoked
    assert {id_ for id_, kind in by_id.items() if kind.level is Level.WARNING} - {"D198"} == remarked


@pytest.mark.parametrize(
    "environ",
    [
        S3,
        {name: value for name, value in S3.items() if name not in PAIR},
        SPACES,
        {**S3, **PUBLIC},
        {**SPACES, **PUBLIC},
        {**S3, "AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud", "AWS_S3_REGION_NAME": "fr-par",
         "AWS_ACCESS_KEY_ID": "SCWEXAMPLEEXAMPLE000"},
        {"STORAGES_MODE": "local"},
        {"STORAGES_MODE": "local", "STORAGE_MAKE_FILES_PUBLIC": "true"},
    ],
    ids=["s3", "s3-role", "do", "s3-public", "do-public", "scaleway", "local", "local-public"],
)  # fmt: skip
def test_healthy_environment_gives_no_error_and_no_warning(environ: dict[str, str]) -> None:
    report = offline(environ)
    assert (errors(report), warnings(report)) == ([], []), told(report)
    assert {"D000", "D150", "D151"} <= set(ids(report, Level.OK))


def test_build_mode_is_named() -> None:
    assert errors(offline({"BUILD_MODE": "true"})) == ["D005"]


def test_remedies_name_the_variables_of_the_prefix() -> None:
    environ = {f"PRIVATE_{name}": value for name, value in S3.items()}
    examination = stores.of_environment(environ, prefix="PRIVATE_")
    do = "AWS_S3_REGION_NAME=eu-west-1, PRIVATE_STORAGE_LOCATION, `PARENT_STORAGE_LOCATION`, AWS_CA_BUNDLE"
    finding = Kind("D999", Level.ERROR, "title", "means").found("seen", do=do)
    assert examination.addressed(finding).cause.do == (
        "PRIVATE_AWS_S3_REGION_NAME=eu-west-1, PRIVATE_STORAGE_LOCATION, `PRIVATE_PARENT_STORAGE_LOCATION`, AWS_CA_BUNDLE"
    )
    assert stores.of_environment(S3).addressed(finding) == finding


@pytest.mark.failure("A5")
def test_one_habit_on_many_lines_is_one_finding() -> None:
    report = offline({name: f" {value}" for name, value in SPACES.items()})
    assert (errors(report), warnings(report)) == ([], ["D101"])
    found = the(report, "D101")
    assert found.seen == (
        "`STORAGES_MODE` had spaces around its value, which were removed. The same is true of `STORAGE_BUCKET_NAME`, "
        "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. (from the environment)"
    )
    assert (
        "from `STORAGES_MODE`, `STORAGE_BUCKET_NAME`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`."
        in found.cause.do
    )


@pytest.mark.failure("A5")
def test_quotes_on_many_lines_are_one_finding_and_on_one_line_keep_their_evidence() -> None:
    report = offline({name: f'"{value}"' for name, value in SPACES.items()})
    assert the(report, "D102").cause.do.startswith("Write the value of `STORAGES_MODE`, `STORAGE_BUCKET_NAME`, ")
    alone = the(offline({**SPACES, "STORAGES_MODE": '"do"'}), "D102")
    assert "(4 characters; from the environment)" in alone.seen
    assert "The same" not in alone.seen


def test_different_mistakes_stay_apart() -> None:
    report = offline({**SPACES, "STORAGES_MODE": " do", "STORAGE_BUCKET_NAME": '"acme"'})
    assert warnings(report) == ["D101", "D102"]
