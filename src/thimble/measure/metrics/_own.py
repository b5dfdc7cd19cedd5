"""A metric of the user's own: ``file.py:function``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.fetch.user_file import foreign, import_user_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thimble.core.task import Arrays


@cache
def own(text: str) -> type[Any]:
    """Return a metric class that scores with ``path/file.py:function``, called with outputs by name and targets.

    The function gives one number for each sample, and the metric is their mean. Its attributes ``higher_is_better`` (true), ``unit``
    (none, or ``%`` for shares from 0 to 1) and ``binary`` (false; true for scores of 0 and 1) say what the numbers are. Raises `BadInput`.
    """
    file, _, name = text.rpartition(":")
    path = user_path(file)
    if not path.is_file():
        raise BadInput(f"--metric {text} names no file; write FILE.py:FUNCTION")
    function: Any = getattr(import_user_file(path), name, None)
    if not callable(function):
        raise BadInput(f"--metric {text} names no function of {path}")

    class Own:
        """Scores by the user's function."""

        name: ClassVar[str] = text
        unit: ClassVar[str] = str(getattr(function, "unit", ""))
        higher_is_better: ClassVar[bool] = bool(getattr(function, "higher_is_better", True))
        binary: ClassVar[bool] = bool(getattr(function, "binary", False))

        def score(self, outputs: Arrays, targets: NDArray[Any]) -> NDArray[Any]:
            """One number for each sample."""
            import numpy as np

            try:
                found = np.asarray(function(outputs, targets), dtype=np.float64)
            except Exception as error:  # somebody's own code
                raise BadInput(f"--metric {text} failed: {foreign(error)}") from error
            if found.shape != (len(targets),) or not np.isfinite(found).all():
                raise BadInput(f"--metric {text} gives {found.shape}; it must give one finite number for each of {len(targets)} samples")
            return found

        def aggregate(self, scores: NDArray[Any]) -> float:
            """The mean."""
            return float(scores.mean())

    return Own
