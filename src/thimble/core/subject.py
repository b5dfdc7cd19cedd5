"""What is measured: an artifact's folder, the runtime that opens it, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from thimble.core.artifact import Artifact

if TYPE_CHECKING:
    from thimble.core.task import Arrays


@dataclass(frozen=True)
class Subject:
    """An artifact on disk under a name, with its runtime's registered name, session options, threads and device."""

    name: str
    folder: Path
    artifact: Artifact
    runtime: str
    threads: int = 1
    options: dict[str, str] = field(default_factory=dict)
    device: str = "local"


class Session(Protocol):
    """An opened artifact.

    A session may also have ``bind(inputs) -> Callable[[], object]``: the inference alone, on inputs that are
    converted already. Where there is one it is what gets timed, else `run` is. And ``operators(inputs)``: the
    milliseconds of one inference by operator type, from the runtime's own profiler.
    """

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs by name for inputs by name."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@runtime_checkable
class Runtime(Protocol):
    """Executes artifacts of some formats. One file, which imports only the standard library, NumPy and its own
    library, so that it travels with the worker script to a board or into a bundle.

    ``title`` is for people; ``formats`` what it opens, its native one first; ``needs`` the modules it imports,
    ``extra`` the extra that brings them (``None``: always there); ``distribution`` names the version's package. One that its makers
    ship for Android and iOS also has ``phones = True``. ``pinned`` are the exact versions that ``thimble setup`` installs for it and its
    exporters into an environment of their own, which takes ``pinned_mb`` MB with all that they need; without it there is none.
    """

    title: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None]
    distribution: ClassVar[str]

    def load(self, format: str) -> None:
        """Import what opening this format needs: what an empty runtime costs."""
        ...

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> Any:
        """A `Session` of the artifact's main file."""
        ...
