from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from thimble.core.errors import BadInput, CannotWrite
from thimble.core.model import Model
from thimble.core.study import Cold
from thimble.core.values import TensorSpec
from thimble.engine.store import Store

SPECS = ((TensorSpec("x", (None, 4)),), ("output",))


def written(output: Path, scratch: Path) -> Model:
    (output / "model.onnx").write_bytes(b"bytes")
    return Model("onnx", output, *SPECS, {"found": 1})


def test_what_is_made_is_loaded_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.make("key", written)
    assert store.has("key")
    assert made == store.load("key") == store.describe("key")
    assert (made.folder / "model.onnx").read_bytes() == b"bytes"
    assert store.describe("key").notes == {"found": 1}


def test_a_network_in_memory_is_kept_too(tmp_path: Path) -> None:
    import torch

    store = Store(tmp_path)
    network = torch.nn.Linear(4, 2)
    store.make("key", lambda output, scratch: Model("torch", network, *SPECS))
    assert torch.equal(store.load("key").payload.weight, network.weight)
    assert store.describe("key").payload is None


def test_work_that_fails_leaves_nothing_but_its_scratch(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def failing(output: Path, scratch: Path) -> Model:
        (scratch / "checkpoint").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.make("key", failing)
    assert not store.has("key")
    assert not list((tmp_path / "steps").iterdir())
    assert (tmp_path / "scratch" / "key" / "checkpoint").exists()
    store.make("key", written)
    assert not (tmp_path / "scratch" / "key").exists()


def test_values_come_back_as_their_type_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.value("cold", Cold) is None
    store.keep_value("cold", Cold(1.0, 2.0, 3.0, 5.0))
    assert store.value("cold", Cold) == Cold(1.0, 2.0, 3.0, 5.0)
    (tmp_path / "values" / "cold.json").write_text('{"half":')
    assert store.value("cold", Cold) is None


def test_damaged_entries_are_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make("key", written)
    (tmp_path / "steps" / "key" / "model.json").write_text("{")
    with pytest.raises(BadInput, match="no readable result key"):
        store.load("key")


def test_prune_removes_what_was_not_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make("old", written)
    store.make("new", written)
    os.utime(tmp_path / "steps" / "old", (0, 0))
    count, freed = store.prune(older_than_days=1)
    assert (count, store.has("old"), store.has("new")) == (1, False, True)
    assert freed > 0
    assert {entry.key for entry in store.entries()} == {"new"}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="THIMBLE_STORE"):
        Store(tmp_path / "file" / "below")


def test_the_store_is_private(tmp_path: Path) -> None:
    Store(tmp_path / "store")
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


def test_of_two_that_make_the_same_the_second_takes_the_first_ones(tmp_path: Path) -> None:
    begun, go, worked = threading.Event(), threading.Event(), []

    def work(output: Path, scratch: Path) -> Model:
        worked.append(1)
        begun.set()
        assert go.wait(20)
        (output / "m").write_text(f"made {len(worked)}")
        return Model("onnx", output, (), ())

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: Store(tmp_path / "s").make("k", work))
        assert begun.wait(20)
        second = pool.submit(lambda: Store(tmp_path / "s").make("k", work))
        go.set()
        assert (first.result(20).folder / "m").read_text() == (second.result(20).folder / "m").read_text() == "made 1"
    assert worked == [1]
