"""Links: the cost of a new one, a repeated one, a public one, and the very first one of a process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks.contenders import CONTENDERS, ours, theirs
from benchmarks.measuring import Row, Site, cpu_seconds, fresh, medians, scaled

# Amazon's own documented example pair; nothing is sent.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
PLACE = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1", "STORAGE_LOCATION": "media"}
PRIVATE = {**PLACE, **KEYS}
PUBLIC = {**PRIVATE, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"}
BUILDERS = {"holdall": ours, "django_storages": theirs}
FRESH_PROCESSES = 7


def measure(site: Site) -> Iterator[Row]:
    del site
    private = {who: build(PRIVATE) for who, build in BUILDERS.items()}
    public = {
        "holdall": ours(PUBLIC),
        "django_storages": theirs(PUBLIC, querystring_auth=False),
    }
    # Made before, so that making them is not measured.
    names = iter([f"avatars/user-{number}.jpg" for number in range(100_000)])

    def unseen(storage: object) -> Callable[[], object]:
        return lambda: storage.url(next(names))

    def again(storage: object) -> Callable[[], object]:
        return lambda: storage.url("avatars/ada.jpg")

    seconds = cpu_seconds({who: unseen(storage) for who, storage in private.items()}, repeat=500)
    yield Row("signed link, of a file not linked before", "µs of CPU", scaled(seconds, 1e6), times_less=20)
    seconds = cpu_seconds({who: again(storage) for who, storage in private.items()}, repeat=500)
    yield Row("signed link, again within its window", "µs of CPU", scaled(seconds, 1e6), times_less=150)
    seconds = cpu_seconds({who: unseen(storage) for who, storage in public.items()}, repeat=2000)
    yield Row("public link", "µs of CPU", scaled(seconds, 1e6), times_less=5)

    taken: dict[str, list[list[float]]] = {who: [] for who in BUILDERS}
    for _ in range(FRESH_PROCESSES):
        for who in BUILDERS:
            taken[who].append(fresh("links.first", who, environ=PRIVATE))
    for index, title in enumerate(("very first link of a process", "the same, with the making of the storage")):
        numbers = medians({who: [pair[index] for pair in pairs] for who, pairs in taken.items()})
        yield Row(title, "ms of CPU", scaled(numbers, 1e3), times_less=3 if index == 0 else None)


def first(who: str) -> list[float]:
    """Make one link after all is imported: seconds of CPU without and with the making of the storage."""
    import os

    import storages.backends.s3  # noqa: F401  before the time runs

    import holdall.storage  # noqa: F401  before the time runs

    # Keys in the process's own environment, where the SDK finds them too.
    environ = os.environ if who == "holdall" else {name: os.environ[name] for name in PLACE}
    begun = time.process_time()
    storage = CONTENDERS[who](environ)
    made = time.process_time()
    storage.url("avatars/ada.jpg")
    linked = time.process_time()
    return [linked - made, linked - begun]
