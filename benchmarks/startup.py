"""What the first line of a settings module costs: CPU time of fresh processes, median of 15, minus a bare interpreter.

    python -m benchmarks.startup

Django is loaded anyway wherever a settings module is, so each row stands twice: on its own, and on top of Django.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measuring import Row

RUNS = 15
ENVIRON = {"STORAGE_BUCKET_NAME": "acme-media"}
SPACES = {
    "STORAGES_MODE": "do",
    "STORAGE_BUCKET_NAME": "acme-media",
    "STORAGE_MAKE_FILES_PUBLIC": "true",
    "AWS_S3_CUSTOM_DOMAIN": "media.example.com",
    "DO_REGION": "fra1",
    "AWS_ACCESS_KEY_ID": "A" * 20,
    "AWS_SECRET_ACCESS_KEY": "a" * 43,
    "STORAGE_LOCATION": "media",
    "STORAGE_URL_LIFETIME": "1h",
}
# The standard library and Django's exceptions, which every settings module has loaded by then.
FLOOR = "import re, typing, urllib.parse; import django.core.exceptions"
DJANGO = "import django; from django.core.management import ManagementUtility; "
ROWS = {
    "import holdall; from_env()": "import holdall; holdall.from_env()",
    "the same on Spaces, public": f"import holdall; holdall.from_env({SPACES!r})",
    "what it leans on (see above)": FLOOR,
    "import storages.backends.s3": "from django.conf import settings; settings.configure(); import storages.backends.s3",
}


def cpu_milliseconds(code: str) -> float:
    """Measure one fresh process, user and system time together."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-W", "ignore", "-c", code], env=ENVIRON, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def taken() -> dict[str, float]:
    """Give the medians of a bare interpreter, of Django, and of each row without and with Django before it."""
    codes = {"": "pass", DJANGO: DJANGO}
    codes |= {base + code: base + code for base in ("", DJANGO) for code in ROWS.values()}
    times: dict[str, list[float]] = {key: [] for key in codes}
    # In turns, so that a busy moment of the machine falls on all alike.
    for _ in range(RUNS):
        for key, code in codes.items():
            times[key].append(cpu_milliseconds(code))
    return {key: statistics.median(found) for key, found in times.items()}


def measure() -> Iterator[Row]:
    median = taken()
    ours, theirs = ROWS["import holdall; from_env()"], ROWS["import storages.backends.s3"]
    for title, base in (("read the environment in settings.py", DJANGO), ("the same, before Django", "")):
        numbers = {
            "holdall": median[base + ours] - median[base],
            "django_storages": median[base + theirs] - median[base],
        }
        yield Row(title, "ms of CPU", numbers, at_most=30)
    leaned = median[ROWS["what it leans on (see above)"]] - median[""]
    yield Row("of which Django's exceptions, which every settings module loads", "ms of CPU", {"holdall": leaned})


def main() -> None:
    median = taken()
    print(f"CPU milliseconds, median of {RUNS} processes.")
    print(f"A bare interpreter takes {median['']:.0f}, one with Django's commands {median[DJANGO]:.0f}.")
    print(f"{'':32}{'alone':>10}{'after Django':>16}")
    for title, code in ROWS.items():
        print(f"{title:32}{median[code] - median['']:10.1f}{median[DJANGO + code] - median[DJANGO]:16.1f}")


if __name__ == "__main__":
    main()
