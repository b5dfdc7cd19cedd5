"""A browser: one folder with a page, the model, and ONNX Runtime Web, which any static server can hand out."""

from __future__ import annotations

import inspect
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from thimble.core import preprocess, processor
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.registry import RUNTIMES
from thimble.deploy import page
from thimble.deploy._words import web_readme
from thimble.deploy.build import copy_artifact
from thimble.deploy.contents import Contents
from thimble.deploy.manifest import REFERENCE, Manifest
from thimble.deploy.payload import verify
from thimble.devices import worker

PACKAGE = "onnxruntime-web"
TRIED = "1.30.0"
"""The version that the page was tried with."""
INSTALL = f"npm install {PACKAGE}@{TRIED}"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""What the page needs of the package: the WebAssembly build, without WebGPU."""
PAGE = (".html", ".css", ".js")


class Web:
    """A phone or a computer with a browser; the page predicts, verifies and measures, and works without a network afterwards."""

    runtimes: ClassVar[tuple[str, ...]] = ("onnxruntime",)
    compares: ClassVar[bool] = True

    def check(self, contents: Contents) -> None:
        """Raise `BadInput` where ONNX Runtime Web's files are not at hand, or the artifact is none of its."""
        artifact = contents.subject.artifact
        if contents.subject.runtime not in self.runtimes or artifact.format != "onnx":
            raise BadInput(f"{contents.name} is {artifact.format}, and a browser runs ONNX files: name a candidate of ONNX Runtime")
        runtime_files(contents.runtime_files)

    def add(self, contents: Contents, manifest: Manifest, folder: Path) -> Manifest:
        """Write the page, the runtime's files, and the FP32 artifact that is measured beside."""
        package, version, licence = runtime_files(contents.runtime_files)
        for source in sorted(Path(page.__file__).parent.iterdir()):
            if source.suffix in PAGE:
                shutil.copyfile(source, folder / source.name)
        (folder / "runtime").mkdir()
        for name in RUNTIME_FILES:
            shutil.copyfile(package / name, folder / "runtime" / name)
        reference = None
        if contents.reference is not None:
            copy_artifact(contents.reference, folder / REFERENCE)
            reference = contents.reference.artifact
        licences = {**manifest.licences, PACKAGE: licence}
        manifest = replace(manifest, reference=reference, ships={PACKAGE: version}, licences=licences)
        (folder / "README.md").write_text(web_readme(manifest))
        return manifest

    def prove(self, folder: Path) -> None:
        """Verify files and golden answers with ONNX Runtime here; what a browser answers, the page itself checks there."""
        wish = verify.Wish(
            timing=False,
            worker=Path(worker.__file__),
            runtime=Path(inspect.getfile(RUNTIMES.get("onnxruntime"))),
            processor=Path(processor.__file__),
            preprocess=Path(preprocess.__file__),
        )
        try:
            verify.verify(folder, wish)
        except verify.Differs as error:
            raise RuntimeFailed(f"the bundle does not prove itself here, so it was not written: {error}") from error


def runtime_files(given: Path | None) -> tuple[Path, str, str]:
    """The folder of ONNX Runtime Web's files, its version and its licence.

    ``given`` is the npm package's folder; without it the ``node_modules`` of this folder and those above are looked into.
    Raises `BadInput` with the command that installs it.
    """
    here = Path.cwd()
    places = [given] if given else [folder / "node_modules" / PACKAGE for folder in (here, *here.parents)]
    place = next((one for one in places if (one / "package.json").is_file()), None)
    if place is None:
        where = f"{given} has no package.json" if given else f"no node_modules/{PACKAGE} in {here} or above"
        raise BadInput(f"ONNX Runtime Web is missing: {where}. Run `{INSTALL}`, or give its folder with --runtime-files")
    try:
        told = json.loads((place / "package.json").read_bytes())
        name, version, licence = (str(told.get(key, "")) for key in ("name", "version", "license"))
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(f"{place / 'package.json'} can't be read: {error}") from error
    if name != PACKAGE:
        raise BadInput(f"{place} is the package {name!r}, not {PACKAGE}; run `{INSTALL}`")
    if absent := [file for file in RUNTIME_FILES if not (place / "dist" / file).is_file()]:
        raise BadInput(f"{place}/dist has no {absent[0]}; the page was tried with {PACKAGE} {TRIED}: `{INSTALL}`")
    return place / "dist", version, licence or "not known"
