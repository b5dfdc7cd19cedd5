"""From a sound's file to a network's input: decoded, made mono, resampled, cut or filled up, and its mel features."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.core.errors import BadInput, MissingExtra
from thimble.core.task import TaskSpec
from thimble.data._foreign import decoding

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif"})
RATE = 16_000
BANDS = 64
WINDOW_S, HOP_S = 0.025, 0.010
"""Length of a spectrum's window and distance of the next one, as speech recognisers have them."""
FLOOR = 1e-10
"""Power below which the logarithm goes no lower."""
LONGEST_S = 10.0
"""Where the network leaves the length open, sounds are as long as the longest file, up to this."""


@dataclass(frozen=True)
class Listening:
    """How sounds become inputs: samples a second, numbers of samples, mel bands (0: the wave itself) and the input's shape.

    ``shape`` is that of one sample: ``(length,)`` or ``(1, length)`` of a wave, any order of bands and frames, with a channel of 1
    before them or not.
    """

    rate: int
    length: int
    bands: int
    shape: tuple[int, ...]

    def __call__(self, path: Path | str) -> NDArray[Any]:
        """The input of one file, ``float32``. Raises `BadInput` for a file that can't be decoded."""
        import numpy as np

        wave = fitted(resampled(*decoded(Path(path)), self.rate), self.length)
        if not self.bands:
            return wave.reshape(self.shape)
        mel = log_mel(wave, self.rate, self.bands)
        sizes = [size for size in self.shape if size != 1] or [1]
        bands_first = sizes[0] == self.bands
        frames = sizes[-1] if bands_first else sizes[0]
        mel = np.stack([fitted(row, frames, FILL) for row in mel])
        return np.ascontiguousarray(mel if bands_first else mel.T).reshape(self.shape)


FILL = -23.0
"""Log-mel of silence, about the logarithm of `FLOOR`."""


def listening_for(spec: TaskSpec, longest_s: float) -> Listening:
    """How to read sounds for a model and the options; ``longest_s`` is the length of the longest file.

    Raises `BadInput` for features that are unknown, or an input that no sound becomes.
    """
    rate = spec.rate or RATE
    features, _, number = (spec.features or "wave").partition(":")
    if features not in ("wave", "mel") or (number and not number.isdigit()):
        raise BadInput(f"--features must be wave, mel or mel:BANDS, not {spec.features!r}")
    takes = [one for one in spec.takes if one.value is None and len(one.shape) > 1]
    shape = takes[0].shape[1:] if len(takes) == 1 else None
    length = max(1, round(rate * min(longest_s, LONGEST_S)))
    if features == "wave":
        length = (shape[-1] if shape else None) or length
        if shape is not None and any(size not in (1, None) for size in shape[:-1]):
            raise BadInput(f"the model takes {' x '.join(map(str, shape))} for each sample, which is not a wave: give --features mel")
        return Listening(rate, length, 0, (*(1 for _ in shape[:-1]), length) if shape else (length,))
    return _mel(rate, length, int(number) if number else None, shape)


def _mel(rate: int, length: int, bands: int | None, shape: tuple[int | None, ...] | None) -> Listening:
    """The model's place for bands and frames; where neither is known, bands come first."""
    if shape is None:
        return Listening(rate, length, bands or BANDS, (bands or BANDS, frames_of(length, rate)))
    places = [i for i, size in enumerate(shape) if size != 1]
    if len(places) != 2:
        raise BadInput(f"the model takes {' x '.join(map(str, shape))} for each sample, where mel features have bands and frames")
    first, second = (shape[i] for i in places)
    bands_first = first in (bands, None) if bands else first is not None and (second is None or first <= second)
    wanted = bands or (first if bands_first else second) or BANDS
    frames = second if bands_first else first
    if frames:
        length = round(rate * (HOP_S * (frames - 1) + WINDOW_S))
    whole = [1] * len(shape)
    whole[places[0 if bands_first else 1]] = wanted
    whole[places[1 if bands_first else 0]] = frames or frames_of(length, rate)
    return Listening(rate, length, wanted, tuple(whole))


def frames_of(length: int, rate: int) -> int:
    """How many windows fit into a sound, one at least."""
    return max(1, 1 + (length - round(rate * WINDOW_S)) // round(rate * HOP_S))


def decoded(path: Path) -> tuple[NDArray[Any], int]:
    """A file's wave from -1 to 1, its channels averaged, and its samples a second.

    WAV is read by SciPy, all else by soundfile. Raises `MissingExtra` without that, `BadInput` for a file that can't be decoded.
    """
    import numpy as np

    with decoding(path, "can't be decoded: {}; remove or replace it"):
        if path.suffix.lower() == ".wav":
            from scipy.io import wavfile

            rate, wave = wavfile.read(path)
        else:
            try:
                import soundfile
            except ModuleNotFoundError as error:
                raise MissingExtra("soundfile", "audio") from error
            wave, rate = soundfile.read(str(path), dtype="float32")
    if not wave.size:
        raise BadInput(f"{path} holds no sound; remove or replace it")
    real = wave.astype(np.float32)
    if wave.dtype.kind == "u":
        real = (real - 128) / 128
    elif wave.dtype.kind == "i":
        real = real / float(-np.iinfo(wave.dtype).min)
    return (real.mean(axis=1) if real.ndim > 1 else real), int(rate)


def resampled(wave: NDArray[Any], rate: int, wanted: int) -> NDArray[Any]:
    """The wave at another number of samples a second, by SciPy's polyphase filter."""
    import math

    import numpy as np
    from scipy.signal import resample_poly

    if rate == wanted:
        return wave
    common = math.gcd(rate, wanted)
    return np.asarray(resample_poly(wave, wanted // common, rate // common), np.float32)


def fitted(wave: NDArray[Any], length: int, fill: float = 0.0) -> NDArray[Any]:
    """The middle of a sound, or the whole of it in the middle of silence: exactly ``length`` numbers."""
    import numpy as np

    if len(wave) >= length:
        start = (len(wave) - length) // 2
        return wave[start : start + length]
    before = (length - len(wave)) // 2
    return np.pad(wave, (before, length - len(wave) - before), constant_values=fill)


def log_mel(wave: NDArray[Any], rate: int, bands: int) -> NDArray[Any]:
    """The natural logarithm of mel band powers, bands x frames: Hann windows of 25 ms every 10 ms, from 0 Hz to half the rate."""
    import numpy as np

    window, hop = round(rate * WINDOW_S), round(rate * HOP_S)
    size = 1 << (window - 1).bit_length()
    wave = wave if len(wave) >= window else np.pad(wave, (0, window - len(wave)))
    starts = np.arange(frames_of(len(wave), rate)) * hop
    frames = np.stack([wave[start : start + window] for start in starts]) * np.hanning(window).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, size, axis=1)) ** 2
    logarithms: NDArray[Any] = np.log(np.maximum(power @ mel_bands(rate, size, bands).T, FLOOR))
    return logarithms.T.astype(np.float32)


def mel_bands(rate: int, size: int, bands: int) -> NDArray[Any]:
    """Triangles over the frequencies of a Fourier transform of ``size``, bands x (size / 2 + 1), each of height 1.

    Mel scale of O'Shaughnessy 1987, "Speech communication": 2595 log10(1 + f / 700).
    """
    import numpy as np

    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.arange(size // 2 + 1) * rate / size
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles: NDArray[Any] = np.maximum(0, np.minimum(rising, falling))
    return triangles
