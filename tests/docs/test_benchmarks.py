"""The pages that show measurements say what was measured, and nothing that was promised is missed in silence."""

from benchmarks import page

from tests.docs.pages import name_of


def test_pages_are_the_rendering_of_the_recorded_results():
    stale = [name_of(path) for path, text in page.wanted(page.load()).items() if path.read_text() != text]

    assert not stale, "`.venv/bin/python -m benchmarks --render` writes them anew"


def test_recorded_results_are_those_of_a_whole_run():
    areas = [area["title"] for area in page.load()["areas"]]

    assert areas == list(page.SECTIONS)


def test_goal_of_a_ratio_is_judged_by_it():
    row = {"numbers": {"holdall": 2.0, "django_storages": 9.9}, "times_less": 5, "at_most": None}

    assert page.is_met(row) is False
    assert page.is_met(row | {"times_less": 4}) is True


def test_goal_of_a_limit_is_judged_by_ours_alone():
    row = {"numbers": {"holdall": 2.0, "django_storages": 1.0}, "times_less": None, "at_most": 2}

    assert page.is_met(row) is True
    assert page.is_met(row | {"at_most": 1}) is False
    assert page.is_met(row | {"at_most": None}) is None
