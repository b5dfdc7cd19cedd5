"""A study and all that is stored of it: raw values with their conditions; every statistic is computed on reading.

``study.json`` is this module's `Study` as JSON. Schema history:

1. the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from thimble.core.artifact import Artifact
from thimble.core.aside import new_file, writing
from thimble.core.bounds import Amount, Count, Number, Several, Share
from thimble.core.errors import BadInput
from thimble.core.limit import Limits as Limits
from thimble.core.preprocess import Preprocess
from thimble.core.run import Advice as Advice
from thimble.core.run import Environment as Environment
from thimble.core.run import Round as Round
from thimble.core.run import Run as Run
from thimble.core.shown import Shown
from thimble.core.verdict import Status

SCHEMA = 1
CONFIDENCE = 0.95
"""With which intervals hold; several that decide one question hold together with it."""
FIRST_SHARE = 0.8
"""The share of the allowed error that the first of two candidates on the test split has."""


@dataclass(frozen=True)
class Size:
    """What must be shipped. ``bytes_by_type`` counts the stored tensors' bytes by data type; counts are of numbers."""

    bytes: Several
    deflated_bytes: Count
    bytes_by_type: dict[str, Count] = field(default_factory=dict)
    parameters: Count | None = None
    nonzero_parameters: Count | None = None
    macs: Count | None = None


@dataclass(frozen=True)
class Cold:
    """A fresh process: load and first inference, and peak resident memory above the empty runtime's own.

    ``precision`` is the floating-point type that the runtime said it computes in, such as ``float32`` or ``bfloat16``. ``arena_bytes`` is
    the memory for tensors that an interpreter of microcontrollers needs.
    """

    load_ms: Amount
    first_inference_ms: Amount
    empty_mb: Amount
    peak_mb: Amount
    precision: str = ""
    arena_bytes: Count | None = None

    @property
    def memory_mb(self) -> float:
        """Peak resident memory that the artifact adds to the empty runtime, in MB."""
        return max(0.0, self.peak_mb - self.empty_mb)


@dataclass(frozen=True)
class Quality:
    """Raw scores of one split, sample by sample (rows of statistics for metrics that are no mean).

    ``agreement`` is 1 per sample where the decision equals the baseline's, else 0. ``sqnr_db`` is the
    signal-to-quantization-noise ratio of the first output against the baseline's over the whole split, ``sqnr_by_output`` that of
    every output where there are several. ``guessing`` is the
    figure of the best answer that is the same for every sample, for metrics that know it.
    """

    split: str
    fingerprint: str
    metric: str
    scores: tuple[Number | tuple[Number, ...], ...]
    agreement: tuple[Share, ...] = ()
    sqnr_db: Number | None = None
    cosine: Number | None = None
    seconds: Amount = 0.0
    guessing: Number | None = None
    sqnr_by_output: dict[str, Number] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRecord:
    """One step as it was carried out: what it changed, and how long it took when it was done (``cached``: earlier)."""

    name: str
    text: str
    settings: dict[str, Any]
    version: Count
    seconds: Amount
    cached: bool
    format: str
    key: str
    notes: dict[str, Any] = field(default_factory=dict)
    parameters: Count | None = None
    macs: Count | None = None


@dataclass(frozen=True)
class Finding(Shown):
    """A cause that explains a result, with its evidence. ``code`` is stable, ``text`` one sentence for people."""

    code: str
    text: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """Why a candidate exists: the candidate ``base`` was ``changed``, by how much where there is an amount.

    ``mixed``: that many more layers stay in float. ``trained on``: its fine-tuning is done that many times more.
    """

    base: str
    changed: str
    amount: Number | None = None


@dataclass(frozen=True)
class Candidate(Shown):
    """A recipe, its runtime, the artifact, its measurements, or the reason it failed; its origin where a search made it."""

    name: str
    recipe: str
    runtime: str
    title: str = ""
    options: dict[str, str] = field(default_factory=dict)
    status: Status = Status.NOT_TRIED
    reason: str = ""
    steps: tuple[StepRecord, ...] = ()
    folder: str | None = None
    artifact: Artifact | None = None
    size: Size | None = None
    cold: Cold | None = None
    quality: dict[str, Quality] = field(default_factory=dict)
    throughput: dict[str, Amount] = field(default_factory=dict)
    operators_ms: dict[str, Amount] = field(default_factory=dict)
    sensitivity_db: dict[str, Number] = field(default_factory=dict)
    probes: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    origin: Origin | None = None

    @property
    def ok(self) -> bool:
        """Return whether there is an artifact that was measured."""
        return self.status == Status.OK


@dataclass(frozen=True)
class SplitInfo:
    """Number of samples and fingerprint of one split; of its beginning where there was no time for more of ``whole``."""

    samples: Count
    fingerprint: str
    whole: str = ""


@dataclass(frozen=True)
class TaskInfo:
    """The data as it was used: how it was asked for, its metric, and its splits."""

    spec: str
    name: str
    metric: str
    unit: str
    higher_is_better: bool
    labels: tuple[str, ...]
    splits: dict[str, SplitInfo]
    preprocess: Preprocess | None = None
    notes: tuple[str, ...] = ()
    binary: bool = True


@dataclass(frozen=True)
class Study(Shown):
    """One task, one target and its candidates; the first is the baseline.

    ``chosen`` is the candidate picked on the validation split before the test split was opened.
    ``joint_run`` is the id of the closing run whose ratios are reported. ``ended`` says why a search tried nothing more.
    ``opened`` says that the model was opened and fits the data; ``device`` is where every figure was taken. ``runtimes`` are those that
    may be chosen, because the device has them; none: any. ``tested`` are the candidates for the test split in their order, named before
    it is opened: the second one is opened only where the first isn't confirmed.
    """

    name: str
    model: str
    task: TaskInfo
    environment: Environment
    threads: Several
    seed: Count
    limits: Limits
    candidates: tuple[Candidate, ...] = ()
    runs: tuple[Run, ...] = ()
    joint_run: str | None = None
    chosen: str | None = None
    findings: tuple[Finding, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    seconds: Amount = 0.0
    complete: bool = False
    ended: str = ""
    opened: bool = False
    device: str = "local"
    thimble: str = ""
    runtimes: tuple[str, ...] = ()
    tested: tuple[str, ...] = ()
    schema: int = SCHEMA

    @property
    def baseline(self) -> Candidate | None:
        """The first candidate, which everything is compared with."""
        return self.candidates[0] if self.candidates else None

    def allows(self, candidate: Candidate) -> bool:
        """Return whether a candidate's runtime is one that may be chosen."""
        return not self.runtimes or candidate.runtime in self.runtimes

    def confidence(self, name: str) -> float:
        """Return the confidence of a candidate's interval on the test split: where two are tested, both hold together with 95 %.

        The allowed error is divided in advance, four parts to the first and one to the second: the weighted Bonferroni method of Wiens
        2003, "A fixed sequence Bonferroni procedure for testing multiple endpoints", Pharmaceutical Statistics 2.
        """
        if len(self.tested) < 2 or name not in self.tested:
            return CONFIDENCE
        return 1 - (1 - CONFIDENCE) * (FIRST_SHARE if name == self.tested[0] else 1 - FIRST_SHARE)

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name; raises ``KeyError``."""
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def run(self, id: str) -> Run:
        """The measuring run of that id; raises ``KeyError``."""
        for run in self.runs:
            if run.id == id:
                return run
        raise KeyError(id)


def write_study(study: Study, folder: Path) -> Path:
    """Write ``study.json`` aside and rename it into place, so that a reader never sees half of it."""
    path = folder / "study.json"
    try:
        with writing(path), new_file(path) as aside:
            aside.write_bytes(msgspec.json.encode(study) + b"\n")
    except UnicodeEncodeError as error:
        raise BadInput(f"a name in the study is not UTF-8 text: {error.object!r}; rename it") from error
    return path


def read_study(path: Path) -> Study:
    """Read a study from ``study.json`` or the folder that holds it; raises `BadInput` with what is wrong."""
    from thimble.core.study_check import read

    return read(path / "study.json" if path.is_dir() else path)
