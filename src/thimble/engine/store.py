"""Finished steps and measurements, addressed by derivation, safe against interruption.

An address is a digest of everything that a result follows from: the source, each step with its settings and
version, the seed, the data's fingerprints, the library versions. Work is done in a folder beside its final place
and renamed into it when complete, so that a run killed at any moment leaves nothing half-written to be read.

The store is its user's own (`thimble.fetch.cache` sees to that): networks between two steps are kept as pickles, which are
loaded from here and nowhere else.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from thimble.core.aside import machine_id, new_file, writing
from thimble.core.errors import BadInput, Busy, CannotWrite
from thimble.core.model import TORCH, Model
from thimble.core.values import MB, TensorSpec
from thimble.engine.tidy import Entry, Use, beyond, entries, limit_of, making, relieve, removed, set_limit
from thimble.fetch.cache import check_sealed, store_root

T = TypeVar("T")

FULL = 1_000_000
"""Bytes below which a disk counts as full: a step that failed there did so for want of room."""
RELIEF_S = 20.0
"""How often the limit is looked at during work, at most."""


@dataclass(frozen=True)
class _Kept:
    """What is written beside a model's files."""

    format: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    notes: dict[str, Any]


@dataclass(frozen=True)
class Amount:
    """A number of entries, and their bytes."""

    entries: int
    bytes: int


@dataclass(frozen=True)
class Contents:
    """The store's folder and its contents, in all and by kind.

    ``limit`` is the most bytes that it keeps, ``removed`` what was removed just now.
    """

    root: Path
    whole: Amount
    kinds: dict[str, Amount]
    limit: int | None = None
    removed: Amount | None = None


class Store:
    """A folder of finished work. The default is ``$THIMBLE_STORE``, else ``thimble`` in the user's cache folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = store_root(root)
        self._use = Use(self.root)
        self._relieved = time.monotonic()

    def has(self, key: str) -> bool:
        """Return whether the step's result is there."""
        self._need(key)
        return (self._step(key) / "model.json").exists()

    def load(self, key: str) -> Model:
        """The step's result; a network in memory for the format ``torch``, else a folder to read and not to write."""
        self._need(key)
        folder = self._step(key)
        try:
            kept = msgspec.json.decode((folder / "model.json").read_bytes(), type=_Kept)
        except (OSError, msgspec.DecodeError) as error:
            raise BadInput(f"the store holds no readable result {key}: {error}") from error
        _used(folder)
        payload = _load_network(self.root, folder / "network.pickle") if kept.format == TORCH else folder / "files"
        return Model(kept.format, payload, kept.inputs, kept.outputs, kept.notes)

    def describe(self, key: str) -> Model:
        """The step's result without its network: for the format ``torch`` the payload is ``None``."""
        self._need(key)
        folder = self._step(key)
        kept = msgspec.json.decode((folder / "model.json").read_bytes(), type=_Kept)
        _used(folder)
        return Model(kept.format, None if kept.format == TORCH else folder / "files", kept.inputs, kept.outputs, kept.notes)

    def make(self, key: str, work: Callable[[Path, Path], Model]) -> Model:
        """Do the work and keep its result. ``work(output, scratch)`` writes files into ``output`` where its format has any.

        ``scratch`` is kept while the work is unfinished, and removed with its end. Of two processes that make the same result, on one
        machine or on two that share this folder, the second one waits and takes the first one's.
        """
        self._need(key)
        with making(self.root, key):
            return self.load(key) if self.has(key) else self._made(key, work)

    def _made(self, key: str, work: Callable[[Path, Path], Model]) -> Model:
        scratch = self.root / "scratch" / key
        with self._aside("steps", key) as aside:
            output = aside / "files"
            with writing(scratch):
                output.mkdir()
                scratch.mkdir(parents=True, exist_ok=True)
            with self._room():
                model = work(output, scratch)
            if model.format == TORCH:
                with self._room():
                    _save_network(model.payload, aside / "network.pickle")
                shutil.rmtree(output)
            elif model.folder != output:
                shutil.copytree(model.folder, output, dirs_exist_ok=True)
            kept = _Kept(model.format, model.inputs, model.outputs, dict(model.notes))
            (aside / "model.json").write_bytes(msgspec.json.encode(kept))
            shutil.rmtree(scratch, ignore_errors=True)
        self._within_limit()
        return model if model.format == TORCH else replace(model, payload=self._step(key) / "files")

    def value(self, key: str, type: type[T]) -> T | None:
        """A kept value of that type, or ``None`` where there is none that can be read."""
        self._need(key)
        path = self.root / "values" / f"{key}.json"
        try:
            found = msgspec.json.decode(path.read_bytes(), type=type)
        except (OSError, msgspec.DecodeError):
            return None
        _used(path)
        return found

    def keep_value(self, key: str, value: Any) -> None:
        """Keep a JSON-like value or dataclass."""
        self._need(key)
        path = self.root / "values" / f"{key}.json"
        with writing(path), new_file(path) as aside:
            aside.write_bytes(msgspec.json.encode(value))
        self._within_limit()

    def outputs(self, key: str) -> Path:
        """The folder of a baseline's outputs, which may not be there."""
        self._need(key)
        return self.root / "outputs" / key

    def entries(self) -> Iterator[Entry]:
        """Everything in the store."""
        return entries(self.root)

    def prune(self, older_than_days: float = 0.0) -> tuple[int, int]:
        """Remove what was not used for so many days (0: everything); gives the number of entries and bytes removed.

        Raises `Busy` while another process uses the store.
        """
        age = older_than_days * 86_400
        return self._remove(lambda there: [entry for entry in there if entry.used <= time.time() - age])

    def keep_within(self, limit: int | None) -> tuple[int, int]:
        """Keep the store at so many bytes, now and whenever it is used from now on; ``None`` takes the limit away.

        What was not used for the longest time goes first. Raises `Busy` while another process uses the store.
        """
        with writing(self.root):
            set_limit(self.root, limit)
        return (0, 0) if limit is None else self._remove(lambda there: beyond(there, limit))

    def _remove(self, choose: Callable[[list[Entry]], list[Entry]]) -> tuple[int, int]:
        with self._use.alone() as alone:
            if not alone:
                raise Busy(f"another process uses the store {self.root}; nothing was removed: try again when it is done")
            return removed(self.root, choose(list(self.entries())))

    def contents(self, removed: Amount | None = None) -> Contents:
        """Count what the store holds, in all and by kind."""
        sizes: dict[str, list[int]] = {}
        for entry in self.entries():
            sizes.setdefault(entry.kind, []).append(entry.bytes)
        kinds = {kind: Amount(len(of_kind), sum(of_kind)) for kind, of_kind in sizes.items()}
        every = [size for of_kind in sizes.values() for size in of_kind]
        return Contents(self.root, Amount(len(every), sum(every)), kinds, limit_of(self.root), removed)

    def _need(self, key: str) -> None:
        """Keep others from removing what has this key as long as this store is open."""
        if self._use.needs:
            self._use.needs.note(key)

    def _within_limit(self) -> None:
        """Remove what is beyond the limit and no living process needs, now and then."""
        if time.monotonic() - self._relieved >= RELIEF_S:
            relieve(self.root)
            self._relieved = time.monotonic()

    def _step(self, key: str) -> Path:
        return self.root / "steps" / key

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Tell of a full disk as that: libraries say it in many ways, or only that a file could not be written."""
        try:
            yield
        except CannotWrite:
            raise
        except Exception as error:  # a library's: whatever it is, it goes on, or is told as the full disk that caused it
            free = shutil.disk_usage(self.root).free
            if free < FULL or getattr(error, "errno", None) == errno.ENOSPC:
                raise CannotWrite(
                    f"the disk of the store {self.root} is full ({free / MB:.1f} MB are free): make room, run thimble store --prune, "
                    "or set THIMBLE_STORE to another folder"
                ) from error
            raise

    @contextmanager
    def _aside(self, kind: str, key: str) -> Iterator[Path]:
        """A folder that becomes the entry when the block ends well, and vanishes when it doesn't."""
        final = self.root / kind / key
        aside = self.root / kind / f".{key}.{machine_id()}.{os.getpid()}"
        with writing(final):
            shutil.rmtree(aside, ignore_errors=True)
            aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside.mkdir()
        try:
            yield aside
            with writing(final):
                if not (final / "model.json").exists():
                    shutil.rmtree(final, ignore_errors=True)
                    try:
                        aside.rename(final)
                    except OSError:  # where a file system has no locks, another machine may have been first in this moment
                        if not (final / "model.json").exists():
                            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _used(path: Path) -> None:
    """Note the time of use, where that can be written: what was not used for the longest time is removed first."""
    with suppress(OSError):
        os.utime(path)


def _save_network(network: Any, path: Path) -> None:
    """Pickle a network by the names of its classes; by their code where they have no name to be found under.

    Classes inside functions, lambdas, and modules loaded through a specification are such: cloudpickle is made for them.
    """
    import pickle

    import cloudpickle
    import torch

    with writing(path):
        try:
            torch.save(network, path)
        except (pickle.PicklingError, AttributeError, TypeError):
            torch.save(network, path, pickle_module=cloudpickle)


def _load_network(root: Path, path: Path) -> Any:
    """Unpickle a network of the store, where nobody else can have put it there; raises `CannotWrite` otherwise."""
    import torch

    check_sealed(root, path)

    return torch.load(path, weights_only=False)
