"""What a store answered, in words."""

from __future__ import annotations

from holdall.errors import HoldallError


def refusal(error: HoldallError) -> str:
    """Say what a request was answered with: status, code, and who answered."""
    answer = error.answer
    if answer is None:
        return str(error)
    server = answer.headers.get("server", "")
    code = "" if answer.bare else f" {answer.code}"
    said = f': "{answer.message.rstrip(".")}"' if answer.message else ""
    return f"{answer.operation} was answered with {answer.status}{code}{said}{f' (by {server})' if server else ''}"
