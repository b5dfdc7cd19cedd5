"""Inputs that are made up: what artifacts are measured with where there are no data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from thimble.core.artifact import Artifact
from thimble.core.errors import BadInput
from thimble.core.values import fitting

if TYPE_CHECKING:
    from thimble.core.task import Arrays


def made_inputs(artifact: Artifact, batch: int, shapes: Mapping[str, tuple[int, ...]] | None, seed: int = 0) -> Arrays:
    """Inputs of an artifact's shapes: normal noise from the seed for real numbers, zeros for whole ones.

    Raises `BadInput` where a shape is open and ``shapes`` doesn't fill it, or contradicts the artifact.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for spec in artifact.inputs:
        shape = list(spec.with_batch(batch))
        given = (shapes or {}).get(spec.name)
        if given is None and None in spec.shape[1:]:
            text = ",".join("?" if size is None else str(size) for size in spec.shape)
            works = ",".join(map(str, spec.with_batch(1))) if spec.sizes else "1,..."
            raise BadInput(f"input {spec.name} leaves its shape open ({text}): give it, such as --input-shape {spec.name}={works}")
        if given is not None:
            if len(given) != len(shape) or any(a != b for a, b in zip(given[1:], spec.shape[1:], strict=True) if b is not None):
                raise BadInput(f"input {spec.name} has shape {spec.shape}; --input-shape gave {given}")
            shape[1:] = given[1:]
        fitting(spec.name, tuple(shape))
        if spec.value is not None:
            values = np.full(shape, spec.value)
        else:
            values = np.asarray(generator.standard_normal(shape)) if spec.dtype.startswith("float") else np.zeros(shape)
        made[spec.name] = values.astype(spec.dtype)
    unknown = set(shapes or {}) - set(made)
    if unknown:
        raise BadInput(f"--input-shape names {', '.join(sorted(unknown))}; the inputs are {', '.join(made)}")
    return made
