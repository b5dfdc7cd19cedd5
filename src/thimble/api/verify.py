"""Check a bundle as its own ``verify.py`` does, without executing any code of it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thimble.api.subjects import checked_runtime, look_through
from thimble.core.errors import BadInput
from thimble.core.paths import user_path
from thimble.core.registry import RUNTIMES
from thimble.core.temporary import temporary_folder
from thimble.core.text import brief
from thimble.formats import check_main

PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.+!]+")
"""A line of requirements that names a package of a registry, and nothing that pip would take for an option or an address."""


@contextmanager
def opened(place: str | Path, digest: str | None = None) -> Iterator[Path]:
    """A bundle as a folder: a .zip file is unpacked with care. Raises `BadInput` for another digest of the whole."""
    from thimble.deploy.archive import check_digest, unpack

    path = user_path(place).absolute()
    if not path.exists():
        raise BadInput(f"there is no bundle {path}")
    check_digest(path, digest)
    if path.is_dir():
        yield path
        return
    with temporary_folder() as scratch:
        unpack(path, scratch)
        yield scratch


@dataclass(frozen=True)
class Verification:
    """The report of a bundle's check, as its own ``verify.py`` writes it."""

    report: dict[str, Any]

    @classmethod
    def of(cls, report: dict[str, Any], rounds: bool) -> Verification:
        """Keep the timing of each inference only with ``rounds``."""
        latency = {name: value for name, value in report.get("latency", {}).items() if rounds or name != "rounds_ms"}
        return cls({**report, "latency": latency} if "latency" in report else report)


def installed_for(name: str, place: str | Path, tell: Callable[[str], None], digest: str | None = None) -> str:
    """Return the address of a Python on the device that has what the bundle's ``requirements.txt`` pins, installed where it is missing."""
    from thimble.deploy.payload import verify as script
    from thimble.devices.installing import installed

    with opened(place, digest) as folder:
        try:
            script.check_files(folder, script.read_manifest(folder))
            lines = (folder / "requirements.txt").read_text().split()
        except (script.Differs, OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{place}: {error}") from error
    if odd := next((line for line in lines if not PINNED.fullmatch(line)), None):
        raise BadInput(f"{place}: requirements.txt has {brief(repr(odd))}, which is no pinned package such as numpy==2.4.6")
    return installed(name, lines, tell)


def verify_on(name: str, place: str | Path, digest: str | None = None, any_version: bool = False, timing: bool = True) -> dict[str, Any]:
    """Copy a bundle to a device, run its own ``verify.py`` there, and bring the report back; nothing is left there.

    Raises `BadInput` in one line where something differs there, or where the device is of a kind that runs no Python.
    """
    from thimble.deploy.payload import verify as script
    from thimble.devices import device
    from thimble.devices.remote import Connection, quoted

    connection = getattr(device(name), "connection", None)
    if not isinstance(connection, Connection):
        raise BadInput(f"{name} is not reached over a connection; leave out --on to verify on this machine")
    with opened(place, digest) as folder:
        try:
            script.check_files(folder, script.read_manifest(folder))
        except script.Differs as error:
            raise BadInput(f"{place}: {error}") from error
        files = [script.MANIFEST, *(str(entry["path"]) for entry in script.read_manifest(folder)["files"])]
        for file in files:
            connection.put_file(folder / file, f"bundle/{file}")
    words = ["--json", *(["--any-version"] if any_version else []), *([] if timing else ["--no-timing"])]
    with connection.reserved():
        command = connection.launch(f"-B {quoted(f'{connection.folder}/bundle/verify.py')} {' '.join(words)}")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines() or [""]
    if done.returncode == 1 and lines[-1].startswith("verify: "):
        raise BadInput(f"{place} on {name}: {lines[-1].removeprefix('verify: ')}")
    if done.returncode:
        raise connection.explain(done.returncode, lines[-1])
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


def verify(place: str | Path, digest: str | None = None, any_version: bool = False, timing: bool = True) -> dict[str, Any]:
    """Do what the bundle's own ``verify.py`` does, with this package's worker: no code of the bundle is executed.

    ``digest`` is the SHA-256 of the whole; where it is absent the file beside the bundle tells it. Raises `BadInput` in one
    line where something differs.
    """
    import inspect

    from thimble.core import preprocess, processor
    from thimble.deploy.manifest import MODEL
    from thimble.deploy.manifest import read_manifest as read_bundle
    from thimble.deploy.payload import verify as script
    from thimble.devices import reserve, worker
    from thimble.engine.process import StepsProcess

    with opened(place, digest) as folder:
        try:
            manifest = read_bundle(folder)
            script.check_files(folder, script.read_manifest(folder))
            check_main(manifest.artifact, folder / MODEL)
            runtime = checked_runtime(manifest.artifact.format, manifest.runtime.name, str(place))
            with StepsProcess() as process:
                look_through(folder / MODEL, manifest.artifact, process)
            wish = script.Wish(
                any_version=any_version,
                timing=timing,
                worker=Path(worker.__file__),
                runtime=Path(inspect.getfile(RUNTIMES.get(runtime))),
                processor=Path(processor.__file__),
                preprocess=Path(preprocess.__file__),
            )
            with reserve():
                return script.verify(folder, wish)
        except script.Differs as error:
            raise BadInput(f"{place}: {error}") from error
