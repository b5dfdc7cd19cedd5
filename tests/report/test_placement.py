import math

from hypothesis import given, settings
from hypothesis import strategies as st

from thimble.report._placement import Box, around, place, spread

BOUNDS = Box(0, 0, 1000, 800)
spots = st.lists(st.tuples(st.floats(20, 980), st.floats(20, 780)), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(spots, st.integers(30, 120))
def test_labels_cover_nothing_and_stay_inside(points, width):
    apart = spread(points, 12, Box(10, 10, 990, 790))
    boxes = place(apart, [(width, 14)] * len(apart), BOUNDS, [5] * len(apart))
    for i, box in enumerate(boxes):
        assert BOUNDS.holds(box)
        assert not any(box.meets(other) for other in boxes[:i])
        assert not any(box.meets(around(point, 5)) for j, point in enumerate(apart) if j != i)


@settings(max_examples=40, deadline=None)
@given(spots)
def test_no_marker_hides_another(points):
    apart = spread(points, 8, BOUNDS, rounds=400)
    inner = [point for point in apart if 30 < point[0] < 970 and 30 < point[1] < 770]
    assert all(math.dist(a, b) > 7.5 for i, a in enumerate(inner) for b in inner[:i])


def test_equal_points_part_the_same_way_each_time():
    first, second = (spread([(100.0, 100.0)] * 5, 10, BOUNDS) for _ in range(2))
    assert first == second
    assert len(set(first)) == 5


def test_distant_points_stay_put():
    points = [(100.0, 100.0), (200.0, 100.0)]
    assert spread(points, 10, BOUNDS) == points


def test_lonely_label_is_right_beside_its_point():
    (box,) = place([(500.0, 400.0)], [(80, 14)], BOUNDS, [5])
    assert math.dist(box.nearest((500, 400)), (500, 400)) < 10


def test_segment_and_box():
    box = Box(10, 10, 20, 20)
    assert box.crossed_by((0, 15), (30, 15))
    assert box.crossed_by((15, 15), (15, 40))
    assert not box.crossed_by((0, 0), (30, 5))
    assert not box.crossed_by((0, 15), (9, 15))
