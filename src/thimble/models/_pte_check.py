"""Look through a program of ExecuTorch on its bytes, before the library opens it.

A program names backends, each of which gets bytes of its own; the packages come with several that hand them to other
libraries. A model here needs XNNPACK alone. Sizes in the header lie within the file.
"""

from __future__ import annotations

import struct
from pathlib import Path

from thimble.core.errors import BadInput
from thimble.models._plain import check_flatbuffer

BACKENDS = ("XnnpackBackend",)
MOST = 10_000
"""Entries of a list in it, at most, that are looked at."""
_PLANS, _DELEGATES, _ID = 1, 7, 0
"""Places of fields in ExecuTorch's ``program.fbs``: ``Program.execution_plan``, ``ExecutionPlan.delegates``, ``BackendDelegate.id``."""


def check_pte(path: Path) -> None:
    """Raise `BadInput`, in one line, for a file that is no program, is damaged, or wants another backend than XNNPACK."""
    data = check_flatbuffer(path, b"ET12", "a program of ExecuTorch")
    try:
        if data[8:12] == b"eh00":
            _, program, base, segments = struct.unpack_from("<IQQQ", data, 12)
            if program > len(data) or base + segments > len(data):
                raise BadInput(f"{path} is truncated: its header tells of more bytes than its {len(data)}")
        (root,) = struct.unpack_from("<I", data, 0)
        plans = _tables(data, _field(data, root, _PLANS))
        names = [_text(data, _field(data, delegate, _ID)) for plan in plans for delegate in _tables(data, _field(data, plan, _DELEGATES))]
    except (struct.error, ValueError) as error:
        raise BadInput(f"{path} is a damaged program of ExecuTorch: its tables lie outside it") from error
    if not plans:
        raise BadInput(f"{path} is a program of ExecuTorch without a method")
    for name in names:
        if name not in BACKENDS:
            raise BadInput(f"{path} wants the backend {name[:40]!r}; only {', '.join(BACKENDS)} is opened")


def _field(data: bytes, table: int, index: int) -> int | None:
    """Return the position of a table's field; ``None`` for a missing field."""
    (back,) = struct.unpack_from("<i", data, table)
    vtable = table - back
    if vtable < 0:
        raise ValueError
    (size,) = struct.unpack_from("<H", data, vtable)
    if 4 + 2 * index + 2 > size:
        return None
    (place,) = struct.unpack_from("<H", data, vtable + 4 + 2 * index)
    return table + place if place else None


def _tables(data: bytes, field: int | None) -> list[int]:
    """Where the tables of a list lie."""
    if field is None:
        return []
    start = field + struct.unpack_from("<I", data, field)[0]
    (count,) = struct.unpack_from("<I", data, start)
    if count > MOST:
        raise ValueError
    places = [start + 4 + 4 * i for i in range(count)]
    return [place + struct.unpack_from("<I", data, place)[0] for place in places]


def _text(data: bytes, field: int | None) -> str:
    if field is None:
        return ""
    start = field + struct.unpack_from("<I", data, field)[0]
    (size,) = struct.unpack_from("<I", data, start)
    return data[start + 4 : start + 4 + size].decode("utf-8", "replace")
