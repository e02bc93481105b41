"""The map of the house is true: its rooms exist, none is missing, and the drawn ways are those that the code takes."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from django.core.files.base import ContentFile

import holdall
from draw import mark
from holdall import devserver
from holdall.storage import MediaStorage
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "explanation" / "architecture.md"
DRAWINGS = sorted((DOCS / "explanation" / "architecture").glob("*.dot"))
HOUSE = ROOT / "src" / "holdall"
# Thin edges, which only lead into a room.
EDGES = {"__init__.py", "__main__.py", "apps.py", "tasks.py", "management"}


def rooms_on_the_page() -> list[str]:
    return re.findall(r"^\| `([\w.]+)` \|", PAGE.read_text(), re.MULTILINE)


def steps(drawing: Path) -> list[tuple[str, str]]:
    """The module and the function of each drawn step, from top to bottom."""
    labels = re.findall(r"<B>(\S+\.py)</B><BR/><I>(.*?)</I>", drawing.read_text())
    return [(module, function.replace("<BR/>", "")) for module, function in labels]


def test_rooms_are_those_of_the_package():
    found = {path.name for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert set(rooms_on_the_page()) == found - EDGES
    assert found > EDGES


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda path: path.stem)
def test_drawing_is_made_from_its_source(drawing: Path):
    assert drawing.with_suffix(".svg").read_text().endswith(mark(drawing)), "`make drawings` draws it again"


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda path: path.stem)
def test_drawing_shows_no_text_outside_of_its_boxes(drawing: Path):
    """What lies on the page's own background could not be read on a light and on a dark one."""
    assert "bgcolor=transparent" in drawing.read_text()
    assert "label=" not in re.sub(r"^ +\w+ \[.*\]$", "", drawing.read_text(), flags=re.MULTILINE)


def followed(deed: Callable[[], object]) -> list[tuple[str, str]]:
    """The functions of the package that something calls, in order."""
    called: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(f"{HOUSE}/"):
            called.append((code.co_filename.removeprefix(f"{HOUSE}/"), code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        deed()
    finally:
        sys.setprofile(before)
    return called


def in_order(drawn: list[tuple[str, str]], called: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those steps that are not called, or not after the ones before them."""
    rest = iter(called)
    return [step for step in drawn if step not in rest]


def test_drawn_ways_are_those_of_the_code(tmp_path: Path):
    folder = tmp_path / "store"
    storage = MediaStorage(**holdall.from_env({"STORAGES_MODE": "local"}, local_folder=folder)["default"]["OPTIONS"])
    upload, link = (steps(DOCS / "explanation" / "architecture" / f"{name}.dot") for name in ("upload", "link"))
    aside = {("s3/answers.py", "explain"), ("storage/links.py", "LinkingStorage._public_base")}
    try:
        storage.save("ada.png", ContentFile(b"first"))

        saved = followed(lambda: storage.save("ada.png", ContentFile(b"second")))
        linked = followed(lambda: storage.url("ada.png"))
    finally:
        devserver.leave(folder)

    assert in_order([step for step in upload if step not in aside], saved) == []
    assert in_order([step for step in link if step not in aside], linked) == []
    # The steps at the side: after a refusal the next candidate is asked for; links to public files have a base.
    refused = saved.index(("s3/answers.py", "explain"))
    assert ("names.py", "candidates") in saved[refused:]
    assert ("storage/links.py", "LinkingStorage._public_base") in linked
    assert aside <= {*upload, *link}


def test_page_names_functions_that_exist():
    for function, module in re.findall(r"`(\w+)` in `([\w/]+\.py)`", PAGE.read_text()):
        assert re.search(rf"^ *def {function}\(", (HOUSE / module).read_text(), re.MULTILINE), function
