"""Saving one large file: CPU, time on the clock and memory, plainly and over TLS, each time in a fresh process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from tests.servers.catalogue import running

from benchmarks.contenders import named, ours, sdk, theirs, without_fast_lane
from benchmarks.measuring import Numbers, Row, Site, fresh, medians, peak_growth_mib
from benchmarks.writes import Made

NAME = "made.bin"
STORAGES: dict[str, Callable[..., Any]] = {
    "holdall": ours,
    "named": named,
    "without_fast_lane": without_fast_lane,
    "django_storages": theirs,
}
# The SDK's own way of sending what is large.
WHO = ("holdall", "named", "without_fast_lane", "boto3", "django_storages")


def measure(site: Site, size_mib: int, rounds: int) -> Iterator[Row]:
    memory, cpu, clock = saved(site, size_mib, rounds)
    title = f"save {size_mib} MiB"
    yield Row(title, "MiB of memory at the peak", memory, at_most=64)
    yield Row(title, "s of CPU", cpu, times_less=1)
    yield Row(title, "s on the clock", clock, times_less=1)
    # As production does; the server of the site speaks plainly. What it still writes when it ends must not cost the run.
    temporary = tempfile.TemporaryDirectory(prefix="holdall-", ignore_cleanup_errors=True)
    with temporary as folder, running("seaweedfs-https", Path(folder)) as provider:
        secure = Site(provider, provider.create_bucket())
        authority = {"AWS_CA_BUNDLE": str(provider.ca_file)}
        _, cpu, clock = saved(secure, size_mib, rounds, authority)
    yield Row(f"{title} over TLS", "s of CPU", cpu, times_less=1)
    yield Row(f"{title} over TLS", "s on the clock", clock, times_less=1)


def saved(
    site: Site, size_mib: int, rounds: int, environ: Mapping[str, str] | None = None
) -> tuple[Numbers, Numbers, Numbers]:
    """Save with each in turns; give the medians of memory, CPU and time on the clock."""
    taken: dict[str, list[list[float]]] = {who: [] for who in WHO}
    for _ in range(rounds):
        for who in WHO:
            location = f"large-{who}"
            taken[who].append(fresh("large.save", who, site.environ(location), size_mib, environ=environ))
            # The server's disk is not ours to fill.
            site.provider.client.delete_object(Bucket=site.bucket, Key=f"{location}/{NAME}")
    memory, cpu, clock = (
        medians({who: [one[index] for one in all_of_them] for who, all_of_them in taken.items()}) for index in range(3)
    )
    return memory, cpu, clock


def save(who: str, environ: dict[str, str], size_mib: int) -> list[float]:
    """Save one large file in this process; give the growth of the memory, and the seconds of CPU and on the clock."""
    put = saver(who, environ)
    put("warm.bin", ContentFile(b"warm"))
    cpu, clock = time.process_time(), time.perf_counter()
    grown = peak_growth_mib(lambda: put(NAME, Made(size_mib)))
    return [grown, time.process_time() - cpu, time.perf_counter() - clock]


def saver(who: str, environ: dict[str, str]) -> Callable[[str, Any], object]:
    if who != "boto3":
        return STORAGES[who](environ).save
    client, bucket, location = sdk(environ), environ["STORAGE_BUCKET_NAME"], environ["STORAGE_LOCATION"]
    return lambda name, file: client.upload_fileobj(file, bucket, f"{location}/{name}")
