"""The page of every known failure: what finds it, and what proves that."""

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from holdall import doctor
from holdall.doctor import catalogue
from reference import prose


def provoking_tests() -> dict[str, list[str]]:
    """Find the tests that provoke each failure by their marks: entry -> "file::test"."""
    found: dict[str, list[str]] = {}
    for path in sorted((prose.ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text())
        tables = {
            target.id: node.value
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef):
                for entry in dict.fromkeys(_marks(node, tables)):
                    found.setdefault(entry, []).append(f"{path.relative_to(prose.ROOT / 'tests')}::{node.name}")
    return found


def _marks(test: ast.FunctionDef, tables: Mapping[str, ast.expr]) -> Iterable[str]:
    """Read the marks of a test, and those of its cases: in its decorators, and in the tables that they name."""
    inside = [part for mark in test.decorator_list for part in ast.walk(mark)]
    named = [tables[part.id] for part in inside if isinstance(part, ast.Name) and part.id in tables]
    for part in [*inside, *(part for table in named for part in ast.walk(table))]:
        if isinstance(part, ast.Call) and ast.unparse(part.func) in {"pytest.mark.failure", "case"}:
            entry = part.args[0]
            if isinstance(entry, ast.Constant) and entry.value:
                yield str(entry.value)


def _by_file(tests: list[str]) -> str:
    """Name the tests, those of one file together."""
    files: dict[str, list[str]] = {}
    for test in tests:
        file, _, name = test.partition("::")
        files.setdefault(file, []).append(f"`{name}`")
    return "; ".join(f"`{file}`: {', '.join(names)}" for file, names in files.items())


def page() -> str:
    known, tests = catalogue.failures(), provoking_tests()
    named: dict[str, list[Any]] = {}
    for kind in doctor.kinds():
        for entry in kind.failures:
            named.setdefault(entry, []).append(kind)
    count, proven = len(known.entries), len(known.entries.keys() & named.keys() & tests.keys())
    lines = [
        "# Failures",
        "",
        f"Django's media on S3 is known to go wrong in {count} ways; the doctor names {'all' if proven == count else proven}.",
        (
            "A test provokes each one, on a real S3 server where possible, and checks that the doctor reports the finding below "
            "and no other error."
        ),
    ]
    for group, title in known.groups.items():
        lines += ["", f"(failures-{group.lower()})=", f"## {title}"]
        for entry, text in known.entries.items():
            if entry.rstrip("0123456789") != group:
                continue
            kinds = ", ".join(f"[{kind.id}](findings.md#{kind.id.lower()})" for kind in named.get(entry, []))
            lines += ["", f"**{entry}** {text}.", "", f"- Found as {kinds or 'nothing'}."]
            lines += [
                f"- Provoked in {_by_file(tests[entry])}."
                if entry in tests
                else f"- {known.paper.get(entry, 'Nothing yet')}"
            ]
    return prose.joined(lines)
