"""The first samples of a split are a split."""

from __future__ import annotations

from thimble.core.task import TaskSpec
from thimble.data import Beginning, open_task


def test_the_beginning_of_a_split_is_a_split() -> None:
    whole = open_task(TaskSpec("digits", 16)).split("validation")
    part = Beginning(whole, 70)
    batches = list(part.batches(32))
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert all(len(batch.inputs["input"]) == len(batch) == len(batch.targets) for batch in batches)  # type: ignore[arg-type]
    assert len(part.sample_ids()) == len(part) == 70
    assert part.fingerprint() not in (whole.fingerprint(), Beginning(whole, 71).fingerprint())
