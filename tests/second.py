"""A second Python with everything that is installed here, in versions that it states itself: made in a second."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path


def second_python(folder: Path, shared: bool = True, modules: Iterable[str] = (), versions: Mapping[str, str] | None = None) -> Path:
    """Make a virtual environment without pip; ``shared`` lets it see this one's packages, ``modules`` are empty packages of its own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    own = next(folder.glob("lib/python*/site-packages"))
    if shared:
        (own / "here.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    for name in modules:
        (own / name).mkdir()
        (own / name / "__init__.py").touch()
    for name, version in (versions or {}).items():
        told = own / f"{name.replace('-', '_')}-{version}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder / "bin" / "python"
