import dataclasses
import re
import typing

import pytest

from thimble.core.errors import BadInput, UnknownName
from thimble.core.recipe import parse_recipe, recipe_text
from thimble.core.registry import STEPS
from thimble.core.settings import check_settings
from thimble.core.step import make_step, step_fields, step_name


@pytest.mark.parametrize("name", STEPS.names())
def test_text_reads_back_as_the_same_step(name: str) -> None:
    step = STEPS.get(name)()
    assert parse_recipe(recipe_text((step,))) == (step,)
    assert make_step(step_name(step), step_fields(step)) == step
    hash(step)


def test_chain_reads_as_a_sentence() -> None:
    text = "prune_channels(0.5, round_to=16) + finetune(3, taught=0.5) + to_onnx() + onnx_quantize_static('uint8')"
    assert recipe_text(parse_recipe(text)) == text


def test_names_without_brackets_take_the_defaults() -> None:
    assert parse_recipe("to_onnx") == parse_recipe("to_onnx()")


def test_the_empty_recipe_is_the_model_as_given() -> None:
    assert parse_recipe("as given") == () == parse_recipe("")
    assert recipe_text(()) == "as given"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prune_channels(0.3", "can't be read"),
        ("prune_channels(0.3) - to_onnx()", "is not a step"),
        ("prune_channels(__import__('os'))", "plain values"),
        ("prune_channels(rato=0.3)", "its settings are ratio, round_to"),
        ("prune_channels(1.5)", "between 0 and 1"),
        ("os.system('x')", "is not a step"),
        ("finetune(-1)", "finetune: epochs must be a whole number from 1 to 10000, not -1"),
        ("finetune(1e9)", "epochs must be a whole number from 1 to 10000, not 1000000000.0"),
        ("onnx_quantize_mixed(1, 'minmax', 1)", "its settings are keep, method"),
        ("finetune(True)", "not True"),
        ("finetune({})", "not {}"),
        ("finetune(learning_rate=1e400)", "learning_rate must be a number above 0, at most 10, not inf"),
        ("onnx_quantize_static(calibration='magic')", "calibration must be one of data, noise, not 'magic'"),
        ("onnx_quantize_static(skip='a')", "skip must be a list of texts, not 'a'"),
        ("finetune(1" + "0" * 5000 + ")", "can't be read"),
        ("(" * 5000, "can't be read"),
        ("finetune(" + "-" * 5000 + "1)", "recipe 'finetune(---"),  # where it ends depends on the stack that is left
        ("finetune\0()", "can't be read"),
        ("x" * 100_000, "10000 is the most"),
        ("nothing" * 1000, "unknown step 'nothingnothing"),
    ],
)
def test_bad_recipes_say_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)) as error:
        parse_recipe(text)
    assert len(str(error.value)) < 500
    assert "\n" not in str(error.value)


def test_unknown_step_suggests_the_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean 'prune_channels'"):
        parse_recipe("prun_channels(0.3)")


@pytest.mark.parametrize("name", STEPS.names())
def test_every_number_has_a_range_that_its_default_keeps(name: str) -> None:
    cls = STEPS.get(name)
    check_settings(name, cls, step_fields(cls()))
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if {int, float} & {hints[field.name], *typing.get_args(hints[field.name])}:
            for value in (-1, -1e9, 1e12, 10**30):
                with pytest.raises(BadInput, match=f"{name}: {field.name} must be"):
                    check_settings(name, cls, {field.name: value})


def test_a_long_chain_is_read() -> None:
    assert len(parse_recipe("+".join(["to_onnx()"] * 900))) == 900
