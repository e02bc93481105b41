"""The page of every command: its help, and what the help has no room for."""

import argparse
import io
import json
import os
import subprocess
import sys

from holdall import cli, doctor
from holdall.doctor.diagnosis import BUCKET_MISSING
from holdall.findings import Report
from holdall.provision import rights
from reference import prose


def page() -> str:
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
    return prose.joined(lines)


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    nested = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return {name: command for action in nested for name, command in action.choices.items()}


def _help(words: list[str]) -> list[str]:
    environment = {
        "PATH": os.environ["PATH"],
        # The help of this tree, whichever one is installed.
        "PYTHONPATH": str(prose.ROOT / "src"),
        "COLUMNS": str(prose.WIDTH),
        "NO_COLOR": "1",
        "PYTHON_COLORS": "0",
    }
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
