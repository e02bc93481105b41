"""Run what `make test` promises: style, types, layers, documentation, and the tests on every supported Python.

    .venv/bin/python scripts/check.py [lint] [docs] [tests] [matrix]

Without arguments all four, in this order. A step that fails does not stop the others; the summary at the end names it,
and the exit code is 1.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tests.servers import processes, tether

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable
# More processes than most machines have cores to spare for tests: they mostly wait for the servers.
SUITE = ["-q", "-n", "4", "--dist", "loadscope"]
# What another Python or Django can break: the modules one by one, the storage on one server, for the others differ in
# nothing that Python knows of, and what forms do with files. The rest of what the storage promises, the pages, the other
# packages, the wire's faults and the journeys run once.
ON_ONE_SERVER = ["-k", "not (https or ministack or ceph)"]
ON_THE_NEWEST = [
    "tests/unit",
    *(
        f"tests/contract/test_{name}.py"
        for name in ("both_lanes", "mirror", "opening", "processes", "round_trips", "storage_behaviour")
    ),
    "tests/uploads/test_journey.py",
    "tests/uploads/test_streaming.py",
    *ON_ONE_SERVER,
]
# A Python in between has the newest one's Django, and only its own syntax and standard library to break something with.
IN_BETWEEN = [
    "tests/unit",
    "tests/contract/test_both_lanes.py",
    "tests/contract/test_round_trips.py",
    *ON_ONE_SERVER,
]


@dataclass
class Report:
    """What ran, how it ended and how long it took."""

    outcomes: list[tuple[str, str, float]] = field(default_factory=list)

    def step(self, title: str, *commands: list[str]) -> bool:
        """Run the commands one after the other until one fails; their output goes straight to the reader."""
        return self.attempt(title, lambda: all(run(command) for command in commands))

    def attempt(self, title: str, deed: Callable[[], bool]) -> bool:
        print(f"\n== {title}", flush=True)
        began = time.monotonic()
        passed = deed()
        seconds = time.monotonic() - began
        self.outcomes.append((title, "passed" if passed else "FAILED", seconds))
        print(f"-- {title}: {'passed' if passed else 'FAILED'} in {seconds:.1f} s", flush=True)
        return passed

    def absent(self, title: str, why: str) -> None:
        print(f"\n== {title}\n{why}", flush=True)
        self.outcomes.append((title, "not run", 0.0))

    def summary(self) -> int:
        width = max(len(title) for title, _, _ in self.outcomes)
        print("\n== Summary")
        for title, outcome, seconds in self.outcomes:
            print(f"{title:<{width}}  {outcome:<7}  {seconds:6.1f} s")
        return 1 if any(outcome == "FAILED" for _, outcome, _ in self.outcomes) else 0


def run(command: list[str], **environment: str) -> bool:
    done = processes.complete(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    return done.returncode == 0


def lint(report: Report) -> None:
    report.step("ruff check", [PYTHON, "-m", "ruff", "check", "."])
    report.step("ruff format --check", [PYTHON, "-m", "ruff", "format", "--check", "."])
    report.step("mypy", [PYTHON, "-m", "mypy"])
    report.step("lint-imports", [str(BIN / "lint-imports")])


def freshness(report: Report) -> None:
    report.step("generated documentation is fresh", [PYTHON, "scripts/generate_docs.py", "--check"])


def docs(report: Report) -> None:
    built = ROOT / "docs" / "_build" / "html"
    # Warnings are errors. `-E`: a page that did not change may still link to one that went.
    sphinx = [PYTHON, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-b", "html", "docs", str(built)]
    if report.step("documentation", sphinx):
        print(f"The documentation is in {built.relative_to(ROOT)}/index.html.")


def tests(report: Report) -> None:
    def measured() -> bool:
        run([PYTHON, "-m", "coverage", "erase"])
        passed = run([PYTHON, "-m", "coverage", "run", "-m", "pytest", *SUITE])
        run([PYTHON, "-m", "coverage", "combine", "--quiet"])
        # Also after a failure: what was not reached may be why.
        return run([PYTHON, "-m", "coverage", "report"]) and passed

    report.attempt(f"tests with coverage on Python {own_version()}", measured)


class Environments:
    """The environments of the other Pythons, made once and kept, one after the other, while other steps run."""

    def __init__(self) -> None:
        self.found = {version: find_python(version) for version in supported_versions() if version != own_version()}
        self._made: dict[str, subprocess.CompletedProcess[str]] = {}
        self._maker = threading.Thread(target=self._make, daemon=True)
        self._maker.start()

    def _make(self) -> None:
        for version, interpreter in self.found.items():
            if interpreter is not None:
                folder = str(ROOT / f".venv-{version}")
                self._made[version] = processes.complete(
                    [interpreter, "scripts/environment.py", "test", "--folder", folder],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=False,
                )

    def python(self, version: str) -> str | None:
        """Give the interpreter of an environment; None, after the reason, where it could not be made."""
        self._maker.join()
        made = self._made[version]
        print(made.stderr, end="", flush=True)
        return None if made.returncode else made.stdout.strip().splitlines()[-1]


def matrix(report: Report) -> None:
    environments = environments_of_the_others()
    newest = max((version for version, found in environments.found.items() if found), default="", key=as_numbers)
    for version, interpreter in environments.found.items():
        title = f"tests on Python {version}"
        if interpreter is None:
            report.absent(title, f"Python {version} is not on this machine; its tests were not run.")
            continue
        chosen = ON_THE_NEWEST if version == newest else IN_BETWEEN
        report.attempt(title, lambda version=version, chosen=chosen: suite_on(environments.python(version), chosen))


def suite_on(python: str | None, tests: list[str]) -> bool:
    return python is not None and run([python, "-m", "pytest", *SUITE, *tests])


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@functools.cache
def environments_of_the_others() -> Environments:
    return Environments()


def own_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def supported_versions() -> list[str]:
    """Read the versions that the package's classifiers claim: what is claimed is what is tested."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        line.rpartition(" :: ")[2] for line in project["classifiers"] if "Programming Language :: Python ::" in line
    ]
    return [version for version in named if "." in version]


def find_python(version: str) -> str | None:
    """Find an interpreter of this version by running it: a shim of pyenv exists also where the version is not chosen."""
    for candidate in _candidates(version):
        try:
            asked = subprocess.run(
                [candidate, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            continue
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    yield f"python{version}"
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        if root:
            found = sorted(Path(root).glob(f"versions/{version}.*/bin/python"), reverse=True)
            yield from map(str, found)


STEPS = {"lint": lint, "docs": docs, "tests": tests, "matrix": matrix}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("steps", nargs="*", metavar="step", help=f"{', '.join(STEPS)}; all of them when none is named")
    chosen = parser.parse_args().steps or list(STEPS)
    if unknown := [name for name in chosen if name not in STEPS]:
        parser.error(f"there is no step {unknown[0]!r}; the steps are {', '.join(STEPS)}")
    # A run that `make` began ends with it; its steps, and all that these start, end with us.
    if "MAKELEVEL" in os.environ:
        tether.end_with(os.getppid())
    # Images for containers set it. Each of some thousand programs that the tests start would compile all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    report = Report()
    if "matrix" in chosen:
        environments_of_the_others()
    if "docs" in chosen and "tests" not in chosen:
        # One of the tests does the same.
        freshness(report)
    for name, step in STEPS.items():
        if name in chosen:
            step(report)
    return report.summary()


if __name__ == "__main__":
    sys.exit(main())
