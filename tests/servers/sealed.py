"""A file system in which nothing can be written: a root of its own that has a program, and no directory for anything else.

Made of a mount namespace, so it needs no container and leaves nothing behind: all of it ends with the program.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What programs and Python need of a machine.
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
# $1: the new root; then how many paths, the paths, and the command. There is no /tmp, no /dev/shm, no /var and no /proc.
SEAL = """
set -e
root=$1; count=$2; shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 sealed "$root"
while [ "$count" -gt 0 ]; do
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; : > "$root$1"; fi
    mount --bind "$1" "$root$1"
    case $1 in /dev/*) ;; *) mount -o remount,bind,ro "$root$1" ;; esac
    count=$((count - 1)); shift
done
mount -o remount,ro "$root"
exec chroot "$root" "$@"
"""


def sealed(command: Sequence[str | Path], *, empty: Path, more: Sequence[Path] = ()) -> list[str]:
    """Make a command that runs another one where nothing can be written. `empty` is a folder for the root."""
    system = [Path(path) for path in SYSTEM]
    wanted = {path for path in system if path.is_dir() and not path.is_symlink()}
    wanted |= {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parents[1], *packages(), *more}
    wanted |= {ROOT / "src", ROOT / "demo", ROOT / "tests"}
    ordered = [*sorted(wanted), *(path for path in system if path.is_symlink()), *map(Path, DEVICES)]
    paths = [path for path in ordered if path.exists() and not any(one in path.parents for one in wanted)]
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    return [*namespace, "sh", "-c", SEAL, "sh", str(empty), str(len(paths)), *map(str, paths), *map(str, command)]


def packages() -> set[Path]:
    """Where packages are that are not below Python's own folder."""
    return {Path(path) for path in sys.path if path and Path(path).name == "site-packages" and Path(path).is_dir()}


@functools.cache
def missing() -> str:
    """Say why nothing can be sealed here; empty if it can."""
    if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("chroot"):
        return "no mount namespaces here: Linux, with unshare and chroot, is needed"
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    tried = subprocess.run([*namespace, "mount", "--make-rprivate", "/"], capture_output=True, text=True, check=False)
    return f"this machine forbids mount namespaces: {tried.stderr.strip()}" if tried.returncode else ""
