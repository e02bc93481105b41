"""Console blocks that are run: each after the line `<!-- run -->`, in a shell of its own.

The environment holds nothing but what the block exports; what the commands print is put below them.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from holdall import devserver
from holdall.devserver import keeper
from reference import prose

_RUN = re.compile(r"(?P<head>^<!-- run -->\n\n?```console\n)(?P<body>.*?)(?P<tail>^```$)", re.MULTILINE | re.DOTALL)
_END_OF_OUTPUT = "@@ end of output @@"


def run_again(text: str) -> str:
    """Run every transcript of a page again and give the page with what was printed."""
    return _RUN.sub(lambda match: match["head"] + _transcript(match["body"]) + match["tail"], text)


def _transcript(body: str) -> str:
    """Run the commands of a console block in one shell, and give the block with their output."""
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
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                # The commands of this tree, whichever one is installed.
                "PYTHONPATH": str(prose.ROOT / "src"),
                "HOME": folder,
                "NO_COLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        # The embedded server of a block would write into the folder while it is removed.
        for lock in Path(folder).rglob(keeper.USERS_LOCK):
            devserver.end_unused(lock.parent)
    printed = done.stdout.split(f"{_END_OF_OUTPUT}\n")
    return "".join(
        "$ " + command.replace("\n", "\n> ") + "\n" + output for command, output in zip(commands, printed, strict=False)
    )
