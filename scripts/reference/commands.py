"""The page of every command: its help, and what the help has no room for."""

import argparse
import io
import json
import os
import subprocess
import sys

from holdall import cli, doctor
from holdall.doctor.catalogue.connection import BUCKET_MISSING
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
        "Exit codes: 0, success; 1, a problem was found; 2, the command was used incorrectly; 130, interrupted by Ctrl-C.",
        "`provision --diff` has one of its own: 3, it could not look.",
        "All commands except `audit`, `copy` and `serve` take `--env-file`, a file of variables that override the environment.",
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
    command = argparse.Namespace(holdall_command="env", prefix="", as_json=True, write=None)
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
    "adopt": "It works in a project only, as `manage.py holdall adopt`, with the settings that production uses.\n"
    "It makes the storages, but contacts nothing, and changes no setting; "
    "[Switch from plain django-storages](../how-to/from-django-storages.md) explains each difference that it lists.\n"
    "`--write` never replaces a file.\n"
    "The exit code is 1 when the project has no storage of django-storages on S3, when one cannot be made, or when the "
    "proposal has problems.\n\n"
    "`--json` prints one document with the keys `version`, `line`, `variables`, `settings`, `differences`, `warnings` and "
    "`problems`; secrets are masked.",
    "audit": "It works in a project only, as `manage.py holdall audit`, and changes nothing without `--apply`.\n"
    "A listing costs one request for each 1,000 files; each file whose type is checked costs one more, and each missing "
    "one a `HEAD`.\n"
    "[Find and remove unused files](../how-to/audit.md) explains what it finds.\n\n"
    "The report is UTF-8 JSON with the keys `version`, `store`, `databases`, `began`, `min_age_seconds`, `complete`, "
    "`problems`, `notes`, `counts`, `other_stores`, `orphans`, `missing`, `empty`, `wrong_type`, `unfinished_uploads` and "
    "`signature`; each file is on a line of its own.\n"
    "`--json` prints the same; with `--apply` it prints what was moved, left and failed.\n\n"
    "Exit codes: 0, whatever was found; 1, something could not be done, and the output says what; 2, the command was used "
    "incorrectly.",
    "doctor": "It needs only the environment, or a file of variables; inside a project, `manage.py holdall doctor` checks "
    "each entry of `STORAGES`, and what Django knows.\n"
    "It saves files into a folder with a random name and deletes them again, even after Ctrl-C; the last line proves it.\n"
    "It sends about seventy requests, about ninety for public files behind a CDN, and none with `--offline`.\n"
    "The exit code is 1 when there is an error; warnings do not count.\n\n"
    "`--only` and `--skip` take the name of a layer or a probe, and can be repeated:\n\n"
    + "\n".join(["| layer | probes |", "|---|---|", *_layers()])
    + "\n\nEvery finding has an id that never changes.\n"
    "`--explain` prints all that is known about it, as [Findings](findings.md) does.\n"
    "If an id is unknown, the exit code is 2 and the nearest ids are named.\n\n"
    "`--json` prints one document; its `version` changes when a key changes its meaning or is removed.\n"
    "`page` is the address of the finding's documentation, or `null` if none is published:\n\n"
    f"```json\n{_doctor_json()}\n```",
    "env": "It needs no Django project, reads only the environment, and contacts nothing.\n"
    "The exit code is 1 when there are problems, so that a deployment can stop before it starts.\n\n"
    "`--json` prints one document; its `version` changes when a key changes its meaning or is removed.\n"
    "Here is one with problems, shortened to its first two variables:\n\n"
    f"```json\n{_env_json()}\n```",
    "copy": "A place is a folder (`./media`), an env file of the contract (`production.env`) or, with `manage.py`, an alias "
    "of `STORAGES`; a fork is copied with all that it shows.\n"
    "Names are kept.\n"
    "So are the content type, disposition, encoding, language, cache headers and metadata of a source that "
    "is a store; anything else is decided by the rules of the destination, as for any upload.\n"
    "[Bring an existing MEDIA_ROOT into a bucket](../how-to/bring-files.md) shows it.\n\n"
    "A file that the destination has already is compared, and never overwritten: it is the same, or a conflict.\n"
    "When everything is sent, the destination is listed once, and each file must have the length and the checksum that "
    "were sent.\n"
    "A run that was interrupted at any point continues when you run it again: what is there and the same is not sent again.\n"
    "A store that is too busy gets fewer requests at a time; a file fails only after three minutes of that, or of silence.\n\n"
    "With `--celery` the project's Celery workers copy: `manage.py holdall copy default archive --celery`, with the "
    "extra `celery`.\n"
    "Both places are aliases of `STORAGES`, which each worker opens by its own settings; no key goes through the broker.\n"
    "Workers find the task `holdall.copy` with `app.autodiscover_tasks()`, and `CELERY_TASK_ROUTES` can give it a queue of its "
    "own.\n"
    "If a worker is gone, this is noticed after half a minute, and its part goes to another one.\n"
    "After Ctrl-C, run the same command again.\n"
    "[A decision](../decisions/shards-by-the-coordinator.md) says how it works.\n\n"
    "With `--s3-batch FOLDER`, between two buckets at Amazon, nothing is copied: the folder gets the manifest, the job, the "
    "policies of its role, and `start.sh`, which starts the job with the AWS CLI.\n"
    "A job keeps the whole key and can only put a folder before it, replaces whatever has the name, and keeps the headers of "
    "each file.\n"
    "Files longer than 5 GiB, and files that would replace another one, are not in it: they are named, and left for "
    "`holdall copy`.\n"
    "When it is complete, run the same command without `--s3-batch`: it verifies.\n"
    "[A billion objects](../explanation/billion.md) compares the three ways.\n\n"
    "The extra `bulk` (`django-holdall[bulk]`) makes many small files faster and shows a bar; "
    "[a decision](../decisions/obstore-for-small-files.md) says what it does.\n\n"
    "Exit codes: 0, everything is there, and verified (with `--plan`: nothing is in conflict); 1, something is in conflict, "
    "was left out or failed, or `--yes` was missing where there is no terminal to ask on; 2, the command was used "
    "incorrectly.\n"
    "With `--json` it prints one object a line, each with `version` and `event`: `plan`, then `progress` every five "
    "seconds, then `outcome`.",
    "fork": "They need the environment of [a fork](../explanation/forks.md), and no Django project.\n"
    "`status` and `diff` ask the parent once for each name that the fork added or hid.\n"
    "`promote` and `drop` show their plan and ask; without a terminal they do nothing unless you give `--yes`.\n"
    "The exit code is 1 when something was left undone.\n\n"
    "`promote` writes to the parent, so it needs `PARENT_` keys that can write: give them to this one command, not to the "
    "environment.\n"
    "A parent that has [an owner](../explanation/owner.md) is changed only when `PARENT_STORAGE_ENVIRONMENT` is the "
    "owner's name; the owners of both stores are checked before anything is changed.\n"
    "It overwrites nothing, deletes only the version that the fork saw when it hid the file, verifies each file, and "
    "resumes an interrupted run when you run it again.\n"
    "The fork keeps its own copies; `drop` deletes them.\n\n"
    "All four are refused if `PARENT_` names a different store from the one that the fork was started from.\n"
    'An error that begins with "Of the parent:" is about the store that the `PARENT_` variables name.\n\n'
    "With `--json` each prints one document that begins with `version`, `own` and `parent`; for `promote`, "
    "`parents_owner` follows, which is `null` if nobody owns the parent.",
    "owner": "They need only the environment; `take` also needs `STORAGE_ENVIRONMENT`.\n"
    "[The owner marker](../explanation/owner.md) explains what owning a store means.",
    "provision": "Without `--diff` or `--apply` it contacts nothing; the keys, and the domain of a CDN that does not exist "
    "yet, may be missing, because they are what you ask for.\n"
    "[Hand over to the infrastructure person](../how-to/hand-over.md) shows what it writes.\n\n"
    "Exit codes of `--diff`: 0, the bucket is correct; 1, it differs; 3, the bucket or one of its settings could not be "
    "looked at, and the output says which.\n"
    "Exit codes of `--apply`: 0, everything is correct now; 1, something was refused, or you answered no.\n\n"
    "To read the settings, `--diff` needs these permissions, which `--with-doctor` grants: "
    f"{', '.join(f'`{right.action}`' for right in rights.DOCTOR)}.\n"
    "`--apply` needs the corresponding permissions to write, which belong to whoever runs the infrastructure.",
    "trash": "Without `--place` they use the store of the environment, or `default` in a project; `--place` names an env file "
    "or an alias.\n"
    "`restore` brings back the last deleted file of each name, with all its headers, under the same name, so "
    "the same link leads to it.\n"
    "If another file has the name now, it is refused, and both are left as they are; the exit code is 1.\n"
    "`restore --missing` looks at every file field of every model whose files are in this store.\n"
    "`empty` deletes what has been in the trash for longer than `STORAGE_TRASH`; it is needed only where no lifecycle rule "
    "does it.\n"
    "[Keep deleted files for a while](../how-to/trash.md) shows how it is set up.",
    "uploads": "Without `--place` it uses the store of the environment, or `default` in a project; `--place` names an env file "
    "or an alias.\n"
    "It deletes files in `.holdall/uploads/` that are older than `--older-than`, and cancels unfinished uploads there.\n"
    "A ticket is good for a day (`LIFETIME`), so what is older than two days was never saved.\n"
    "It is needed only where no lifecycle rule does it; `holdall provision --with-uploads` writes one.\n"
    "Exit codes: 0, done, or nothing to do; 1, there was something, and you answered no.\n"
    "[Direct uploads](uploads.md) explains them.",
    "usage": "Without `PLACE` it counts the store of the environment, or `default` in a project; in a project it also counts "
    "by the model fields whose rows name the files.\n"
    "It changes nothing, and lists the place once: one request for each 1,000 objects.\n"
    "Memory does not grow with the number of files or folders: the 1,000 largest folders are counted separately, and the others "
    "are counted as part of the folder that they are in.\n"
    "Types come from the names' extensions, because a listing has no types.\n"
    "Of a fork it counts the fork's own files; what it reads from its parent is one line.\n\n"
    "`--html` needs the extra `charts` (`django-holdall[charts]`).\n"
    "[See what fills a bucket](../how-to/usage.md) shows it.\n\n"
    "`--json` prints one document; its `version` changes when a key changes its meaning or is removed.\n"
    "`folders` add up to the whole, and the `folders` in each to it; `folder` is `null` where folders were too small to be "
    "counted separately, and `own_files` are in none of them.\n"
    "`files` and `size_bytes` at the top are without the trash and what Holdall keeps for itself; `everything` is with them.",
    "serve": "It prints the variables that any other S3 client needs to use the server, including its keys: "
    "they are created once for each folder, and only this machine can reach the server.",
}
