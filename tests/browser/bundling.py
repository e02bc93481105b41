"""Fetch the real Uppy with npm, by a lock that names each package's hash, and bundle it into one module for a browser."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.browser import howto
from tests.servers import processes

SOURCES = Path(__file__).resolve().parent / "uppy"
CACHE = Path(__file__).resolve().parents[2] / ".cache"
NPM = shutil.which("npm")
NODE = shutil.which("node")
MISSING = "npm is not installed, so the real Uppy was not tried; on Debian: apt-get install npm"


def _run(command: list[str], folder: Path) -> None:
    done = processes.complete(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode:
        raise subprocess.SubprocessError(
            f"{' '.join(command)} ended with {done.returncode}.\n{done.stdout}{done.stderr}"
        )


def uppy() -> Path:
    """Give the how-to's script with all that it imports; it is made once, and again when the lock or the how-to changes."""
    script = howto.files()[howto.SCRIPT]
    made_of = hashlib.sha256((SOURCES / "package-lock.json").read_bytes() + script.encode())
    bundle = CACHE / f"uppy-{made_of.hexdigest()[:12]}.js"
    if bundle.exists():
        return bundle
    assert NPM
    assert NODE
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as made:
        folder = Path(made)
        for source in SOURCES.iterdir():
            shutil.copy(source, folder)
        (folder / "entry.js").write_text(script)
        _run([NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        esbuild = [NODE, "node_modules/esbuild/bin/esbuild", "entry.js", "--bundle", "--format=esm", "--target=es2022"]
        _run([*esbuild, "--minify", "--outfile=bundle.js"], folder)
        # In one step, for several processes may be making it.
        (folder / "bundle.js").replace(bundle)
    return bundle
