"""A bundle proves itself where it runs, and finds every change of its files."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from thimble.api._choice import candidates, chosen
from thimble.api.bundle import bundle
from thimble.api.request import Bundle
from thimble.api.verify import verify
from thimble.cli import thimble
from thimble.core.errors import BadInput, LimitsNotMet, RuntimeFailed
from thimble.core.study import Limits, read_study, write_study
from thimble.core.task import TaskSpec
from thimble.data import open_task
from thimble.deploy.archive import unpack
from thimble.deploy.payload import proving
from thimble.deploy.payload import verify as script


@pytest.fixture(scope="module")
def made(handmade: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundles") / "int8.zip"
    bundle(handmade, place)
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    unpack(made, tmp_path / "bundle")
    return tmp_path / "bundle"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of the bundle by a Python that can't import this package."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_holds_the_artifact_and_what_it_needs_and_nothing_else(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    scripts = {"predict.py", "verify.py", "proving.py", "worker.py", "wire.py", "processor.py", "preprocess.py", "runtime_onnxruntime.py"}
    pictures = {f"golden/image_{i}.png" for i in range(16)}
    assert names == {"manifest.json", "README.md", "requirements.txt", "model/model.onnx", "golden/golden.npz", *scripts, *pictures}
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert {entry["path"] for entry in manifest["files"]} == names - {"manifest.json"}
    one = manifest["inputs"][0]
    assert (one["name"], one["shape"], one["dtype"], one["layout"], one["range"]) == (
        "input",
        ["batch", 3, 8, 8],
        "float32",
        "NCHW",
        [-1, 1],
    )
    assert manifest["name"] == "int8"
    assert manifest["int8"]
    assert any(name.startswith("QLinear") for name in manifest["operators"])
    assert "onnxruntime==" in (folder / "requirements.txt").read_text()


def test_the_same_input_gives_the_same_bytes(handmade: Path, made: Path, tmp_path: Path) -> None:
    again = bundle(handmade, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == made.read_bytes()
    assert again.digest == hashlib.sha256(made.read_bytes()).hexdigest()
    assert (tmp_path / "again.zip.sha256").read_text() == f"{again.digest}  again.zip\n"


def test_it_verifies_itself_and_measures(folder: Path) -> None:
    done = python(folder, "verify.py", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert "16 golden samples hold" in done.stdout
    report = json.loads((folder / "verification.json").read_text())
    assert report["ok"]
    assert len(report["latency"]["rounds_ms"]) == proving.ROUNDS
    assert 0 < report["latency"]["p50_ms"] <= report["latency"]["p95_ms"]
    assert report["golden"]["largest_difference"]["output"] <= report["golden"]["tolerance"]["output"]["absolute"]
    assert report["preprocessing"]["images"] == 16
    assert python(folder, "verify.py", "--no-timing").returncode == 0  # what the first one left changes nothing


def test_its_preprocessing_is_the_one_that_was_scored(folder: Path, tmp_path: Path) -> None:
    split = open_task(TaskSpec("digits", preprocess=_read(folder))).split("test")
    scored = next(iter(split.batches(len(split))))
    for i in range(0, len(split), 7):
        split.image(i).save(tmp_path / f"{i:03}.png")  # type: ignore[attr-defined]
    lines = "import sys, json, predict; p = predict.Predictor(); " + (
        "print(json.dumps([[p.read(f)['input'].tolist(), p.run(p.read(f))['output'].argmax().item()] for f in sys.argv[1:]]))"
    )
    done = python(folder, "-c", lines, *(str(file) for file in sorted(tmp_path.glob("*.png"))))
    told = json.loads(done.stdout)
    rows = range(0, len(split), 7)
    assert len(told) == len(rows)
    sample = {"input": scored.inputs["input"][list(rows)]}
    assert np.abs(np.concatenate([np.asarray(one, np.float32) for one, _ in told]) - sample["input"]).max() == 0
    np.savez(tmp_path / "rows.npz", **sample)
    whole = python(folder, "predict.py", str(tmp_path / "rows.npz"), "--json", "--top", "1")
    labels = [int(answer[0][0]) for answer in json.loads(whole.stdout)["answers"]]
    assert labels == [top for _, top in told]


def _read(folder: Path) -> Any:
    from thimble.core.preprocess import Preprocess

    told = json.loads((folder / "manifest.json").read_bytes())["artifact"]["preprocess"]
    return Preprocess(**{key: tuple(value) if isinstance(value, list) else value for key, value in told.items()})


def test_predict_says_labels_with_probabilities_or_what_is_wrong(folder: Path, tmp_path: Path) -> None:
    done = python(folder, "predict.py", "golden/image_0.png", "--top", "10", "--json")
    answers = json.loads(done.stdout)["answers"][0]
    assert {label for label, _ in answers} == set("0123456789")
    assert sum(score for _, score in answers) == pytest.approx(1, abs=1e-5)
    (tmp_path / "no.png").write_bytes(b"no image")
    done = python(folder, "predict.py", str(tmp_path / "no.png"))
    assert done.returncode == 1
    assert done.stderr.startswith("predict: ")
    assert len(done.stderr.splitlines()) == 1


def test_every_single_byte_change_is_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    contents = {"model.bin": bytes(range(256)), "sub/verify.py": b"print('it holds')\n", "one": b"\0"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    manifest = {"files": [{"path": n, "bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in contents.items()]}
    script.check_files(tmp_path, manifest)
    for name, content in contents.items():
        for place in range(len(content)):
            changed = bytearray(content)
            changed[place] ^= 1 << (place % 8)
            (tmp_path / name).write_bytes(changed)
            with pytest.raises(script.Differs, match="is changed"):
                script.check_files(tmp_path, manifest)
        (tmp_path / name).write_bytes(content[:-1])
        with pytest.raises(script.Differs, match="bytes; the manifest says"):
            script.check_files(tmp_path, manifest)
        (tmp_path / name).write_bytes(content)


def test_two_thousand_random_changes_of_a_bundle_are_found(folder: Path) -> None:
    manifest = script.read_manifest(folder)
    draw = random.Random(0)
    sizes = {entry["path"]: entry["bytes"] for entry in manifest["files"]}
    for _ in range(2000):
        name = draw.choices(list(sizes), list(sizes.values()))[0]
        with (folder / name).open("r+b") as file:
            place = draw.randrange(sizes[name])
            file.seek(place)
            was = file.read(1)[0]
            file.seek(place)
            file.write(bytes([was ^ draw.randrange(1, 256)]))
        one = [entry for entry in manifest["files"] if entry["path"] == name]
        with pytest.raises(script.Differs, match="is changed"):
            script.check_files(folder, {"files": [*one, *(e for e in manifest["files"] if e["path"].endswith(".py"))]})
        with (folder / name).open("r+b") as file:
            file.seek(place)
            file.write(bytes([was]))
    script.check_files(folder, manifest)


def test_a_changed_manifest_script_or_archive_is_found_by_the_digest_of_the_whole(made: Path, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / made.name
    digest = tmp_path / f"{made.name}.sha256"
    shutil.copy(made.with_name(digest.name), digest)
    content = made.read_bytes()
    draw = random.Random(1)
    for place in [0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(40))]:
        changed = bytearray(content)
        changed[place] ^= 1
        copy.write_bytes(changed)
        with pytest.raises(BadInput, match="the bundle is changed"):
            verify(copy)
    text = (folder / "manifest.json").read_bytes()
    whole = hashlib.sha256(text).hexdigest()
    (folder / "manifest.json").write_bytes(text.replace(b'"int8": true', b'"int8": false'))
    with pytest.raises(BadInput, match="the bundle is changed"):
        verify(folder, whole)


def test_verify_says_what_differs_in_one_line(folder: Path) -> None:
    def said(*arguments: str) -> str:
        done = python(folder, "verify.py", "--no-timing", *arguments)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert not json.loads((folder / "verification.json").read_text())["ok"]
        return line

    manifest = json.loads((folder / "manifest.json").read_bytes())

    def with_(**fields: Any) -> None:
        (folder / "manifest.json").write_text(json.dumps({**manifest, **fields}))

    with_(runtime={**manifest["runtime"], "version": "1.0.0"})
    assert "the bundle was tried with 1.0.0: install requirements.txt, or add --any-version" in said()
    assert python(folder, "verify.py", "--no-timing", "--any-version").returncode == 0
    tight = {"output": {"absolute": -1.0, "how": ""}}
    with_(golden={**manifest["golden"], "tolerance": tight})
    assert "golden sample 0: output 'output' differs by" in said()
    with_(runtime={**manifest["runtime"], "options": {"graph_optimization_level": "disable"}})
    assert "no quantized operator runs here" in said()
    with_(files=[*manifest["files"], {"path": "../outside", "bytes": 0, "sha256": ""}])
    assert "'../outside', which lies outside the bundle" in said()
    with_(format=99)
    assert "format 99" in said()
    with_()
    (folder / "numpy.py").write_text("raise SystemExit")
    assert "numpy.py is not in the manifest" in verify_said(folder)
    (folder / "numpy.py").unlink()
    (folder / "model" / "model.onnx").unlink()
    assert "model/model.onnx is missing" in said()


def verify_said(folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        verify(folder, timing=False)
    return str(caught.value)


def test_a_processor_that_saturates_is_named() -> None:
    here = {"int8": "saturating", "processor": "Zen 3"}
    manifest = {"made_on": {"int8": "vnni", "processor": "Zen 4"}, "int8": True, "runtime": {"distribution": "d", "version": "1"}}
    found = script.Bundle(Path(), manifest, script.Wish(), {"device": here, "versions": {"d": "1"}})
    assert "this processor (Zen 3) adds 8-bit products in 16 bits" in proving.cause(found)
    manifest["int8"] = False
    assert "made on Zen 4, run on Zen 3" in proving.cause(found)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "a\\..\\x", "a//b", "", "a\0b"])
def test_names_that_leave_the_bundle_are_refused(name: str, tmp_path: Path) -> None:
    assert script.escapes(name)
    if name and "\0" not in name:
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            archive.writestr("ok", b"1")
            archive.writestr(name, b"1")
        (tmp_path / "into").mkdir()
        with pytest.raises(BadInput):
            unpack(tmp_path / "bad.zip", tmp_path / "into")
        assert not (tmp_path / "x").exists()


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        link = zipfile.ZipInfo("model")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    with pytest.raises(BadInput, match="is a link"):
        unpack(tmp_path / "bad.zip", tmp_path / "into")


def test_no_code_of_a_strangers_bundle_is_executed(folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    for entry in manifest["files"]:
        if entry["path"].endswith(".py"):
            (folder / entry["path"]).write_text(trap)
            entry |= {"bytes": len(trap), "sha256": hashlib.sha256(trap.encode()).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert verify(folder, timing=False)["ok"]
    assert not (tmp_path / "sprung").exists()


def test_what_misses_its_limits_is_refused_and_forced(handmade: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(handmade, folder)
    study = read_study(folder)
    write_study(replace(study, limits=Limits(max_drop=5.0, max_size=0.0001)), folder)
    with pytest.raises(LimitsNotMet, match=r"No candidate meets every limit.*--force"):
        bundle(folder, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
    with pytest.raises(LimitsNotMet, match=r"onnx .*--force"):
        bundle(folder, tmp_path / "b.zip", candidate="onnx")
    forced = bundle(folder, tmp_path / "b.zip", Bundle(force=True))
    assert "No candidate meets every limit" in forced.manifest.forced
    assert all(one.against for one in candidates(folder).candidates)


def test_a_candidate_can_be_named(handmade: Path, tmp_path: Path) -> None:
    found = bundle(handmade, tmp_path / "folder", Bundle(model_licence="MIT"), "onnx")
    assert found.manifest.name == "onnx"
    assert not found.manifest.int8
    assert found.manifest.licences["model"] == "MIT"
    assert (tmp_path / "folder.sha256").read_text().endswith("  folder/manifest.json\n")
    assert verify(tmp_path / "folder", timing=False)["golden"]["same_answer_as_baseline"] == 16
    with pytest.raises(BadInput, match="no measured candidate 'none'; it has onnx, int8"):
        chosen(read_study(handmade), "linux", "none")


def test_one_artifact_needs_data(handmade: Path, tmp_path: Path) -> None:
    artifact = handmade / "artifacts" / "onnx"
    with pytest.raises(BadInput, match="add --data"):
        bundle(artifact, tmp_path / "b.zip")
    assert bundle(artifact, tmp_path / "b.zip", Bundle(data="digits")).manifest.golden.samples == 16


def test_an_artifact_that_was_changed_since_is_refused(handmade: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(handmade, folder)
    file = folder / "artifacts" / "int8" / "model.onnx"
    shutil.copy(folder / "artifacts" / "onnx" / "model.onnx", file)
    with pytest.raises(BadInput, match="is not the file that was measured"):
        bundle(folder, tmp_path / "b.zip")


def test_a_bundle_that_does_not_hold_is_not_written(handmade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from thimble.deploy import build
    from thimble.deploy.manifest import Tolerance

    monkeypatch.setattr(build, "tolerances", lambda *_: {"output": Tolerance(-1.0, "")})
    with pytest.raises(RuntimeFailed, match=r"fails its own check here.*golden sample 0"):
        bundle(handmade, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_a_folder_of_others_is_not_replaced(handmade: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"")
    with pytest.raises(BadInput, match="exists and is not a bundle"):
        bundle(handmade, tmp_path / "mine")


def test_files_of_others_are_not_replaced(handmade: Path, made: Path, folder: Path, tmp_path: Path) -> None:
    shutil.copy(made, tmp_path / "again.zip")
    mixed = shutil.copytree(folder, tmp_path / "mixed")
    (mixed / "notes.txt").write_text("mine")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text('{"name": "a web app"}')
    (tmp_path / "b.zip").write_text("mine")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("thesis.tex", "mine")
    for name, said in (
        ("mixed", "it holds notes.txt"),
        ("app", "is not a bundle"),
        ("b.zip", "is not a bundle"),
        ("c.zip", "is not a bundle"),
    ):
        with pytest.raises(BadInput, match=said):
            bundle(handmade, tmp_path / name)
    assert (mixed / "notes.txt").read_text() == "mine"
    bundle(handmade, tmp_path / "again.zip")


def test_the_commands(made: Path, handmade: Path) -> None:
    told = CliRunner().invoke(thimble, ["bundle", str(handmade), "--list"]).output
    assert told.splitlines()[1].startswith("int8: onnxruntime, ")
    told = CliRunner().invoke(thimble, ["verify", str(made), "--no-timing"]).output
    assert "16 golden samples hold" in told
    assert CliRunner().invoke(thimble, ["bundle", str(handmade)]).exit_code == 2
    assert isinstance(CliRunner().invoke(thimble, ["verify", "nothing.zip"]).exception, BadInput)


def test_another_image_library_is_found_out(folder: Path) -> None:
    image = Image.open(folder / "golden" / "image_3.png")
    Image.fromarray(255 - np.asarray(image)).save(folder / "golden" / "image_3.png")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        content = (folder / entry["path"]).read_bytes()
        entry |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "golden/image_3.png: Pillow" in verify_said(folder)
