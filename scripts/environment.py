"""Set up a virtual environment for one purpose, once, and print the path of its Python.

    python scripts/environment.py bench|demo|dev|test [--folder .venv]

It runs with the standard library alone, does nothing when nothing changed since the last run, and says in a
sentence what is missing on the machine when something is.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"bench": "local,cloudfront", "demo": "local", "dev": "local,cloudfront", "test": "local,cloudfront"}
# The first pip that knows dependency groups (PEP 735).
PIP = "pip>=25.1"


def fingerprint(purpose: str) -> str:
    """Name everything that decides what is installed, so that a change of any of it installs again."""
    digest = hashlib.sha256(f"{purpose} {sys.version} {ROOT}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def run(command: list[str], *, remedy: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout.strip()}\n\n{remedy}")


def set_up(purpose: str, folder: Path) -> Path:
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = folder / f"holdall-{purpose}"
    wanted = fingerprint(purpose)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python

    print(f"Setting up {folder.name} for {purpose} (once; this takes a minute) ...", file=sys.stderr)
    built = folder / "holdall-python"
    if not built.exists() or built.read_text() != sys.version:
        shutil.rmtree(folder, ignore_errors=True)
        run(
            [sys.executable, "-m", "venv", str(folder)],
            remedy="This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv.",
        )
        built.write_text(sys.version)
    offline = "The packages could not be installed; is a package index reachable from here? See the lines above."
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    # What is never imported need not be compiled, and what is compiles itself.
    pip.append("--no-compile")
    run([*pip, "--upgrade", PIP], remedy=offline)
    run(
        [
            *pip,
            "--constraint",
            str(ROOT / "constraints.txt"),
            "--editable",
            f"{ROOT}[{EXTRAS[purpose]}]",
            "--group",
            f"{ROOT / 'pyproject.toml'}:{purpose}",
        ],
        remedy=offline,
    )
    stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("purpose", choices=sorted(EXTRAS))
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv")
    arguments = parser.parse_args()
    print(set_up(arguments.purpose, arguments.folder.resolve()))
