import pytest

from thimble.core.errors import BadInput, UnknownName
from thimble.core.recipe import parse_recipe, recipe_text
from thimble.core.registry import STEPS
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
    ],
)
def test_bad_recipes_say_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("(", r"\(")):
        parse_recipe(text)


def test_unknown_step_suggests_the_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean 'prune_channels'"):
        parse_recipe("prun_channels(0.3)")
