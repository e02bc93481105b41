"""Whatever an environment holds: only `ContractError`, never a secret shown, never a file published by accident."""

from __future__ import annotations

import argparse
import io
import json
import pprint
import traceback
import warnings
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import holdall
from holdall import cli
from holdall.environment import contract, unread, variables
from holdall.errors import ContractError

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEBYaD5session+token/that/is==",
    "AWS_CLOUDFRONT_KEY": "-----BEGIN PRIVATE KEY-----\\nMIGbAgEAMBMGnotawholekey\\n-----END PRIVATE KEY-----",
}
# Parts that must not be seen either: what is left when a message shortens, lowers or escapes.
TRACES = ["wJalrXUtnFEMI", "bPxRfiCY", "session+token", "MIGbAgEAMBMG", "hunter2-hunter2"]
DIRT = st.sampled_from(["{}", " {}", "{}\n", '"{}"', "'{}'", '" {} "', "\t'{}'\r\n"])
PASTED = st.sampled_from(
    ["{}", "{}/", "x {} y", "{}\x1b", "s3://{}", "https://{}", "{}.s3.example.com", "https://AKIA:{}@s3.example.com"]
)
# One that may be a word has a right to stand in a host: it is looked for as a whole value.
PASTED_WHOLE = st.sampled_from(["{}", "{}/", "/{}", "s3://{}"])
NAMES = sorted(variables.BY_NAME)
SECRET_TEXTS = st.sampled_from([*SECRETS.values()])


@st.composite
def mutated_names(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from([*NAMES, *unread.MISNOMERS]))
    at = draw(st.integers(0, len(name)))
    kind = draw(st.sampled_from(["same", "lost", "added", "lower", "prefixed"]))
    letter = draw(st.characters())
    return {
        "same": name,
        "lost": name[:at] + name[at + 1 :],
        "added": name[:at] + letter + name[at:],
        "lower": name.lower(),
        "prefixed": f"PARENT_{name}",
    }[kind]


def pasted_values() -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda dirt, paste, secret: dirt.format(paste.format(secret)), DIRT, PASTED, SECRET_TEXTS),
        st.builds(lambda dirt, paste: dirt.format(paste.format("hunter2-hunter2")), DIRT, PASTED_WHOLE),
    )


MEANT = (
    "s3 do local DO true false 1 acme-media ams3 eu-west-1 1h media a/b https://s3.example.com "
    "ams3.digitaloceanspaces.com media.example.com AKIAIOSFODNN7EXAMPLE"
)
PLAIN_VALUES = st.one_of(
    st.sampled_from(["", "a" * 9_000, *MEANT.split()]),
    st.text(max_size=40),
    st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=10),
)
ENVIRONMENTS = st.dictionaries(
    st.one_of(st.sampled_from(NAMES), mutated_names(), st.text(min_size=1, max_size=20)), PLAIN_VALUES, max_size=12
)


def everything_said(environ: dict[str, str]) -> tuple[str, Any]:
    """Give all that Holdall writes about an environment, and its settings where there are any."""
    said: list[str] = []
    made = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            made = holdall.from_env(environ)
            said += [repr(made), str(made), pprint.pformat(made)]
        except ContractError as error:
            said += [str(error), repr(error), *traceback.format_exception(error)]
    said += [str(warning.message) for warning in caught]
    reading = contract.read(environ)
    said.append(repr(reading))
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)
    for arguments in (["env"], ["env", "--json"]):
        out = io.StringIO()
        code = cli.run(parser.parse_args(arguments), out=out, err=out, environ=environ)
        assert code == (0 if made is not None else 1)
        said.append(out.getvalue())
    json.loads(said[-1])
    # What a person reads must be writable, and must not move a terminal's cursor.
    assert all(letter.isprintable() or letter == "\n" for letter in said[-2] + said[-1])
    return "\n".join(said), made


@given(ENVIRONMENTS)
def test_any_environment_gives_settings_or_the_error_of_the_contract(environ: dict[str, str]) -> None:
    _, made = everything_said(environ)
    if made is not None:
        assert set(made) == {"default", "staticfiles"}


@given(
    secrets=st.dictionaries(st.sampled_from(list(SECRETS)), DIRT, min_size=1),
    pasted=st.dictionaries(st.one_of(st.sampled_from(NAMES), mutated_names()), pasted_values(), max_size=4),
    plain=st.dictionaries(st.sampled_from(NAMES), PLAIN_VALUES, max_size=5),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
@example(
    secrets={"AWS_SECRET_ACCESS_KEY": "{}"},
    pasted={"AWS_S3_ENDPOINT_URL": f"https://AKIA:{SECRETS['AWS_SECRET_ACCESS_KEY']}@s3.example.com"},
    plain={"STORAGE_BUCKET_NAME": "acme-media"},
)
@example(
    secrets={"AWS_SECRET_ACCESS_KEY": '" {} "'},
    pasted={"AWS_ACCESS_KEY_ID": SECRETS["AWS_SECRET_ACCESS_KEY"]},
    plain={"STORAGE_BUCKET_NAME": "acme-media"},
)
@example(
    # A short secret is no word in an address: what is made of it there would be shown.
    secrets={"AWS_SECRET_ACCESS_KEY": "{}"},
    pasted={"AWS_S3_ENDPOINT": "hunter2-hunter2"},
    plain={"STORAGE_BUCKET_NAME": "acme-media"},
)
def test_no_secret_is_ever_shown(secrets: dict[str, str], pasted: dict[str, str], plain: dict[str, str]) -> None:
    known = {name: dirt.format(SECRETS[name]) for name, dirt in secrets.items()}
    # What no variable holds as a secret looks like a name: so each is held, by a second store perhaps.
    others = {f"OTHER_{name}": secret for name, secret in SECRETS.items()}
    environ = {**plain, **pasted, **known, **others, "THIRD_AWS_SECRET_ACCESS_KEY": "hunter2-hunter2"}
    said, _ = everything_said(environ)
    for trace in TRACES:
        assert trace.lower() not in said.lower(), trace


@given(
    word=st.one_of(
        st.text(max_size=8),
        st.sampled_from(["TRUE", "yes", "On", "1", "ture", "y", "t", "enabled", "public", "2", "none", "null"]),
        st.text("truefalsyno10TRUE '\"\n", max_size=6),
    ),
    mode=st.sampled_from(["s3", "do", "local"]),
)
def test_only_the_listed_words_publish_files(word: str, mode: str) -> None:
    environ = {
        "STORAGES_MODE": mode,
        "STORAGE_BUCKET_NAME": "acme-media",
        "STORAGE_MAKE_FILES_PUBLIC": word,
        "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRETS["AWS_SECRET_ACCESS_KEY"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = holdall.from_env(environ)["default"]["OPTIONS"]
        except ContractError:
            return
    bare = word.strip()
    bare = bare[1:-1].strip() if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"" else bare
    listed = bare.lower() in {"true", "yes", "on", "1"}
    assert made["public"] is listed
    assert made["querystring_auth"] is not listed
    assert made["default_acl"] == ("public-read" if listed and mode == "do" else None)


@given(ENVIRONMENTS)
def test_files_are_public_only_by_the_one_variable(environ: dict[str, str]) -> None:
    environ.pop("STORAGE_MAKE_FILES_PUBLIC", None)
    reading = contract.read(environ)
    assert reading.store is None or reading.store.public is False
