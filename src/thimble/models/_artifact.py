"""Files that a runtime opens as they are: measured, explained and taken as a baseline; no technique changes them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

from thimble.core.errors import BadInput, CannotWrite, MissingExtra
from thimble.core.model import Model, named_outputs, noise_inputs
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.registry import RUNTIMES
from thimble.core.task import Arrays, ModelSpec
from thimble.core.values import TensorSpec, listed, sha256_of
from thimble.fetch.user_file import foreign
from thimble.formats import Described, Ends, Format, format_named
from thimble.models._inputs import agreed_inputs, check_head
from thimble.models._onnx_inputs import sized_inputs


class ArtifactFile:
    """A source of one format's files; a subclass names the format by its own name, and the runtime's modules."""

    title: ClassVar[str]
    form: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]
    unchanged: ClassVar[str]
    """What can be done with the file, as the rest of a sentence that begins with its name."""

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """Copy the file, and those that lie beside it under its name, into ``folder``, and run it once.

        Raises `MissingExtra` with the install command where its runtime is absent, `BadInput` for a file that doesn't run.
        """
        path, format = self._path(spec), self._format
        runtime = _runtime(self._name)
        self.look_through(path)
        try:
            ends = cast("Described", format).ends(path)
        except Exception as error:  # each library's own errors, on a file of strangers
            raise BadInput(f"{path} can't be opened as {format.TITLE}: {foreign(error)}") from error
        inputs = settled(ends, spec, path)
        main = _copied(path, format, folder)
        inputs, answer = _trial(runtime, main, inputs, ends.outputs, path)
        shapes = {name: [None, *value.shape[1:]] for name, value in answer.items()}
        check_head(shapes, spec)
        return Model(self._name, folder, inputs, tuple(answer), {"output_shapes": shapes, "unchanged": self.unchanged})

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where opening the file could do more than compute: every format has a check of its own."""
        raise NotImplementedError

    def declared(self, spec: ModelSpec) -> tuple[TensorSpec, ...]:
        """The inputs as the file has them; none where it can't be read here, or isn't let through."""
        try:
            path = self._path(spec)
            self.look_through(path)
            return cast("Described", self._format).ends(path).inputs
        except Exception:  # said when it is opened: each library's own errors, or its absence
            return ()

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """Unknown: the file doesn't say."""
        return None

    def prepare(self, spec: ModelSpec) -> None:
        """Do nothing: the model is a file."""

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """The contents of the file and of those beside it."""
        path = self._path(spec)
        return tuple((file.suffix, sha256_of(file)) for file in (path, *_beside(path, self._format)))

    @property
    def _name(self) -> str:
        return type(self).__name__.lower()

    @property
    def _format(self) -> Format:
        format = format_named(self._name)
        assert format is not None
        return format

    def _path(self, spec: ModelSpec) -> Path:
        path = user_path(spec.spec)
        if spec.weights:
            raise BadInput(f"{spec.spec} brings its own weights; leave out --weights")
        if not path.is_file():
            raise BadInput(f"there is no model at {path}")
        missing = [suffix for suffix in self._format.BESIDE if not path.with_suffix(suffix).is_file()]
        if missing:
            raise BadInput(f"{path} needs {path.with_suffix(missing[0]).name} beside it, which is not there")
        return path


def settled(ends: Ends, spec: ModelSpec, path: Path) -> tuple[TensorSpec, ...]:
    """A file's inputs with the sizes, types and numbers that are given, by name, else by position.

    Raises `BadInput` for shapes that nothing tells, and for single numbers that nothing gives.
    """
    values, shapes, dtypes = dict(spec.values or {}), dict(spec.shapes or {}), dict(spec.dtypes or {})
    if unknown := values.keys() - {one.name for one in ends.inputs}:
        raise BadInput(f"--set names {listed(sorted(unknown))}; {path} takes {listed(one.name for one in ends.inputs)}")
    inputs = [replace(one, value=values.get(one.name)) for one in ends.inputs]
    wanted = [one for one in inputs if one.value is None or one.name in shapes]
    if not shapes.keys() <= {one.name for one in wanted} and len(shapes) == len(wanted):
        names = dict(zip(shapes, (one.name for one in wanted), strict=True))
        shapes = {names[name]: shape for name, shape in shapes.items()}
        dtypes = {names.get(name, name): dtype for name, dtype in dtypes.items()}
    inputs = [_shaped(one, shapes, dtypes, path) if one.name in ends.unshaped else one for one in inputs]
    for one in inputs:
        if not one.shape and one.value is None:
            raise BadInput(
                f"{path} takes {one.name}, a single number that the data don't contain: add --set {one.name}=1, or what it should be"
            )
    free = tuple(one for one in inputs if one.shape and (one.value is None or one.name in shapes))
    agreed = {one.name: one for one in agreed_inputs(free, replace(spec, shapes=shapes or None), spec.spec)}
    return tuple(agreed.get(one.name, one) for one in inputs)


def _shaped(one: TensorSpec, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, str], path: Path) -> TensorSpec:
    if one.name not in shapes:
        raise BadInput(f"{path} doesn't say what shape {one.name} has: give --input-shape {one.name}=1,..., the batch first")
    dtype = "float32" if dtypes.get(one.name, "float32") == "float64" else dtypes.get(one.name, one.dtype)
    return replace(one, shape=(None, *shapes[one.name][1:]), dtype=dtype)


def _runtime(format: str) -> Any:
    """The installed runtime whose own format this is, else the one that opens it; raises `MissingExtra`."""
    able = sorted((cls.formats.index(format), name, cls) for name, cls in RUNTIMES.all().items() if format in cls.formats)
    for _, _, cls in able:
        if all(importlib.util.find_spec(module) for module in cls.needs):
            return cls()
    raise MissingExtra(able[0][2].needs[0], able[0][2].extra or able[0][1])


def _trial(runtime: Any, main: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[str, ...], path: Path) -> tuple[Any, Arrays]:
    """The inputs with sizes that work, and the outputs for one sample of noise."""
    names = [one.name for one in inputs]
    try:
        if not outputs:
            outputs = tuple(named_outputs(runtime.open(str(main), names, [], 1, {}).bind(noise_inputs(inputs, 1))()))
        session = runtime.open(str(main), names, list(outputs), 1, {})
        try:
            sized, answer = sized_inputs(inputs, lambda specs: session.run(noise_inputs(specs, 1)))
        finally:
            session.close()
    except Exception as error:  # each library's own errors
        free = [one.name for one in inputs if None in one.shape[1:]]
        hint = f"; sizes of {listed(free)} are open, give --input-shape" if free else ""
        raise BadInput(f"{runtime.title} can't run {path}: {foreign(error)}{hint}") from error
    return sized, answer


def _beside(path: Path, format: Format) -> list[Path]:
    return [path.with_suffix(suffix) for suffix in format.BESIDE]


def _copied(path: Path, format: Format, folder: Path) -> Path:
    """The copy of the main file, called ``model`` with the format's first suffix."""
    main = folder / f"model{format.SUFFIXES[0]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, main)
        for file in _beside(path, format):
            shutil.copyfile(file, main.with_suffix(file.suffix))
    except OSError as error:
        raise CannotWrite(f"can't copy {path} to {folder}: {error.strerror or error}") from error
    return main
