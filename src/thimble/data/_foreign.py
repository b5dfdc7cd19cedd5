"""One line for whatever a library raises over a damaged file: decoders fail in as many ways as there are formats and bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from thimble.core.errors import BadInput, ThimbleError
from thimble.fetch.user_file import foreign


@contextmanager
def decoding(path: Path, problem: str = "can't be decoded; remove or replace it") -> Iterator[None]:
    """Turn what a library raises inside the block into `BadInput`: the path, the ``problem``, and its reason where that holds ``{}``.

    Errors of ours pass through.
    """
    try:
        yield
    except ThimbleError:
        raise
    except Exception as error:  # decoders fail in as many ways as there are formats
        reason = "it holds Python objects, which are not loaded" if "allow_pickle" in str(error) else foreign(error)
        raise BadInput(f"{path} {problem.format(reason)}") from error
