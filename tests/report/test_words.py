import pytest
from hypothesis import given
from hypothesis import strategies as st

from thimble.core.summary import Interval
from thimble.report import _words as words
from thimble.report._notes import note


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (0.01234, "0.0123"),
        (0.9996, "1.00"),
        (9.996, "10.0"),
        (44.79, "44.8"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (-0.5, "-0.500"),
    ],
)
def test_figure_has_three_significant_digits(value, text):
    assert words.figure(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Interval(3.412, 3.2, 3.6), "3.4x (3.2-3.6)"),
        (Interval(3.412, 3.38, 3.44), "3.41x (3.38-3.44)"),
        (Interval(1.006, 1.002, 1.010), "1.006x (1.002-1.010)"),
        (Interval(1.0, 1.0, 1.0), "1.00x"),
        (Interval(14.2, 13.9, 14.6), "14.2x (13.9-14.6)"),
        (Interval(3.7, 0.304, 47.2), "3.7x (0.30-47)"),
        (None, ""),
    ],
)
def test_interval_shows_what_its_uncertainty_allows(value, text):
    assert words.interval(value, "x") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Interval(0.17, -0.63, 1.06), "0.17 points (-0.63 to 1.06)"),
        (Interval(11.67, 9.31, 14.5), "11.7 points (9.3 to 14.5)"),
        (Interval(58.7, 54.7, 62.5), "58.7 points (54.7 to 62.5)"),
        (Interval(0.004, -0.052, 0.071), "0.004 points (-0.052 to 0.071)"),
        (Interval(-0.0004, -0.04, 0.03), "0.000 points (-0.040 to 0.030)"),
        (Interval(0.0, 0.0, 0.0), "0.00 points"),
    ],
)
def test_points(value, text):
    assert words.points(value, " points") == text


@given(st.lists(st.text(min_size=1, max_size=40), unique=True, max_size=12), st.integers(8, 30))
def test_short_names_stay_apart(names, length):
    short = words.short_names(names, length)
    assert len(set(short.values())) == len(names)
    assert all(len(text) <= length for text in short.values())


@pytest.mark.parametrize(
    ("value", "text"), [(11_181_642, "11.2 M"), (999_999, "1.00 M"), (1_820_000_000, "1.82 G"), (512, "512"), (None, "")]
)
def test_counts(value, text):
    assert words.count(value) == text


def test_qualities_and_bytes():
    assert words.quality(Interval(98.667, 97.5, 99.3), " %") == "98.67 % (97.5-99.3)"
    assert words.quality(Interval(9.667, 7.6, 12.3), " %") == "9.67 % (7.6-12.3)"
    assert words.quality(Interval(0.512, 0.49, 0.53)) == "0.51 (0.49-0.53)"
    assert [words.byte_count(value) for value in (160, 11_200_000)] == ["160 bytes", "11.2 MB"]


def test_joined():
    assert [words.joined(given) for given in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"scores": [1.0] * 128, "how": "measured"}, "scores: 128 numbers; how measured"),
        ({"low": -2.127, "high": 2.631, "clipped": False}, "low -2.13, high 2.63, clipped no"),
        ([], "none"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c, d, and 2 more"),
        (11181642, "11,181,642"),
    ],
)
def test_whatever_a_probe_left_is_told_in_few_words(value, text):
    assert note(value) == text
