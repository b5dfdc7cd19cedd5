"""Artifact folders from strangers: nothing in their files runs, wherever they are named."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from thimble.api.doctor import examine
from thimble.api.measure import Measure, compare, measure
from thimble.core.artifact import Artifact, write_manifest
from thimble.core.errors import BadInput
from thimble.core.sampling import Sampling
from thimble.core.study import Study, read_study, write_study
from thimble.core.values import File, TensorSpec

FEW = Measure(threads=1, sampling=Sampling(rounds=5, warmup_s=0.5))


class Bomb:
    """An object that leaves a folder behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def artifact_in(folder: Path, format: str = "pt2") -> Path:
    """A small exported network as an artifact."""
    folder.mkdir()
    torch.export.save(torch.export.export(nn.Linear(4, 2).eval(), (torch.zeros(1, 4),)), folder / "model.pt2")
    return described(folder, format)


def described(folder: Path, format: str = "pt2") -> Path:
    files = (File.of(folder / "model.pt2", folder),)
    write_manifest(Artifact(format, "model.pt2", files, (TensorSpec("input", (1, 4)),), ("output",)), folder)
    return folder


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """An artifact whose sample inputs are a pickle that runs code, and the folder that the code makes."""
    folder, mark = artifact_in(tmp_path / "hostile"), tmp_path / "mark"
    with zipfile.ZipFile(folder / "model.pt2") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    samples = [name for name in members if name.endswith(".pt") and "sample_inputs" in name]
    assert samples
    with zipfile.ZipFile(folder / "model.pt2", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, pickle.dumps(Bomb(mark)) if name in samples else content)
    return described(folder), mark


def test_a_harmless_artifact_is_measured(tmp_path: Path) -> None:
    assert measure([str(artifact_in(tmp_path / "fine"))], FEW).candidates[0].ok


def test_a_pickle_in_an_artifact_is_never_run(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    folder, mark = hostile
    fine = str(artifact_in(tmp_path / "fine"))
    for attempt in (lambda: measure([str(folder)], FEW), lambda: compare(fine, str(folder), FEW), lambda: examine(str(folder))):
        with pytest.raises(BadInput) as error:
            attempt()
        assert "\n" not in str(error.value)
        assert not mark.exists()


def test_neither_is_one_that_calls_itself_another_format(hostile: tuple[Path, Path]) -> None:
    folder, mark = hostile
    described(folder, "torchscript")
    with pytest.raises(BadInput):
        measure([str(folder)], FEW)
    assert not mark.exists()


def test_nor_one_in_a_study(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    folder, mark = hostile
    study = stored(tmp_path / "study", folder)
    assert read_study(tmp_path / "study").candidates == study.candidates
    with pytest.raises(BadInput):
        examine(str(tmp_path / "study"))
    assert not mark.exists()


def stored(place: Path, artifact: Path) -> Study:
    """A study with one candidate, whose artifact lies in ``artifact``."""
    from thimble.core.artifact import read_manifest

    place.mkdir()
    (place / "artifacts").mkdir()
    (place / "artifacts" / "it").symlink_to(artifact, target_is_directory=True)
    golden = read_study(Path(__file__).parents[1] / "stored" / "one.json")
    candidate = replace(golden.candidates[0], artifact=read_manifest(artifact), folder="artifacts/it", runtime="onnxruntime", status="ok")
    study = replace(golden, candidates=(candidate,))
    write_study(study, place)
    return study
