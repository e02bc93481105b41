"""Measure Holdall beside django-storages and plain clients, print it, and write it into the documentation.

    python -m benchmarks [--only links reads …] [--full] [--keys 20000] [--rounds 3] [--large 500] [--audited 200000]

Run it in the project's folder, with the environment of `python scripts/environment.py bench`; `make bench` does.
What is not measured this time stays recorded as it was.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import django

# What the developer's shell and home folder say about AWS must not be measured.
for name in [one for one in os.environ if one.startswith(("AWS_", "STORAGE", "PARENT_", "DO_REGION", "BUILD_MODE"))]:
    del os.environ[name]
os.environ |= {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    "no_proxy": "*",
}
django.setup()

from tests.servers.catalogue import running  # noqa: E402  after Django is set up

import holdall  # noqa: E402  after Django is set up
from benchmarks import (  # noqa: E402  after Django is set up
    auditing,
    awaiting,
    clients,
    copying,
    forks,
    large,
    links,
    listing,
    page,
    race,
    reads,
    shards,
    startup,
    threads,
    uploads,
    writes,
)
from benchmarks.measuring import Row, Site  # noqa: E402  after Django is set up

FULL = {"keys": 100_000, "rounds": 20, "audited": 1_000_000}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--keys", type=int, default=20_000, help="files in the folder that is listed")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the race")
    parser.add_argument("--large", type=int, default=500, metavar="MIB", help="size of the large file that is saved")
    parser.add_argument(
        "--audited", type=int, default=200_000, metavar="FILES", help="files of the store that is audited"
    )
    parser.add_argument("--real-audit", action="store_true", help="audit the embedded server, which is filled first")
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"{FULL['keys']:,} keys, {FULL['rounds']} rounds, {FULL['audited']:,} files audited",
    )
    parser.add_argument("--only", nargs="+", help="measure these alone")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the page of the last results")
    chosen = parser.parse_args()
    if chosen.render:
        page.write(page.load())
        return 0
    if chosen.full:
        vars(chosen).update(FULL)
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder, running("seaweedfs-http", Path(folder)) as provider:
        site = Site(provider, provider.create_bucket())
        areas: dict[str, tuple[str, Callable[[], Iterable[Row]]]] = {
            "clients": ("Small operations beside plain clients", lambda: clients.measure(site)),
            "links": ("Links", lambda: links.measure(site)),
            "threads": ("Threads", lambda: threads.measure(site)),
            "reads": ("Reading", lambda: reads.measure(site)),
            "writes": ("Saving", lambda: writes.measure(site)),
            "large": ("Saving a large file", lambda: large.measure(site, chosen.large, chosen.rounds)),
            "race": ("Racing writers", lambda: race.measure(site, chosen.rounds)),
            "listing": ("Listing", lambda: listing.measure(site, chosen.keys)),
            "copying": ("Copying many files", lambda: copying.measure(site, chosen.rounds)),
            "auditing": (
                "Auditing a store",
                lambda: auditing.measure(chosen.audited, site if chosen.real_audit else None),
            ),
            "awaiting": ("Many questions of an event loop", lambda: awaiting.measure(site)),
            "uploads": ("Direct uploads", lambda: uploads.measure(site)),
            "shards": ("Shards", shards.measure),
            "forks": ("Forks", lambda: forks.measure(site)),
            "startup": ("Start-up", startup.measure),
        }
        if unknown := set(chosen.only or ()) - areas.keys():
            parser.error(f"there is no {' or '.join(sorted(unknown))}; there are {', '.join(areas)}")
        measured = [
            {"title": title, "date": time.strftime("%Y-%m-%d"), "rows": list(printed(title, measure())), **remark(name)}
            for name, (title, measure) in areas.items()
            if not chosen.only or name in chosen.only
        ]
    optional = dict.fromkeys((*clients.OPTIONAL, *awaiting.OPTIONAL))
    before = page.load() if page.RESULTS.exists() else {}
    versions = {
        "machine": f"{os.cpu_count()} cores of {platform.machine()}, {platform.system()}",
        "versions": {
            "Holdall": holdall.__version__,
            "django-storages": version("django-storages"),
            "boto3": version("boto3"),
            "Django": version("django"),
            **{page.COLUMNS[who]: version(who) for who in optional if find_spec(who)},
            "Python": platform.python_version(),
        },
    }
    page.record({**versions, "areas": before.get("areas", [])}, measured)
    print(f"{page.PAGE.relative_to(page.ROOT)} was written.")
    for text in (missed := page.missed(page.load())):
        print(f"missed: {text}")
    return 1 if missed else 0


def printed(title: str, rows: Iterable[Row]) -> Iterable[dict[str, object]]:
    """Show each row as soon as it is known."""
    print(f"\n{title}", flush=True)
    for row in rows:
        found = page.rounded(row)
        print(f"  {page.in_words(found)}", flush=True)
        yield found


def remark(name: str) -> dict[str, str]:
    """Name who is missing in an area."""
    modules = {"clients": clients, "copying": copying, "awaiting": awaiting}
    absent = " and ".join(page.COLUMNS[who] for who in modules[name].left_out()) if name in modules else ""
    return {"remark": f"Left out, because it was not installed: {absent}."} if absent else {}


if __name__ == "__main__":
    sys.exit(main())
