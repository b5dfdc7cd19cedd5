"""Core ML on a Mac: ``model.mlpackage``.

This file travels alone: it imports the standard library, NumPy and coremltools, the last one only when it is needed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar


class Coreml:
    """Core ML's prediction through coremltools, one sample at a time. It runs on macOS alone; not run by its authors.

    The option ``compute_units`` is ``cpu_only`` (the default, as everywhere else), ``cpu_and_gpu``, ``cpu_and_ne`` or ``all``. Core ML
    chooses its threads itself.
    """

    title: ClassVar[str] = "Core ML"
    formats: ClassVar[tuple[str, ...]] = ("coreml",)
    needs: ClassVar[tuple[str, ...]] = ("coremltools",)
    extra: ClassVar[str | None] = "coreml"
    distribution: ClassVar[str] = "coremltools"
    phones: ClassVar[bool] = True
    systems: ClassVar[tuple[str, ...]] = ("Darwin",)

    def load(self, format: str = "coreml") -> None:
        """Import coremltools."""
        import coremltools  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> CoremlSession:
        """Return a session of the package of ``path``; raises ``ValueError`` on systems other than macOS, and for unknown options."""
        units = options.get("compute_units", "cpu_only")
        if set(options) - {"compute_units"} or units not in ("cpu_only", "cpu_and_gpu", "cpu_and_ne", "all"):
            raise ValueError(f"Core ML's option is compute_units (cpu_only, cpu_and_gpu, cpu_and_ne, all), not {options}")
        if platform.system() not in self.systems:
            raise ValueError(f"Core ML runs on a Mac, and this is {platform.system()}: copy the folder there and measure it there")
        import coremltools

        package = next(folder for folder in Path(path).parents if folder.suffix == ".mlpackage")
        return CoremlSession(
            coremltools.models.MLModel(str(package), compute_units=coremltools.ComputeUnit[units.upper()]), inputs, outputs
        )


class CoremlSession:
    """A compiled package. Names that it lacks are taken by position, in the artifact's order."""

    def __init__(self, model: Any, inputs: list[str], outputs: list[str]) -> None:
        self.model = model
        described = model.get_spec().description
        self.inputs = _matched(inputs, [one.name for one in described.input], "inputs")
        self.outputs = _matched(outputs, [one.name for one in described.output], "outputs")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        import numpy as np

        samples = self.bind(inputs)()
        return {ours: np.concatenate([np.atleast_1d(one[theirs]) for one in samples]) for ours, theirs in self.outputs.items()}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone: what is timed."""
        count = len(inputs[next(iter(self.inputs))])
        samples = [{theirs: inputs[ours][i : i + 1] for ours, theirs in self.inputs.items()} for i in range(count)]
        predict = self.model.predict
        return lambda: [predict(sample) for sample in samples]

    def close(self) -> None:
        """Let go of the package."""
        self.model = None


def _matched(ours: list[str], theirs: list[str], what: str) -> dict[str, str]:
    """The artifact's names to the package's: the same names where it has them, else by position."""
    if set(ours) <= set(theirs):
        return {name: name for name in ours}
    if len(ours) != len(theirs):
        raise ValueError(f"the package's {what} are {', '.join(theirs)}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, theirs, strict=True))
