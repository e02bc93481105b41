"""Examine a store: run the probes layer by layer, each in its time, and clean up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from holdall.doctor import cleanup
from holdall.doctor.catalogue import rounds as kinds
from holdall.doctor.diagnosis import diagnose, unanswered
from holdall.doctor.examination import Examination
from holdall.doctor.layers import ALL, LAYERS, Choice
from holdall.doctor.probe import Probe
from holdall.doctor.traces import StrayKey, TooLate
from holdall.doctor.web import WebFailed
from holdall.errors import HoldallError
from holdall.findings import Finding, Level

PROBE_SECONDS = 30


def examine(
    examination: Examination,
    choice: Choice = ALL,
    *,
    seconds: float = PROBE_SECONDS,
) -> Generator[Finding]:
    """Run the chosen probes, each for so many seconds at most, and yield each finding as soon as it is there.

    The bucket is left as it was, even if the generator is closed before its end.

    Requests: about seventy, ninety for public files behind a CDN, and none if only offline probes are chosen.
    """
    with examination.leaving_no_claims():
        try:
            yield from _examine(examination, choice, seconds)
        except BaseException:
            # Nobody receives findings any more, so they are kept for whoever interrupted it.
            examination.farewell = _clean_up(examination)
            raise
        yield from _clean_up(examination)


def _clean_up(examination: Examination) -> list[Finding]:
    with _uninterrupted():
        return [examination.redacted(finding).within("housekeeping") for finding in cleanup.clean_up(examination)]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C: it would leave in the bucket what is being removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _examine(examination: Examination, choice: Choice, seconds: float) -> Iterator[Finding]:
    chosen = choice.probes()
    stopped_by = ""
    for layer in LAYERS:
        failed = strayed = False
        if layer.needs_storage and (stopped_by or not examination.is_s3):
            if not choice.offline:
                seen = f"errors in the layer `{stopped_by}`" if stopped_by else "the storage is not on S3"
                yield kinds.STOPPED.found(seen).within(stopped_by or layer.name)
            return
        for probe in layer.probes:
            # Offline, everything is reported at once. Live, the next probe would only report the same failure again.
            if (layer.name, probe.name) not in chosen or strayed or (failed and layer.gate and not layer.offline):
                continue
            for finding in _run(probe, examination, seconds if layer.timed else None):
                failed = failed or finding.level is Level.ERROR
                strayed = strayed or finding.id == kinds.KEYS_STRAY.id
                examination.found.add(finding.id)
                yield examination.redacted(examination.addressed(finding)).within(layer.name)
        if strayed or (failed and layer.gate):
            stopped_by = layer.name


def _run(probe: Probe, examination: Examination, seconds: float | None) -> list[Finding]:
    """Run one probe to its end, or until its time is up."""
    found: list[Finding] = []

    def run() -> None:
        try:
            found.extend(probe.run(examination))
        except HoldallError as error:
            found.append(diagnose(error, examination))
        except StrayKey as stray:
            found.append(kinds.KEYS_STRAY.found(str(stray)))
        except TooLate:
            # It was given up, and nobody receives its findings.
            return
        except WebFailed as failure:
            found.append(unanswered(failure, "", examination))
        except Exception as error:  # noqa: BLE001  whatever it is, it is reported, and the other probes go on
            found.append(kinds.BROKEN_PROBE.found(f"`{probe.name}`: {type(error).__name__}: {error}"))

    if seconds is None:
        run()
        return found
    thread = threading.Thread(target=run, name=f"holdall-{probe.name}", daemon=True)
    examination.threads.append(thread)
    thread.start()
    thread.join(seconds)
    if not thread.is_alive():
        return list(found)
    return [*found, kinds.TOO_SLOW.found(f"`{probe.name}` took more than {seconds:.0f} s")]
