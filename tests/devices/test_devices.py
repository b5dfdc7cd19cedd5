"""What every kind of device can do, over all that are registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from thimble.core.device import Device
from thimble.core.registry import DEVICES
from thimble.core.subject import Subject
from thimble.devices import device, environment_of, reserve, start


@pytest.mark.parametrize("name", DEVICES.names())
def test_a_device_describes_reserves_places_and_starts(name: str, scripted: Callable[..., Subject], image: dict[str, Any]) -> None:
    found = device(name)
    assert isinstance(found, Device)
    conditions = found.describe(["numpy"])
    assert conditions.cores >= 1
    assert conditions.versions["numpy"]
    subject = scripted()
    assert (found.place(subject.folder) / subject.artifact.main).is_file()
    with found.reserve(), found.start(subject) as worker:
        assert worker.run(image)


def test_a_subject_runs_on_the_device_that_it_names(scripted: Callable[..., Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Other:
        def describe(self, distributions: Any) -> str:
            return f"other with {list(distributions)}"

        def reserve(self) -> str:
            return "reserved"

        def start(self, subject: Subject) -> str:
            asked.append(subject.name)
            return "channel"

    monkeypatch.setitem(DEVICES.__dict__, "_plugins", {"other": type("Entry", (), {"load": lambda self: Other})()})
    subject = Subject("it", scripted().folder, scripted().artifact, "scripted", device="other")
    assert start(subject) == "channel"  # type: ignore[comparison-overlap]
    assert asked == ["it"]
    assert reserve("other") == "reserved"  # type: ignore[comparison-overlap]
    assert environment_of(["onnx"], "other") == "other with ['onnx']"  # type: ignore[comparison-overlap]
