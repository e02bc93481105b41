"""What the pages claim: commands that exist, links that lead somewhere, snippets that run, versions that are true."""

import os
import re
import tomllib
from pathlib import Path
from unittest import mock

import pytest

from tests.compatibility.test_django_storages import ASSERT_A_DEFECT
from tests.docs.pages import DOCS, PAPERS, README, ROOT, Block, blocks, name_of, pages
from tests.servers.catalogue import SERVER_OF

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ALL_BLOCKS = [block for page in pages() for block in blocks(page)]
PYTHON = [block for block in ALL_BLOCKS if block.language == "python" and "reference" not in block.page.parts]


def block_name(block: Block) -> str:
    return f"{name_of(block.page)}:{block.comment or block.text.splitlines()[0]}"


def test_readme_has_at_most_400_words():
    assert len(README.read_text().split()) <= 400


def test_readme_begins_with_a_sentence_a_transcript_and_two_commands():
    first_screen = README.read_text().partition("## Install")[0]

    assert "<!-- run -->" in first_screen
    assert "make demo" in first_screen
    assert "make test" in first_screen


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_make_targets_exist(page: Path):
    text = page.read_text()
    named = set(re.findall(r"^    make (\w+)|`make (\w+)`|^\$ make (\w+)", text, re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {next(filter(None, found)) for found in named} <= targets


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_paths_of_the_repository_exist(page: Path):
    for path in re.findall(r"`((?:scripts|docs|tests|src|demo|\.ci)/[\w./-]+)`", page.read_text()):
        assert path.startswith("docs/_build") or (ROOT / path).exists(), path


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_to_files_and_headings(page: Path):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    made = set(re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        made.add(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-"))
    return made


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_versions_are_those_of_the_package(page: Path):
    text = page.read_text()
    python = PROJECT["requires-python"].removeprefix(">=")
    requirements = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in PROJECT["dependencies"])

    assert set(re.findall(r"Python (\d[\d.]*) (?:and [^.]*)?or newer", text)) <= {python}
    assert set(re.findall(r"Django (\d[\d.]*) or newer", text)) <= {requirements["django"]}
    assert set(re.findall(r"django-storages (\d[\d.]*) or newer", text)) <= {requirements["django-storages"]}
    for extra in re.findall(r"(?:holdall|Holdall)\[([\w,]+)\]", text):
        assert set(extra.split(",")) <= PROJECT["optional-dependencies"].keys()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_sentences_have_a_line_each(page: Path):
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in prose.splitlines():
        # A list or a table cannot break its lines without ceasing to be one in some readers.
        if not line.startswith(("|", "-", "*", "#", "<", "1", "2", "3", "4", "5", " ")):
            assert not re.search(r"[a-z)`][.!?] [A-Z`]", line), line


@pytest.mark.parametrize("block", PYTHON, ids=block_name)
def test_python_compiles(block: Block):
    compile(block.text, name_of(block.page), "exec")


@pytest.mark.parametrize("block", PYTHON, ids=block_name)
def test_settings_snippets_give_storages(block: Block):
    if "STORAGES =" not in block.text or block.comment.startswith("append:"):
        return
    given = block.comment.removeprefix("environment: ") if block.comment else "STORAGE_BUCKET_NAME=acme-media"
    namespace: dict[str, object] = {}

    with mock.patch.dict(os.environ, dict(pair.split("=", 1) for pair in given.split()), clear=True):
        exec(block.text, namespace)

    assert {"default", "staticfiles"} <= namespace["STORAGES"].keys()


def test_transcripts_with_holdall_are_run():
    """A console block that calls `holdall` shows what it prints; nobody typed it."""
    generated = {DOCS / "reference" / "commands.md"}
    for block in ALL_BLOCKS:
        if block.language == "console" and "$ holdall" in block.text and block.page not in generated:
            assert block.comment in {"run", "step"}, block_name(block)


def test_number_of_their_failing_tests_is_the_one_stated():
    for page in (DOCS / "explanation" / "why.md", DOCS / "decisions" / "over-django-storages.md"):
        assert re.search(rf"\b{len(ASSERT_A_DEFECT)} that\b", page.read_text())


def test_servers_of_the_tests_are_the_ones_stated():
    text = (DOCS / "explanation" / "not-yet.md").read_text().lower()

    for server in SERVER_OF.values():
        assert server in text


def test_changelog_says_who_must_act():
    text = (ROOT / "CHANGELOG.md").read_text()

    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        assert "### Who must act" in section


def test_papers_exist():
    assert all(path.is_file() for path in PAPERS)


def test_decisions_name_the_option_refused():
    for page in (DOCS / "decisions").glob("*.md"):
        if page.name != "index.md":
            text = page.read_text()
            assert "**Decision.**" in text
            assert "**Refused: " in text
            assert "**The price.**" in text


def test_pages_stand_in_a_table_of_contents():
    for index in DOCS.rglob("index.md"):
        if "_build" in index.parts or index.parent == DOCS:
            continue
        listed = set(re.findall(r"^([\w-]+)$", index.read_text(), re.MULTILINE))
        assert {page.stem for page in index.parent.glob("*.md")} - {"index"} <= listed
