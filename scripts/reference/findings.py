"""The page of every finding: what it means and what to do."""

from typing import Any

from holdall import doctor
from holdall.doctor import catalogue
from holdall.findings import is_pasted
from reference import prose

LAYER_TITLES = {
    "0": "The backend and the project",
    "1": "The environment's values",
    "2": "Addresses and options",
    "3": "Connection, keys and bucket",
    "4": "Saving and writing",
    "5": "Reading, threads and processes",
    "6": "Public or private",
    "7": "Links",
    "8": "The CDN",
    "9": "Housekeeping",
}


def page() -> str:
    lines = [
        "# Findings",
        "",
        "Everything that `holdall doctor`, Django's system checks and the other commands can find has an id that never changes.",
        "`holdall doctor --explain D601` prints an entry of this page in the terminal.",
        "",
        "The levels are:",
        "",
        "- **error**: uploads or links fail, or files are not as public or private as they should be.",
        "- **warning**: it works now, but will cause problems.",
        "- **notice**: worth knowing.",
        "- **unknown**: it could not be checked, usually because the keys are not allowed to ask.",
        "- **ok**: checked and correct.",
        "",
        "The doctor also prints what it saw and, if the evidence allows it, a more specific remedy than the one here.",
    ]
    for title, kinds in _kinds_by_layer():
        lines += ["", f"## {title}"]
        for kind in kinds:
            lines += ["", *_entry(catalogue.entry(kind))]
    return prose.joined(lines)


def _entry(entry: catalogue.Entry) -> list[str]:
    kind = entry.kind
    lines = [f"({kind.id.lower()})=", f"### {kind.id}: {kind.title}", "", f"*{kind.level.value.title()}.*"]
    lines += prose.sentences(entry.means)
    if entry.evidence:
        lines += ["", *prose.sentences(f"**What the doctor looks at:** {entry.evidence}")]
    if entry.do:
        lines += ["", "**What to do:**", "", *_remedy(entry.do)]
    for means, do in entry.cases:
        lines += ["", *prose.sentences(f"**What to do if this is the cause:** {means}"), "", *_remedy(do)]
    if entry.failures:
        named = ", ".join(f"[{id_}](failures.md#failures-{id_[0].lower()})" for id_ in entry.failures)
        lines += ["", f"**Known failures that look like this:** {named}."]
    return lines


def _remedy(do: tuple[str, ...]) -> list[str]:
    """Quote sentences, and give lines to paste a block of their own."""
    lines: list[str] = []
    for line in do:
        if is_pasted(line):
            lines += [">", "> ```text", f"> {line}", "> ```"]
        else:
            lines += [f"> {sentence}" for sentence in prose.sentences(line)]
    return lines[1:] if lines[:1] == [">"] else lines


def _kinds_by_layer() -> list[tuple[str, list[Any]]]:
    kinds = doctor.kinds()
    return [
        (title, [kind for kind in kinds if kind.id[1] == digit])
        for digit, title in LAYER_TITLES.items()
        if any(kind.id[1] == digit for kind in kinds)
    ]
