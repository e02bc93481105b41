"""The pages of docs/reference, one module a page; each has a function `page` that gives its text."""

from collections.abc import Callable

from reference import commands, content_types, errors, failures, findings, options, providers, variables

PAGES: dict[str, Callable[[], str]] = {
    "variables.md": variables.page,
    "errors.md": errors.page,
    "commands.md": commands.page,
    "options.md": options.page,
    "providers.md": providers.page,
    "content-types.md": content_types.page,
    "findings.md": findings.page,
    "failures.md": failures.page,
}
