"""Routes to runtimes are read off the registries: another runtime or step is another route, without a list."""

from __future__ import annotations

import pytest

from thimble.core.registry import RUNTIMES, STEPS
from thimble.search.compare_runtimes import candidates_of
from thimble.search.routes import reaches, routes

EVERY = ("train", "calibration", "validation")


def test_every_runtime_is_reached_and_every_step_that_changes_precision_is_used() -> None:
    found = routes("torch", "pytorch", lambda module: True, (), EVERY)
    assert found[0].recipe.name == "source"
    assert {route.recipe.runtime for route in found} == set(RUNTIMES.names())
    used = {type(step) for route in found for step in route.recipe.steps}
    written = {cls for cls in STEPS.all().values() if len(cls.effects) == 1 and cls.effects[0] in ("quantize", "store", "export")}
    opened = {format for cls in RUNTIMES.all().values() for format in cls.formats}
    assert {cls.__name__ for cls in written - used if cls.produces in opened} <= {"ToTorchscript"}, "its format is PyTorch's second one"
    names = [route.recipe.name for route in found]
    assert len(names) == len(set(names))


def test_each_route_ends_in_what_its_runtime_opens() -> None:
    for route in routes("torch", "pytorch", lambda module: True, (), EVERY)[1:]:
        format = "torch"
        for step in route.recipe.steps:
            assert step.consumes == format, route.recipe.text
            format = step.produces
        assert format in RUNTIMES.get(route.recipe.runtime).formats


def test_what_is_missing_is_a_candidate_with_the_command_that_brings_it() -> None:
    found = routes("onnx", "onnxruntime", lambda module: module != "openvino", ("onnxruntime", "openvino"), ())
    reasons = {route.recipe.name: route.missing for route in found}
    assert reasons["openvino"] == "openvino is not installed; install it with: pip install 'thimble-fit[openvino]'"
    assert reasons["onnxruntime-quantize-static"] == "onnx_quantize_static needs calibration data: give them with --data"
    assert reasons["onnxruntime-quantize-dynamic"] == ""
    waiting = [candidate.name for candidate in candidates_of(found) if not candidate.reason]
    assert "openvino" not in waiting
    assert waiting[0] == "source"


def test_the_shortest_way_through_exporters() -> None:
    assert [cls.__name__ for cls in reaches("torch", "ncnn") or ()] == ["ToOnnx", "ToNcnn"]
    assert reaches("onnx", "onnx") == ()
    assert reaches("onnx", "executorch") is None, "there is no way from ONNX files"


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_a_runtime_that_is_not_asked_for_is_not_tried(format: str) -> None:
    found = routes(format, "onnxruntime" if format == "onnx" else "pytorch", lambda module: True, ("openvino",), EVERY)
    assert {route.recipe.runtime for route in found[1:]} == {"openvino"}


def test_a_runtime_of_another_system_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RUNTIMES.get("ncnn"), "systems", ("Plan 9",), raising=False)
    found = {route.recipe.name: route.missing for route in routes("onnx", "onnxruntime", lambda module: True, ("ncnn", "openvino"))}
    assert found["ncnn"].startswith("ncnn runs on Plan 9, and this is ")
    assert found["openvino"] == ""
