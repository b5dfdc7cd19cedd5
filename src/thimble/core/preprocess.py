"""From an image to a network's input: one value, one implementation, used when scoring and inside the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocess:
    """Resize the shorter side to ``resize``, crop the centre to ``size`` x ``size``, scale to [0, 1], normalise.

    ``resize=None`` resizes both sides straight to ``size`` (no crop). ``resample`` is a Pillow filter's name
    (``nearest``, ``bilinear``, ``bicubic``, ``lanczos``). ``mean`` and ``std`` are per channel, of values in
    [0, 1]. The result is ``float32``, ``layout`` ``chw`` or ``hwc``.
    """

    size: int = 224
    resize: int | None = None
    resample: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    layout: str = "chw"

    def __call__(self, image: Any) -> NDArray[Any]:
        """A Pillow image of any mode to one array of shape (3, size, size) or (size, size, 3)."""
        return self.normalized(self.pixels(image))

    def pixels(self, image: Any) -> NDArray[Any]:
        """A Pillow image of any mode, resized and cropped: ``uint8`` of shape (size, size, 3)."""
        import numpy as np
        from PIL import Image

        image = image.convert("RGB")
        filter_ = Image.Resampling[self.resample.upper()]
        if self.resize is None:
            image = image.resize((self.size, self.size), filter_)
        else:
            image = self._shorter_side_to(image, self.resize, filter_)
            left, top = ((length - self.size) // 2 for length in image.size)
            image = image.crop((left, top, left + self.size, top + self.size))
        return np.asarray(image)

    def normalized(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """What `pixels` gives, for one image or a batch of them, as the network takes it."""
        import numpy as np

        scaled: NDArray[Any] = pixels.astype(np.float32) / np.float32(255)
        scaled = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(np.moveaxis(scaled, -1, -3) if self.layout == "chw" else scaled)

    @staticmethod
    def _shorter_side_to(image: Any, length: int, filter_: Any) -> Any:
        width, height = image.size
        short = min(width, height)
        return image.resize((int(length * width / short), int(length * height / short)), filter_)
