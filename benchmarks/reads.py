"""Reading: requests, bytes and CPU; the header of a large picture; memory and pace of a long read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.images import get_image_dimensions

from benchmarks.contenders import CONTENDERS, ours
from benchmarks.measuring import (
    KIB,
    MIB,
    Row,
    Site,
    counting,
    cpu_seconds,
    fresh,
    memory_mib,
    peak_growth_mib,
    scaled,
    wall_seconds,
)
from benchmarks.writes import Made

LONG_MIB = 200
PACED_MIB = 64


def measure(site: Site) -> Iterator[Row]:
    store = ours(site.environ("reads"))
    store.save("small.bin", ContentFile(bytes(20 * KIB)))
    store.save("picture.jpg", ContentFile(picture(20 * MIB)))
    store.save("paced.bin", Made(PACED_MIB))
    store.save("long.bin", Made(LONG_MIB))

    def read(storage: Any, name: str) -> None:
        with storage.open(name) as file:
            file.read()

    with counting(site) as counted:
        through = {who: build(site.environ("reads", endpoint_url=counted.url)) for who, build in CONTENDERS.items()}
        for storage in through.values():
            storage.exists("small.bin")
        small = {who: counted.of(lambda one=one: read(one, "small.bin")) for who, one in through.items()}
        yield Row("read 20 KiB", "requests", {who: float(one.requests) for who, one in small.items()}, at_most=1)
        header = {who: counted.of(lambda one=one: dimensions(one)) for who, one in through.items()}
        title = "dimensions of a 20 MiB JPEG"
        yield Row(title, "requests", {who: float(one.requests) for who, one in header.items()}, at_most=2)
        yield Row(title, "KiB received", {who: one.kib for who, one in header.items()}, at_most=256)

    storages = {who: build(site.environ("reads")) for who, build in CONTENDERS.items()}
    seconds = cpu_seconds({who: lambda one=one: read(one, "small.bin") for who, one in storages.items()}, repeat=40)
    yield Row("read 20 KiB", "ms of CPU", scaled(seconds, 1e3), times_less=3)
    seconds = cpu_seconds({who: lambda one=one: one.exists("small.bin") for who, one in storages.items()}, repeat=40)
    yield Row("exists", "ms of CPU", scaled(seconds, 1e3), times_less=3)
    deeds = {who: lambda one=one: chunks(one, "paced.bin") for who, one in storages.items()}
    yield Row(f"read {PACED_MIB} MiB in chunks", "s on the clock", wall_seconds(deeds, rounds=7), times_less=1)
    yield Row(f"read {PACED_MIB} MiB in chunks", "s of CPU", cpu_seconds(deeds, repeat=1, rounds=5))
    grown = {who: fresh("reads.read_long", who, site.environ("reads")) for who in CONTENDERS}
    yield Row(f"read {LONG_MIB} MiB in chunks", "MiB of memory at the peak", grown, at_most=32)


def dimensions(storage: Any) -> None:
    """Ask as an ImageField does."""
    with storage.open("picture.jpg") as file:
        found = get_image_dimensions(file)
    assert found[0], found


def picture(least_bytes: int) -> bytes:
    """Make a JPEG of noise, which hardly shrinks."""
    from PIL import Image

    out = io.BytesIO()
    side = 4600
    Image.effect_noise((side, side), 90).convert("RGB").save(out, "JPEG", quality=96)
    assert out.tell() > least_bytes * 0.9, out.tell()
    return out.getvalue()


def chunks(storage: Any, name: str) -> int:
    with storage.open(name) as file:
        return sum(map(len, file.chunks()))


def read_long(who: str, environ: dict[str, str]) -> float:
    storage = CONTENDERS[who](environ)
    storage.exists("small.bin")
    memory_mib()

    def deed() -> None:
        assert chunks(storage, "long.bin") == LONG_MIB * MIB

    return peak_growth_mib(deed)
