"""Where memory falls: on Linux whoever allocates first gets the small pieces, and is slower for it as long as it lives.

The kernel keeps free memory in blocks of 1, 2, 4, ... pages and hands out the smallest first (the buddy allocator). After
a while of use there are hundreds of megabytes in small pieces; a process that is opened then has its memory scattered over
them, and the next one finds long runs, which processors walk with fewer misses. `benchmarks/measuring/placement.py` shows what
that is worth: those of six copies of an artifact that were opened earlier took some per cent longer than those that came after them.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path

from thimble.devices.processor import available_memory_mb

SMALL_ORDERS = 4
"""Pieces of 1, 2, 4 and 8 pages are small ones."""
MOST = 0.125
"""Share of the available memory that is held at most."""


@contextlib.contextmanager
def small_pieces_held() -> Iterator[None]:
    """Hold the free memory in small pieces while processes are opened inside the block, so that none of them gets these pieces.

    Does nothing where the system doesn't tell (`/proc/buddyinfo` is Linux's) or doesn't give that much.
    """
    available = available_memory_mb() or 0.0
    size = min(small_pieces(_told()), int(MOST * available * 1e6)) // mmap.PAGESIZE * mmap.PAGESIZE
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ValueError):
            if size:
                stack.enter_context(_held(size))
        yield


def small_pieces(told: str) -> int:
    """Bytes of free memory in small pieces, from the text of ``/proc/buddyinfo``: a line for each zone, a count for each order."""
    found = 0
    for line in told.splitlines():
        counts = line.partition("zone")[2].split()[1:]
        found += sum(int(count) << order for order, count in enumerate(counts[:SMALL_ORDERS]))
    return found * mmap.PAGESIZE


def _told() -> str:
    try:
        return Path("/proc/buddyinfo").read_text()
    except OSError:
        return ""


def _held(size: int) -> mmap.mmap:
    """So many bytes, each page of them really taken, none as part of a huge one."""
    memory = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    memory[:: mmap.PAGESIZE] = b"\1" * (size // mmap.PAGESIZE)
    return memory
