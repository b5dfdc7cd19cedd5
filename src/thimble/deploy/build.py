"""Put a bundle's folder together and let it prove itself before it is handed out."""

from __future__ import annotations

import inspect
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core import preprocess, processor
from thimble.core.distribution import version as own_version
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.model import batch_of
from thimble.core.registry import RUNTIMES
from thimble.core.subject import Subject
from thimble.core.values import File, TensorSpec
from thimble.deploy import payload
from thimble.deploy._words import readme
from thimble.deploy.golden import Answers, answered, save_npz, tolerances
from thimble.deploy.manifest import MANIFEST, MODEL, Golden, Manifest, RuntimeInfo, Tensor, encoded
from thimble.deploy.payload import verify
from thimble.devices import worker
from thimble.formats import ending_of

if TYPE_CHECKING:
    from thimble.core.task import Arrays

GOLDEN = "golden/golden.npz"
KINDS = {"softmax": "probabilities", "sigmoid": "probabilities", "log_softmax": "log probabilities", "linear": "logits"}
"""What an output holds, by the operator that it ends with."""


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle. ``inputs`` are real samples, ``images`` the same before preprocessing, as PNG.

    ``precision`` is ``fp32``, ``fp16`` or ``int8``. ``figures``, ``licences`` and ``forced`` go into the manifest as they are.
    """

    name: str
    target: str
    subject: Subject
    inputs: Arrays
    split: str = "test"
    images: tuple[bytes, ...] = ()
    baseline: Subject | None = None
    recipe: str = ""
    precision: str = "fp32"
    figures: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    forced: str = ""


def assemble(contents: Contents, folder: Path) -> Manifest:
    """Write a bundle into an empty folder and run its own ``verify.py`` there.

    Raises `RuntimeFailed` where the artifact can't be run, or where the bundle does not give the same answers again.
    """
    subject = contents.subject
    own = answered(subject, contents.inputs)
    baseline = answered(contents.baseline, contents.inputs) if contents.baseline else None
    _copy_model(subject, folder / MODEL)
    golden = _golden(contents, own, baseline, folder)
    info = _copy_scripts(subject, folder)
    manifest = Manifest(
        name=contents.name,
        target=contents.target,
        files=(),
        artifact=subject.artifact,
        inputs=tuple(_input(spec, subject, contents.inputs.get(spec.name)) for spec in subject.artifact.inputs),
        outputs=tuple(_output(name, own.outputs[name]) for name in subject.artifact.outputs),
        runtime=info,
        golden=golden,
        answer=_answer(subject),
        recipe=contents.recipe,
        operators=own.operators,
        int8=contents.precision == "int8",
        made_on=_made_on(),
        figures=contents.figures,
        licences=contents.licences,
        forced=contents.forced,
        thimble=own_version(),
    )
    (folder / "requirements.txt").write_text(_requirements(manifest))
    (folder / "README.md").write_text(readme(manifest))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = replace(manifest, files=tuple(File.of(path, folder) for path in paths))
    (folder / MANIFEST).write_bytes(encoded(manifest))
    prove(folder)
    return manifest


def prove(folder: Path) -> None:
    """Run a bundle's own ``verify.py`` without timing; raises `RuntimeFailed` with its line where it doesn't hold."""
    out = folder / verify.RESULT
    done = subprocess.run(
        [sys.executable, "-B", str(folder / "verify.py"), "--no-timing"], capture_output=True, text=True, check=False, cwd=folder
    )
    out.unlink(missing_ok=True)
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)
    if done.returncode:
        lines = (done.stderr.strip() or "no words").splitlines()
        raise RuntimeFailed(f"the bundle does not prove itself here, so it was not written: {lines[-1]}")


def _copy_model(subject: Subject, folder: Path) -> None:
    for file in subject.artifact.files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(subject.folder / file.path, target)
        if File.of(target, folder) != file:
            raise BadInput(f"{subject.folder / file.path} is not the file that was measured: its SHA-256 is another")


def _copy_scripts(subject: Subject, folder: Path) -> RuntimeInfo:
    """The scripts as they stand in the package: the same preprocessing, worker and runtime that the study used."""
    runtime = RUNTIMES.get(subject.runtime)
    here = Path(payload.__file__).parent
    file = f"runtime_{subject.runtime}.py"
    sources = {
        "predict.py": here / "predict.py",
        "verify.py": here / "verify.py",
        "worker.py": Path(worker.__file__),
        "processor.py": Path(processor.__file__),
        file: Path(inspect.getfile(runtime)),
    }
    if subject.artifact.preprocess:
        sources["preprocess.py"] = Path(preprocess.__file__)
    for name, source in sources.items():
        shutil.copyfile(source, folder / name)
    installed = _version(runtime.distribution)
    return RuntimeInfo(
        subject.runtime, runtime.title, file, runtime.__name__, runtime.distribution, installed, subject.threads, dict(subject.options)
    )


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


def _input(spec: TensorSpec, subject: Subject, seen: Any) -> Tensor:
    """An input with names for its dynamic dimensions; its range is that of any image, else of the golden samples."""
    import numpy as np

    shape = tuple(size if size is not None else "batch" if i == 0 else f"{spec.name}_{i}" for i, size in enumerate(spec.shape))
    read = subject.artifact.preprocess
    image = read is not None and len(spec.shape) == 4
    if read is not None and image:
        channels = 1 if read.channels == "grey" else 3
        ends = read.normalized(np.stack([np.full((1, 1, channels), value, np.uint8) for value in (0, 255)]))
    else:
        ends = seen
    span = None if ends is None or not ends.size else (float(ends.min()), float(ends.max()))
    layout = {"chw": "NCHW", "hwc": "NHWC"}[read.layout] if read is not None and image else ""
    return Tensor(spec.name, shape, spec.dtype, layout, span)


def _output(name: str, rows: Any) -> Tensor:
    return Tensor(name, ("batch", *rows.shape[1:]), str(rows.dtype), range=(float(rows.min()), float(rows.max())))


def _answer(subject: Subject) -> dict[str, str]:
    end = ending_of(subject.folder, subject.artifact)
    return {"output": subject.artifact.outputs[0], "kind": KINDS.get(end or "", "logits" if subject.artifact.labels else "values")}


def _made_on() -> dict[str, Any]:
    return {
        "processor": processor.processor_name(),
        "features": list(processor.features()),
        "int8": processor.int8_support(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _requirements(manifest: Manifest) -> str:
    names = ["numpy", manifest.runtime.distribution, *(["pillow"] if manifest.artifact.preprocess else [])]
    return "".join(f"{name}=={_version(name)}\n" for name in dict.fromkeys(names))


def _version(distribution: str) -> str:
    """The installed version without a local part, such as ``+cpu``, which package indexes don't have."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        raise BadInput(f"{distribution} is not installed; install it before a bundle can pin it") from None
