"""Where models come from: one source per file, found by what a specification looks like."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from thimble.core.errors import BadInput, UnknownName
from thimble.core.model import TORCH, Model
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.registry import MODELS
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, digest_of
from thimble.fetch.torchvision_import import import_torchvision
from thimble.fetch.user_file import blamed, import_user_file
from thimble.formats import format_of
from thimble.models._artifact import ArtifactFile
from thimble.models._inputs import check_single, head_of, remarks
from thimble.models._intake import agreement_db, clean_onnx
from thimble.models._pt2_check import check_pt2

__all__ = [
    "ModelSource",
    "agreement_db",
    "changeable",
    "check_name",
    "check_pt2",
    "check_single",
    "clean_onnx",
    "declared_inputs",
    "entry_format",
    "fingerprint",
    "head_of",
    "import_torchvision",
    "import_user_file",
    "look_through",
    "open_model",
    "prepare_unpickling",
    "preprocess_of",
    "remarks",
    "source_name",
    "traits_of",
]

OPENING = 3
"""Goes up when opening the same source starts to give another model."""


@runtime_checkable
class ModelSource(Protocol):
    """Opens models of one kind. ``form`` is what users write; ``needs`` the modules it imports, ``extra`` their extra.

    ``open`` gives a model in evaluation mode; a source of files puts them into ``folder``, its main one called ``model.*``. A
    source may have ``declared(spec)``: the inputs as far as they are known before the model runs; and ``traits(spec)``, see
    `traits_of`. A source of files has ``look_through(path)``, which raises `BadInput` where opening a file could do more than
    compute; without it none is opened. ``identity`` is what decides the result besides the specification's own fields (JSON
    values).
    """

    title: ClassVar[str]
    form: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """The model; raises `BadInput` with one line where it can't be had."""
        ...

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """The transform that the weights were trained with, where the source knows it."""
        ...

    def prepare(self, spec: ModelSpec) -> None:
        """Make the classes importable that the network is made of, so that a pickle of it can be read."""
        ...

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """Hashes of files and versions of libraries that decide what `open` gives."""
        ...


def open_model(spec: ModelSpec, folder: Path) -> Model:
    """The model that ``spec`` asks for, in evaluation mode.

    An ``nn.Module`` in memory (format ``torch``) for every source but ``onnx``, whose files are checked and copied
    into ``folder`` (format ``onnx``). Raises `UnknownName` for an unknown source and `BadInput` for one that can't
    be used, each in one line.
    """
    with blamed(spec.spec, _code_of(spec)):
        return _source_of(spec).open(spec, folder)


def preprocess_of(spec: ModelSpec) -> Preprocess | None:
    """The image transform that belongs to the weights; ``None`` where there are no given weights or it is unknown."""
    return _source_of(spec).preprocess(spec)


def declared_inputs(spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The inputs that a model tells of without running; none where it tells nothing."""
    declared = getattr(_source_of(spec), "declared", None)
    try:
        with blamed(spec.spec, _code_of(spec)):
            return tuple(declared(spec)) if declared else ()
    except BadInput:  # said when it is opened
        return ()


def declared_outputs(spec: ModelSpec) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the outputs that a model tells of without running, ``None`` for free sizes; nothing where it tells nothing."""
    declared = getattr(_source_of(spec), "outputs", None)
    try:
        return dict(declared(spec)) if declared else {}
    except BadInput:  # said when it is opened
        return {}


def traits_of(spec: ModelSpec) -> frozenset[str]:
    """What of a network decides which techniques come first: ``recurrent`` layers, ``attention``; nothing where it isn't known."""
    traits = getattr(_source_of(spec), "traits", None)
    try:
        with blamed(spec.spec, _code_of(spec)):
            return frozenset(traits(spec)) if traits else frozenset()
    except BadInput:  # said when it is opened
        return frozenset()


def fingerprint(spec: ModelSpec) -> str:
    """A digest of everything that decides the model: the specification, its files' contents, library versions.

    The same file in another place has the same fingerprint.
    """
    source = _source_of(spec)
    name = type(source).__name__
    fields: tuple[object, ...] = (spec.classes, dict(spec.shapes or {}), dict(spec.dtypes or {}), spec.size, spec.seed)
    more = tuple(dict(each) for each in (spec.values, spec.states, spec.batch_axes) if each)
    fields = (*fields, *more)
    with blamed(spec.spec, _code_of(spec)):
        return digest_of(name, OPENING, fields, source.identity(spec))


def check_name(text: str) -> None:
    """Raise `UnknownName` where a source of models by name has none of that name. Imports the source's library."""
    source = MODELS.get(source_name(text))()
    if hasattr(source, "check"):
        source.check(ModelSpec(text))


def prepare_unpickling(spec: ModelSpec) -> None:
    """Make the classes importable that the model is made of; call it before a stored network is read."""
    _source_of(spec).prepare(spec)


def source_name(text: str) -> str:
    """The registered source that a specification such as ``torchvision:resnet18`` or ``model.onnx`` belongs to.

    Raises `UnknownName` with the known ones, `BadInput` for a weights file in a model's place.
    """
    head, colon, _ = text.partition(":")
    if colon and head in MODELS.names():
        return head
    path = text.rpartition(":")[0] if ".py:" in text else text
    suffix = Path(path).suffix.lower()
    if suffix == ".py":
        return "file"
    if (format := format_of(user_path(path))) in MODELS.names():
        return str(format)
    if suffix in (".pt", ".pth", ".ckpt", ".safetensors", ".bin"):
        raise BadInput(f"{text} is a file of weights: name the network they belong to and give the file with --weights")
    raise UnknownName("model", text, [MODELS.get(name).form for name in MODELS.names()])


def entry_format(text: str) -> str:
    """Return the format in which a model enters a study: ``onnx``, ``torch``, or the own one of a file that a runtime opens."""
    name = source_name(text)
    return name if name == "onnx" or issubclass(MODELS.get(name), ArtifactFile) else TORCH


def changeable(text: str) -> str:
    """The format in which techniques begin with a model: ``onnx`` or ``torch``.

    Raises `BadInput` for files that a runtime opens and no technique changes, with what can be done with them.
    """
    source = MODELS.get(source_name(text))
    if issubclass(source, ArtifactFile):
        raise BadInput(f"{text} {source.unchanged}. thimble measure, doctor and fit take it as it is")
    return entry_format(text)


def look_through(path: Path, format: str) -> None:
    """Check a file before a runtime or a reader opens it, wherever it comes from.

    Raises `BadInput` where opening a file could run code that it holds, touch other files, or crash its reader; and for a format
    that has no such check. A file that is another format's by its contents passes that one's check, too.
    """
    if not path.is_file():
        raise BadInput(f"there is no model at {path}")
    for name in dict.fromkeys((format, format_of(path) or format)):
        look = getattr(MODELS.get(name)(), "look_through", None) if name in MODELS.names() else None
        if look is None:
            raise BadInput(f"{path} is of the format {name!r}, whose files can't be checked; it was not opened")
        look(path)


def _source_of(spec: ModelSpec) -> ModelSource:
    source: ModelSource = MODELS.get(source_name(spec.spec))()
    return source


def _code_of(spec: ModelSpec) -> Path | None:
    """The user's Python file that a specification names."""
    return user_path(spec.spec.rpartition(":")[0]) if source_name(spec.spec) == "file" else None
