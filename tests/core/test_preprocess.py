import numpy as np
import pytest
from PIL import Image

from thimble.core.preprocess import Preprocess


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_every_mode_gives_three_channels(mode: str) -> None:
    made = Preprocess(16)(Image.new(mode, (20, 30)))
    assert made.shape == (3, 16, 16)
    assert made.dtype == np.float32


def test_values_are_scaled_and_normalised() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 51))
    made = Preprocess(8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.1))(image)
    assert made[:, 0, 0] == pytest.approx([1.0, -2.0, -3.0], abs=1e-6)


def test_crop_takes_the_centre() -> None:
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[:, 10:] = 255
    made = Preprocess(10, resize=10, mean=(0, 0, 0), std=(1, 1, 1))(Image.fromarray(pixels))
    assert made[0, :, :5].max() == 0
    assert made[0, :, 5:].min() == 1


def test_layout_hwc() -> None:
    assert Preprocess(8, layout="hwc")(Image.new("L", (9, 9))).shape == (8, 8, 3)
