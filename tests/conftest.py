"""Fixtures shared by all tests: a tiny network, a tiny task, a store of one's own."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from thimble.devices import placement
from thimble.measure import rounds

HERE = Path(__file__).parent

COMPILED = "TORCHINDUCTOR_CACHE_DIR"
LONG = ("test_examples", "test_plan", "test_fit", "test_measuring")
"""Files that take longest. They come first, so that the others fill what one of pytest's processes has left at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def pytest_configure(config: pytest.Config) -> None:
    """Give each of pytest's processes cores and a folder for temporary files of its own.

    Two that share their cores wait for each other at every layer of a network; two that share the folder share the lock
    by which studies on one machine take turns at measuring.
    """
    os.environ[rounds.ANY_LOAD] = "1"
    worker, count = os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not worker:
        if COMPILED not in os.environ:  # compiling PyTorch's headers takes longest: once for all
            os.environ[COMPILED] = tempfile.mkdtemp(prefix="thimble-compiled-")
            config.add_cleanup(lambda: shutil.rmtree(os.environ[COMPILED], ignore_errors=True))
        return
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) >= count:
        os.sched_setaffinity(0, cores[int(worker.removeprefix("gw")) :: count])
    folder = tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=f"thimble-{worker}-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(autouse=True)
def _little_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests look at no times, and need not wait until hundreds of megabytes are held for each run."""
    monkeypatch.setattr(placement, "MOST", 0.001)


@pytest.fixture(autouse=True)
def _every_round_counts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests look at no times, and beside other tests no round would be quiet; those of busy machines are marked ``busy``."""
    if request.node.get_closest_marker("busy"):
        monkeypatch.delenv(rounds.ANY_LOAD)


@pytest.fixture
def tiny_spec() -> str:
    """A small residual network for digits of 16 x 16 pixels, as a user would name it."""
    return f"{HERE / 'tiny.py'}:network"


@pytest.fixture
def private_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default store moved to an empty folder."""
    monkeypatch.setenv("THIMBLE_STORE", str(tmp_path / "store"))
    return tmp_path / "store"
