"""What each public function is asked for: one frozen value each, whose annotated fields are its options.

The command line (`thimble.cli._options`), ``study.toml`` (`thimble.api.config`) and the checks (`thimble.api.options`) are
made from these fields: another option of a command is one annotated field here. An option that several commands share
is one type alias in `thimble.api.shared_options`. A field without an `Option` can be set from Python only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from thimble.api._forms import in_file
from thimble.api.shared_options import (
    CORES,
    DATA,
    BatchAxes,
    Budget,
    Channels,
    Data,
    Engine,
    Features,
    Folder,
    Install,
    Mean,
    Metric,
    Model,
    On,
    Points,
    Pythons,
    Rate,
    Resizing,
    Runtime,
    Runtimes,
    Scale,
    Seed,
    Shapes,
    Share,
    Size,
    States,
    Std,
    Threads,
    Values,
    Weights,
)
from thimble.core.option import Option
from thimble.core.registry import TARGETS
from thimble.core.sampling import Sampling, Time
from thimble.core.study import Limits


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How data are read, and how a model is fed with them: options that every command with a model and data has.

    ``size``, ``mean``, ``std``, ``channels``, ``scale`` and ``resizing`` are of images, ``rate`` and ``features`` of sounds.
    ``shapes`` are input shapes by name where a file leaves them dynamic, ``values`` numbers for inputs that the data don't give, ``states``
    outputs by the input that they feed at the next step, ``batch_axes`` places of the inputs' batches.
    """

    size: Size | None = None
    mean: Mean | None = None
    std: Std | None = None
    channels: Channels | None = None
    scale: Scale | None = None
    resizing: Resizing | None = None
    rate: Rate | None = None
    features: Features | None = None
    metric: Metric | None = None
    shapes: Shapes | None = None
    values: Values | None = None
    states: States | None = None
    batch_axes: BatchAxes | None = None


@dataclass(frozen=True)
class Fit(Reading):
    """Options of `thimble.fit`; its fields are the options of ``thimble fit`` and the keys of ``study.toml``.

    ``budget`` is in seconds, ``None`` is no limit. Networks are changed and trained here; what they take and how well they answer is
    that of the device ``on``, whose processor decides the types of quantization. ``runtimes`` are those that may be chosen, ``python`` the
    interpreters of runtimes by name, where they and their exporters can't share this environment.
    that of the device ``on``, whose processor decides the types of quantization. ``runtimes`` are those that may be chosen.
    ``engine`` is where the work is done; no result depends on it.
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
    python: Pythons | None = None
    engine: Engine = "local"
    install: Install = False


@dataclass(frozen=True)
class Lab:
    """Options of `thimble.lab`; its fields are the options of ``thimble lab``.

    ``model`` and ``data`` are specifications, ``weights`` is ``None`` (train on the train split), ``imagenet`` or a
    state dict's file. ``only`` picks named candidates; ``recipes`` are candidates of one's own, each a name and a
    recipe's text, and take the place of the named ones where ``only`` is empty. ``mean`` and ``std`` default to the
    weights' own, else ImageNet's. ``threads`` defaults to the available cores. ``engine`` is where the work is done.
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
    engine: Engine = "local"


@dataclass(frozen=True)
class Apply(Reading):
    """Arguments and options of `thimble.apply`; its fields are the arguments and options of ``thimble apply``.

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
    """Options of `thimble.api.measure.compare`; its fields are the options of ``thimble compare``.

    ``data`` is a task's specification: without one there is no quality, and inputs are noise. ``threads`` defaults
    to the device's available cores. ``sampling`` says how long to measure. ``out`` is a folder for ``study.json``, from which
    everything can be shown or compared again.
    """

    data: Annotated[Data, Option("Also score the test split of these data: digits, imagefolder:DIR, npz:FILE, ...")] | None = None
    runtime: Annotated[Runtime, Option("Runtime of the artifacts: NAME or NAME:OPTION=VALUE,...; FILE@NAME for one of them.")] | None = None
    threads: Annotated[Threads, Option("Threads for every artifact.")] | None = None
    on: Annotated[On, Option("Device that runs the artifacts: local, ssh://user@host:port, browser, or a name in devices.toml.")] = "local"
    install: Install = False
    batch: Annotated[int, Meta(ge=1, le=65_536), Option("Samples in each inference.", metavar="N")] = 1
    sampling: Sampling = field(default_factory=Sampling)
    weights: Weights | None = None
    seed: Annotated[Seed, Option("Seed for splits, generated inputs and measurement order.")] = 0
    out: Annotated[Folder, Option("Keep the measurement in DIR/study.json.")] | None = None


@dataclass(frozen=True)
class Measure(Compare):
    """Options of `thimble.api.measure.measure`; its fields are the options of ``thimble measure``.

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
    """Options of `thimble.compare_runtimes`; its fields are the options of ``thimble compare-runtimes``.

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


@dataclass(frozen=True, kw_only=True)
class Check(Compare):
    """Options of `thimble.check`; its fields are the options of ``thimble check``.

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
    """Options of `thimble.api.doctor.examine`; its fields are the options of ``thimble doctor``.

    ``data`` is a task's specification, of which calibration and validation are read; without one inputs are noise.
    ``against`` is the float form of the artifact, measured beside it.
    """

    data: Annotated[Data, Option("Explain the model on these data (calibration and validation): digits, npz:FILE, ...")] | None = None
    against: Annotated[Model, Option("Float form of the model, to compare time, size and outputs with.")] | None = None
    threads: Annotated[Threads, Option("Threads for every artifact.")] | None = None


@dataclass(frozen=True)
class Bundle:
    """Options of `thimble.bundle`; its fields are the options of ``thimble bundle``.

    ``data`` is needed where one artifact is bundled and no study. ``force`` bundles a candidate that misses its limits.
    """

    target: Annotated[str, Option(f"Where the bundle runs: {', '.join(TARGETS.names())}.", metavar="TARGET")] = "linux"
    runtime_files: (
        Annotated[Folder, Option("Folder of the npm package onnxruntime-web, for --target web.", default="node_modules here or above")]
        | None
    ) = None
    bake_preprocessing: Annotated[bool, Option("Put normalisation into the ONNX graph, which then takes 8-bit NHWC pixels.")] = False
    data: Annotated[Data, Option(f"Data of the golden samples, where DIR is one artifact: {DATA}.")] | None = None
    force: Annotated[bool, Option("Bundle a candidate that is not proven to meet the limits; the manifest records the reason.")] = False
    model_licence: Annotated[str, Option("Licence of the model, such as MIT.", metavar="TEXT", default="not known")] | None = None
    data_licence: Annotated[str, Option("Licence of the data.", metavar="TEXT", default="not known")] | None = None
    seed: Annotated[Seed, Option("Seed that the data were split with, where DIR is one artifact.")] = 0
