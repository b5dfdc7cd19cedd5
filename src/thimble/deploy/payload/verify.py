"""Prove that this bundle gives here what it gave where it was made: python verify.py

It checks the SHA-256 of every file, the runtime's version, the golden outputs and the quantized operators, and then measures
latency and memory with the worker that the study used. It writes verification.json and exits with 0; where something differs it
says what in one line and exits with 1. It needs Python 3.9 or newer, NumPy and the runtime of requirements.txt.

It checks all files before it imports any of them; then `proving.py` computes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
RESULT = "verification.json"
FORMAT = 1
"""Version of the manifest that this script reads."""
CODE = (".py", ".pyc", ".so", ".pyd")


class Differs(Exception):
    """The bundle does not give here what it gave where it was made; the text is one line that says what differs."""


@dataclass(frozen=True)
class Wish:
    """How to verify: ``threads`` None is the study's number; ``any_version`` accepts another version of the runtime.

    ``worker``, ``runtime``, ``processor`` and ``preprocess`` are files that take the place of the bundle's own: then none of its
    code is executed.
    """

    threads: int | None = None
    any_version: bool = False
    timing: bool = True
    worker: Path | None = None
    runtime: Path | None = None
    processor: Path | None = None
    preprocess: Path | None = None


@dataclass
class Bundle:
    """A bundle's folder with its manifest as plain values, and what is known of it so far."""

    folder: Path
    manifest: dict[str, Any]
    wish: Wish
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def artifact(self) -> dict[str, Any]:
        """The artifact's description: main file, inputs, outputs."""
        found: dict[str, Any] = self.manifest["artifact"]
        return found

    @property
    def threads(self) -> int:
        """Threads to measure with: those asked for, else the study's, at most the cores here."""
        return self.wish.threads or max(1, min(int(self.manifest["runtime"]["threads"]), self.cores))

    @property
    def cores(self) -> int:
        """Cores that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def module(self, name: str) -> Any:
        """One of the bundle's scripts, ``worker``, ``processor`` or ``preprocess``, or the file that takes its place."""
        return load(getattr(self.wish, name) or self.folder / f"{name}.py", f"bundle_{name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the bundle that contains this script; return the exit code."""
    parser = argparse.ArgumentParser(description="Check this bundle's files and golden outputs, then measure latency and memory here.")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to measure with (default: the study's)")
    parser.add_argument("--any-version", action="store_true", help="accept another version of the runtime")
    parser.add_argument("--no-timing", action="store_true", help="check files and outputs only")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where the result is written (default: {RESULT} beside this script)")
    given = parser.parse_args(arguments)
    if given.threads is not None and not 1 <= given.threads <= 1024:
        parser.error(f"--threads must be from 1 to 1024, not {given.threads}")
    sys.dont_write_bytecode = True
    folder = Path(__file__).resolve().parent
    try:
        report = verify(folder, Wish(given.threads, given.any_version, not given.no_timing))
    except Differs as error:
        write_result({"ok": False, "differs": str(error)}, given.out or folder / RESULT)
        print(f"verify: {error}", file=sys.stderr)
        return 1
    write_result(report, given.out or folder / RESULT)
    if given.json:
        print(json.dumps(report))
    for line in told(report) if not given.json else []:
        print(line)
    return 0


def verify(folder: Path, wish: Wish | None = None) -> dict[str, Any]:
    """Check everything in order and return the report; raises `Differs` at the first thing that differs."""
    bundle = Bundle(folder, read_manifest(folder), wish or Wish())
    check_files(folder, bundle.manifest)
    bundle.report |= {"ok": True, "bundle": bundle.manifest["name"], "files": len(bundle.manifest["files"])}
    check_version(bundle)
    proving = load(Path(__file__).with_name("proving.py"), "bundle_proving")
    try:
        proving.prove(bundle)
    except proving.Fails as error:
        raise Differs(str(error)) from error
    return bundle.report


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as plain values; raises `Differs` where it is absent, damaged, of another version, or names a file outside."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        names = [entry["path"] for entry in manifest["files"]]
        sizes = [int(entry["bytes"]) for entry in manifest["files"]]
        version = manifest["format"]
    except OSError as error:
        raise Differs(f"{folder} is not a bundle: {MANIFEST} can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Differs(f"{MANIFEST} is damaged: {type(error).__name__} {error}") from error
    if version != FORMAT:
        raise Differs(f"{MANIFEST} has format {version}; this verify.py reads format {FORMAT}")
    for name in names:
        if escapes(name) or not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise Differs(f"{MANIFEST} names {name!r}, which lies outside the bundle")
    if min(sizes, default=0) < 0 or len(set(names)) < len(names):
        raise Differs(f"{MANIFEST} is damaged: it lists a file twice, or with a negative size")
    return dict(manifest)


def escapes(name: object) -> bool:
    """Return whether a file's name is no plain relative path below the bundle's folder."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name or name[1:2] == ":":
        return True
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or str(path) != name


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `Differs` for a file that is missing, changed, or Python code that the manifest doesn't list."""
    listed = set()
    for entry in manifest["files"]:
        path = folder / entry["path"]
        listed.add(entry["path"])
        if path.is_symlink() or not path.is_file():
            raise Differs(f"{entry['path']} is missing")
        if path.stat().st_size != entry["bytes"]:
            raise Differs(f"{entry['path']} has {path.stat().st_size} bytes; the manifest says {entry['bytes']}")
        if sha256(path) != entry["sha256"]:
            raise Differs(f"{entry['path']} is changed: its SHA-256 is not the manifest's")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in CODE and "__pycache__" not in path.parts and name not in listed:
            raise Differs(f"{name} is not in the manifest; code that is not part of the bundle could take a library's place")


def sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_version(bundle: Bundle) -> None:
    """Raise `Differs` where the runtime or NumPy is absent, or the runtime's version is another one and that is not accepted."""
    runtime = bundle.manifest["runtime"]
    versions = {}
    for name in ("numpy", runtime["distribution"]):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise Differs(f"{name} is not installed; install it with: {sys.executable} -m pip install -r requirements.txt") from None
    bundle.report["versions"] = versions
    here, there = versions[runtime["distribution"]], runtime["version"]
    if here != there and not bundle.wish.any_version:
        raise Differs(
            f"{runtime['distribution']} is {here}, and the bundle was tried with {there}: install requirements.txt, "
            "or add --any-version to verify with this version"
        )


def load(file: Path, name: str) -> Any:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Differs(f"{file.name} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def write_result(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as JSON; a folder that can't be written is said on standard error."""
    try:
        path.write_text(json.dumps(report, indent=1) + "\n")
    except OSError as error:
        print(f"verify: can't write {path}: {error.strerror}", file=sys.stderr)


def told(report: Mapping[str, Any]) -> list[str]:
    """The report in a few lines for people."""
    golden = report["golden"]
    off = ", ".join(
        f"{name} {value:.2g} of {golden['tolerance'][name]['absolute']:.2g}" for name, value in golden["largest_difference"].items()
    )
    lines = [f"{report['bundle']}: {report['files']} files unchanged, {golden['samples']} golden samples hold"]
    lines.append(f"largest difference, of what is tolerated: {off}")
    if "latency" in report and not report["device"]["emulated"]:
        had = report["latency"]
        memory = f", {had['peak_mb'] - report['empty_mb']:.1f} MB above the empty runtime" if had["peak_mb"] else ""
        lines.append(
            f"p50 {had['p50_ms']:.3g} ms, p95 {had['p95_ms']:.3g} ms, {had['threads']} threads, {had['inferences']} inferences{memory}"
        )
    elif "latency" in report:
        lines.append("this processor is emulated: its times say nothing about a device")
    return lines


if __name__ == "__main__":
    sys.exit(main())
