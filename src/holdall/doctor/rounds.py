"""Examine a store: run the probes layer by layer, each in its time, and clean up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from holdall.doctor import cleanup
from holdall.doctor.catalogue import rounds as kinds
from holdall.doctor.catalogue.housekeeping import LEFTOVERS
from holdall.doctor.diagnosis import diagnose, unanswered
from holdall.doctor.examination import Examination
from holdall.doctor.layers import ALL, LAYERS, Choice, Layer
from holdall.doctor.probe import Probe
from holdall.doctor.remedies import fitting
from holdall.doctor.running import Running
from holdall.doctor.traces import StrayKey, TooLate
from holdall.doctor.web import WebFailed
from holdall.errors import HoldallError
from holdall.findings import Finding, Level
from holdall.s3.circuit import taking_back
from holdall.s3.patience import MARGIN_SECONDS, Deadline, ending_by

# The longest that one probe takes, and by default all of them, the clean-up included.
PROBE_SECONDS = 30
RUN_SECONDS = 120
# So much of the time is kept for the clean-up: a quarter, but no more than this.
CLEAN_UP_SECONDS = 15
# It gets as long as this even if the time is over.
LEAST_CLEAN_UP_SECONDS = 4
# And no longer than this after Ctrl-C, so that the process ends within five seconds.
INTERRUPTED_SECONDS = 3.5


def examine(
    examination: Examination,
    choice: Choice = ALL,
    *,
    seconds: float = RUN_SECONDS,
) -> Generator[Finding]:
    """Run the chosen probes, for so many seconds in all, and yield each finding as soon as it is there.

    Whatever hangs, it ends in its time, or four seconds later: a probe that does not end is given up and reported.
    The bucket is left as it was, even if the generator is closed before its end.

    Requests: about seventy, ninety for public files behind a CDN, and none if only offline probes are chosen.
    """
    ends = Deadline(seconds)
    # While the clean-up waits for probes that were given up, they may still be answered.
    examination.deadline = Deadline(seconds + LEAST_CLEAN_UP_SECONDS)
    with examination.leaving_no_claims():
        try:
            yield from _examine(examination, choice, Deadline(seconds - min(CLEAN_UP_SECONDS, seconds / 4)))
        except BaseException:
            # Nobody receives findings any more, so they are kept for whoever interrupted it.
            examination.was_waiting = _waiting(examination)
            examination.farewell = _clean_up(examination, Deadline(INTERRUPTED_SECONDS))
            raise
        yield from _clean_up(examination, Deadline(max(LEAST_CLEAN_UP_SECONDS, ends.left())))


def _waiting(examination: Examination) -> str:
    """Say which probe is under way, and for which answer it waits; "" between two probes."""
    running = next((one for one in reversed(examination.running) if not one.has_ended), None)
    if running is None:
        return ""
    waits = examination.under_way.get(running.number, "")
    return f", while `{running.name}` {f'waited for an answer to {waits}' if waits else 'was running'}"


def _clean_up(examination: Examination, deadline: Deadline) -> list[Finding]:
    """Clean up in a thread of its own, which is given up too if it does not end."""
    found: list[Finding] = []

    def run() -> None:
        # It takes back what was done, so it is tried even if the store did not answer before.
        with ending_by(deadline), taking_back():
            try:
                found.extend(cleanup.clean_up(examination, deadline))
            except Exception as error:  # noqa: BLE001  whatever it is, it is reported
                found.append(_left(examination, f"{type(error).__name__}: {error}"))

    with _uninterrupted():
        has_ended = Running("clean-up", run).ends_within(deadline.left() + MARGIN_SECONDS)
        gathered = list(found)
        # It may have said so in the moment in which it was given up.
        if not has_ended and all(one.id != LEFTOVERS.id for one in gathered):
            gathered.append(_left(examination, "the clean-up did not end in its time"))
        return [examination.redacted(finding).within("housekeeping") for finding in gathered]


def _left(examination: Examination, why: str) -> Finding:
    return LEFTOVERS.found(f"under {', '.join(examination.traces.prefixes)}; {why}")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C: it would leave in the bucket what is being removed. The clean-up ends in seconds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) or signal.SIG_DFL
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _examine(examination: Examination, choice: Choice, ends: Deadline) -> Iterator[Finding]:
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
            if not layer.offline and ends.left() <= 0:
                seen = f"not checked: {', '.join(_after(layer, probe, chosen))}"
                yield kinds.NOT_ASKED.found(seen).within(layer.name)
                return
            for finding in _run(probe, layer, examination, ends):
                failed = failed or finding.level is Level.ERROR
                strayed = strayed or finding.id == kinds.KEYS_STRAY.id
                examination.found.add(finding.id)
                yield examination.redacted(examination.addressed(_fitted(finding, examination))).within(layer.name)
        if strayed or (failed and layer.gate):
            stopped_by = layer.name


def _fitted(finding: Finding, examination: Examination) -> Finding:
    # Without a storage nobody knows where it would be.
    return fitting(finding, examination) if examination.is_s3 else finding


def _after(layer: Layer, probe: Probe, chosen: set[tuple[str, str]]) -> list[str]:
    """Return the names of what is chosen from a probe on: the rest of its layer, and the layers after it."""
    rest = [f"`{one.name}`" for one in layer.probes[layer.probes.index(probe) :] if (layer.name, one.name) in chosen]
    layers = LAYERS[LAYERS.index(layer) + 1 :]
    return rest + [f"`{one.name}`" for one in layers if any(name == one.name for name, _ in chosen)]


def _run(probe: Probe, layer: Layer, examination: Examination, ends: Deadline) -> list[Finding]:
    """Run one probe to its end, or until its time is up."""
    found: list[Finding] = []

    def run() -> None:
        with ending_by(examination.deadline):
            _ask(probe, examination, found)

    if not layer.timed:
        run()
        return found
    seconds = min(PROBE_SECONDS, ends.left())
    running = Running(probe.name, run)
    examination.running.append(running)
    if running.ends_within(seconds):
        return list(found)
    waits = examination.under_way.get(running.number, "")
    slow = kinds.TOO_SLOW.found(
        f"`{probe.name}` took more than {seconds:.1f} s{f'; it waits for an answer to {waits}' if waits else ''}"
    )
    # Without it nothing can be said of what comes after it.
    return [*found, slow._replace(level=Level.ERROR) if layer.gate else slow]


def _ask(probe: Probe, examination: Examination, found: list[Finding]) -> None:
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
