"""Small pieces of free memory are counted and held; where that can't be, nothing happens."""

import mmap
from pathlib import Path

import pytest

from thimble.devices import placement
from thimble.devices.placement import small_pieces, small_pieces_held

TOLD = """Node 0, zone      DMA      0      0      1      0      0      0      0      0      1      1      3
Node 0, zone   Normal     10      4      2      1      7   1215   3716    451    395   1491   1777
"""


def resident_mb() -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def test_pieces_of_less_than_sixteen_pages_are_small() -> None:
    assert small_pieces(TOLD) == (4 + 10 + 8 + 8 + 8) * mmap.PAGESIZE
    assert small_pieces("") == small_pieces("no such thing\n") == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
def test_they_are_held_inside_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = 50 * 2**20 // mmap.PAGESIZE
    monkeypatch.setattr(placement, "_told", lambda: f"Node 0, zone Normal {pages} 0 0 0 9 9\n")
    monkeypatch.setattr(placement, "MOST", 0.125)
    before = resident_mb()
    with small_pieces_held():
        assert resident_mb() - before > 45
    assert resident_mb() - before < 20


def test_no_more_than_a_share_of_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(placement, "_told", lambda: "Node 0, zone Normal 1000000000\n")
    monkeypatch.setattr(placement, "available_memory_mb", lambda: 800.0)
    monkeypatch.setattr(placement, "MOST", 0.125)
    held = placement._held
    monkeypatch.setattr(placement, "_held", lambda size: sizes.append(size) or held(mmap.PAGESIZE))
    with small_pieces_held():
        pass
    assert sizes == [100_000_000 // mmap.PAGESIZE * mmap.PAGESIZE]


def test_a_system_that_tells_nothing_or_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_told", lambda: "")
    with small_pieces_held():
        pass

    def refuse(size: int) -> mmap.mmap:
        raise OSError("no memory")

    monkeypatch.setattr(placement, "_told", lambda: TOLD)
    monkeypatch.setattr(placement, "_held", refuse)
    entered = []
    with small_pieces_held():
        entered.append(True)
    assert entered
