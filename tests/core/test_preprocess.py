import numpy as np
import pytest
from PIL import Image

from thimble.core.preprocess import ImageInput, Preprocess, UnknownRange
from thimble.core.values import TensorSpec


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


def grey(mode: str = "L") -> Image.Image:
    """A dark square with a bright left part; 16 bits and floats hold the same picture."""
    picture = np.full((8, 8), 20.0)
    picture[:, :3] = 200
    if mode == "I;16":
        return Image.fromarray((picture * 257).astype("u2"))
    if mode == "F":
        return Image.fromarray((picture / 255).astype("f4"))
    if mode == "F255":
        return Image.fromarray(picture.astype("f4"))
    return Image.fromarray((picture * 257).astype("i4")) if mode == "I" else Image.fromarray(picture.astype("u1"))


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "F255"])
def test_deep_pixels_are_scaled_by_their_range(mode: str) -> None:
    how = Preprocess(8, channels="grey", mean=(0.0,), std=(1.0,))
    np.testing.assert_array_equal(how(grey(mode)), how(grey()))
    assert how(grey()).shape == (1, 8, 8)


def test_pixels_of_an_unknown_range_are_refused_by_name(tmp_path) -> None:
    Image.fromarray(np.full((4, 4), -3.5, "f4")).save(tmp_path / "deep.tif")
    with Image.open(tmp_path / "deep.tif") as image, pytest.raises(UnknownRange, match=r"deep\.tif has pixels from -3\.5 to -3\.5"):
        Preprocess(4)(image)


def test_images_are_turned_as_their_exif_data_say(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise
    Image.fromarray(np.rot90(np.asarray(grey()), 1)).convert("RGB").save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        np.testing.assert_array_equal(Preprocess(8)(image), Preprocess(8)(grey()))


def test_transparent_parts_are_white_and_cmyk_keeps_its_colours() -> None:
    plain = {"mean": (0.0,), "std": (1.0,)}
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert Preprocess(4, **plain)(clear).min() == 1
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    np.testing.assert_allclose(Preprocess(4, **plain)(red.convert("CMYK")), Preprocess(4, **plain)(red))
    palette = red.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert Preprocess(4, **plain)(palette).min() == 1


def test_orders_scales_and_types_of_channels() -> None:
    image = Image.new("RGB", (6, 4), (255, 102, 0))
    raw = {"mean": (0.0,), "std": (1.0,)}
    assert Preprocess(4, channels="bgr", **raw)(image)[:, 0, 0] == pytest.approx([0, 0.4, 1])
    assert Preprocess(4, scale=255, **raw)(image)[:, 0, 0] == pytest.approx([255, 102, 0])
    assert Preprocess(4, scale=255, mean=(127.5,), std=(127.5,))(image)[0, 0, 0] == pytest.approx(1)
    whole = Preprocess(4, dtype="uint8", layout="hwc", width=6)(image)
    assert (whole.dtype, whole.shape, whole[0, 0].tolist()) == (np.uint8, (4, 6, 3), [255, 102, 0])


@pytest.mark.parametrize(
    ("shape", "dtype", "told", "size"),
    [
        ((None, 3, 48, 96), "float32", "", (48, 96)),
        ((None, 1, None, None), "float32", "one channel (grey)", (None, None)),
        ((1, 32, 32, 3), "uint8", "channels last (NHWC), pixels of 8 bits (uint8)", (32, 32)),
    ],
)
def test_a_models_input_tells_how_images_are_read(shape, dtype: str, told: str, size) -> None:
    reads = ImageInput.of((TensorSpec("x", shape, dtype), TensorSpec("rate", (), "int64", value=1.0)))
    assert reads is not None
    assert (reads.told(), (reads.height, reads.width)) == (told, size)


def test_other_inputs_are_no_images() -> None:
    assert ImageInput.of((TensorSpec("x", (None, 8)),)) is None
    assert ImageInput.of((TensorSpec("x", (None, 16, 8, 8)),)) is None
    assert ImageInput.of((TensorSpec("x", (None, 3, 8, 8)), TensorSpec("y", (None, 2)))) is None
