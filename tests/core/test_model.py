"""A task's arrays under a model's names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thimble.core.errors import BadInput
from thimble.core.model import NHWC, batch_of, channels_first, fed, noise_inputs, renamed
from thimble.core.values import TensorSpec, digest_of

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


def test_images_are_turned_for_a_file_that_wants_channels_last() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    spec = TensorSpec("x", (1, 4, 5, 3), layout=NHWC)
    turned = renamed({"image": first}, (spec,))["x"]
    np.testing.assert_array_equal(turned, np.moveaxis(first, 1, -1))
    np.testing.assert_array_equal(renamed({"x": turned}, (spec,))["x"], turned)  # what is so already stays
    np.testing.assert_array_equal(channels_first({"x": turned}, (spec,))["x"], first)
    plain = replace(spec, shape=(1, 3, 4, 5), layout="")
    assert renamed({"x": first}, (plain,))["x"] is first
    assert digest_of([spec]) != digest_of([replace(spec, layout="")])
