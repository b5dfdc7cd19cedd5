"""Options that several commands share, each one type alias: its type, its range, and how it is said and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from thimble.api._forms import duration_text, in_data, in_file, in_metric, in_model, in_weights, not_channels, not_deviations, not_shapes
from thimble.core.option import Option
from thimble.core.sampling import Time
from thimble.core.values import share_of

MODELS = "torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive"
IMAGES = "digits, imagefolder:DIR, masks:DIR, coco:FILE,DIR, voc:DIR, yolo:DATA.yaml"
DATA = f"{IMAGES}, audiofolder:DIR, npz:FILE, npy:FILE,FILE, csv:FILE, hf:DIR or file.py:function"
CORES = "all available cores"

Model = Annotated[str, Option(f"Model: {MODELS}.", '"torchvision:resnet18"', metavar="MODEL", argument=True, path=in_model)]
Data = Annotated[str, Option(f"Data: {DATA}.", '"digits"', metavar="SPEC", path=in_data)]
Weights = Annotated[
    str, Option("File of a state dict; or imagenet, for torchvision's and timm's models.", '"weights.pt"', metavar="FILE", path=in_weights)
]
Runtime = Annotated[str, Option("Runtime of the artifacts: see thimble list runtimes.", metavar="NAME", default="each format's own")]
Runtimes = Annotated[
    tuple[str, ...],
    Option(
        "Runtimes that may be used: see thimble list runtimes.", '["onnxruntime", "openvino"]', metavar="NAME,...", default="all installed"
    ),
]
Budget = Annotated[
    Time, Option("Time for the whole fit, such as 10m, 90s or 1h.", '"10m"', default="until every candidate is tried", write=duration_text)
]
Size = Annotated[int, Meta(ge=8, le=4096), Option("Image height and width in pixels.", "224", metavar="PIXELS")]
Mean = Annotated[
    tuple[float, ...],
    Option("Mean of each channel, for values from 0 to 1.", "[0.485, 0.456, 0.406]", metavar="R,G,B", problem=not_channels),
]
Std = Annotated[
    tuple[float, ...],
    Option("Standard deviation of each channel.", "[0.229, 0.224, 0.225]", metavar="R,G,B", problem=not_deviations),
]
Channels = Annotated[
    Literal["rgb", "bgr", "grey"],
    Option("Order of an image's channels; grey is one channel.", '"bgr"', default="read from the model's input"),
]
Scale = Annotated[
    float,
    Meta(gt=0, le=1e6),
    Option(
        "Range of pixels before mean and standard deviation: 1 or 255.",
        "255.0",
        metavar="NUMBER",
        default="1, or 8-bit pixels where the model takes those",
    ),
]
Resizing = Annotated[
    Literal["stretch", "letterbox"],
    Option(
        "How pictures with boxes get the input's size: stretch, or letterbox (bars of grey 114).",
        '"letterbox"',
        default="letterbox for YOLO's detectors, else stretch",
    ),
]
Rate = Annotated[
    int,
    Meta(ge=1000, le=384_000),
    Option("Sample rate of sounds in Hz; other rates are resampled.", "16000", metavar="HZ", default="16000"),
]
Features = Annotated[
    str,
    Option("Features of sounds: wave, or mel (log-mel spectrum; mel:40 for 40 bands).", '"mel:64"', metavar="NAME", default="wave"),
]
Metric = Annotated[
    str,
    Option(
        "Metric that scores outputs: see thimble list metrics; or file.py:function.",
        '"f1"',
        metavar="NAME",
        default="read from the labels",
        path=in_metric,
    ),
]
Shapes = Annotated[
    Mapping[str, tuple[int, ...]],
    Option(
        "Shape of an input that the file leaves dynamic, the batch first. Repeat for several inputs.",
        "{ input = [1, 3, 224, 224] }",
        metavar="NAME=1,3,224,224",
        words=("--input-shape",),
        problem=not_shapes,
    ),
]
Values = Annotated[
    Mapping[str, Annotated[float, Meta(ge=-1e30, le=1e30)]],
    Option(
        "Value of an input that the data don't contain, e.g. sr=16000. Repeat for several inputs.",
        "{ sr = 16000 }",
        metavar="NAME=NUMBER",
        words=("--set",),
    ),
]
States = Annotated[
    Mapping[str, str],
    Option(
        "Input that takes an output's value at the next step, e.g. h=hn. Repeat for several states.",
        '{ h = "hn" }',
        metavar="INPUT=OUTPUT",
        words=("--state",),
        default="pairs by name and shape",
    ),
]
BatchAxes = Annotated[
    Mapping[str, Annotated[int, Meta(ge=0, le=9)]],
    Option(
        "Batch dimension of an input, counted from 0.",
        "{ x = 1 }",
        metavar="NAME=AXIS",
        words=("--batch-axis",),
        default="as named in the file, else 0",
    ),
]
Threads = Annotated[int, Meta(ge=1, le=1024), Option("Threads for every candidate.", "2", metavar="N", default=CORES)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1), Option("Seed for splits, training and measurement order.", "0", metavar="N")]
On = Annotated[str, Option("Device: local, ssh://user@host:port, or a name in devices.toml.", metavar="DEVICE")]
Pythons = Annotated[
    Mapping[str, str],
    Option(
        "Python of a runtime and its exporters, e.g. litert=venv/bin/python. Repeat for several runtimes.",
        '{ litert = "venv-litert/bin/python" }',
        metavar="RUNTIME=PATH",
        default="this one, or what thimble setup made",
        path=in_file,
    ),
]
Engine = Annotated[str, Option("Where the work is done: local, or an engine that a package adds.", '"local"', metavar="ENGINE")]
Install = Annotated[
    bool, Option("Make a virtual environment with the pinned runtime on the board, where it lacks one.", "true", default="false")
]
Folder = Annotated[str | Path, Option("Folder of the results.", '"runs/fit"', metavar="DIR", path=in_file)]
Share = Annotated[
    float, Meta(ge=0, le=10_000), Option(metavar="SHARE", form="a share such as 5%", read=share_of, write=lambda share: f"{100 * share:g}%")
]
Points = Annotated[float, Meta(ge=0, le=1e9), Option(metavar="POINTS")]
