"""Race 64 writers for one name, 20 times, and print how many uploads were lost: Holdall beside plain django-storages.

    python -m benchmarks.race [--providers seaweedfs-http ministack ceph-http] [--rounds 20]

Run it in the project's folder, with the environment of `python scripts/environment.py dev`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.files.storage import Storage
from tests.providers import Provider
from tests.racing import Race, content_of, run
from tests.servers import ceph
from tests.servers.catalogue import PROVIDERS, running

MIB = 1024 * 1024
BUILDERS = {
    "holdall": "tests.stores.build_storage",
    "django-storages": "benchmarks.race.plain_storage",
}
COLUMNS = "{:<16} {:<16} {:<7} {:<10} {:>8} {:>6} {:>8} {:>7} {:>9} {:>9}"


def plain_storage(environ: Mapping[str, str], **options: Any) -> Storage:
    """Build django-storages' own class as its documentation says, told to overwrite nothing."""
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    return S3Storage(
        bucket_name=environ["STORAGE_BUCKET_NAME"],
        endpoint_url=environ["AWS_S3_ENDPOINT_URL"],
        access_key=environ["AWS_ACCESS_KEY_ID"],
        secret_key=environ["AWS_SECRET_ACCESS_KEY"],
        region_name=environ.get("AWS_S3_REGION_NAME", "us-east-1"),
        location=environ["STORAGE_LOCATION"],
        file_overwrite=False,
        verify=os.environ.get("AWS_CA_BUNDLE"),
        # Without these no upload to Ceph over HTTPS succeeds at all.
        client_config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
        **options,
    )


def report(provider: Provider, bucket: str, race: Race, who: str, kind: str) -> None:
    """Run one race and print its row."""
    started = time.monotonic()
    outcomes = run(race)
    seconds = time.monotonic() - started
    location = race.environ["STORAGE_LOCATION"]
    saved = [outcome for outcome in outcomes if not outcome.error]
    stored = {key: provider.read(bucket, key) for key in provider.keys_in(bucket, location)}
    lost = sum(
        stored.get(f"{location}/{outcome.name}") != content_of(race, outcome.round, outcome.writer) for outcome in saved
    )
    empty = sum(not content for content in stored.values())
    unfinished = len(provider.unfinished_uploads(bucket, location))
    writers = f"{race.processes}x{race.threads}"
    row = (provider.name, who, kind, writers, len(outcomes), lost, len(outcomes) - len(saved), empty, unfinished)
    print(COLUMNS.format(*row, f"{seconds:.1f}"), flush=True)
    for error, count in Counter(outcome.error[:150] for outcome in outcomes if outcome.error).most_common(2):
        print(f"    {count} times: {error}", flush=True)


def main() -> None:
    available = [name for name in PROVIDERS if not (name.startswith("ceph") and ceph.missing_binaries())]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--providers", nargs="+", choices=PROVIDERS, default=available)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    header = ("server", "storage", "files", "processes", "saves", "lost", "refused", "empty", "unfinished", "seconds")
    print(COLUMNS.format(*header))
    for name in arguments.providers:
        with tempfile.TemporaryDirectory(prefix="holdall-") as folder, running(name, Path(folder)) as provider:
            if provider.ca_file:
                os.environ["AWS_CA_BUNDLE"] = str(provider.ca_file)
            bucket = provider.create_bucket()
            small = Race({}, rounds=arguments.rounds)
            races = {
                "small": [small, dataclasses.replace(small, processes=4, threads=16)],
                "parts": [
                    Race(
                        {},
                        rounds=max(1, arguments.rounds // 5),
                        processes=2,
                        threads=8,
                        size=5 * MIB + 1,
                        part_bytes=5 * MIB,
                    )
                ],
            }
            for kind, variants in races.items():
                for race in variants:
                    for who, builder in BUILDERS.items():
                        location = f"{who}-{kind}-{race.processes}"
                        environ = provider.environ(bucket, location=location)
                        report(provider, bucket, dataclasses.replace(race, environ=environ, builder=builder), who, kind)


if __name__ == "__main__":
    main()
