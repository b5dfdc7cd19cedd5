"""A machine with Python: scripts that predict and verify, and the pinned runtime."""

from __future__ import annotations

import inspect
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from thimble.core import preprocess, processor
from thimble.core.errors import RuntimeFailed
from thimble.core.pythons import python_of
from thimble.core.registry import RUNTIMES
from thimble.core.subject import Subject
from thimble.deploy import payload
from thimble.deploy._words import readme
from thimble.deploy.contents import Contents
from thimble.deploy.describe import installed_version, runtime_of
from thimble.deploy.manifest import Manifest, read_manifest
from thimble.deploy.payload import verify
from thimble.devices import wire, worker


class Linux:
    """A machine with Python and NumPy. The scripts are the package's own files: the same preprocessing, worker and runtime."""

    runtimes: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[bool] = False

    def check(self, contents: Contents) -> None:
        """Nothing is refused: whatever was measured runs in Python."""

    def add(self, contents: Contents, manifest: Manifest, folder: Path) -> Manifest:
        """Write the scripts, ``requirements.txt`` and the README."""
        file = f"runtime_{contents.subject.runtime}.py"
        for name, source in _scripts(contents.subject, file).items():
            shutil.copyfile(source, folder / name)
        manifest = replace(manifest, runtime=runtime_of(contents.subject, file))
        (folder / "requirements.txt").write_text(_requirements(manifest))
        (folder / "README.md").write_text(readme(manifest))
        return manifest

    def prove(self, folder: Path) -> None:
        """Run the bundle's own ``verify.py`` without timing; raises `RuntimeFailed` with its line where it doesn't hold."""
        out, python = folder / verify.RESULT, python_of(RUNTIMES.get(read_manifest(folder).runtime.name))
        done = subprocess.run(
            [python.path, "-B", str(folder / "verify.py"), "--no-timing"],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=python.environment(),
        )
        out.unlink(missing_ok=True)
        for cache in folder.rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
        if done.returncode:
            lines = (done.stderr.strip() or "no words").splitlines()
            raise RuntimeFailed(f"the bundle fails its own check here, so it was not written: {lines[-1]}")


def _scripts(subject: Subject, runtime: str) -> dict[str, Path]:
    """The scripts' names in the bundle, and the files of this package that they are."""
    here = Path(payload.__file__).parent
    found = {
        "predict.py": here / "predict.py",
        "verify.py": here / "verify.py",
        "proving.py": here / "proving.py",
        "worker.py": Path(worker.__file__),
        "wire.py": Path(wire.__file__),
        "processor.py": Path(processor.__file__),
        runtime: Path(inspect.getfile(RUNTIMES.get(subject.runtime))),
    }
    return {**found, "preprocess.py": Path(preprocess.__file__)} if subject.artifact.preprocess else found


def _requirements(manifest: Manifest) -> str:
    names = ["numpy", manifest.runtime.distribution, *(["pillow"] if manifest.artifact.preprocess else [])]
    return "".join(f"{name}=={installed_version(name)}\n" for name in dict.fromkeys(names))
