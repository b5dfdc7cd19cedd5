"""Single numbers that are set, such as a sampling rate: constants in the network, so that branches for others fall away."""

from __future__ import annotations

from typing import Any

from thimble.core.values import TensorSpec
from thimble.models._intake.naming import free_name, names_of, rename


def fix_numbers(proto: Any, inputs: tuple[TensorSpec, ...]) -> str | None:
    """Make every input that is a single number with a value a constant; the input stays on the list, without an effect."""
    import numpy as np
    from onnx import numpy_helper

    fixed = [spec for spec in inputs if spec.value is not None and not spec.shape]
    taken = names_of(proto.graph)
    for spec in fixed:
        name = free_name(f"{spec.name}_fixed", taken)
        rename(proto.graph, {spec.name: name}, ends=False)
        proto.graph.initializer.append(numpy_helper.from_array(np.array(spec.value, spec.dtype), name))
    return "; ".join(f"{spec.name} fixed at {spec.value:g}" for spec in fixed) or None
