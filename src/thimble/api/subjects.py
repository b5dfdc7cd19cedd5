"""What users name on the command line, as subjects that can be measured: artifact folders, files, and models to export."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.api.request import Reading
from thimble.api.resolve import model_spec
from thimble.core.artifact import MANIFEST, Artifact, read_manifest
from thimble.core.errors import BadInput, MissingExtra
from thimble.core.paths import user_path
from thimble.core.processor import features
from thimble.core.pythons import python_of
from thimble.core.recipe import Recipe
from thimble.core.registry import RUNTIMES
from thimble.core.study import Candidate
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec
from thimble.core.values import File
from thimble.core.verdict import Status
from thimble.formats import check_main, describe, format_named, format_of, formats

if TYPE_CHECKING:
    from thimble.engine.build import Builder
    from thimble.engine.process import StepsProcess


BUNDLE = "manifest.json"
"""What a bundle's folder holds beside its files."""


@dataclass(frozen=True)
class Opening:
    """How named artifacts are opened. ``runtime`` takes the place of each format's own; ``reading`` says how models are fed.

    ``remark`` is told, in a line, of a network that came in training mode. ``sample`` has shapes and types of the data, for networks in
    Python that don't say what they take.
    """

    runtime: str | None = None
    threads: int = 1
    weights: str | None = None
    seed: int = 0
    reading: Reading = field(default_factory=Reading)
    remark: Callable[[str], None] = lambda line: None
    sample: tuple[Mapping[str, tuple[int, ...]], Mapping[str, str]] | None = None


def open_subjects(specs: Sequence[str], opening: Opening, folder: Path) -> list[Subject]:
    """A subject for each specification, named after it. Files that have to be made lie in ``folder`` or in the store.

    A specification is an artifact's folder, a file of a known format, or a model to export, such as
    ``torchvision:resnet18``; ``@RUNTIME`` behind it says what opens it, with session options where ``@RUNTIME:NAME=VALUE,...`` gives
    some. Raises `BadInput` in one line.
    """
    from thimble.engine.process import StepsProcess

    subjects: list[Subject] = []
    with StepsProcess() as process:
        for i, spec in enumerate(specs):
            text, runtime = split_runtime(spec)
            asked = runtime or opening.runtime
            name, session = with_options(asked)
            subject = _open(text, replace(opening, runtime=name), folder / str(i), process)
            subject = replace(subject, options={**subject.options, **session})
            taken = {other.name for other in subjects}
            apart = f"{subject.name}@{asked or subject.runtime}"
            wanted = (subject.name, apart, *(f"{subject.name} ({n})" for n in range(2, len(specs) + 2)))
            name = next(name for name in wanted if name not in taken)
            subjects.append(replace(subject, name=name, threads=opening.threads))
    return subjects


def look_through(folder: Path, artifact: Artifact, process: StepsProcess) -> None:
    """Raise `BadInput` where opening an artifact's file could do more than compute. Call it before anything opens the file.

    Every artifact folder and study of a stranger comes through here; the check itself is `thimble.models.look_through`.
    """
    from thimble.engine.requests import Request

    main = folder / artifact.main
    for file in (main, *(main.with_suffix(suffix) for suffix in getattr(format_named(artifact.format), "BESIDE", ()))):
        if not file.resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{file} leads outside the artifact's folder; it was not opened")
    if not main.is_file():
        raise BadInput(f"{folder} lacks {artifact.main}, which its {MANIFEST} names")
    process.ask(Request("", "", ModelSpec(str(main)), None, look_through=(str(main.resolve()), artifact.format)))


def known_suffixes() -> str:
    """The suffixes of every format's files, for messages."""
    return ", ".join(sorted({suffix for suffixes in formats().values() for suffix in suffixes}))


def split_runtime(spec: str) -> tuple[str, str | None]:
    """``model.onnx@openvino`` → the file and the runtime, which may have options behind a colon."""
    text, at, runtime = spec.rpartition("@")
    return (text, runtime) if at and runtime.partition(":")[0] in RUNTIMES.names() else (spec, None)


def with_options(runtime: str | None) -> tuple[str | None, dict[str, str]]:
    """``pytorch:device=cuda,precision=tf32`` → the runtime and its session options; raises `BadInput` for one without a value."""
    if runtime is None:
        return None, {}
    name, _, text = runtime.partition(":")
    parts = [part.partition("=") for part in text.split(",")] if text else []
    for option, equals, value in parts:
        if not (option and equals and value):
            raise BadInput(f"--runtime {runtime}: {option or text} is no option; write {name}:NAME=VALUE,NAME=VALUE")
    return name, {option: value for option, _, value in parts}


def _open(spec: str, opening: Opening, folder: Path, process: StepsProcess) -> Subject:
    path = user_path(spec)
    if path.suffix == ".zip" or ((path / BUNDLE).is_file() and not (path / MANIFEST).is_file()):
        return _of_bundle(path, opening, folder, process)
    if path.is_dir():
        artifact = read_manifest(path)
        check_main(artifact, path)
        look_through(path, artifact, process)
        name = path.resolve().name
    elif ":" not in spec and format_of(path) is None and ".py" not in spec:
        forms = f"a folder with {MANIFEST}, a bundle, a file ({known_suffixes()}), or a model such as torchvision:resnet18"
        raise BadInput(f"{spec} is not an artifact: give {forms}")
    else:
        path, artifact = _built(spec, opening, folder, process)
        name = Path(spec).stem if format_of(user_path(spec)) else spec.rpartition(":")[2]
    return Subject(name, path, artifact, checked_runtime(artifact.format, opening.runtime, spec))


def _of_bundle(path: Path, opening: Opening, folder: Path, process: StepsProcess) -> Subject:
    """A bundle's artifact with its runtime and options; files that are not those of its manifest are refused."""
    from thimble.deploy.archive import check_digest, unpack
    from thimble.deploy.manifest import MODEL, read_manifest
    from thimble.deploy.payload import verify

    if not path.exists():
        raise BadInput(f"there is no bundle {path}")
    check_digest(path)
    if not path.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        unpack(path, folder)
    else:
        folder = path
    manifest = read_manifest(folder)
    try:
        verify.check_files(folder, verify.read_manifest(folder))
    except verify.Differs as error:
        raise BadInput(f"{path}: {error}") from error
    check_main(manifest.artifact, folder / MODEL)
    look_through(folder / MODEL, manifest.artifact, process)
    runtime = checked_runtime(manifest.artifact.format, opening.runtime or manifest.runtime.name, str(path))
    return Subject(manifest.name, folder / MODEL, manifest.artifact, runtime, options=manifest.runtime.options)


def checked_runtime(format: str, runtime: str | None, spec: str) -> str:
    """The runtime asked for, else the first installed one that a format is native to. Raises `BadInput` or `MissingExtra`."""
    able = {name: cls for name, cls in RUNTIMES.all().items() if format in cls.formats}
    if runtime is not None:
        cls = RUNTIMES.get(runtime)
        if runtime not in able:
            raise BadInput(f"{spec} is {format}, and {cls.title} opens {', '.join(cls.formats)}; {format} is opened by {', '.join(able)}")
        return runtime
    native = sorted(able, key=lambda name: able[name].formats.index(format))
    for name in native:
        if python_of(able[name]).holds(able[name].needs):
            return name
    if not native:
        raise BadInput(f"{spec} is {format}, which no runtime opens")
    first = able[native[0]]
    raise MissingExtra(first.needs[0], first.extra or native[0])


def _built(spec: str, opening: Opening, folder: Path, process: StepsProcess) -> tuple[Path, Artifact]:
    """A file or a model through the catalog, its exporter and the store; the network itself never enters this process."""
    from thimble.engine.build import Builder, Failed
    from thimble.engine.keys import Source
    from thimble.engine.store import Store
    from thimble.models import fingerprint

    format = format_of(user_path(spec))
    model = model_spec(opening.reading, spec, weights=opening.weights, seed=opening.seed, named=True)
    if opening.sample is not None and opening.reading.shapes is None and ".py:" in spec:
        shapes, types = opening.sample
        model = replace(model, shapes=shapes, dtypes=types, named=False)
    source = Source(model, None, fingerprint(model), {}, features(), seed=opening.seed, threads=opening.threads)
    builder = Builder(Store(), process, source)
    if format == "pt2" and opening.runtime in (None, "pytorch"):
        return _archive(spec, builder, folder)
    runtime = opening.runtime or "pytorch"
    if format not in (None, "pt2"):
        runtime = checked_runtime(format, opening.runtime, spec)
    try:
        built = builder.build(Recipe(spec, (), runtime))
    except Failed as error:
        raise BadInput(f"{spec} can't be exported: {error}") from error
    if "training_mode" in built.model.notes:
        opening.remark(f"{spec} {built.model.notes['training_mode']}")
    return built.model.folder, describe(built.model, None, ())


def _archive(spec: str, builder: Builder, folder: Path) -> tuple[Path, Artifact]:
    """An exported program as it is: only its tensors' names are read from it."""
    tensors = builder.open_source().model
    folder.mkdir(parents=True)
    try:
        os.link(Path(spec).resolve(), folder / "model.pt2")
    except OSError:
        shutil.copyfile(spec, folder / "model.pt2")
    return folder, Artifact("pt2", "model.pt2", (File.of(folder / "model.pt2", folder),), tensors.inputs, tensors.outputs)


def as_given(subject: Subject) -> Candidate:
    """A candidate that is there already."""
    folder = str(subject.folder.resolve())
    made = Candidate(subject.name, "as given", subject.runtime, artifact=subject.artifact, folder=folder, status=Status.OK)
    return replace(made, options=subject.options)


def placed(candidate: Candidate, folder: Path) -> bool:
    """Return whether a candidate's artifact is still in its study's folder."""
    if candidate.artifact is None or candidate.folder is None:
        return False
    return (folder / candidate.folder / candidate.artifact.main).is_file()
