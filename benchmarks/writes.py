"""Saving: requests, CPU, and what a broken upload leaves. What is large is in `benchmarks.large`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile, File

from benchmarks.contenders import CONTENDERS, theirs
from benchmarks.measuring import KIB, MIB, Row, Site, counting, cpu_seconds, scaled

SMALL_BYTES = 20 * KIB
BROKEN_MIB = 40


class Made(File):
    """A file whose bytes are made when they are read, and which can be read again, like an upload on disk."""

    def __init__(self, size_mib: int, *, breaks_off: bool = False) -> None:
        super().__init__(None, "made.bin")
        self.size, self._at, self._breaks_off = size_mib * MIB, 0, breaks_off
        self._block = bytes(range(256)) * (64 * KIB // 256)

    @property
    def closed(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self.size - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        if self._breaks_off and wanted and self._at + wanted >= self.size:
            raise OSError("the upload broke off")
        self._at += wanted
        return (self._block * -(-wanted // len(self._block)))[:wanted]


def measure(site: Site) -> Iterator[Row]:
    number = itertools.count()
    data = bytes(range(256)) * (SMALL_BYTES // 256)

    def save(storage: Any) -> str:
        return str(storage.save(f"file-{next(number)}.bin", ContentFile(data)))

    with counting(site) as counted:
        through = {who: build(site.environ("counted", endpoint_url=counted.url)) for who, build in CONTENDERS.items()}
        for storage in through.values():
            save(storage)
        free = {who: counted.of(lambda one=one: save(one)).requests for who, one in through.items()}
        yield Row("save 20 KiB", "requests", {who: float(count) for who, count in free.items()}, at_most=1)
        taken = {
            who: counted.of(lambda one=one: one.save("file-0.bin", ContentFile(data))).requests
            for who, one in through.items()
        }
        yield Row(
            "save 20 KiB under a taken name",
            "requests",
            {who: float(count) for who, count in taken.items()},
        )

    storages = {who: build(site.environ(f"saved-{who}")) for who, build in CONTENDERS.items()}
    seconds = cpu_seconds({who: lambda one=one: save(one) for who, one in storages.items()}, repeat=40)
    yield Row("save 20 KiB", "ms of CPU", scaled(seconds, 1e3), times_less=3)
    overwriting = storages | {"django_storages": theirs(site.environ("overwritten"), file_overwrite=True)}
    seconds = cpu_seconds({who: lambda one=one: save(one) for who, one in overwriting.items()}, repeat=40)
    yield Row("save 20 KiB, theirs without asking whether the name is free", "ms of CPU", scaled(seconds, 1e3))

    left = {who: left_behind(site, who) for who in CONTENDERS}
    yield Row(f"break off a save after {BROKEN_MIB} MiB", "objects and uploads left", left, at_most=0)


def left_behind(site: Site, who: str) -> float:
    storage = CONTENDERS[who](site.environ(f"broken-{who}"))
    try:
        storage.save("made.bin", Made(BROKEN_MIB, breaks_off=True))
    except Exception as error:  # noqa: BLE001  each has classes of its own
        assert "broke off" in f"{error} {error.__cause__}", error  # noqa: PT017  the message is the answer
    else:
        raise AssertionError("the save did not break off")
    prefix = f"broken-{who}/"
    return float(
        len(site.provider.keys_in(site.bucket, prefix)) + len(site.provider.unfinished_uploads(site.bucket, prefix))
    )
