"""Fixtures shared by all tests: a tiny network, a tiny task, a store of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def tiny_spec() -> str:
    """A small residual network for digits of 16 x 16 pixels, as a user would name it."""
    return f"{HERE / 'tiny.py'}:network"


@pytest.fixture
def private_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default store moved to an empty folder."""
    monkeypatch.setenv("THIMBLE_STORE", str(tmp_path / "store"))
    return tmp_path / "store"
