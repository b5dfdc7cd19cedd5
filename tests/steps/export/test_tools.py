"""A converter that fails or crashes is one line that names its end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from thimble.core.errors import StepFailed
from thimble.steps.export._tools import run_tool


def test_what_it_prints_is_returned(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['OMP_NUM_THREADS'])"
    assert run_tool("it", [sys.executable, "-c", code], tmp_path, 3).split() == [str(tmp_path), "3"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import ctypes; ctypes.string_at(0)", "the converter was killed by SIGSEGV"),
        ("import os; os.abort()", "the converter was killed by SIGABRT"),
        ("raise SystemExit('no such operator')", "the converter ended with code 1: no such operator"),
    ],
)
def test_a_crash_is_told_with_its_signal(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(StepFailed) as caught:
        run_tool("the converter", [sys.executable, "-c", code], tmp_path, 1)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)
