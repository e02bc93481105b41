"""The page of every finding: what it means and what to do."""

from typing import Any

from holdall import doctor
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
        "What `holdall doctor`, Django's system checks and the other commands find has an id that never changes.",
        (
            "Levels: **error**, uploads, links or privacy are broken; **warning**, it works but will cause trouble; **notice**, "
            "worth knowing; **unknown**, could not be checked; **ok**, proven."
        ),
        "The doctor also prints what it saw, and where the evidence allows it, a more specific remedy than the one here.",
    ]
    for title, kinds in _kinds_by_layer():
        lines += ["", f"## {title}"]
        for kind in kinds:
            lines += ["", f"({kind.id.lower()})=", f"### {kind.id}: {kind.title}", "", f"*{kind.level.value.title()}.*"]
            lines += prose.sentences(kind.means)
            if kind.do:
                lines += ["", "What to do:", "", *(f"> {line}" for line in prose.sentences(kind.do))]
            if kind.failures:
                named = ", ".join(f"[{entry}](failures.md#failures-{entry[0].lower()})" for entry in kind.failures)
                lines += ["", f"Failures: {named}."]
    return prose.joined(lines)


def _kinds_by_layer() -> list[tuple[str, list[Any]]]:
    kinds = doctor.kinds()
    return [
        (title, [kind for kind in kinds if kind.id[1] == digit])
        for digit, title in LAYER_TITLES.items()
        if any(kind.id[1] == digit for kind in kinds)
    ]
