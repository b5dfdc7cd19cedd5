"""Put together what every bundle holds, let its target add the rest, and let it prove itself before it is handed out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from thimble.core.distribution import version as own_version
from thimble.core.errors import BadInput
from thimble.core.model import batch_of
from thimble.core.registry import TARGETS
from thimble.core.subject import Subject
from thimble.core.values import File
from thimble.deploy.contents import Contents, Target
from thimble.deploy.describe import answer_of, described_input, described_output, made_on, runtime_of
from thimble.deploy.golden import Answers, answered, save_npz, tolerances
from thimble.deploy.manifest import MANIFEST, MODEL, Golden, Manifest, encoded

if TYPE_CHECKING:
    from thimble.core.task import Arrays

GOLDEN = "golden/golden.npz"


def assemble(contents: Contents, folder: Path) -> Manifest:
    """Write a bundle into an empty folder and let it prove itself there.

    Raises `BadInput` for what the target can't take, `RuntimeFailed` where the artifact can't be run, or where the bundle does not
    give the same answers again.
    """
    target: Target = TARGETS.get(contents.target)()
    target.check(contents)
    manifest = target.add(contents, _manifest(contents, folder), folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = replace(manifest, files=tuple(File.of(path, folder) for path in paths))
    (folder / MANIFEST).write_bytes(encoded(manifest))
    target.prove(folder)
    return manifest


def _manifest(contents: Contents, folder: Path) -> Manifest:
    """Write the artifact and the golden samples, which every bundle holds; gives what is known of them."""
    subject = contents.subject
    own = answered(subject, contents.inputs)
    baseline = answered(contents.baseline, contents.scored_inputs or contents.inputs) if contents.baseline else None
    copy_artifact(subject, folder / MODEL)
    return Manifest(
        name=contents.name,
        target=contents.target,
        files=(),
        artifact=subject.artifact,
        inputs=tuple(described_input(spec, subject, contents.inputs.get(spec.name)) for spec in subject.artifact.inputs),
        outputs=tuple(described_output(name, own.outputs[name]) for name in subject.artifact.outputs),
        runtime=runtime_of(subject),
        golden=_golden(contents, own, baseline, folder),
        answer=answer_of(subject),
        recipe=contents.recipe,
        operators=own.operators,
        int8=contents.precision == "int8",
        made_on=made_on(),
        figures=contents.figures,
        licences=contents.licences,
        forced=contents.forced,
        baked=contents.baked,
        thimble=own_version(),
    )


def copy_artifact(subject: Subject, folder: Path) -> None:
    """Copy an artifact's files; raises `BadInput` for one that is not the file that was measured."""
    for file in subject.artifact.files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(subject.folder / file.path, target)
        if File.of(target, folder) != file:
            raise BadInput(f"{subject.folder / file.path} is not the file that was measured: its SHA-256 differs")


def _golden(contents: Contents, own: Answers, baseline: Answers | None, folder: Path) -> Golden:
    """The samples' file with its arrays' names, and the tolerances."""
    arrays: Arrays = {}

    def put(kind: str, tensors: Arrays) -> dict[str, str]:
        names = {name: f"{kind}_{i}" for i, name in enumerate(tensors)}
        arrays.update({names[name]: array for name, array in tensors.items()})
        return names

    inputs, outputs = put("input", contents.inputs), put("output", own.outputs)
    answers = put("baseline", baseline.outputs) if baseline else {}
    (folder / GOLDEN).parent.mkdir()
    save_npz(folder / GOLDEN, arrays)
    images = tuple(f"golden/image_{i}.png" for i in range(len(contents.images)))
    for name, content in zip(images, contents.images, strict=True):
        (folder / name).write_bytes(content)
    samples = len(next(iter(contents.inputs.values())))
    found = tolerances(contents.subject, contents.inputs, own.outputs, contents.precision)
    return Golden(
        GOLDEN, samples, inputs, outputs, answers, found, batch_of(contents.subject.artifact.inputs), images, split=contents.split
    )
