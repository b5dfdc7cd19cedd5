import subprocess
import sys
from pathlib import Path

import pytest

from thimble.core.registry import REGISTRIES, Registry, camel_case, snake_case


@pytest.mark.parametrize("kind", ["steps", "runtimes", "models", "tasks", "metrics", "reports", "devices", "targets"])
def test_every_name_has_its_class(kind: str) -> None:
    found = REGISTRIES[kind].all()
    assert found
    for name, cls in found.items():
        assert cls.__name__ == camel_case(name)
        assert snake_case(cls.__name__) == name
        assert cls.__doc__ or sys.modules[cls.__module__].__doc__


def test_a_dropped_in_file_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "dropped"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_private.py").touch()
    (package / "shrink_a_lot.py").write_text("class ShrinkALot:\n    'Shrinks.'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry("things", "thing", ("dropped",))
    assert registry.names() == ["shrink_a_lot"]
    assert registry.get("shrink_a_lot").__doc__ == "Shrinks."


def test_listing_everything_loads_no_heavy_library() -> None:
    code = (
        "import sys, thimble; from thimble.core.registry import REGISTRIES; [r.all() for r in REGISTRIES.values()];"
        "heavy = {'torch', 'torchvision', 'onnx', 'onnxruntime', 'numpy', 'matplotlib', 'sklearn', 'scipy', 'PIL'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
