"""Compiled networks answer as PyTorch does, and their native code runs only where this user's store compiled it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.task import ModelSpec
from thimble.core.values import sha256_of
from thimble.engine.opening import check_answers, check_opens
from thimble.formats import format_of
from thimble.models import look_through, open_model, source_name
from thimble.runtimes.aotinductor import Aotinductor
from thimble.steps.export.to_aotinductor import ToAotinductor
from thimble.steps.export.to_pt2 import ToPt2

compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="AOTInductor needs a C++ compiler")


@compiler
def test_code_runs_where_it_was_compiled_and_where_its_hash_is_named(
    tiny: Model, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THIMBLE_STORE", str(tmp_path / "store"))
    made = ToAotinductor().apply(tiny, context)
    path = made.folder / "model.pt2"
    assert format_of(path) == source_name(str(path)) == "aotinductor"
    with pytest.raises(BadInput, match=f"would run with your rights, .* THIMBLE_TRUST={sha256_of(path)}"):
        look_through(path, "aotinductor")
    with pytest.raises(BadInput, match="compiled code"):
        look_through(path, "pt2")
    monkeypatch.setenv("THIMBLE_TRUST", f"abc,{sha256_of(path)}")
    look_through(path, "aotinductor")
    monkeypatch.delenv("THIMBLE_TRUST")
    check_opens(made, context.task, 1, "it")  # where a step's file is opened for the first time, the store vouches for it
    look_through(path, "aotinductor")
    assert check_answers(made, tiny, ToAotinductor(), context.task, 1).notes["agreement_db"] > 90
    opened = open_model(ModelSpec(str(path), shapes={"input": (1, 3, 16, 16)}), tmp_path / "files")
    assert [spec.shape for spec in opened.inputs] == [(None, 3, 16, 16)]
    with path.open("ab") as file:
        file.write(b"!")
    with pytest.raises(BadInput, match="would run with your rights"):
        look_through(path, "aotinductor")


@compiler
def test_bfloat16_is_told_and_rounds(tiny: Model, context: Context) -> None:
    step = ToAotinductor("bfloat16")
    made = step.apply(tiny, context)
    session = Aotinductor().open(str(made.folder / "model.pt2"), ["x"], ["output"], 1, {})
    assert session.precision == "bfloat16"
    assert 20 < check_answers(made, tiny, step, context.task, 1).notes["agreement_db"] < 60
    assert next(tiny.payload.parameters()).dtype == torch.float32


def test_another_processor_and_a_missing_compiler_are_told(tiny: Model, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NotApplicable, match="needs a C\\+\\+ compiler, and no-such-compiler is not there"):
        ToAotinductor().apply(tiny, context)
    monkeypatch.setenv("CXX", "true")
    with pytest.raises(NotApplicable, match="the target has another one"):
        ToAotinductor().apply(tiny, replace(context, features=("neon",)))


def test_a_program_is_told_from_compiled_code_by_its_contents(tiny: Model, context: Context) -> None:
    path = ToPt2().apply(tiny, context).folder / "model.pt2"
    assert format_of(path) == "pt2"
    with pytest.raises(BadInput, match="not an archive of AOTInductor"):
        look_through(path, "aotinductor")
