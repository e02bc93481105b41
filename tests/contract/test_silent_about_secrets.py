"""No secret stands in an error, its cause, its frames or the log: not for wrong options, and not for a network that fails."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from holdall.errors import HoldallError
from holdall.storage import MediaStorage

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLE+TOKEN/that=is=long"
WRONG: dict[str, dict[str, Any]] = {
    "nobody listens": {},
    "token with a line break": {"security_token": f"{TOKEN}\nX-Evil: 1"},
    "secret with a line break": {"secret_key": f"{SECRET}\n"},
    "secret that is no text": {"secret_key": f"{SECRET}\udcff"},
    "token that is no text": {"security_token": f"{TOKEN}\udcff"},
    "token in another script": {"security_token": f"{TOKEN}ж"},
}
DEEDS = {
    "save": lambda storage: storage.save("a.txt", ContentFile(b"a")),
    "exists": lambda storage: storage.exists("a.txt"),
    "size": lambda storage: storage.size("a.txt"),
    "open": lambda storage: storage.open("a.txt").read(),
    "list": lambda storage: storage.listdir(""),
    "link": lambda storage: storage.url("a.txt"),
}


def said_by(error: BaseException) -> str:
    """Give all that an error page could show: texts, causes, and what stands in every frame."""
    told, seen = [], set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        told += [repr(one), str(one), *traceback.format_exception(one)]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                told += [repr(value) for value in frame.f_locals.values()]
        todo += [one.__cause__, one.__context__]
    return "\n".join(told)


def attempt(deed: Callable[[MediaStorage], Any], storage: MediaStorage) -> Exception | None:
    try:
        deed(storage)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("fast_lane", [True, False])
def test_secret_stands_nowhere(wrong: str, deed: str, fast_lane: bool, caplog: pytest.LogCaptureFixture) -> None:
    options = {
        "bucket_name": "media",
        "endpoint_url": "http://127.0.0.1:9",
        "region_name": "us-east-1",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": SECRET,
        "security_token": TOKEN,
        "timeout": 1,
        "fast_lane": fast_lane,
        **WRONG[wrong],
    }
    storage = MediaStorage(**options)
    with caplog.at_level(logging.INFO):
        failure = attempt(DEEDS[deed], storage)
    said = ""
    if failure is not None:
        assert isinstance(failure, HoldallError), type(failure)
        assert failure.__cause__ is None or failure.__cause__.__traceback__ is None
        said = said_by(failure)
    said += caplog.text
    for secret in (SECRET, TOKEN):
        assert secret not in said.replace("\\n", "\n")
