"""A task's arrays under a model's names."""

from __future__ import annotations

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.model import batch_of, fed, noise_inputs
from thimble.core.values import TensorSpec

SOUND = TensorSpec("sound", (None, None), sizes=(1, 576))
RATE = TensorSpec("sr", (), "int64", value=16000.0)
STATE = TensorSpec("state", (2, 1, 8), value=0.0)


def test_inputs_with_a_value_are_filled_where_the_data_do_not_give_them() -> None:
    given = fed({"anything": np.ones((1, 4))}, (SOUND, RATE, STATE))
    assert {name: (array.shape, str(array.dtype)) for name, array in given.items()} == {
        "sound": ((1, 4), "float32"),
        "sr": ((), "int64"),
        "state": ((2, 1, 8), "float32"),
    }
    assert (given["sr"], given["state"].any()) == (16000, False)


def test_data_that_name_such_an_input_count() -> None:
    given = fed({"sound": np.ones((3, 4)), "sr": np.full(3, 8000)}, (SOUND, RATE))
    assert (given["sr"].shape, given["sr"]) == ((), 8000)


def test_inputs_without_a_value_must_be_given() -> None:
    with pytest.raises(BadInput, match="the model takes sound, sr, the data gives x"):
        fed({"x": np.ones((1, 4))}, (SOUND, TensorSpec("sr", (), "int64")))


def test_noise_has_sizes_that_work() -> None:
    made = noise_inputs((SOUND, RATE, STATE), 3)
    assert [array.shape for array in made.values()] == [(3, 576), (), (2, 1, 8)]
    assert made["sr"] == 16000


@pytest.mark.parametrize(
    ("shapes", "batch"),
    [([(None, 3)], None), ([(4, 3), (4,)], 4), ([(1, 3), (2, 1, 8)], 1), ([(None, 3), ()], None), ([(None, 3), (1, 2)], 1)],
)
def test_the_batch_that_a_model_insists_on(shapes: list[tuple[int | None, ...]], batch: int | None) -> None:
    assert batch_of(tuple(TensorSpec(str(i), shape) for i, shape in enumerate(shapes))) == batch
