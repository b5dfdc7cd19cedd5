"""The agent's lock on a device is a plain file of its own, as it is here."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import pytest

from thimble.devices import agent, lockfile


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> agent.Agent:
    """An agent whose machine has its temporary folder in a test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return agent.Agent(tmp_path, {"lockfile": Path(lockfile.__file__).read_text()})


def reserve(served: agent.Agent) -> dict[str, object]:
    return served.answer({"do": "reserve", "wait_s": 0.0}, io.BytesIO())


def test_the_lock_is_held_and_names_its_holder(served: agent.Agent, tmp_path: Path) -> None:
    assert reserve(served) == {}
    assert (tmp_path / lockfile.NAME).read_text() == str(os.getpid())


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_its_place_is_refused_and_its_target_stays(served: agent.Agent, tmp_path: Path, link: object) -> None:
    target = tmp_path / "theirs"
    target.write_text("precious")
    link(target, tmp_path / lockfile.NAME)  # type: ignore[operator]
    with pytest.raises((OSError, ValueError)):
        reserve(served)
    assert target.read_text() == "precious"
