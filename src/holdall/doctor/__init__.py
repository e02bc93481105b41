"""The doctor: prove that a store works, or say which of the many reasons it is that it does not.

It asks in layers, the cheap and certain first, and stops where going on makes no sense: whoever has no bucket needs
no word on its CDN. Each layer is a module with its kinds of findings and its probes, small functions that yield what
they find.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

from holdall.doctor import (
    addresses,
    backend,
    caching,
    cdn,
    connection,
    cors,
    files,
    housekeeping,
    intent,
    links,
    options,
    ownership,
    processes,
    project,
    reading,
    saving,
    site,
    values,
    writing,
)
from holdall.doctor.diagnosis import diagnose
from holdall.doctor.examination import Examination, ExaminationOver, Probe, StrayKey
from holdall.doctor.web import WebFailed
from holdall.errors import HoldallError
from holdall.findings import Finding, Kind, Level

PROBE_SECONDS = 30

STOPPED = Kind(
    "D090",
    Level.NOTICE,
    "The examination ended here",
    "What comes after needs what has failed; its answers would only mislead.",
    "Mend what is named above, and run the doctor again.",
)
TOO_SLOW = Kind(
    "D091",
    Level.WARNING,
    "A probe did not end in its time",
    "Something between here and the store answers very slowly or not at all.",
    "Run it once more with `--only` and a longer `--seconds`; check proxies and firewalls, which drop packets silently.",
)
BROKEN_PROBE = Kind(
    "D092",
    Level.UNKNOWN,
    "A probe failed in a way that the doctor does not know",
    "It says nothing about the store for certain; the answer it met is none that is known.",
    "Report it with the evidence below; it contains no secret.",
)

KEYS_STRAY = Kind(
    "D093",
    Level.UNKNOWN,
    "The storage puts files elsewhere than it is told",
    "A class of the project's own makes names in which the doctor's folder is not: it could not tell its own files from "
    "the project's, and saves no more.",
    "Keep the folders of a name in `get_available_name` and `_normalize_name`, or run the doctor with --offline.",
)


class Layer(NamedTuple):
    """Probes that belong together, asked one after the other."""

    module: ModuleType
    # Sends no request, so it is part of `--offline` and of Django's checks.
    offline: bool = False
    # An error here makes those pointless that need a storage which can work.
    gate: bool = False
    needs_storage: bool = True

    @property
    def timed(self) -> bool:
        """Whether its probes run in threads of their own, each given up after its time.

        What sends nothing needs no limit, and storages and databases keep connections for each thread.
        """
        return not self.offline and self.module is not files

    @property
    def name(self) -> str:
        return self.module.__name__.rpartition(".")[2]

    @property
    def probes(self) -> tuple[Probe, ...]:
        found: tuple[Probe, ...] = self.module.PROBES
        return found


LAYERS = (
    Layer(backend, offline=True, gate=True, needs_storage=False),
    Layer(values, offline=True, gate=True, needs_storage=False),
    Layer(project, offline=True, needs_storage=False),
    Layer(options, offline=True, gate=True, needs_storage=False),
    Layer(addresses, offline=True),
    Layer(site, offline=True),
    Layer(connection, gate=True),
    Layer(ownership, gate=True),
    Layer(saving, gate=True),
    Layer(writing),
    Layer(reading),
    Layer(intent),
    Layer(links),
    Layer(cdn),
    Layer(caching),
    Layer(cors),
    Layer(processes),
    Layer(files),
    Layer(housekeeping),
)


def kinds() -> list[Kind]:
    """Give every kind of finding there is, by id."""
    import sys

    from holdall.doctor import diagnosis

    modules = [layer.module for layer in LAYERS] + [diagnosis, sys.modules[__name__]]
    declared = [kind for module in modules for kind in vars(module).values() if isinstance(kind, Kind)]
    # Those of the contract have no names: its sentences carry their ids.
    found = {kind.id: kind for kind in [*declared, *values.KINDS]}
    return [found[id_] for id_ in sorted(found)]


def examine(
    examination: Examination,
    *,
    offline: bool = False,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    seconds: float = PROBE_SECONDS,
) -> Generator[Finding]:
    """Run the probes and give what they find, each finding as soon as it is there.

    The bucket is left as it was, also when this is closed before its end. `only` and `skip` name layers or probes; the
    live probes that are chosen bring those with them without which nothing can be told.

    Requests: about seventy, ninety for public files behind a CDN, and none with `offline`.
    """
    chosen = _chosen(offline=offline, only=only, skip=skip)
    with examination.leaving_no_claims():
        try:
            yield from _examine(examination, chosen, seconds, offline=offline)
        except BaseException:
            # Nobody listens any more; whoever broke it off finds them there.
            examination.farewell = _clean_up(examination)
            raise
        yield from _clean_up(examination)


def _clean_up(examination: Examination) -> list[Finding]:
    with _uninterrupted():
        return [examination.redacted(finding) for finding in housekeeping.clean_up(examination)]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait: it would leave in the bucket what is just being removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _examine(
    examination: Examination, chosen: Collection[tuple[str, str]], seconds: float, *, offline: bool
) -> Iterator[Finding]:
    stopped_by = ""
    for layer in LAYERS:
        failed = strayed = False
        if layer.needs_storage and (stopped_by or not examination.is_s3):
            if not offline:
                yield STOPPED.found(f"after errors in `{stopped_by}`" if stopped_by else "this is no storage on S3")
            return
        for probe in layer.probes:
            # Offline everything is told at once; live, one failure would only be told again by the next probe.
            if (layer.name, probe.name) not in chosen or strayed or (failed and layer.gate and not layer.offline):
                continue
            for finding in _run(probe, examination, seconds if layer.timed else None):
                failed = failed or finding.level is Level.ERROR
                strayed = strayed or finding.id == KEYS_STRAY.id
                examination.found.add(finding.id)
                yield examination.redacted(examination.addressed(finding))
        if strayed or (failed and layer.gate):
            stopped_by = layer.name


def names() -> dict[str, list[str]]:
    """Give what `only` and `skip` may name: the layers, and the probes of each."""
    return {layer.name: [probe.name for probe in layer.probes] for layer in LAYERS}


def _chosen(*, offline: bool, only: Collection[str], skip: Collection[str]) -> set[tuple[str, str]]:
    chosen: set[tuple[str, str]] = set()
    # From the last to the first: what is chosen needs the gates before it.
    live = False
    for layer in reversed(LAYERS):
        if offline and not layer.offline:
            continue
        for probe in reversed(layer.probes):
            named = {layer.name, probe.name}
            required = live and layer.gate and not layer.offline
            if (not only or named & set(only) or required) and not named & set(skip):
                chosen.add((layer.name, probe.name))
                live = live or not layer.offline
    return chosen


def _run(probe: Probe, examination: Examination, seconds: float | None) -> list[Finding]:
    """Run one probe to its end or its time."""
    found: list[Finding] = []

    def run() -> None:
        try:
            found.extend(probe.run(examination))
        except HoldallError as error:
            found.append(diagnose(error, examination))
        except StrayKey as stray:
            found.append(KEYS_STRAY.found(str(stray)))
        except ExaminationOver:
            # It was given up, and nobody listens.
            return
        except WebFailed as failure:
            found.append(connection.unanswered(failure, "", examination))
        except Exception as error:  # noqa: BLE001  whatever it is, the other probes go on, and it is told
            found.append(BROKEN_PROBE.found(f"`{probe.name}`: {type(error).__name__}: {error}"))

    if seconds is None:
        run()
        return found
    thread = threading.Thread(target=run, name=f"holdall-{probe.name}", daemon=True)
    examination.threads.append(thread)
    thread.start()
    thread.join(seconds)
    return list(found) if not thread.is_alive() else [*found, TOO_SLOW.found(f"`{probe.name}`: {seconds:.0f} s")]
