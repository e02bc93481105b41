"""Layer `values`: what the environment says, variable by variable, and where each value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdall.doctor import catalogue, sisters
from holdall.doctor.catalogue import combinations, names
from holdall.doctor.catalogue import values as kinds
from holdall.doctor.catalogue.options import NOTHING_PUBLISHES
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.environment import habits
from holdall.environment.contract import Reading
from holdall.environment.entries import UNNAMED
from holdall.environment.store import summary
from holdall.findings import Finding, Kind

# What is said of a variable that is not set.
_MISSING = frozenset(
    kind.id
    for kind in (
        combinations.NO_BUCKET,
        combinations.SPACES_KEY_MISSING,
        combinations.HALF_PAIR,
        combinations.TOKEN_ALONE,
        combinations.TOKEN_MISSING,
        combinations.HALF_CLOUDFRONT,
        combinations.PUBLIC_WITHOUT_DOMAIN,
        combinations.CLOUDFRONT_WITHOUT_DOMAIN,
    )
)


def probe_contract(examination: Examination) -> Iterator[Finding]:
    """Report everything that is wrong or odd, with the shape of each value and where it comes from."""
    reading = examination.reading
    if reading is None:
        return
    renamed = {_named(said)[1] for said in reading.problems if getattr(said, "finding", "") == names.MISNAMED.id}
    for group in habits.together(reading.problems):
        finding = getattr(group[0], "finding", UNNAMED)
        # If it was set under a misspelled name, that has been reported.
        if finding not in _MISSING or not renamed & set(_named(group[0])):
            yield _finding(group, catalogue.by_id()[finding], examination)
    for group in habits.together(reading.warnings):
        finding = getattr(group[0], "finding", UNNAMED)
        if finding == NOTHING_PUBLISHES.id:
            # The layer `options` says it, which knows of an ACL.
            continue
        yield _finding(group, kinds.ADJUSTED if finding == UNNAMED else catalogue.by_id()[finding], examination)


def _finding(group: list[str], kind: Kind, examination: Examination) -> Finding:
    """Make one finding of what is said of several variables in the same words."""
    variable, other = _named(group[0])
    variables = [_named(said)[0] for said in group]
    if "`VARIABLE`" in kind.do:
        texts = [kind.do.replace("`VARIABLE`", habits.listed(variables)).replace("VARIABLE", variable)]
    else:
        texts = [kind.do.replace("VARIABLE", name) for name in variables]
    remedy = "\n".join(dict.fromkeys(text.replace("OTHER", other) for text in texts))
    shape = _shape(variable, examination) if len(group) == 1 else _origin(variables, examination)
    return kind.found(f"{habits.sentence(group)}{shape}", do=remedy)


def _origin(variables: list[str], examination: Examination) -> str:
    """Say where several values come from."""
    return f" (from {' and '.join(dict.fromkeys(_source(name, examination) for name in variables))})"


def _source(variable: str, examination: Examination) -> str:
    return examination.sources.get(variable, "the environment")


def _named(said: str) -> tuple[str, str]:
    """Return the variable that a sentence is about and the other one that it names, or "" for either."""
    variable = str(getattr(said, "variable", ""))
    return variable, next((name for name in re.findall(r"`([A-Z0-9_]+)[`=]", said) if name != variable), "")


def _shape(variable: str, examination: Examination) -> str:
    """Describe a value without showing it: its length, how it ends, and its source."""
    if (value := examination.environ.get(variable)) is None:
        return ""
    ends = ", ends with a line break" if value.endswith(("\n", "\r")) else ""
    letters = "1 character" if len(value) == 1 else f"{len(value)} characters"
    return f" ({letters}{ends}; from {_source(variable, examination)})"


def probe_empty_variables(examination: Examination) -> Iterator[Finding]:
    """Report variables that are set but empty."""
    reading = examination.reading
    if reading is None:
        return
    told = {getattr(said, "variable", "") for said in (*reading.problems, *reading.warnings)}
    values = {row.name: examination.environ.get(row.name) for row in reading.settings if row.name not in told}
    if empty := [name for name, value in values.items() if value is not None and not value.strip()]:
        yield kinds.EMPTY.found(f"{habits.listed(empty)}{_origin(empty, examination)}")


def probe_profile(examination: Examination) -> Iterator[Finding]:
    """Report it when a profile on this machine decides which keys are used."""
    reading = examination.reading
    profile = examination.environ.get("AWS_PROFILE", "").strip()
    if profile and reading and reading.store and reading.store.keys is None and reading.store.mode == "s3":
        yield kinds.PROFILE.found(f'`AWS_PROFILE` is "{profile}"')


def probe_sources(examination: Examination) -> Iterator[Finding]:
    """Describe the store, and say where each value comes from."""
    reading = examination.reading
    if reading is None or reading.problems:
        return
    if reading.store is not None:
        yield kinds.USABLE.found(summary(reading.store))
    yield kinds.SOURCES.found("; ".join([*_sources(reading, examination), "all others: defaults or unset"]))


def _sources(reading: Reading, examination: Examination) -> Iterator[str]:
    for row in reading.settings:
        if row.value and row.source != "default":
            source = examination.sources.get(row.name, row.source) if row.source == "environment" else row.source
            yield f"{row.name}={row.value} ({source})"


def probe_exposure(examination: Examination) -> Iterator[Finding]:
    """Report where one store would publish what another one keeps private."""
    if examination.reading is None or not examination.reading.problems:
        for said in sisters.published(examination):
            yield combinations.PUBLISHED.found(said)


PROBES = probes(probe_contract, probe_exposure, probe_empty_variables, probe_profile, probe_sources)
