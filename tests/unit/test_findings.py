"""How findings are counted, summed up and written out."""

from __future__ import annotations

import json

from holdall.findings import Cause, Kind, Level, Report

BROKEN = Kind("D998", Level.ERROR, "It is broken", "Nothing works.", "Fix it.", ("A1",))
PROVEN = Kind("D999", Level.OK, "It works", "It was tried.")


def test_finding_says_the_general_unless_the_evidence_is_exact() -> None:
    assert BROKEN.found("seen").cause == Cause("Nothing works.", "Fix it.")
    exact = BROKEN.found("seen", means="This one does not.", do="Fix this.")
    assert exact.cause == Cause("This one does not.", "Fix this.")


def test_what_could_not_be_told_is_no_error() -> None:
    report = Report([BROKEN.unknown("403"), PROVEN.found("204")])
    assert report.is_healthy
    assert report.summary() == "1 unknown, 1 passed"


def test_summary_counts_the_worst_first() -> None:
    report = Report([PROVEN.found(""), BROKEN.found(""), PROVEN.found(""), BROKEN.found("")])
    assert not report.is_healthy
    assert report.summary() == "2 errors, 2 passed"
    assert Report().summary() == "nothing"


def test_document_holds_further_causes_in_their_order() -> None:
    further = [Cause("It may be this.", "Do this."), Cause("Or that.", "")]
    document = Report([BROKEN.found("seen", otherwise=further).about("thumbnails")]).as_document()
    assert json.loads(json.dumps(document)) == document
    [finding] = document["findings"]
    assert finding["otherwise"] == [{"means": "It may be this.", "do": "Do this."}, {"means": "Or that.", "do": None}]
    assert finding["store"] == "thumbnails"


def test_finding_names_every_cause_unless_the_evidence_excludes_them() -> None:
    further = (Cause("It may be this.", "Do this."),)
    kind = BROKEN._replace(remedies=further)
    assert kind.found("seen").otherwise == further
    assert kind.found("seen", do="Do exactly this.").otherwise == ()
    assert kind.found("seen", otherwise=()).otherwise == ()
