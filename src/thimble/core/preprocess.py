"""From an image to a network's input: one value, one implementation, used when scoring and inside the bundle.

This file travels alone: it imports the standard library, NumPy and Pillow, the last two only when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from thimble.core.values import TensorSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CHANNELS = ("rgb", "bgr", "grey")
"""Orders of channels; ``grey`` is one channel."""
SIDES = (1, 3)
"""Channels that an image network's input may have."""


class UnknownRange(ValueError):
    """An image of deep pixels whose range nothing tells."""


@dataclass(frozen=True)
class Preprocess:
    """Resize the shorter side to ``resize``, crop the centre to ``size`` x ``size``, scale to [0, ``scale``], normalise.

    ``resize=None`` resizes both sides straight to ``size`` (no crop); ``width`` is the width where that is another than the
    height. With ``pad`` the whole image is scaled to fit instead, in the middle of bars of this grey value, 0 to 255 (letterboxing).
    ``resample`` is a Pillow filter's name (``nearest``, ``bilinear``, ``bicubic``, ``lanczos``). ``channels`` is one of
    `CHANNELS`. ``mean`` and ``std`` are per channel, of values in [0, ``scale``]; a single number is that of every channel. The
    result is ``float32``, or ``uint8`` as the pixels are, where the network normalises itself; ``layout`` is ``chw`` or ``hwc``.
    """

    size: int = 224
    resize: int | None = None
    resample: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    layout: str = "chw"
    channels: str = "rgb"
    scale: float = 1.0
    dtype: str = "float32"
    width: int | None = None
    pad: int | None = None

    def __call__(self, image: Any) -> NDArray[Any]:
        """A Pillow image of any mode to one array of shape (channels, height, width) or (height, width, channels)."""
        return self.normalized(self.pixels(image))

    def pixels(self, image: Any) -> NDArray[Any]:
        """A Pillow image of any mode, upright, resized and cropped: ``uint8`` of shape (height, width, channels).

        Raises `UnknownRange` for numbers whose range nothing tells.
        """
        import numpy as np
        from PIL import Image

        image = upright(image).convert("L" if self.channels == "grey" else "RGB")
        filter_ = Image.Resampling[self.resample.upper()]
        width = self.width or self.size
        if self.resize is None:
            image = self._fitted(image, filter_)
        else:
            image = self._shorter_side_to(image, self.resize, filter_)
            left, top = (image.size[0] - width) // 2, (image.size[1] - self.size) // 2
            image = image.crop((left, top, left + width, top + self.size))
        found: NDArray[Any] = np.asarray(image).reshape(self.size, width, -1)
        return found[..., ::-1] if self.channels == "bgr" else found

    def normalized(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """What `pixels` gives, for one image or a batch of them, as the network takes it."""
        import numpy as np

        scaled: NDArray[Any] = pixels
        if self.dtype != "uint8":
            scaled = pixels.astype(np.float32) * np.float32(self.scale) / np.float32(255)
            scaled = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(np.moveaxis(scaled, -1, -3) if self.layout == "chw" else scaled)

    def placed(self, width: float, height: float) -> tuple[int, int, int, int]:
        """Return where the whole of an image of this size lies in the input without a crop: width, height, left and top in pixels."""
        across, down = self.width or self.size, self.size
        if self.pad is None:
            return across, down, 0, 0
        share = min(across / width, down / height)
        wide, high = max(1, round(width * share)), max(1, round(height * share))
        return wide, high, (across - wide) // 2, (down - high) // 2

    def _fitted(self, image: Any, filter_: Any) -> Any:
        """The whole image at the input's size, with bars around it where there is a ``pad``."""
        from PIL import Image

        wide, high, left, top = self.placed(*image.size)
        made = image.resize((wide, high), filter_)
        if self.pad is None:
            return made
        whole = Image.new(made.mode, (self.width or self.size, self.size), self.pad if made.mode == "L" else (self.pad,) * 3)
        whole.paste(made, (left, top))
        return whole

    @staticmethod
    def _shorter_side_to(image: Any, length: int, filter_: Any) -> Any:
        width, height = image.size
        short = min(width, height)
        return image.resize((int(length * width / short), int(length * height / short)), filter_)


def upright(image: Any) -> Any:
    """A Pillow image as a viewer shows it, in 8 bits: turned as its EXIF data say, transparent parts white, deep pixels scaled.

    16 bits are divided by 257; real numbers are taken for 0 to 1, or for 0 to 255 where one is above 1. Raises `UnknownRange` for
    whole numbers above 65,535 and real ones outside of these ranges.
    """
    from PIL import Image, ImageOps

    name = getattr(image, "filename", "")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return _of_eight_bits(image, name)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image


def _of_eight_bits(image: Any, name: str) -> Any:
    """A grey image of 16 or 32 bits, or of real numbers, in 8 bits."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    most = 65_535.0 if image.mode.startswith("I") else 255.0 if high > 1 else 1.0
    if not (low >= 0 and high <= most):
        said = f"{name or 'an image'} has pixels from {low:g} to {high:g}, whose range is unknown"
        raise UnknownRange(f"{said}: scale them to 0 to 1, or save them in 8 or 16 bits")
    return Image.fromarray(np.round(values * (255 / most)).astype(np.uint8))


@dataclass(frozen=True)
class ImageInput:
    """What a model says of its only image input; ``None`` is what it leaves open. ``channels`` is their number."""

    channels: int | None
    layout: str | None
    dtype: str
    height: int | None
    width: int | None

    @classmethod
    def of(cls, inputs: Sequence[TensorSpec]) -> ImageInput | None:
        """Read from the inputs' shapes and types; ``None`` where there is not one input of four dimensions."""
        four = [one for one in inputs if len(one.shape) == 4 and one.value is None]
        if len(four) != 1 or any(one.shape and one is not four[0] and one.value is None for one in inputs):
            return None
        _, first, second, last = four[0].shape
        dtype = "uint8" if four[0].dtype == "uint8" else "float32"
        if first in SIDES:
            return cls(first, "chw", dtype, second, last)
        if last in SIDES:
            return cls(last, "hwc", dtype, first, second)
        return None

    def told(self) -> str:
        """What differs from three channels of real numbers in NCHW, in words; nothing where nothing does."""
        parts = ["one channel (grey)"] if self.channels == 1 else []
        parts += ["channels last (NHWC)"] if self.layout == "hwc" else []
        parts += ["pixels of 8 bits (uint8)"] if self.dtype == "uint8" else []
        return ", ".join(parts)
