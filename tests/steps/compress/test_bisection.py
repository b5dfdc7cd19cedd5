"""Operators that a tool can't handle are found, in few attempts, and nothing else is left out."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thimble.core.errors import StepFailed
from thimble.steps.compress._bisection import MOST, troublemakers

KINDS = {f"{kind}_{i}": kind for i in range(64) for kind in ("Conv", "Gemm", "Concat")}


@given(st.sets(st.sampled_from(sorted(KINDS)), max_size=4))
def test_exactly_the_bad_ones_are_found(bad: set[str]) -> None:
    attempts = []

    def works(out: Collection[str]) -> bool:
        attempts.append(out)
        return bad <= set(out)

    assert set(troublemakers(KINDS, works)) == bad
    assert len(attempts) <= MOST


def test_of_two_that_fail_only_together_one_is_left_out() -> None:
    found = troublemakers(KINDS, lambda out: "Conv_3" in out or "Gemm_9" in out)
    assert found in (["Conv_3"], ["Gemm_9"])


def test_what_fails_without_any_operator_is_not_searched() -> None:
    with pytest.raises(StepFailed, match="every operator left in float"):
        troublemakers(KINDS, lambda out: False)


def test_the_search_ends() -> None:
    odd = {name for i, name in enumerate(KINDS) if i % 2}
    with pytest.raises(StepFailed, match="too many operators fail"):
        troublemakers(KINDS, lambda out: odd <= set(out))
