"""What a manifest says of inputs, outputs, the runtime, and the machine that made it."""

from __future__ import annotations

import platform
from typing import Any

from thimble.core import processor
from thimble.core.errors import BadInput
from thimble.core.pythons import version_of
from thimble.core.registry import RUNTIMES
from thimble.core.subject import Subject
from thimble.core.values import TensorSpec
from thimble.deploy.manifest import RuntimeInfo, Tensor
from thimble.formats import ending_of

KINDS = {"softmax": "probabilities", "sigmoid": "probabilities", "log_softmax": "log probabilities", "linear": "logits"}
"""What an output holds, by the operator that it ends with."""


def described_input(spec: TensorSpec, subject: Subject, seen: Any) -> Tensor:
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


def described_output(name: str, rows: Any) -> Tensor:
    """An output with the shape, the type and the range of the golden samples' answers."""
    return Tensor(name, ("batch", *rows.shape[1:]), str(rows.dtype), range=(float(rows.min()), float(rows.max())))


def answer_of(subject: Subject) -> dict[str, str]:
    """Which output answers, and what it holds: one of the values of `KINDS`, or ``values``."""
    end = ending_of(subject.folder, subject.artifact)
    return {"output": subject.artifact.outputs[0], "kind": KINDS.get(end or "", "logits" if subject.artifact.labels else "values")}


def made_on() -> dict[str, Any]:
    """This machine: processor, its instruction sets, system, Python."""
    return {
        "processor": processor.processor_name(),
        "features": list(processor.features()),
        "int8": processor.int8_support(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def runtime_of(subject: Subject, file: str = "") -> RuntimeInfo:
    """The runtime that answered the golden samples; ``file`` is its module in the bundle, where it travels."""
    cls = RUNTIMES.get(subject.runtime)
    installed = installed_version(cls.distribution)
    return RuntimeInfo(subject.runtime, cls.title, file, cls.__name__, cls.distribution, installed, subject.threads, dict(subject.options))


def installed_version(distribution: str) -> str:
    """The installed version, in the Python that uses it. Raises `BadInput` where it is absent."""
    found = version_of(distribution)
    if found is None:
        raise BadInput(f"{distribution} is not installed; install it before a bundle can pin it")
    return found
