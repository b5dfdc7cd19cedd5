"""What every registered source and task promises, and how a specification finds its source."""

from pathlib import Path

import pytest

from thimble.core.errors import BadInput, UnknownName
from thimble.core.registry import MODELS, TASKS
from thimble.core.task import ModelSpec
from thimble.data import TaskSource
from thimble.data import source_name as task_name
from thimble.models import ModelSource, open_model, source_name


@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_source_keeps_the_contract(name: str) -> None:
    source = MODELS.get(name)()
    assert isinstance(source, ModelSource)
    assert source.title
    assert source.form
    assert isinstance(source.needs, tuple)


@pytest.mark.parametrize("name", TASKS.names())
def test_every_task_source_keeps_the_contract(name: str) -> None:
    source = TASKS.get(name)()
    assert isinstance(source, TaskSource)
    assert task_name(source.form) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("torchvision:resnet18", "torchvision"),
        ("timm:resnet18", "timm"),
        ("some/where/net.py:build", "file"),
        ("model.onnx", "onnx"),
        ("with:colon/model.ONNX", "onnx"),
        ("model.pt2", "pt2"),
    ],
)
def test_a_specification_finds_its_source(text: str, name: str) -> None:
    assert source_name(text) == name


def test_an_unknown_model_lists_the_forms_that_are_known() -> None:
    with pytest.raises(UnknownName, match=r"unknown model 'resnet18'.*FILE.py:FUNCTION.*torchvision:NAME"):
        open_model(ModelSpec("resnet18"), Path())


def test_a_weights_file_is_no_model() -> None:
    with pytest.raises(BadInput, match=r"file of weights.*--weights"):
        open_model(ModelSpec("resnet.pth"), Path())
