from __future__ import annotations

import subprocess
import sys

import pytest

from thimble import stats


def test_importing_is_light() -> None:
    code = "import sys, thimble.stats; sys.exit('numpy' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_is_there() -> None:
    assert sorted(stats.__all__) == sorted(name for names in stats._HOMES.values() for name in names)
    assert all(callable(getattr(stats, name)) for name in stats.__all__)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'mean'"):
        _ = stats.mean
