"""Hand a candidate over: a bundle that proves itself where it runs."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.api._choice import chosen, facts, kind_of, reference_of
from thimble.api.options import check
from thimble.api.request import Bundle
from thimble.api.resolve import reopened
from thimble.api.subjects import checked_runtime, look_through
from thimble.core.artifact import Artifact, read_manifest
from thimble.core.aside import new_folder, writing
from thimble.core.errors import BadInput, LimitsNotMet
from thimble.core.paths import user_path
from thimble.core.registry import TARGETS, most_threads
from thimble.core.study import Candidate, Study, read_study
from thimble.core.subject import Subject
from thimble.core.task import TaskSpec
from thimble.core.temporary import temporary_folder
from thimble.deploy.archive import not_of_bundle
from thimble.deploy.manifest import Baked, Manifest
from thimble.formats import check_main

if TYPE_CHECKING:
    from thimble.core.task import Arrays, Task

SAMPLES = 16
"""Golden samples, evenly spread over the split."""
PICTURE_BYTES = 1_000_000
"""A golden image of more bytes than these is left out; its tensor stays."""


@dataclass(frozen=True)
class Bundled:
    """A finished bundle, with the digest of the whole that is written beside it."""

    place: Path
    digest: str
    manifest: Manifest
    notes: tuple[str, ...] = ()


def bundle(place: str | Path, out: str | Path, options: Bundle | None = None, candidate: str | None = None) -> Bundled:
    """Bundle a study's candidate, by default the best one that runs on the target, into ``out``: a folder, or a .zip file.

    ``place`` is a study's folder; or an artifact's, then ``data`` must be given. Raises `LimitsNotMet` where nothing is proven
    to meet the study's limits (``force`` bundles it anyway, and the manifest keeps why), `BadInput` for what can't be.
    """
    from thimble.deploy.archive import write_digest, write_zip
    from thimble.deploy.bake import baked
    from thimble.deploy.build import assemble

    options, folder, out = options or Bundle(), user_path(place), user_path(out)
    check(options)
    TARGETS.get(options.target)
    _check_out(out)
    contents, notes = _contents(folder, options, candidate)
    with temporary_folder() as scratch:
        if options.bake_preprocessing:
            contents = baked(contents, scratch / "baked")
            notes += [_baked_note(contents.baked)] if contents.baked else []
        made = scratch / "bundle"
        made.mkdir()
        manifest = assemble(contents, made)
        if out.suffix == ".zip":
            write_zip(made, out)
        else:
            _put(made, out)
    return Bundled(out, write_digest(out), manifest, tuple(notes))


def _baked_note(facts: Baked) -> str:
    """How the graph takes pixels, and how well it agrees with the preprocessing that the study scored with."""
    off, out = facts.normalisation_difference, facts.output_difference
    return (
        f"the graph normalises: its input `{facts.input}` takes 8-bit pixels in NHWC. All 256 values of each channel differ by at most "
        f"{off:.3g} from the study's preprocessing, and the golden outputs by at most {out:.3g}"
    )


def _contents(folder: Path, options: Bundle, candidate: str | None) -> tuple[Any, list[str]]:
    """What goes in, from a study or from one artifact; and notes for the user."""
    from thimble.data import open_task
    from thimble.deploy.contents import Contents
    from thimble.devices.process import named_inputs

    notes: list[str] = []
    reference: Subject | None = None
    if (folder / "study.json").is_file():
        study = read_study(folder)
        choice = chosen(study, options.target, candidate)
        if choice.against and not options.force:
            raise LimitsNotMet(f"{choice.against} Nothing was bundled. Use --force to bundle it anyway; the manifest records the reason")
        subject = _subject(folder, choice.candidate, study.threads)
        task, fields = _task_of(study), facts(study, choice)
        first = study.candidates[0]
        base = _subject(folder, first, study.threads) if first.ok else None
        beside = reference_of(study, options.target, choice.candidate.name)
        reference = _subject(folder, beside, study.threads) if beside else None
    else:
        if candidate is not None:
            raise BadInput(f"{folder} is not a study, so it has no candidate {candidate!r}")
        subject, base, study = _artifact(folder), None, None
        if options.data is None:
            raise BadInput(f"{folder} is one artifact, not a study: add --data for the golden samples")
        task = open_task(TaskSpec(options.data, seed=options.seed, weights_given=True, preprocess=subject.artifact.preprocess))
        fields = {"name": folder.resolve().name, "precision": _precision(subject)}
    inputs, images, split = _samples(task)
    if subject.artifact.preprocess is None:
        images = ()
    if subject.artifact.preprocess and len(images) < len(next(iter(inputs.values()))):
        notes.append("golden images that are large or unavailable are left out; the bundle holds their tensors")
    licences = {"model": options.model_licence or "not known", "data": options.data_licence or "not known"}
    named = named_inputs(inputs, subject.artifact)
    if any(array.ndim == 0 or len(array) != len(next(iter(inputs.values()))) for array in named.values()):
        raise BadInput(f"{subject.name} takes single numbers or states as inputs; a bundle can't hold these yet")
    fields |= {"baseline": base, "reference": reference, "licences": licences}
    fields["runtime_files"] = user_path(options.runtime_files) if options.runtime_files else None
    return Contents(target=options.target, subject=subject, inputs=named, split=split, images=images, **fields), notes


def _precision(subject: Subject) -> str:
    from thimble.engine.build import weigh
    from thimble.engine.process import StepsProcess

    with StepsProcess() as process:  # in the Python whose library reads the file
        return kind_of(weigh(process, subject.folder, subject.artifact).bytes_by_type)


def _subject(folder: Path, candidate: Candidate, threads: int) -> Subject:
    """A study's candidate with its files, which must lie inside the study's folder."""
    place = (folder / (candidate.folder or f"artifacts/{candidate.name}")).resolve()
    if not place.is_relative_to(folder.resolve()):
        raise BadInput(f"{candidate.name} lies in {place}, outside of {folder}; bundle that folder instead, with --data")
    artifact, threads = _checked(place), min(threads, most_threads(candidate.runtime))
    return Subject(candidate.name, place, artifact, candidate.runtime, threads, candidate.options)


def _artifact(folder: Path) -> Subject:
    from thimble.devices.processor import available_cores

    artifact = _checked(folder)
    return Subject(folder.resolve().name, folder, artifact, checked_runtime(artifact.format, None, str(folder)), len(available_cores()))


def _checked(folder: Path) -> Artifact:
    from thimble.engine.process import StepsProcess

    artifact = read_manifest(folder)
    check_main(artifact, folder)
    with StepsProcess() as process:
        look_through(folder, artifact, process)
    return artifact


def _task_of(study: Study) -> Task:
    """The study's own data, opened again. Raises `BadInput` where its test split holds other samples now."""
    found = reopened(study, "test")
    if found is None:
        raise BadInput(f"the data {study.task.spec} have changed since the study: their test split holds other samples")
    return found


def _samples(task: Task) -> tuple[Arrays, tuple[bytes, ...], str]:
    """Golden samples, spread evenly over the test split, and their images as PNG where there are any."""
    split = task.split("test")
    count = min(SAMPLES, len(split))
    rows = [i * len(split) // count for i in range(count)]
    take = getattr(split, "take", None)
    batch = take(rows) if take else next(iter(split.batches(count)))
    image = getattr(split, "image", None)
    pictures = (_png(image(row)) for row in rows) if image and take else iter(())
    return batch.inputs, tuple(_until_none(pictures)), "test"


def _until_none(pictures: Iterator[bytes | None]) -> Iterator[bytes]:
    """Pictures up to the first that is too large: golden images are those of the first samples."""
    for picture in pictures:
        if picture is None:
            return
        yield picture


def _png(image: Any) -> bytes | None:
    """The image as PNG, with the same pixels that preprocessing begins with; ``None`` where that is too large."""
    from thimble.core.preprocess import upright

    shown = upright(image)
    shown = shown if shown.mode in ("L", "RGB") else shown.convert("RGB")
    stream = io.BytesIO()
    shown.save(stream, "PNG")
    return stream.getvalue() if stream.tell() <= PICTURE_BYTES else None


def _check_out(out: Path) -> None:
    """Raise `BadInput` where ``out`` holds anything but an earlier bundle: it would be lost."""
    if not os.path.lexists(out):
        return
    wanted = "a .zip file that does not exist yet" if out.suffix == ".zip" else "a folder that does not exist yet, or a .zip file"
    if out.is_dir() == (out.suffix == ".zip"):
        raise BadInput(f"--out {out} is a {'folder' if out.is_dir() else 'file'}; name {wanted}")
    if out.is_dir() and not any(out.iterdir()):
        return
    foreign = not_of_bundle(out)
    if foreign is not None:
        raise BadInput(f"--out {out} exists and is not a bundle{f': it holds {foreign}' if foreign else ''}; name {wanted}")


def _put(made: Path, out: Path) -> None:
    """Copy a folder beside its place, then put it there; an earlier bundle is replaced as a whole."""
    with writing(out), new_folder(out) as aside:
        shutil.copytree(made, aside, dirs_exist_ok=True)
