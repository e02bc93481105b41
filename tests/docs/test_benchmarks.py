"""The pages that show measurements say what was measured, and nothing that was promised is missed in silence."""

from xml.etree import ElementTree as ET

from benchmarks import billion, chart, page

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


def test_goal_beside_other_clients_is_judged_by_each_of_them():
    row = {
        "numbers": {"holdall": 2.0, "minio": 1.9, "obstore": 1.0},
        "times_less": None,
        "at_most": None,
        "within": {"obstore": 2.5, "minio": 1},
    }

    assert page.is_met(row) is False
    assert page.is_met(row | {"numbers": {"holdall": 2.0, "minio": 2.1, "obstore": 1.0}}) is True
    assert page.is_met(row | {"numbers": {"holdall": 2.0, "minio": 2.1, "obstore": 0.7}}) is False


def test_client_that_was_left_out_is_not_compared_with():
    row = {"times_less": None, "at_most": None, "within": {"obstore": 2.5, "minio": 1}}

    assert page.is_met(row | {"numbers": {"holdall": 2.0, "obstore": 1.0}}) is True
    assert page.is_met(row | {"numbers": {"holdall": 2.0}}) is None


def test_chart_shows_each_number_in_letters_and_each_bar_by_its_scale():
    bars = [chart.Bar("Holdall", 25.0, "25.0", True), chart.Bar("R&D's own", 100.0, "100", False)]
    drawn = ET.fromstring(chart.draw([chart.Panel("save 20 KiB", "µs of CPU", bars)]))

    letters = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    ground, *lengths = [float(bar.get("width", 0)) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert letters == ["Less is better.", "save 20 KiB, µs of CPU", "Holdall", "25.0", "R&D's own", "100"]
    assert lengths[1] == 4 * lengths[0] < ground


def test_chart_has_letters_for_the_dark():
    assert "@media (prefers-color-scheme: dark)" in page.CHART.read_text()


def test_roads_of_a_billion_objects_are_computed_from_what_was_measured():
    prices = billion.load()
    one, *_, workers, batch = billion.roads(page.load(), prices)
    costs = billion.measured(page.load())

    # Two requests for each object, sixteen at a time.
    assert one.copying_seconds["waiting for answers"] == 2e9 * billion.REQUEST_SECONDS / 16
    assert one.copying_seconds["the CPU of the processes"] == 1e9 * costs.copying
    assert one.bottleneck == max(one.copying_seconds, key=lambda what: one.copying_seconds[what])
    assert workers.clock_seconds < one.clock_seconds
    # A PUT and a GET for each, and a listing of each bucket: at the prices that Amazon has.
    assert one.dollars == 1e6 * (prices["put_per_1000"] + prices["get_per_1000"]) + 2e3 * prices["list_per_1000"]
    assert batch.dollars == 1e6 * prices["put_per_1000"] + 3e3 * prices["list_per_1000"] + 0.25 + 1e3
