"""What each public function is asked for: one frozen value each, whose annotated fields are its options.

The command line (`thimble.cli._options`), ``study.toml`` (`thimble.api.config`) and the checks (`thimble.api.options`) are
made from these fields: another option of a command is one annotated field here. An option that several commands share
is one type alias. A field without an `Option` can be set from Python only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from thimble.api._forms import duration_text, in_data, in_file, in_metric, in_model, in_weights, not_channels, not_deviations, not_shapes
from thimble.core.option import Option
from thimble.core.sampling import Sampling, Time
from thimble.core.study import Limits
from thimble.core.values import share_of

MODELS = "torchvision:NAME, timm:NAME, file.py:function, a .onnx file or a .pt2 archive"
IMAGES = "digits, imagefolder:DIR, masks:DIR, coco:FILE,DIR, yolo:DATA.yaml"
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
Folder = Annotated[str | Path, Option("Folder of the results.", '"runs/fit"', metavar="DIR", path=in_file)]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data are read, and how a model is fed with them: options that every command with a model and data has.

    ``size``, ``mean``, ``std``, ``channels`` and ``scale`` are of images, ``rate`` and ``features`` of sounds. ``shapes`` are input shapes
    by name where a file leaves them dynamic, ``values`` numbers for inputs that the data don't give, ``states`` outputs by the input
    that they feed at the next step, ``batch_axes`` places of the inputs' batches.
    """

    size: Size | None = None
    mean: Mean | None = None
    std: Std | None = None
    channels: Channels | None = None
    scale: Scale | None = None
    rate: Rate | None = None
    features: Features | None = None
    metric: Metric | None = None
    shapes: Shapes | None = None
    values: Values | None = None
    states: States | None = None
    batch_axes: BatchAxes | None = None


@dataclass(frozen=True)
class Fit(Reading):
    """What is asked of `thimble.fit`; its fields are the options of ``thimble fit`` and the keys of ``study.toml``.

    ``budget`` is in seconds, ``None`` is no limit. Networks are changed and trained here; what they take and how well they answer is
    that of the device ``on``, whose processor decides the types of quantization. ``runtimes`` are those that may be chosen.
    """

    model: Model
    data: Data
    limits: Limits = field(default_factory=Limits)
    weights: Weights | None = None
    student: Annotated[Model, Option("Smaller network to train from MODEL.", '"torchvision:mobilenet_v2"')] | None = None
    runtimes: Runtimes = ()
    budget: Budget | None = None
    threads: Threads | None = None
    seed: Seed = 0
    on: Annotated[On, Option("Device whose figures decide: local, ssh://user@host:port, or a name in devices.toml.", '"pi4"')] = "local"


@dataclass(frozen=True)
class Lab:
    """What is asked of `thimble.lab`; its fields are the options of ``thimble lab``.

    ``model`` and ``data`` are specifications, ``weights`` is ``None`` (train on the train split), ``imagenet`` or a
    state dict's file. ``only`` picks named candidates; ``recipes`` are candidates of one's own, each a name and a
    recipe's text, and take the place of the named ones where ``only`` is empty. ``mean`` and ``std`` default to the
    weights' own, else ImageNet's. ``threads`` defaults to the available cores.
    """

    model: Annotated[Model, Option("Network: torchvision:NAME, timm:NAME or file.py:function.", metavar="SPEC")] = "torchvision:resnet18"
    data: Annotated[Data, Option("Data: digits, imagefolder:DIR, imagenette, npz:FILE, ...")] = "digits"
    weights: Annotated[Weights, Option("File of a state dict, or imagenet.", default="train the network here")] | None = None
    image_size: Annotated[Size, Option(words=("--image-size", "--size"), default="64 where the network is trained here")] | None = None
    mean: Mean | None = None
    std: Std | None = None
    threads: Threads | None = None
    seed: Seed = 0
    opset: Annotated[int, Meta(ge=7, le=99), Option("ONNX operator set.", metavar="N", default="the exporter's own")] | None = None
    only: Annotated[
        Sequence[str],
        Option("Only these candidates; traps adds the naive settings that thimble help lab explains.", metavar="NAME,...", default="all"),
    ] = ()
    recipes: Mapping[str, str] = field(default_factory=dict)
    quick: Annotated[bool, Option("Five candidates and less training, for a first try.")] = False
    all_runtimes: Annotated[bool, Option("Also try every runtime in every precision; missing runtimes are listed.")] = False
    max_drop: Annotated[float, Meta(ge=0, le=1e9), Option("Largest drop in quality, in points of the metric.", metavar="POINTS")] = 2.0


@dataclass(frozen=True)
class Apply(Reading):
    """What is asked of `thimble.apply`; its fields are the arguments and options of ``thimble apply``.

    ``recipe`` is a recipe's text or the name of a known one. ``data`` may be absent where no step needs any.
    ``runtime`` is what must open the result; by default the one that the last step's format is native to.
    """

    recipe: Annotated[str, Option("Steps with their settings, joined by +, or the name of a recipe.", metavar="RECIPE", argument=True)]
    model: Model
    data: Annotated[Data, Option(f"Data, where a step needs them: {DATA}.")] | None = None
    weights: Weights | None = None
    runtime: Annotated[Runtime, Option("Runtime of the result: see thimble list runtimes.", default="the last step's own")] | None = None
    threads: Annotated[Threads, Option("Threads for the steps.")] | None = None
    seed: Annotated[Seed, Option("Seed for splits, new weights and training.")] = 0


@dataclass(frozen=True)
class Compare(Reading):
    """How two artifacts are measured against each other; its fields are the options of ``thimble compare``.

    ``data`` is a task's specification: without one there is no quality, and inputs are noise. ``threads`` defaults
    to the device's available cores. ``sampling`` says how long to measure. ``out`` is a folder for ``study.json``, from which
    everything can be shown or compared again.
    """

    data: Annotated[Data, Option("Also score the test split of these data: digits, imagefolder:DIR, npz:FILE, ...")] | None = None
    runtime: Annotated[Runtime, Option("Runtime that opens the artifacts; FILE@NAME for one of them.")] | None = None
    threads: Annotated[Threads, Option("Threads for every artifact.")] | None = None
    on: Annotated[On, Option("Device that runs the artifacts: local, ssh://user@host:port, or a name in devices.toml.")] = "local"
    batch: Annotated[int, Meta(ge=1, le=65_536), Option("Samples in each inference.", metavar="N")] = 1
    sampling: Sampling = field(default_factory=Sampling)
    weights: Weights | None = None
    seed: Annotated[Seed, Option("Seed for splits, generated inputs and measurement order.")] = 0
    out: Annotated[Folder, Option("Keep the measurement in DIR/study.json.")] | None = None


@dataclass(frozen=True)
class Measure(Compare):
    """What is asked of `thimble.api.measure.measure`; its fields are the options of ``thimble measure``.

    Beside what `Compare` has: ``sustained`` are seconds of a run without a pause for each artifact, after the joint run,
    drawn in ``sustained.png``. ``throughput`` asks for batch sizes up to 32, ``probes`` for probes by name beside those
    that are quick.
    """

    sustained: Annotated[Time, Option("Then run each artifact without a pause for this long, to see whether it slows down.")] | None = None
    throughput: Annotated[bool, Option("Measure samples per second at batch sizes 1 to 32.")] = False
    probes: Annotated[
        Sequence[str], Option("Measure energy per inference with the processor's counters.", words=("--energy",), flag=("energy",))
    ] = ()


@dataclass(frozen=True)
class CompareRuntimes(Reading):
    """What is asked of `thimble.compare_runtimes`; its fields are the options of ``thimble compare-runtimes``.

    ``threads`` are numbers of threads, each of which is a study of its own; by default the available cores. ``runtimes`` are those to
    try, all by default. Without ``data`` inputs are noise, and what needs calibration is not tried.
    """

    model: Model
    data: Annotated[Data, Option(f"Data for calibration, and to compare outputs on: {DATA}.")] | None = None
    weights: Weights | None = None
    threads: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=1024)], ...], Option("Numbers of threads, such as 1,2.", metavar="N,...", default=CORES)
    ] = ()
    runtimes: Runtimes = ()
    sampling: Sampling = field(default_factory=Sampling)
    seed: Annotated[Seed, Option("Seed for splits, generated inputs and measurement order.")] = 0
    out: Annotated[Folder, Option("Keep the studies, the table (CSV) and the picture in DIR.")] | None = None


Share = Annotated[
    float, Meta(ge=0, le=10_000), Option(metavar="SHARE", form="a share such as 5%", read=share_of, write=lambda share: f"{100 * share:g}%")
]
Points = Annotated[float, Meta(ge=0, le=1e9), Option(metavar="POINTS")]


@dataclass(frozen=True, kw_only=True)
class Check(Compare):
    """What is asked of `thimble.check`; its fields are the options of ``thimble check``.

    ``against`` is the old artifact: a file, a folder or a bundle; a study, or ``DIR:NAME`` of a candidate in one; or ``git:REF``, the same
    path in that commit. ``max_slowdown`` and ``max_growth`` are shares, ``max_drop`` is in points of the metric.
    """

    against: Annotated[
        str,
        Option(
            "Old artifact: a file, a folder, a study's DIR:NAME, or git:REF for the same path in that commit.",
            metavar="OLD",
            path=in_file,
        ),
    ]
    max_slowdown: Annotated[Share, Option("Largest growth in latency, such as 5%.", "0.05", default="5%")] = 0.05
    max_growth: Annotated[Share, Option("Largest growth in size, such as 5%.", "0.05", default="5%")] = 0.05
    max_drop: Annotated[Points, Option("Largest drop in quality, in points of the metric.", default="no limit")] | None = None


@dataclass(frozen=True)
class Doctor(Reading):
    """How to look at an artifact; its fields are the options of ``thimble doctor``.

    ``data`` is a task's specification, of which calibration and validation are read; without one inputs are noise.
    ``against`` is the float form of the artifact, measured beside it.
    """

    data: Annotated[Data, Option("Explain the model on these data (calibration and validation): digits, npz:FILE, ...")] | None = None
    against: Annotated[Model, Option("Float form of the model, to compare time, size and outputs with.")] | None = None
    threads: Annotated[Threads, Option("Threads for every artifact.")] | None = None


@dataclass(frozen=True)
class Bundle:
    """How a candidate is handed over; its fields are the options of ``thimble bundle``.

    ``data`` is needed where one artifact is bundled and no study. ``force`` bundles a candidate that misses its limits.
    """

    target: Annotated[Literal["linux"], Option("Where the bundle runs.")] = "linux"
    data: Annotated[Data, Option(f"Data of the golden samples, where DIR is one artifact: {DATA}.")] | None = None
    force: Annotated[bool, Option("Bundle a candidate that is not proven to meet the limits; the manifest records the reason.")] = False
    model_licence: Annotated[str, Option("Licence of the model, such as MIT.", metavar="TEXT", default="not known")] | None = None
    data_licence: Annotated[str, Option("Licence of the data.", metavar="TEXT", default="not known")] | None = None
    seed: Annotated[Seed, Option("Seed that the data were split with, where DIR is one artifact.")] = 0
