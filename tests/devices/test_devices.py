"""What every kind of device can do, over all that are registered."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from thimble.core.artifact import write_manifest
from thimble.core.device import Device
from thimble.core.registry import DEVICES
from thimble.core.subject import Subject
from thimble.devices import device, environment_of, reserve, start
from thimble.devices.kinds.ssh import close_connections

sys.path.append(str(Path(__file__).parent))
from server import USABLE, WHY, Server


@pytest.fixture(params=DEVICES.names())
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A device of each kind; those at the other end of a connection have a server of the tests' own."""
    if request.param != "ssh":
        yield request.param
        return
    if not USABLE:
        pytest.skip(WHY)
    server = Server(tmp_path)
    monkeypatch.setenv("PATH", f"{server.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield server.address
    close_connections()
    server.close()


def test_a_device_describes_reserves_places_and_starts(address: str, scripted: Callable[..., Subject], image: dict[str, Any]) -> None:
    found = device(address)
    assert isinstance(found, Device)
    conditions = found.describe(["numpy"])
    assert conditions.cores >= 1
    assert conditions.versions["numpy"]
    assert found.machine().cores() >= 1
    subject = scripted()
    write_manifest(subject.artifact, subject.folder)
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
