"""torchvision is imported in processes of its own: whether it works by itself is a property of a fresh process."""

import subprocess
import sys

import pytest

PLAIN = "import torchvision"
OURS = "from thimble.fetch.torchvision_import import import_torchvision as load, _kept_alive as kept; tv = load(); "


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def works_by_itself() -> bool:
    return python(PLAIN).returncode == 0


def test_declares_the_schemas_only_where_the_plain_import_fails(works_by_itself: bool) -> None:
    result = python(OURS + "load(); import torchvision; assert tv is torchvision; tv.models.resnet18; tv.transforms; print(len(kept))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ("0" if works_by_itself else "1")


def test_still_works_after_a_failed_import_left_half_of_it_behind(works_by_itself: bool) -> None:
    code = "try:\n import torchvision\nexcept RuntimeError:\n pass\n" + OURS + "print(tv.models.resnet18().fc.out_features)"
    result = python(code)
    assert (result.returncode, result.stdout.strip()) == (0, "1000"), result.stderr


def test_another_failure_is_not_hidden() -> None:
    code = "import sys; sys.modules['torchvision'] = None\n" + OURS
    assert "ModuleNotFoundError" in python(code).stderr
