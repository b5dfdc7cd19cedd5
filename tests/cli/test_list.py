"""``thimble list``: everything registered, within 80 columns, with what it takes to use it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from thimble import listing
from thimble.api.listing import KINDS, model_names
from thimble.cli.list import command
from thimble.core.errors import UnknownName
from thimble.core.recipe import parse_recipe
from thimble.core.registry import STEPS


def shown(*arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.parametrize("kind", [*KINDS, "recipes"])
def test_every_name_is_listed_in_80_columns(kind: str) -> None:
    text = shown(kind).output
    assert max(map(len, text.splitlines())) <= 80
    assert "``" not in text
    for one in listing(kind):
        assert one.form.partition("(")[0] in text
        assert one.about[0]
    assert [one["name"] for one in json.loads(shown(kind, "--json").output)["things"]] == [one.name for one in listing(kind)]


def test_settings_have_types_defaults_and_choices() -> None:
    for step in listing("steps"):
        for setting in step.settings:
            assert setting.type
            if setting.choices:
                assert setting.default is None or setting.default in setting.choices
                for value in setting.choices:
                    STEPS.get(step.name)(**{setting.name: value})
    text = shown("steps", "onnx_quantize_static").output
    assert "minmax | entropy | percentile  ['minmax']" in text
    assert "takes onnx, gives onnx; learns from the calibration split" in text


def test_what_is_absent_says_how_to_install_it() -> None:
    from thimble.api.listing import _missing

    assert _missing(("json", "no_such_module"), "timm") == "pip install 'thimble-fit[timm]'"
    assert _missing(("json",), "timm") is None


def test_recipes_can_be_read_back_and_are_grouped() -> None:
    for one in listing("recipes"):
        parse_recipe(one.form)
    text = shown("recipes").output
    assert text.index("What fit tries") < text.index("The lab's own") < text.index("Traps of the lab")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'prune_channels'"):
        shown("steps", "prune_chanels")


def test_torchvision_tells_its_models_names() -> None:
    names = model_names("torchvision")
    assert "torchvision:resnet18" in names
    assert not any("rcnn" in name for name in names)
    assert model_names("onnx") == []


def test_listing_loads_no_heavy_library() -> None:
    code = (
        "import sys, thimble\n"
        "for kind in ('steps', 'runtimes', 'models', 'tasks', 'metrics', 'recipes'): thimble.listing(kind)\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'matplotlib', 'sklearn', 'scipy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
