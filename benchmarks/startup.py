"""What the first line of a settings module costs: CPU time of fresh processes, median of 15, minus a bare interpreter.

    python benchmarks/startup.py

Django is loaded anyway wherever a settings module is, so each row stands twice: on its own, and on top of Django.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

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
FLOOR = "import dataclasses, urllib.parse; import django.core.exceptions"
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


def main() -> None:
    codes = {"": "pass", DJANGO: DJANGO}
    codes |= {base + code: base + code for base in ("", DJANGO) for code in ROWS.values()}
    taken: dict[str, list[float]] = {key: [] for key in codes}
    # In turns, so that a busy moment of the machine falls on all alike.
    for _ in range(RUNS):
        for key, code in codes.items():
            taken[key].append(cpu_milliseconds(code))
    median = {key: statistics.median(times) for key, times in taken.items()}
    print(f"CPU milliseconds, median of {RUNS} processes.")
    print(f"A bare interpreter takes {median['']:.0f}, one with Django's commands {median[DJANGO]:.0f}.")
    print(f"{'':32}{'alone':>10}{'after Django':>16}")
    for title, code in ROWS.items():
        print(f"{title:32}{median[code] - median['']:10.1f}{median[DJANGO + code] - median[DJANGO]:16.1f}")


if __name__ == "__main__":
    main()
