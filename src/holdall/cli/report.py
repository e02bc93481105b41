"""The doctor's report for people: a line for each layer as it ends, then what was found, the worst last."""

from __future__ import annotations

from holdall.cli import findings
from holdall.cli.terminal import Session
from holdall.findings import Finding, Level, Report

# What the reader acts on stands where the cursor is.
_MILDEST_FIRST = tuple(reversed(list(Level)))


class Brief:
    """What an operator needs: what passed is a line a layer, and what every healthy store has is left out."""

    def __init__(self, session: Session, *, command: str) -> None:
        self.report = Report()
        self._session, self._command = session, command
        # What was found in the layer that is being examined.
        self._layer: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self.report.findings.append(finding)
        if self._layer and (self._layer[0].store, self._layer[0].layer) != (finding.store, finding.layer):
            self._end_layer()
        self._layer.append(finding)

    def end(self) -> None:
        """Print what was found, and the counts."""
        self._end_layer()
        shown = sorted(filter(self._is_shown, self.report.findings), key=lambda one: _MILDEST_FIRST.index(one.level))
        for finding in shown:
            self._print("", *self._lines(finding))
        passed = [finding for finding in self.report.findings if finding.level is Level.OK]
        summary = f"{Report([*shown, *passed]).summary()}."
        paint = self._session.style.green if self.report.is_healthy else self._session.style.red
        left_out = len(self.report.findings) - len(shown) - len(passed)
        more = f" {left_out} more with --verbose." if left_out else ""
        self._print("", f"{paint(summary)}{self._session.style.dim(more)}")

    def interrupted(self) -> None:
        """Print what is known so far."""
        self.end()

    def _end_layer(self) -> None:
        found, self._layer = self._layer, []
        if any(finding.level is Level.OK or self._is_shown(finding) for finding in found):
            self._print(*self._passed(found))

    def _passed(self, found: list[Finding]) -> list[str]:
        return [findings.layer_line(found, self._session.style)]

    def _is_shown(self, finding: Finding) -> bool:
        return finding.level is not Level.OK and not finding.is_routine

    def _lines(self, finding: Finding) -> list[str]:
        explain = f"{self._command} --explain"
        return list(findings.lines(findings.visible(finding), self._session.style, explain=explain))

    def _print(self, *lines: str) -> None:
        self._session.out.write("".join(f"{line}\n" for line in lines))
        self._session.out.flush()


class Verbose(Brief):
    """The same with everything: how each check passed, and what healthy stores have too."""

    def _passed(self, found: list[Finding]) -> list[str]:
        return [line for finding in found if finding.level is Level.OK for line in self._lines(finding)]

    def _is_shown(self, finding: Finding) -> bool:
        return finding.level is not Level.OK
