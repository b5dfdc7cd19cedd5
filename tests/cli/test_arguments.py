"""Arguments that no command can use are refused before any of them sees them."""

from __future__ import annotations

import pytest

from thimble.cli import _code


@pytest.mark.parametrize("command", ["bundle", "measure", "report", "verify"])
def test_a_zero_byte_is_refused_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code([command, "a\0b"], False) == 2
    assert capsys.readouterr().err == "thimble: an argument holds a zero byte, which no name of a file or model can\n"
