"""The page of the types that files are stored with."""

from collections.abc import Mapping

from holdall.storage import content
from reference import prose


def page() -> str:
    lines = [
        "# Content types",
        "",
        "A file's content type comes from this list, by extension; the type that the client sent is ignored.",
        f"A file with any other extension, or with none, is an attachment of type `{content.UNKNOWN}`.",
        "",
        "## Stored as an attachment",
        "",
        (
            "A browser that opens these can run scripts in them, so it is told to save them instead, "
            "unless the type is in the option [`inline_types`](options.md#option-inline-types)."
        ),
        "",
        *_types(content.SCRIPTABLE),
        "",
        "## Shown by the browser",
        "",
        (
            "A file with one of these extensions whose content begins like an HTML or SVG document, "
            f"and whose type is not text, is stored as an attachment of type `{content.UNKNOWN}`."
        ),
        "",
        *_types(content.HARMLESS),
    ]
    return prose.joined(lines)


def _types(table: Mapping[str, str]) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for extension, content_type in table.items():
        grouped.setdefault(content_type, []).append(f"`.{extension}`")
    rows = [f"| `{content_type}` | {', '.join(found)} |" for content_type, found in grouped.items()]
    return ["| type | extensions |", "|---|---|", *rows]
