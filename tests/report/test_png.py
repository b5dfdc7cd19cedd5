from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import matplotlib as mpl
import pytest
from PIL import Image

from thimble.report.png import STYLE, Png, draw


@pytest.fixture(scope="module")
def drawn():
    """The figure of a golden study's first candidates, drawn once for all tests."""

    @lru_cache
    def figure_of(golden, count):
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(golden.study, replace(golden.summary, rows=golden.summary.rows[:count]))

    return lambda golden, count=None: figure_of(Identity(golden), count)


class Identity:
    """A golden study as a key."""

    def __init__(self, golden):
        self.study, self.summary = golden.study, golden.summary
        self.key = golden.name

    def __eq__(self, other):
        return self.key == other.key

    def __hash__(self):
        return hash(self.key)


def labels(axes):
    """The names beside the points."""
    return [text for text in axes.texts if text.get_text()]


@pytest.mark.parametrize(("name", "count"), [("lab", 2), ("lab", 14), ("forty", 40), ("long-names", 9)])
def test_every_point_is_named_and_no_name_covers_another(drawn, golden_named, name, count):
    golden = golden_named(name)
    scatter = drawn(golden, count).axes[2]
    names = labels(scatter)
    assert len(names) == sum(row.quality is not None for row in golden.summary.rows[:count])
    boxes = [text.get_window_extent() for text in names]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    area = scatter.get_window_extent()
    assert all(area.x0 <= box.x0 and box.x1 <= area.x1 and area.y0 <= box.y0 and box.y1 <= area.y1 for box in boxes)


@pytest.mark.parametrize(("name", "count"), [("lab", 2), ("lab", 14), ("forty", 40), ("long-names", 9)])
def test_bars_are_labelled_inside_their_panel_and_apart(drawn, golden_named, name, count):
    figure = drawn(golden_named(name), count)
    for axes in figure.axes[:2]:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        assert max(box.x1 for box in boxes) <= figure.bbox.x1
        ticks = [tick.get_window_extent() for tick in axes.get_yticklabels() if tick.get_text()]
        assert all(figure.bbox.x0 <= tick.x0 for tick in ticks)
        assert not any(one.overlaps(other) for one, other in combinations(ticks, 2))


def test_panels_say_what_they_show_and_in_which_unit(drawn, golden_named):
    size, latency, scatter = drawn(golden_named("lab"), 14).axes
    assert "MB" in size.get_title(loc="left")
    assert "ms" in latency.get_title(loc="left")
    assert scatter.get_title(loc="left") == "Accuracy (%) against size (MB), 95 % intervals"
    for axes in (size, latency):
        assert any("baseline" in text.get_text() for text in axes.texts)
    assert latency.containers, "no error bars"


def test_far_outliers_stand_on_the_edge_with_their_values(drawn, golden_named):
    names = [text.get_text() for text in labels(drawn(golden_named("lab"), 14).axes[2])]
    assert "prune30-channels: 40.2" in names
    assert "int8-static-noise: 87.2" in names


def test_pictures_of_every_golden_study(golden, tmp_path):
    png, svg = Png().write(golden.study, golden.summary, tmp_path)
    with Image.open(png) as image:
        assert image.width == 2560
        assert image.height >= 700
    text = svg.read_text()
    assert text.lstrip().startswith("<?xml")
    assert "<script" not in text.replace("<script>alert", "")
    assert "dc:date" not in text


def test_picture_is_the_same_each_time_and_leaves_settings_alone(golden_named, tmp_path):
    golden = golden_named("one")
    before = dict(mpl.rcParams)
    first, second = ([path.read_bytes() for path in Png().write(golden.study, golden.summary, tmp_path / turn)] for turn in "ab")
    assert first == second
    assert dict(mpl.rcParams) == before
