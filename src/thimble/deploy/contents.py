"""What is handed over, and what a target does with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from thimble.core.subject import Subject
from thimble.deploy.manifest import Baked, Manifest

if TYPE_CHECKING:
    from thimble.core.task import Arrays


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle. ``inputs`` are real samples, ``images`` the same before preprocessing, as PNG.

    ``precision`` is ``fp32``, ``fp16`` or ``int8``. ``figures``, ``licences`` and ``forced`` go into the manifest as they are.
    ``reference`` is the FP32 artifact that a target measures beside it, ``runtime_files`` the folder of a runtime that ships,
    ``arena_bytes`` the memory for tensors that an interpreter of microcontrollers needs. Where preprocessing is ``baked`` into the graph,
    ``scored_inputs`` are the samples as the study fed them.
    """

    name: str
    target: str
    subject: Subject
    inputs: Arrays
    split: str = "test"
    images: tuple[bytes, ...] = ()
    baseline: Subject | None = None
    reference: Subject | None = None
    recipe: str = ""
    precision: str = "fp32"
    figures: dict[str, Any] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    forced: str = ""
    runtime_files: Path | None = None
    arena_bytes: int | None = None
    baked: Baked | None = None
    scored_inputs: Arrays | None = None


@runtime_checkable
class Target(Protocol):
    """Where a bundle runs: one file in `thimble.deploy.targets`, registered under its name.

    Every bundle holds the artifact, golden samples and the manifest (`thimble.deploy.build`); a target adds what runs them there.
    ``runtimes`` are those that run there (none named: all), ``compares`` whether its bundles hold the FP32 artifact, too.
    """

    runtimes: ClassVar[tuple[str, ...]]
    compares: ClassVar[bool]

    def check(self, contents: Contents) -> None:
        """Raise `BadInput` where this can't be handed over; nothing is computed before."""
        ...

    def add(self, contents: Contents, manifest: Manifest, folder: Path) -> Manifest:
        """Write the target's own files into the bundle; gives the manifest with what it says of them."""
        ...

    def prove(self, folder: Path) -> None:
        """Verify the whole bundle; raises `RuntimeFailed` with one line where it doesn't hold."""
        ...
