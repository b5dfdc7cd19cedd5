"""Sounds become inputs: resampled, cut or filled up, as waves or log-mel spectra, in the shape that the model takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from thimble.core.errors import BadInput
from thimble.core.task import TaskSpec, one_sample
from thimble.core.values import TensorSpec
from thimble.data import open_task
from thimble.data._sounds import decoded, fitted, log_mel, mel_bands, resampled


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Low and high tones, in files of several rates, lengths, types and channels."""
    rng = np.random.default_rng(0)
    for label, pitch in (("high", 2000), ("low", 300)):
        (tmp_path / label).mkdir()
        for i in range(15):
            rate = (8000, 16000, 44100)[i % 3]
            wave = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(rate * (0.4 + 0.02 * i))) / rate + rng.uniform(0, 6))
            made = (wave * 32767).astype("i2") if i % 2 else wave.astype("f4")
            wavfile.write(tmp_path / label / f"{i}.wav", rate, np.stack([made, made], 1) if i % 5 == 0 else made)
    return tmp_path


def takes(*shape: int | None) -> tuple[TensorSpec, ...]:
    return (TensorSpec("x", (None, *shape)),)


@pytest.mark.parametrize(
    ("shape", "features", "wanted"),
    [
        ((), None, (1, 10880)),
        ((8000,), None, (1, 8000)),
        ((1, 8000), None, (1, 1, 8000)),
        ((1, None), "wave", (1, 1, 10880)),
        ((40, 50), "mel", (1, 40, 50)),
        ((50, 40), "mel:40", (1, 50, 40)),
        ((1, None, None), "mel:32", (1, 1, 32, 66)),
        ((), "mel", (1, 64, 66)),
    ],
)
def test_inputs_have_the_models_shape(sounds: Path, shape: tuple[int | None, ...], features: str | None, wanted: tuple[int, ...]) -> None:
    task = open_task(TaskSpec(f"audiofolder:{sounds}", features=features, takes=takes(*shape) if shape else ()))
    sample = one_sample(task)["input"]
    assert (sample.shape, sample.dtype) == (wanted, np.float32)
    assert np.isfinite(sample).all()
    assert task.labels == ("high", "low")
    assert "at 16,000 Hz, averaged to one channel" in task.notes[0]


def test_tones_are_told_apart_whatever_their_files_are(sounds: Path) -> None:
    task = open_task(TaskSpec(f"audiofolder:{sounds}", features="mel:40"))
    batch = next(iter(task.split("test").batches(100)))
    loudest = batch.inputs["input"].mean(2).argmax(1)
    assert batch.targets is not None
    assert loudest[batch.targets == 0].min() > loudest[batch.targets == 1].max() + 5


def test_decoding_resampling_and_fitting(sounds: Path) -> None:
    wave, rate = decoded(sounds / "low" / "0.wav")
    assert (rate, wave.ndim) == (8000, 1)
    assert np.abs(wave).max() == pytest.approx(0.5, abs=0.01)
    made = resampled(wave, 8000, 16000)
    assert len(made) == 2 * len(wave)
    assert np.abs(made[100:-100]).max() == pytest.approx(0.5, abs=0.02)
    assert fitted(np.arange(5.0), 3).tolist() == [1, 2, 3]
    assert fitted(np.ones(2), 5).tolist() == [0, 1, 1, 0, 0]


def test_bands_are_triangles_of_height_one_over_all_frequencies() -> None:
    bands = mel_bands(16000, 512, 20)
    assert bands.shape == (20, 257)
    assert bands.min() == 0
    assert bands.max() <= 1
    assert (bands.max(1) > 0.5).all()
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype("f4")
    peak = log_mel(tone, 16000, 20).mean(1).argmax()
    assert bands[peak, round(1000 * 512 / 16000)] > 0.4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": "mfcc"}, "--features must be wave, mel or mel:BANDS, not 'mfcc'"),
        ({"takes": takes(3, 16, 16)}, "give --features mel"),
        ({"takes": takes(8000), "features": "mel"}, "mel features have bands and frames"),
        ({"classes_of_head": 5}, "the model's head has 5 outputs"),
    ],
)
def test_what_no_sound_becomes_is_refused(sounds: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        open_task(TaskSpec(f"audiofolder:{sounds}", **settings))  # type: ignore[arg-type]


def test_damaged_and_missing_sounds_are_named(sounds: Path) -> None:
    (sounds / "low" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(BadInput, match=r"broken\.wav can't be decoded"):
        open_task(TaskSpec(f"audiofolder:{sounds}"))
    with pytest.raises(BadInput, match="there is no folder 'nowhere'"):
        open_task(TaskSpec("audiofolder:nowhere"))
    (sounds / "none").mkdir()
    with pytest.raises(BadInput, match="none holds no sound"):
        open_task(TaskSpec(f"audiofolder:{sounds}"))
