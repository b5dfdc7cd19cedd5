"""What the bytes of an artifact are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.subject import Subject

if TYPE_CHECKING:
    from thimble.core.task import Arrays


class Storage:
    """The files' bytes by what they are for: weights, biases, scales, names, shapes, notes, operators.

    Formats that don't tell so much have ``weights``, ``constants`` and ``rest``.
    """

    title: ClassVar[str] = "what the bytes are for"
    slow: ClassVar[bool] = False

    def observe(self, subject: Subject, inputs: Arrays) -> dict[str, Any]:
        """Bytes by purpose, the largest first; or ``not available`` and why."""
        from thimble.core.values import first_line
        from thimble.formats import format_named
        from thimble.measure.size import stored_tensors

        main = subject.folder / subject.artifact.main
        try:
            if read := getattr(format_named(subject.artifact.format), "purposes", None):
                found: dict[str, int] = read(main)
                return found
            stored = stored_tensors(subject.folder, subject.artifact)
        except Exception as error:  # readers of formats raise all kinds on files that a runtime still opens
            return {"not available": f"the file can't be read: {first_line(error)}"}
        if stored is None:
            return {"not available": f"files of the format {subject.artifact.format} can't be read"}
        weights = sum(tensor.bytes for tensor in stored if tensor.parameter)
        constants = sum(tensor.bytes for tensor in stored) - weights
        counts = {"weights": weights, "constants": constants, "rest": subject.artifact.bytes - weights - constants}
        return {name: count for name, count in sorted(counts.items(), key=lambda pair: -pair[1]) if count > 0}
