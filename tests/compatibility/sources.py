"""Fetch source distributions, out of which come the tests that are not in a package's wheel."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

from tests.servers import processes

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"


def unpacked(package: str, version: str) -> Path:
    """Give the folder of this source distribution, which is fetched once."""
    source = CACHE / f"{package.replace('-', '_')}-{version}"
    if not (source / "PKG-INFO").exists():
        CACHE.mkdir(exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        processes.complete([*pip, f"--no-binary={package}", f"{package}=={version}", "--dest", str(CACHE)], check=True)
        with tarfile.open(CACHE / f"{source.name}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return source
