"""Packages of Core ML hold what was asked for, by their specification; elsewhere than on a Mac the runtime says so in one line."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.engine.opening import check_answers, check_opens
from thimble.formats import describe
from thimble.formats.coreml import MAIN
from thimble.models import look_through
from thimble.runtimes.coreml import Coreml
from thimble.steps.export.to_coreml import ToCoreml

pytest.importorskip("coremltools")
elsewhere = pytest.mark.skipif(platform.system() == "Darwin", reason="Core ML runs here")


def size(model: Model) -> int:
    return sum(path.stat().st_size for path in model.folder.rglob("weight.bin"))


def test_weights_are_stored_as_asked(tiny: Model, context: Context) -> None:
    made = {}
    for weights in ("float32", "float16", "int8", "palettized"):
        (folder := context.output / weights).mkdir()
        made[weights] = ToCoreml(weights).apply(tiny, replace(context, output=folder))
        look_through(folder / MAIN, "coreml")
    sizes = {weights: size(model) for weights, model in made.items()}
    assert sizes["float32"] > 1.8 * sizes["float16"] > 1.8 * 1.5 * sizes["int8"], sizes
    assert sizes["palettized"] < sizes["int8"], sizes
    assert made["int8"].notes["stored_weights"] == made["palettized"].notes["stored_weights"] == 5
    assert made["float32"].notes["stored_weights"] == 0
    assert made["float32"].notes["operators"] == 11


def test_the_artifact_lists_every_file_of_the_package(tiny: Model, context: Context) -> None:
    artifact = describe(ToCoreml().apply(tiny, context), None, ())
    assert artifact.main == MAIN
    assert {Path(file.path).name for file in artifact.files} == {"Manifest.json", "model.mlmodel", "weight.bin"}


@elsewhere
def test_it_is_not_run_here_and_says_so(tiny: Model, context: Context) -> None:
    made = ToCoreml().apply(tiny, context)
    check_opens(made, context.task, 1, "it")
    assert "agreement_db" not in check_answers(made, tiny, ToCoreml(), context.task, 1).notes
    with pytest.raises(ValueError, match=f"Core ML runs on a Mac, and this is {platform.system()}"):
        Coreml().open(str(made.folder / MAIN), ["x"], ["output"], 1, {})
    with pytest.raises(ValueError, match="option is compute_units"):
        Coreml().open(str(made.folder / MAIN), ["x"], ["output"], 1, {"fast": "1"})


def test_a_network_of_small_weights_has_nothing_to_pack(context: Context) -> None:
    small = Model("torch", nn.Linear(4, 2).eval(), (TensorSpec("x", (None, 4)),), ("output",))
    with pytest.raises(NotApplicable, match="no weight of this network is large enough to be stored as int8"):
        ToCoreml("int8").apply(small, context)
