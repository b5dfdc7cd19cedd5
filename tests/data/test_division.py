"""How data is divided, as laws over many sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thimble.core.errors import BadInput
from thimble.core.task import TaskSpec
from thimble.data._rules import divide
from thimble.data._stratify import divided, stratified_order


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_every_stretch_of_the_order_has_the_mix_of_the_whole(labels: list[int], seed: int) -> None:
    order = stratified_order(labels, seed)
    assert sorted(order) == list(range(len(labels)))
    given_labels = np.asarray(labels)
    for cut in (len(labels) // 3, len(labels) // 2):
        head = given_labels[order[:cut]]
        for label in set(labels):
            share = (given_labels == label).mean() * cut
            assert abs((head == label).sum() - share) <= 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=20, max_size=150), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_parts_hold_everything_once_and_copies_stay_together(samples: list[tuple[int, int]], seed: int) -> None:
    labels, ids = [label for label, _ in samples], [str(content) for _, content in samples]
    parts = divided(labels, {"test": 0.3, "validation": 5, "train": 0}, seed, ids)
    rows = np.concatenate(list(parts.values()))
    assert sorted(rows) == list(range(len(samples)))
    seen = [{ids[row] for row in part} for part in parts.values()]
    assert sum(map(len, seen)) == len(set(ids))


def test_sizes_are_exact_where_nothing_is_there_twice() -> None:
    parts = divided(np.arange(1000) % 7, {"a": 300, "b": 0.25, "c": 0}, 0)
    assert {name: len(rows) for name, rows in parts.items()} == {"a": 300, "b": 250, "c": 450}


def test_the_seed_decides() -> None:
    labels = np.arange(100) % 3
    assert np.array_equal(stratified_order(labels, 1), stratified_order(labels, 1))
    assert not np.array_equal(stratified_order(labels, 1), stratified_order(labels, 2))


def sizes(parts: dict[str, int], ids: list[str] | None = None, **spec) -> tuple[dict[str, int], list[str]]:
    count = sum(parts.values())
    made = divide(parts, np.arange(count) % 4, ids or [str(i) for i in range(count)], TaskSpec("data", **spec))
    return {name: len(rows) for name, rows in sorted(made.rows.items())}, made.notes


def test_a_whole_is_divided_by_shares() -> None:
    assert sizes({"": 1000})[0] == {"calibration": 100, "test": 300, "train": 450, "validation": 150}
    assert sizes({"": 20_000})[0]["calibration"] == 512


def test_given_weights_may_have_seen_train_so_validation_comes_out_of_test() -> None:
    found, notes = sizes({"train": 1000, "test": 400}, weights_given=True)
    assert found == {"calibration": 100, "test": 280, "train": 900, "validation": 120}
    assert "may have seen all of train" in notes[0]


def test_a_model_yet_to_be_trained_leaves_the_test_part_whole() -> None:
    found, notes = sizes({"train": 1000, "test": 400})
    assert found == {"calibration": 100, "test": 400, "train": 750, "validation": 150}
    assert "150 samples of train are held out" in notes[0]


def test_without_a_test_part_the_validation_part_is_divided() -> None:
    for given_ in (True, False):
        found, notes = sizes({"train": 1000, "validation": 400}, weights_given=given_)
        assert found == {"calibration": 100, "test": 280, "train": 900, "validation": 120}
        assert "there is no test data" in notes[0]


def test_three_parts_stay_as_they_are_but_for_calibration() -> None:
    found, notes = sizes({"train": 1000, "validation": 200, "test": 400}, weights_given=True)
    assert found == {"calibration": 100, "test": 400, "train": 900, "validation": 200}
    assert not notes


def test_train_alone_is_not_enough() -> None:
    with pytest.raises(BadInput, match="data has only train data"):
        sizes({"train": 100})


def test_copies_in_held_out_parts_are_left_out_and_many_are_refused() -> None:
    ids = [str(i) for i in range(1000)] + [str(i) for i in range(5)] + [str(i) for i in range(2000, 2095)]
    found, notes = sizes({"train": 1000, "test": 100}, ids)
    assert found["test"] == 95
    assert "left out 5 of 100 test samples of data: exact copies" in notes[1]
    ids[1000:1100] = [str(i) for i in range(100)]
    with pytest.raises(BadInput, match="100 of 100 test samples of data are exact copies"):
        sizes({"train": 1000, "test": 100}, ids)


def test_test_samples_that_selection_sees_are_left_out_too() -> None:
    ids = [str(i) for i in range(1000)] + [f"v{i}" for i in range(200)] + [f"v{i}" for i in range(3)] + [f"t{i}" for i in range(97)]
    found, notes = sizes({"train": 1000, "validation": 200, "test": 100}, ids)
    assert (found["validation"], found["test"]) == (200, 97)
    assert "3 of 100 test samples" in notes[0]
