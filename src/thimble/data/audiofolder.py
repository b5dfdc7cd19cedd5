"""Sounds in one folder per class: ``audiofolder:DIR``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.task import Batch, Task, TaskSpec
from thimble.core.values import listed
from thimble.data._folder import class_folders
from thimble.data._rules import check_counts, divide
from thimble.data._sounds import SUFFIXES, Listening, decoded, listening_for
from thimble.data._split import HELD_BYTES, IMAGE, Samples, SplitTask
from thimble.data.imagefolder import split_folders

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SoundFile:
    """One sound: its path, the name of its class, and a digest of its bytes."""

    path: Path
    label: str
    digest: str


class Audiofolder:
    """``audiofolder:DIR``: class folders, or ``train``, ``val`` and ``test`` with class folders in each, of WAV files.

    Sounds are averaged to one channel, resampled to ``--rate``, cut from the middle or filled up with silence to the length
    that the model takes; ``--features mel`` gives log-mel spectra instead. FLAC, OGG and MP3 need soundfile (extra ``audio``).
    """

    title: ClassVar[str] = "sounds, one folder per class"
    form: ClassVar[str] = "audiofolder:DIR"
    needs: ClassVar[tuple[str, ...]] = ("scipy",)
    extra: ClassVar[str | None] = None

    def open(self, spec: TaskSpec) -> Task:
        """The task, scored by accuracy. Raises `BadInput` for folders that can't be used."""
        import numpy as np

        folder = user_path(spec.argument)
        if not spec.argument or not folder.is_dir():
            raise BadInput(f"there is no folder {spec.argument!r}; write audiofolder:DIR with a folder of class folders")
        parts = {name: _read(part) for name, part in (split_folders(folder) or {"": folder}).items()}
        sounds = [sound for part in parts.values() for sound in part]
        labels = _classes(parts, folder)
        if spec.classes_of_head not in (None, len(labels)):
            raise BadInput(f"the model's head has {spec.classes_of_head} outputs, {folder} has {len(labels)} classes: the two must agree")
        sizes = {name: len(part) for name, part in parts.items()}
        division = divide(sizes, [sound.label for sound in sounds], [sound.digest for sound in sounds], spec)
        check_counts(division.rows, labels, str(folder))
        how = listening_for(spec, max(_seconds(sound.path) for sound in sounds))
        targets = np.asarray([labels.index(sound.label) for sound in sounds], np.int64)
        splits = {name: SoundSplit([sounds[i] for i in rows], targets[rows], how) for name, rows in division.rows.items()}
        kind = f"log-mel spectra of {how.bands} bands" if how.bands else "waves"
        note = f"sounds are read as {kind}, {how.length / how.rate:.3g} s at {how.rate:,} Hz, averaged to one channel"
        return SplitTask(f"audiofolder:{folder.resolve().name}", "accuracy", labels, splits, None, (note, *division.notes))


class SoundSplit(Samples):
    """Sounds that are decoded when they are asked for; those of small sets are kept once they are read."""

    def __init__(self, sounds: list[SoundFile], targets: NDArray[Any], how: Listening) -> None:
        import math

        super().__init__(targets, [sound.digest for sound in sounds])
        self._sounds, self._how = sounds, how
        self._held: dict[int, NDArray[Any]] | None = {} if 4 * len(sounds) * math.prod(how.shape) <= HELD_BYTES else None

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Batch:
        """The sounds at these positions, as the network takes them."""
        import numpy as np

        assert self.targets is not None
        rows = [int(i) for i in indices]
        return Batch({IMAGE: np.stack([self._one(i) for i in rows])}, self.targets[rows])

    def _one(self, row: int) -> NDArray[Any]:
        if self._held is None:
            return self._how(self._sounds[row].path)
        if row not in self._held:
            self._held[row] = self._how(self._sounds[row].path)
        return self._held[row]

    def _reading(self) -> object:
        return repr(self._how)


def _read(folder: Path) -> list[SoundFile]:
    """The sounds in the class folders of a folder, sorted by path. Raises `BadInput` for a class that has none."""
    found = []
    for place in class_folders(folder):
        paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file())
        if not paths:
            raise BadInput(f"class folder {place} holds no sound ({', '.join(sorted(SUFFIXES))})")
        found += [SoundFile(path, place.name, hashlib.sha256(path.read_bytes()).hexdigest()[:24]) for path in paths]
    return found


def _classes(parts: dict[str, list[SoundFile]], folder: Path) -> tuple[str, ...]:
    known = {sound.label for sound in parts.get("train", parts.get("", []))}
    for name, sounds in parts.items():
        if missing := {sound.label for sound in sounds} - known:
            raise BadInput(f"{name} of {folder} has classes that train lacks: {listed(sorted(missing), 3)}")
    if len(known) < 2:
        raise BadInput(f"{folder} holds {f'one class, {min(known)}' if known else 'no class folders'}; it needs two or more")
    return tuple(sorted(known))


def _seconds(path: Path) -> float:
    """A file's length; one that can't be decoded is refused."""
    wave, rate = decoded(path)
    return len(wave) / rate
