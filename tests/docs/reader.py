"""Somebody who does what a page says, in the order in which it says it."""

import os
import sys
from pathlib import Path

from tests.docs.pages import Block
from tests.servers import processes


class Reader:
    """Somebody who follows a page: a shell whose folder and exports last from step to step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lasting: list[str] = []

    def do(self, block: Block) -> str:
        """Run the commands of a block; where it shows an output, that is what they print."""
        commands, shown = read(block.text)
        printed = self.run("\n".join(commands))
        if shown:
            assert printed.splitlines() == shown
        self.lasting += [command for command in commands if command.startswith(("cd ", "export ", "set -a"))]
        return printed

    def run(self, script: str, **environment: str) -> str:
        done = processes.complete(
            ["sh", "-ec", "\n".join([*self.lasting, script])],
            cwd=self.folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": str(self.folder),
                **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


def read(text: str) -> tuple[list[str], list[str]]:
    commands: list[str] = []
    shown: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith(">") and commands and not shown:
            commands[-1] += "\n" + line[2:]
        else:
            shown.append(line)
    return commands, shown
