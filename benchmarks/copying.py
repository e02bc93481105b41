"""Copying many files, beside the programs that people use for it: each as a process of its own, as it is called."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.measuring import Numbers, Row, Site

SMALL, SMALL_BYTES = 10_000, 20_000
LARGE, LARGE_MIB = 2, 512
AGAIN = 4_000
WHO = ("holdall", "without_obstore", "s5cmd", "rclone")
# Each program is told where the store is in its own way, and given as many workers as Holdall has.
WORKERS = 16


# What a program took, told by a small process that starts it: a process remembers the memory of the one it was forked from.
_STARTER = """
import json, os, resource, sys
child = os.fork()
if not child:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status = os.waitpid(child, 0)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Taken(NamedTuple):
    """What a program took."""

    clock: float
    cpu: float
    mib: float


def left_out() -> list[str]:
    """Name the programs that are not installed."""
    return [name for name in ("s5cmd", "rclone") if _program(name) is None]


def measure(site: Site, rounds: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        place = Path(folder)
        _make(place / "small", SMALL, SMALL_BYTES)
        _make(place / "again", AGAIN, SMALL_BYTES)
        _make(place / "large", LARGE, LARGE_MIB * 1024 * 1024)
        yield from _rows(f"{SMALL:,} files of 20 kB into a store", _into(site, place, "small", rounds))
        yield from _rows(f"{LARGE} files of {LARGE_MIB} MiB into a store", _into(site, place, "large", rounds))
        yield from _rows(f"{AGAIN:,} files of 20 kB from store to store", _between(site, place, rounds))


def _rows(title: str, taken: Mapping[str, list[Taken]]) -> Iterator[Row]:
    def of(which: str) -> Numbers:
        return {
            who: statistics.median(getattr(one, which) for one in all_of_them) for who, all_of_them in taken.items()
        }

    yield Row(title, "s on the clock", of("clock"), within={"s5cmd": 1, "rclone": 1})
    yield Row(title, "s of CPU", of("cpu"), within={"s5cmd": 1})
    yield Row(title, "MiB of memory at the peak", of("mib"), at_most=200)


def _into(site: Site, place: Path, what: str, rounds: int) -> dict[str, list[Taken]]:
    def one(who: str, name: str) -> Taken:
        taken = _ran(site, place, who, str(place / what), f"{site.bucket}/{name}")
        _empty(site, f"{name}/")
        return taken

    return _in_turns(one, rounds)


def _between(site: Site, place: Path, rounds: int) -> dict[str, list[Taken]]:
    _ran(site, place, "s5cmd" if _program("s5cmd") else "holdall", str(place / "again"), f"{site.bucket}/source")

    def one(who: str, name: str) -> Taken:
        taken = _ran(site, place, who, f"{site.bucket}/source", f"{site.bucket}/{name}")
        _empty(site, f"{name}/")
        return taken

    found = _in_turns(one, rounds)
    _empty(site, "source/")
    return found


def _in_turns(one: Callable[[str, str], Taken], rounds: int) -> dict[str, list[Taken]]:
    who_is_there = [who for who in WHO if who not in left_out()]
    taken: dict[str, list[Taken]] = {who: [] for who in who_is_there}
    for number in range(rounds):
        for who in who_is_there:
            taken[who].append(one(who, f"{who}-{number}"))
    return taken


def _ran(site: Site, place: Path, who: str, source: str, destination: str) -> Taken:
    """Run a program to its end. A store is written as "bucket/prefix"."""
    command, environ = _command(site, place, who, source, destination)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _STARTER, *command], env=environ, capture_output=True, text=True, check=False
    )
    clock = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{who} ended with {done.returncode}: {done.stderr[-500:]}")
    cpu, kib = json.loads(done.stdout)
    return Taken(clock, cpu, kib / 1024)


def _command(site: Site, place: Path, who: str, source: str, destination: str) -> tuple[list[str], dict[str, str]]:
    keys, url = site.provider.keys, site.provider.endpoint_url
    environ = {"PATH": os.environ["PATH"], "HOME": str(place), "AWS_EC2_METADATA_DISABLED": "true"}
    if who in {"holdall", "without_obstore"}:
        hidden = "import sys; sys.modules['obstore'] = None; " if who == "without_obstore" else ""
        code = f"{hidden}from holdall.cli import main; import sys; sys.exit(main())"
        ends = [_place_of(site, place, one) for one in (source, destination)]
        return [sys.executable, "-c", code, "copy", *ends, "--yes"], environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)
        }
    environ |= {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_REGION": site.provider.region,
    }
    if who == "s5cmd":
        from_store = not Path(source).is_dir()
        ends = [f"s3://{source}/*" if from_store else f"{source}/*", f"s3://{destination}/"]
        return [str(_program("s5cmd")), "--numworkers", str(WORKERS), "--endpoint-url", url, "cp", *ends], environ
    environ |= {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "Other",
        "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
        "RCLONE_CONFIG_STORE_ENDPOINT": url,
        "RCLONE_CONFIG_STORE_REGION": site.provider.region,
    }
    start = source if Path(source).is_dir() else f"store:{source}"
    return [str(_program("rclone")), "copy", start, f"store:{destination}", "--transfers", str(WORKERS)], environ


def _place_of(site: Site, place: Path, one: str) -> str:
    """Name a place as `holdall copy` reads it: a folder, or a file of variables."""
    if Path(one).is_dir():
        return one
    _, _, location = one.partition("/")
    file = place / f"{location}.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in site.environ(location).items()))
    return str(file)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def _make(folder: Path, count: int, size_bytes: int) -> None:
    chosen = random.Random(count)
    block = chosen.randbytes(1024 * 1024)
    for number in range(count):
        path = folder / f"{number % 100:02}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(chosen.randbytes(16))
            left = size_bytes - 16
            while left > 0:
                left -= file.write(block[:left])


def _empty(site: Site, prefix: str) -> None:
    """Make room: the server's disk is not ours to fill."""
    client = site.provider.client
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=site.bucket, Prefix=prefix):
        if keys := [{"Key": one["Key"]} for one in page.get("Contents", ())]:
            client.delete_objects(Bucket=site.bucket, Delete={"Objects": keys})
