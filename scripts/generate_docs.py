"""Write the parts of the documentation that the program itself knows; with `--check`, say which are stale.

    .venv/bin/python scripts/generate_docs.py [--check]

The pages of `PAGES` are written whole. In every other page, and in README.md, a console block after the line
`<!-- run -->` is a transcript: its commands run in a shell of their own, with an environment of nothing but what
the block exports, and what they print is put below them.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import inspect
import io
import json
import os
import pprint
import re
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import django
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATED = "<!-- Written by scripts/generate_docs.py out of the program; a change by hand is lost. -->"
WIDTH = 100

if not settings.configured:
    settings.configure(USE_TZ=True, SECRET_KEY="documentation")
    django.setup()

from botocore import exceptions as sdk  # noqa: E402

import holdall  # noqa: E402
from holdall import cli, devserver, doctor, errors, names, providers  # noqa: E402
from holdall.doctor.diagnosis import BUCKET_MISSING  # noqa: E402
from holdall.environment import build, contract, unread, variables  # noqa: E402
from holdall.findings import Report  # noqa: E402
from holdall.provision import rights  # noqa: E402
from holdall.s3 import answers, claims  # noqa: E402
from holdall.s3.connection import Connection  # noqa: E402
from holdall.s3.target import Target  # noqa: E402
from holdall.storage import MediaStorage, content  # noqa: E402

# Amazon's own documented example pair.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
S3 = {"STORAGE_BUCKET_NAME": "acme-media"}
SPACES = {"STORAGES_MODE": "do", **S3, **KEYS}

# -- variables

# What to show for each variable: environments, each laid over a usable one.
SHOWN: dict[str, list[dict[str, str]]] = {
    "STORAGES_MODE": [{"STORAGES_MODE": "spaces"}, {"STORAGE_MODE": "do"}],
    "STORAGE_BUCKET_NAME": [{"STORAGE_BUCKET_NAME": ""}, {"STORAGE_BUCKET_NAME": "s3://acme-media/uploads"}],
    "STORAGE_MAKE_FILES_PUBLIC": [
        {"STORAGE_MAKE_FILES_PUBLIC": "ture"},
        {"STORAGE_MAKE_FILES_PUBLIC": "true"},
    ],
    "AWS_S3_CUSTOM_DOMAIN": [
        {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "https://media.example.com/"},
        {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"},
    ],
    "DO_REGION": [{**SPACES, "DO_REGION": "amsterdam"}, {"DO_REGION": "ams3"}],
    "AWS_ACCESS_KEY_ID": [
        {"AWS_ACCESS_KEY_ID": KEYS["AWS_ACCESS_KEY_ID"]},
        {**KEYS, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"},
        {**SPACES, "AWS_ACCESS_KEY_ID": ""},
    ],
    "AWS_SECRET_ACCESS_KEY": [
        {**KEYS, "AWS_SECRET_ACCESS_KEY": "two words"},
        {**KEYS, "AWS_SECRET_ACCESS_KEY": f"{KEYS['AWS_SECRET_ACCESS_KEY']}\n"},
    ],
    "AWS_SESSION_TOKEN": [{"AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN"}],
    "AWS_S3_REGION_NAME": [{"AWS_S3_REGION_NAME": "eu-central-1a"}, {"AWS_S3_REGION": "eu-central-1"}],
    "AWS_REGION": [{"AWS_REGION": "Frankfurt"}],
    "AWS_DEFAULT_REGION": [{"AWS_DEFAULT_REGION": "EU (Ireland)"}],
    "AWS_S3_ENDPOINT_URL": [
        {"AWS_S3_ENDPOINT_URL": "https://acme-media.s3.fr-par.scw.cloud"},
        {"AWS_S3_ENDPOINT_URL": "https://acme-media.ams3.cdn.digitaloceanspaces.com"},
        {"AWS_ENDPOINT_URL": "https://s3.example.com"},
    ],
    "STORAGE_LOCATION": [{"STORAGE_LOCATION": "/media/"}, {"STORAGE_LOCATION": "../other"}],
    "STORAGE_URL_LIFETIME": [{"STORAGE_URL_LIFETIME": "1 week"}, {"STORAGE_URL_LIFETIME": "30d"}],
    "STORAGE_ENVIRONMENT": [{"STORAGE_ENVIRONMENT": "our production"}],
    "AWS_CLOUDFRONT_KEY_ID": [{"AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F"}],
    "AWS_CLOUDFRONT_KEY": [{"AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": "/run/secrets/key.pem"}],
    "AWS_STORAGE_BUCKET_NAME": [{"AWS_STORAGE_BUCKET_NAME": "other-media"}],
    "BUILD_MODE": [{"BUILD_MODE": "production"}],
}


PARENTS = [
    {"PARENT_STORAGES_MODE": "do", "PARENT_STORAGE_BUCKET_NAME": "acme-production"},
    {"PARENT_STORAGE_BUCKET": "acme-production"},
    {"PARENT_STORAGE_BUCKET_NAME": "acme-media"},
    {"PARENT_STORAGE_BUCKET_NAME": "acme-media", "PARENT_STORAGE_LOCATION": "production"},
]


def variables_page() -> str:
    """Give the page of every variable, in the order in which `holdall env` prints them."""
    lines = [
        "# Variables",
        "",
        "Every variable that Holdall reads, as the code declares it.",
        "`holdall env` prints the same list with the values of the environment where it runs, and contacts nothing.",
        "",
        "| variable | modes | default |",
        "|---|---|---|",
    ]
    lines += [
        f"| [`{one.name}`](#{_anchor(one.name)}) | {', '.join(one.modes)} | {one.default} |"
        for one in variables.VARIABLES
    ]
    for one in variables.VARIABLES:
        lines += ["", f"({_anchor(one.name)})=", f"## `{one.name}`", "", *_sentences(f"Meaning: {one.purpose}."), ""]
        lines += [f"- Default: {one.default}.", f"- Read in mode: {', '.join(f'`{mode}`' for mode in one.modes)}."]
        if one.secret == "whole":
            lines += ["- Secret: its length is all that is ever shown."]
        elif one.secret == "key id":
            lines += ["- Shown by its last four letters and its length alone."]
        lines += ["", "What is said of some values:", "", "```text"]
        for shown in SHOWN[one.name]:
            lines += _said(shown, subject=one.name)
        lines += ["```"]
    lines += [
        "",
        "## Names that are read by nobody",
        "",
        (
            "A name from another tool, or with a slip of the pen in it, stops the start while the real one is unset, "
            "and is warned of when the real one is set."
        ),
        "",
        "| found | meant |",
        "|---|---|",
    ]
    lines += [f"| `{wrong}` | [`{right}`](#{_anchor(right)}) |" for wrong, right in unread.MISNOMERS.items()]
    lines += [
        "",
        "These may be set for other tools: they are warned of while the variable that may be meant is unset.",
        "In place of a bucket that is required, `AWS_BUCKET` is refused.",
        "",
        "| found | meant, perhaps |",
        "|---|---|",
        *(f"| `{name}` | [`{ours}`](#{_anchor(ours)}) |" for name, ours in unread.FOREIGN_NAMES.items()),
        "",
        (
            f"{' and '.join(f'`{name}`' for name in unread.AMBIENT_ENDPOINTS)} redirect boto3 in other programs; "
            "they do not redirect the storage, and are warned of."
        ),
        "",
        "(parent)=",
        f"## `{variables.PARENT}` and any variable above",
        "",
        (
            "Meaning: the contract of the parent, whose files this environment shows; any of them makes it "
            "[a fork](../explanation/forks.md)."
        ),
        "They are read as the others are, and all that is wrong with either store is told at once.",
        f"A parent that is a fork itself has its own parent under `{variables.PARENT * 2}`, and so on.",
        (
            f"`{variables.PARENT}STORAGE_ENVIRONMENT` is the name in which `holdall fork promote` writes to a parent that "
            "has an owner; without it, or with another name, nothing is written there."
        ),
        "",
        "What is said of some values:",
        "",
        "```text",
        *(line for shown in PARENTS for line in _said(shown)),
        "```",
    ]
    return _joined(lines)


def _said(shown: Mapping[str, str], *, subject: str = "") -> list[str]:
    reading = contract.read({**S3, **shown})
    # What only makes the rest of the environment usable is no news.
    told = {
        name: value for name, value in shown.items() if name == subject or (name, value) not in {**S3, **KEYS}.items()
    }
    lines = [" ".join(f"{name}={_quoted(value)}" for name, value in told.items() if value)]
    if not lines[0]:
        lines = [f"({' and '.join(shown)} unset)"]
    elif unset := [name for name, value in shown.items() if not value]:
        lines[0] += f"   ({' and '.join(unset)} unset)"
    lines += [f"    problem: {text}" for text in reading.problems]
    lines += [f"    warning: {text}" for text in reading.warnings]
    if len(lines) == 1:
        raise AssertionError(f"nothing is said of {shown}")
    return lines


def _quoted(value: str) -> str:
    return json.dumps(value) if re.search(r"[\s()]", value) else value


# -- errors


def _answered(code: str, operation: str, status: int, *, action: str = "saving", **headers: str) -> Exception:
    target = Target(provider=providers.AMAZON, bucket_name="acme-media", region_name="eu-central-1")
    answer: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 3, "HTTPHeaders": headers},
    }
    return _translated(target, sdk.ClientError(answer, operation), action)


def _unanswered(error: Exception) -> Exception:
    target = Target(
        provider=providers.SPACES, bucket_name="acme-media", endpoint_url="https://ams3.digitaloceanspaces.com"
    )
    return _translated(target, error, "saving")


def _translated(target: Target, error: Exception, action: str) -> Exception:
    def raising() -> None:
        with Connection(target).translating(action, name="avatars/ada.png", key="avatars/ada.png"):
            raise error

    return _raised(raising)


def _raised(deed: Callable[[], object]) -> Exception:
    try:
        deed()
    except errors.HoldallError as error:
        return error
    raise AssertionError("nothing was raised")


def _warned() -> Warning:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        holdall.from_env({**S3, "STORAGE_LOCATION": "/media/"})
    return caught[0].message


def _parent() -> Connection:
    """Give a connection that may only read; it is never used."""
    return Connection(Target(provider=providers.AMAZON, bucket_name="acme-media", read_only=True))


# For each class, what provokes it; the texts are the program's own.
PROVOKED: dict[type[BaseException], Callable[[], list[BaseException]]] = {
    errors.ContractError: lambda: [
        _raised(
            lambda: holdall.from_env({"STORAGE_MAKE_FILES_PUBLIC": "ture", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"})
        )
    ],
    errors.BuildModeError: lambda: [_raised(lambda: build.BuildModeStorage().url("avatars/ada.png"))],
    errors.BucketNotFound: lambda: [_answered("NoSuchBucket", "PutObject", 404)],
    errors.InvalidName: lambda: [
        _raised(lambda: names.to_key("../other/ada.png", location="media")),
        _raised(lambda: names.to_key("long/" + "name/" * 300)),
    ],
    errors.ObjectNotFound: lambda: [_answered("NoSuchKey", "GetObject", 404, action="reading")],
    errors.NameTaken: lambda: [_answered("PreconditionFailed", "PutObject", 412)],
    errors.ObjectChanged: lambda: [_answered("PreconditionFailed", "GetObject", 412, action="reading")],
    errors.AccessRefused: lambda: [
        _answered("AccessDenied", "PutObject", 403),
        _answered("AccessDenied", "ListObjectsV2", 403, action="listing"),
        _answered("AccessControlListNotSupported", "PutObject", 400),
    ],
    errors.CredentialsRefused: lambda: [
        *(_answered(code, "PutObject", 403) for code in answers.CREDENTIALS),
        _unanswered(sdk.NoCredentialsError()),
    ],
    errors.WriteRefused: lambda: [
        _raised(lambda: _parent().call("delete_object", action="deleting", name="ada.png", Key="avatars/ada.png")),
        errors.WriteRefused(
            claims.Claim(kind="owner", holder="staging").refusal("production", 'bucket "acme-media" at Amazon S3')
        ),
        errors.WriteRefused(
            claims.Claim(kind="fork", holder='bucket "acme-media" on Amazon S3', location="forks/pr-123").refusal(
                'bucket "acme-other" on Amazon S3', 'bucket "acme-media" at Amazon S3'
            )
        ),
    ],
    errors.StoreUnreachable: lambda: [
        _unanswered(sdk.EndpointConnectionError(endpoint_url="https://ams3.digitaloceanspaces.com")),
        _unanswered(
            sdk.SSLError(endpoint_url="https://ams3.digitaloceanspaces.com", error="certificate verify failed")
        ),
    ],
    errors.StoreFailed: lambda: [
        _answered("PermanentRedirect", "PutObject", 301, **{"x-amz-bucket-region": "eu-west-1"}),
        _answered("SlowDown", "PutObject", 503),
        _answered("InternalError", "PutObject", 500),
    ],
    errors.DevServerError: lambda: [_raised(lambda: devserver.use(Path("/dev/null/media")))],
    errors.ContractWarning: lambda: [_warned()],
}


def error_classes() -> list[type[BaseException]]:
    """Give every class of `holdall.errors`, in the order of the tree."""
    return [
        one
        for one in vars(errors).values()
        if inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == errors.__name__
    ]


def errors_page() -> str:
    tree = inspect.cleandoc(errors.__doc__ or "").split("\n\n")
    lines = [
        "# Errors",
        "",
        *_sentences("Every exception is a `HoldallError`, and also what Django or Python callers already expect."),
        "Code that knows nothing of Holdall handles it rightly: `except FileNotFoundError` catches a missing file.",
        (
            "Each has the store's own code in `code`, the number of retries in `retries`, "
            "and the SDK's error, where there is one, as `__cause__`."
        ),
        "No text of any of them contains a secret.",
        "",
        "```none",
        *inspect.cleandoc(next(part for part in tree if "├──" in part)).splitlines(),
        "```",
    ]
    for one in error_classes():
        lines += ["", f"({_anchor(one.__name__)})=", f"## `{one.__name__}`", "", *_paragraphs(one), ""]
        expected = [
            base.__name__ for base in one.__mro__[1:] if base is not object and base.__module__ != errors.__name__
        ]
        above = [base.__name__ for base in one.__bases__ if base.__module__ == errors.__name__]
        kinds = [f"[`{name}`](#{_anchor(name)})" for name in above] + [f"`{name}`" for name in _nearest(expected)]
        lines += [f"It is also: {', '.join(kinds)}."]
        if one in PROVOKED:
            lines += ["", "It says, for example:", "", "```text"]
            texts = list(dict.fromkeys(str(error) for error in PROVOKED[one]()))
            lines += "\n\n".join(texts).splitlines()
            lines += ["```"]
    return _joined(lines)


def _nearest(bases: list[str]) -> list[str]:
    """Leave out what everything is."""
    return [name for name in bases if name not in {"Exception", "BaseException", "Warning"}] or bases[:1]


# -- commands


def commands_page() -> str:
    parser = argparse.ArgumentParser(prog="holdall", description="Media storage for stateless Django.")
    cli.add_commands(parser)
    lines = [
        "# Commands",
        "",
        (
            "`holdall`, `python -m holdall` and, inside a project with `holdall` in `INSTALLED_APPS`, `manage.py holdall` "
            "are the same commands."
        ),
        "",
        "Exit codes: 0, all is well; 1, something is wrong with what was looked at; 2, wrong use; 130, broken off by Ctrl-C.",
        "All but `serve` take `--env-file`: variables out of a file, laid over the environment.",
        "",
        "```console",
        "$ holdall --help",
        *_help([]),
        "```",
    ]
    for name in subcommands(parser):
        lines += ["", f"(command-{name})=", f"## `holdall {name}`", "", "```console", f"$ holdall {name} --help"]
        lines += [*_help([name]), "```", ""]
        for deed in subcommands(subcommands(parser)[name]):
            lines += ["```console", f"$ holdall {name} {deed} --help", *_help([name, deed]), "```", ""]
        lines += [COMMANDS[name]]
    return _joined(lines)


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    nested = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return {name: command for action in nested for name, command in action.choices.items()}


def _help(words: list[str]) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from holdall.cli import main; sys.exit(main())", *words, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.rstrip().splitlines()


def _env_json() -> str:
    out = io.StringIO()
    command = argparse.Namespace(holdall_command="env", prefix="", as_json=True)
    cli.run(command, out=out, err=out, environ={"STORAGES_MODE": "do", "STORAGE_MAKE_FILES_PUBLIC": "ture"})
    document = json.loads(out.getvalue())
    document["variables"] = document["variables"][:2]
    return json.dumps(document, indent=2, ensure_ascii=False)


def _doctor_json() -> str:
    missing = BUCKET_MISSING.found('bucket "acme-media": HeadBucket was answered with 404')
    return json.dumps(Report([missing]).as_document(), indent=2, ensure_ascii=False)


def _layers() -> list[str]:
    return [
        f"| `{layer}` | {', '.join(f'`{probe}`' for probe in probes)} |" for layer, probes in doctor.names().items()
    ]


COMMANDS = {
    "doctor": "It needs the environment only, or a file of variables; inside a project, `manage.py holdall doctor` examines "
    "each entry of `STORAGES`, and adds what Django knows.\n"
    "What it saves lies in a folder with a random name and is deleted again, also after Ctrl-C; the last line proves it.\n"
    "It sends about seventy requests, ninety for public files behind a CDN; with `--offline` none.\n"
    "The exit code is 1 when there is an error; warnings do not count.\n\n"
    "`--only` and `--skip` take the name of a layer or a probe, and may be repeated:\n\n"
    + "\n".join(["| layer | probes |", "|---|---|", *_layers()])
    + "\n\nEvery finding has an id that never changes; [Findings](findings.md) explains each.\n"
    "`--json` gives one document; its `version` is raised when a key changes its meaning or goes:\n\n"
    f"```json\n{_doctor_json()}\n```",
    "env": "It needs no Django project, reads the environment alone, and contacts nothing.\n"
    "The exit code is 1 when there are problems, so that a deployment can stop before it starts.\n\n"
    "`--json` gives one document; its `version` is raised when a key changes its meaning or goes.\n"
    "Here it is with problems, and the first two of its variables:\n\n"
    f"```json\n{_env_json()}\n```",
    "fork": "They need the environment of [a fork](../explanation/forks.md), and no Django project.\n"
    "`status` and `diff` ask the parent once for each name that the fork added or hid.\n"
    "`promote` and `drop` show their plan and ask; where nobody sits before a terminal they do nothing without `--yes`.\n"
    "The exit code is 1 when something was left undone.\n\n"
    "`promote` writes to the parent, so it needs `PARENT_` keys that may: give them to this one command, not to the "
    "environment.\n"
    "A parent that has [an owner](../explanation/owner.md) is changed only when `PARENT_STORAGE_ENVIRONMENT` is the "
    "owner's name; who owns both stores is asked before anything is sent.\n"
    "It overwrites nothing, deletes only what the fork saw when it hid it, verifies each file, and takes up an interrupted "
    "run when it is run again.\n"
    "The fork keeps its own copies; `drop` deletes them.\n\n"
    "All four are refused where `PARENT_` names another store than the one that the fork was begun of.\n"
    'An error that begins with "Of the parent:" is about the store that the `PARENT_` variables name.\n\n'
    "With `--json` each prints one document, in which `version`, `own` and `parent` come first; that of `promote` goes on "
    "with `parents_owner`, which is `null` where nobody owns the parent.",
    "owner": "They need the environment alone; `take` needs `STORAGE_ENVIRONMENT` too.\n"
    "[The owner marker](../explanation/owner.md) says what owning a store means.",
    "provision": "Without `--diff` and `--apply` it contacts nothing; the keys, and the domain of a CDN that is still to be "
    "made, may be missing, because they are what is asked for.\n"
    "[Hand over to the infrastructure person](../how-to/hand-over.md) shows what it writes.\n\n"
    "Exit codes of `--diff`: 0, the bucket is as it should be; 1, it differs, or a setting could not be read.\n"
    "Exit codes of `--apply`: 0, everything is as it should be now; 1, something was refused, or you were asked and did "
    "not agree.\n\n"
    "To read the settings, `--diff` needs these rights, which `--with-doctor` grants: "
    f"{', '.join(f'`{right.action}`' for right in rights.DOCTOR)}.\n"
    "`--apply` needs the corresponding ones to write, which belong to whoever runs the infrastructure.",
    "serve": "It prints the variables with which any other S3 client can use the server, its keys included: "
    "they are made once for each folder, and only this machine can reach the server.",
}


# -- findings and failures


def findings_page() -> str:
    lines = [
        "# Findings",
        "",
        "What `holdall doctor`, Django's system checks and the other commands find has an id, which never changes.",
        (
            "Levels: **error**, uploads, links or intent are broken; **warning**, it works and will hurt; **notice**, worth "
            "knowing; **unknown**, could not be told; **ok**, proven."
        ),
        "A finding says besides what was seen, and where the evidence is exact, its remedy is more exact than here.",
    ]
    for title, kinds in _kinds_by_layer():
        lines += ["", f"## {title}"]
        for kind in kinds:
            lines += ["", f"({kind.id.lower()})=", f"### {kind.id}: {kind.title}", "", f"*{kind.level.value.title()}.*"]
            lines += _sentences(kind.means)
            if kind.do:
                lines += ["", "What to do:", "", *(f"> {line}" for line in _sentences(kind.do))]
            if kind.failures:
                named = ", ".join(f"[{entry}](failures.md#failures-{entry[0].lower()})" for entry in kind.failures)
                lines += ["", f"Failures: {named}."]
    return _joined(lines)


LAYER_TITLES = {
    "0": "The backend and the project",
    "1": "The environment's values",
    "2": "Addresses and options",
    "3": "Connection, keys and bucket",
    "4": "Saving and writing",
    "5": "Reading, threads and processes",
    "6": "Public or private",
    "7": "Links",
    "8": "The CDN",
    "9": "Housekeeping",
}


def _kinds_by_layer() -> list[tuple[str, list[Any]]]:
    kinds = doctor.kinds()
    return [
        (title, [kind for kind in kinds if kind.id[1] == digit])
        for digit, title in LAYER_TITLES.items()
        if any(kind.id[1] == digit for kind in kinds)
    ]


def failures() -> dict[str, Any]:
    """Read the catalogue: its groups, its entries, and those that are known on paper only."""
    return tomllib.loads((ROOT / "docs" / "failures.toml").read_text())


def provoking_tests() -> dict[str, list[str]]:
    """Find the tests that provoke each failure by their marks: entry -> "file::test"."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text())
        tables = {
            target.id: node.value
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef):
                for entry in dict.fromkeys(_marks(node, tables)):
                    found.setdefault(entry, []).append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def _marks(test: ast.FunctionDef, tables: Mapping[str, ast.expr]) -> Iterable[str]:
    """Read the marks of a test, and those of its cases: in its decorators, and in the tables that they name."""
    inside = [part for mark in test.decorator_list for part in ast.walk(mark)]
    named = [tables[part.id] for part in inside if isinstance(part, ast.Name) and part.id in tables]
    for part in [*inside, *(part for table in named for part in ast.walk(table))]:
        if isinstance(part, ast.Call) and ast.unparse(part.func) in {"pytest.mark.failure", "case"}:
            entry = part.args[0]
            if isinstance(entry, ast.Constant) and entry.value:
                yield str(entry.value)


def _by_file(tests: list[str]) -> str:
    """Name the tests, those of one file together."""
    files: dict[str, list[str]] = {}
    for test in tests:
        file, _, name = test.partition("::")
        files.setdefault(file, []).append(f"`{name}`")
    return "; ".join(f"`{file}`: {', '.join(names)}" for file, names in files.items())


def failures_page() -> str:
    catalogue, tests = failures(), provoking_tests()
    named: dict[str, list[Any]] = {}
    for kind in doctor.kinds():
        for entry in kind.failures:
            named.setdefault(entry, []).append(kind)
    count, proven = len(catalogue["failures"]), len(catalogue["failures"].keys() & named.keys() & tests.keys())
    lines = [
        "# Failures",
        "",
        f"Django's media on S3 is known to go wrong in {count} ways; the doctor names {'all' if proven == count else proven}.",
        (
            "A test provokes each, on a real S3 server wherever one can fail in that way, and finds the finding below and no "
            "other error."
        ),
    ]
    for group, title in catalogue["groups"].items():
        lines += ["", f"(failures-{group.lower()})=", f"## {title}"]
        for entry, text in catalogue["failures"].items():
            if entry.rstrip("0123456789") != group:
                continue
            kinds = ", ".join(f"[{kind.id}](findings.md#{kind.id.lower()})" for kind in named.get(entry, []))
            lines += ["", f"**{entry}** {text}.", "", f"- Found as {kinds or 'nothing'}."]
            lines += [
                f"- Provoked in {_by_file(tests[entry])}."
                if entry in tests
                else f"- {catalogue['paper'].get(entry, 'Nothing yet')}"
            ]
    return _joined(lines)


# -- options


def own_options() -> dict[str, str]:
    """Read the options that are ours from the docstring of the class: name -> what it does."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(MediaStorage.__doc__ or "").splitlines():
        if match := re.match(r"- `(\w+)`: (.*)", line):
            name, found[match[1]] = match[1], match[2]
        elif name and line.startswith("  "):
            found[name] += f" {line.strip()}"
        else:
            name = ""
    return found


def options_page() -> str:
    described = own_options()
    defaults = MediaStorage(bucket_name="acme-media").get_default_settings()
    lines = [
        "# Storage options",
        "",
        (
            "`holdall.from_env()` writes the options of `holdall.storage.MediaStorage` out of the environment; "
            "`storages=` lays a project's own over them, key by key."
        ),
        (
            "Each option that the contract decides is written out, `None` included: "
            "a forgotten `AWS_DEFAULT_ACL` in a project's settings cannot publish private files."
        ),
        "",
        "## Options that are Holdall's own",
    ]
    for name, text in described.items():
        text = text[:1].upper() + text[1:]
        lines += ["", f"(option-{name.replace('_', '-')})=", f"### `{name}`", "", *_sentences(text)]
    lines += [
        "",
        "## Options of django-storages",
        "",
        "All of them work as documented there, as an option or as the `AWS_*` setting of that name.",
        "Two defaults differ: `file_overwrite` is false, and `signature_version` is SigV4.",
        "Those that stand in the examples below are decided by the environment, and the setting of that name is not read.",
        "",
        f"They are {', '.join(f'`{name}`' for name in sorted(defaults) if name not in described)}.",
        "",
        "## What an environment becomes",
    ]
    for title, environ in (
        ("Private files on Amazon S3", S3),
        (
            "Public files on DigitalOcean Spaces",
            {**SPACES, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"},
        ),
        ("Local mode", {"STORAGES_MODE": "local"}),
        ("While an image is built", {"BUILD_MODE": "true"}),
    ):
        chosen = holdall.from_env(environ, local_folder="/srv/project/.holdall")
        for entry in chosen.values():
            entry.get("OPTIONS", {}).update(
                {name: "(secret)" for name in ("access_key", "secret_key") if entry.get("OPTIONS", {}).get(name)}
            )
        lines += ["", f"### {title}", "", "```text", *(f"{name}={value}" for name, value in _shown(environ)), "```", ""]
        lines += ["```python", *pprint.pformat(chosen, width=WIDTH, sort_dicts=False).splitlines(), "```"]
    return _joined(lines)


def _shown(environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((name, "(secret)" if name == "AWS_SECRET_ACCESS_KEY" else value) for name, value in environ.items())


# -- providers and content types


def providers_page() -> str:
    said = {True: "yes", False: "no", None: "probed"}
    lines = [
        "# Providers",
        "",
        "What Holdall takes for known of each kind of S3; the endpoint's host decides which it is.",
        "A fact stands here only with its source; what is not known is probed where it matters.",
        "",
        "- *Conditional create*: `PUT` with `If-None-Match: *` is refused when the key exists, so of two writers one wins.",
        (
            "- *Conditional completion*: the same for a multipart upload; where it is not known to hold, "
            "the name is reserved first."
        ),
        (
            "- *Public by ACL*: public files are sent with the ACL `public-read`; elsewhere the bucket or the CDN decides, "
            "and no ACL is sent."
        ),
        "",
        "| id | provider | addressing | conditional create | conditional completion | public by ACL | checksum |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in providers.PROVIDERS.values():
        checksum = "the SDK's" if one.sdk_checksums else "`Content-MD5`"
        lines += [
            (
                f"| `{one.id}` | {one.title} | {one.addressing} | {said[one.conditional_put]} | "
                f"{said[one.conditional_complete]} | {said[one.public_by_acl]} | {checksum} |"
            )
        ]
    lines += ["", "## Sources", ""]
    for one in providers.PROVIDERS.values():
        lines += [f"- {one.title}: {_source(source)}" for source in one.sources]
    return _joined(lines)


def _source(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") else f"{text}."


def content_types_page() -> str:
    lines = [
        "# Content types",
        "",
        "A file's type comes from this list, by its extension; what the client claimed is never believed.",
        f"Any other extension is `{content.UNKNOWN}`.",
        "",
        "## Stored as an attachment",
        "",
        (
            "A browser that opens these can run script in them; it is told to save them instead, "
            "unless the type stands in the option [`inline_types`](options.md#option-inline-types)."
        ),
        "",
        *_types(content.SCRIPTABLE),
        "",
        "## Shown by the browser",
        "",
        (
            "A file with one of these extensions that begins as an HTML or SVG document, "
            f"and is not text by its type, is stored as an attachment of type `{content.UNKNOWN}`."
        ),
        "",
        *_types(content.HARMLESS),
    ]
    return _joined(lines)


def _types(table: Mapping[str, str]) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for extension, content_type in table.items():
        grouped.setdefault(content_type, []).append(f"`.{extension}`")
    rows = [f"| `{content_type}` | {', '.join(found)} |" for content_type, found in grouped.items()]
    return ["| type | extensions |", "|---|---|", *rows]


# -- transcripts

_RUN = re.compile(r"(?P<head>^<!-- run -->\n\n?```console\n)(?P<body>.*?)(?P<tail>^```$)", re.MULTILINE | re.DOTALL)
_END_OF_OUTPUT = "@@ end of output @@"


def with_transcripts(text: str) -> str:
    """Run every transcript of a page again and give the page with what was printed."""
    return _RUN.sub(lambda match: match["head"] + transcript(match["body"]) + match["tail"], text)


def transcript(body: str) -> str:
    """Run the commands of a console block, one shell for all, and give the block anew."""
    commands: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("> ") and commands:
            commands[-1] += f"\n{line[2:]}"
    script = "".join(f"{command}\necho '{_END_OF_OUTPUT}'\n" for command in commands)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=folder,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": folder, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    printed = done.stdout.split(f"{_END_OF_OUTPUT}\n")
    return "".join(
        "$ " + command.replace("\n", "\n> ") + "\n" + output for command, output in zip(commands, printed, strict=False)
    )


# -- writing

PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/variables.md": variables_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/options.md": options_page,
    "docs/reference/providers.md": providers_page,
    "docs/reference/content-types.md": content_types_page,
    "docs/reference/findings.md": findings_page,
    "docs/reference/failures.md": failures_page,
}


def _anchor(name: str) -> str:
    return name.lower().replace("_", "-")


def _paragraphs(described: object) -> list[str]:
    lines: list[str] = []
    for paragraph in inspect.cleandoc(described.__doc__ or "").split("\n\n"):
        lines += [*_sentences(" ".join(paragraph.split())), ""]
    return lines[:-1]


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", text)


def _joined(lines: list[str]) -> str:
    return "\n".join([lines[0], "", GENERATED, *lines[1:], ""])


def wanted() -> dict[Path, str]:
    """Give every file that has generated parts, as it should be."""
    pages = {ROOT / name: make() for name, make in PAGES.items()}
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        if path not in pages and "_build" not in path.parts:
            pages[path] = with_transcripts(path.read_text())
    return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is stale")
    check = parser.parse_args().check
    stale = 0
    for path, text in wanted().items():
        before = path.read_text() if path.exists() else ""
        if before == text:
            continue
        stale += 1
        name = str(path.relative_to(ROOT))
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(True), text.splitlines(True), name, "what the program says")
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"{name} was written.")
    if check and stale:
        print("Stale documentation; `.venv/bin/python scripts/generate_docs.py` writes it anew.")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
