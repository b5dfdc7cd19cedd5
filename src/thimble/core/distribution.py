"""The distribution: its name on a package index, which is not the package's, and the version that is installed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

NAME = "thimble-fit"
"""The distribution's name; `thimble` is another project's there."""

REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+).*;.*extra == ['"](?P<extra>[\w-]+)['"]""")
"""A line of the metadata that is of an extra."""

DISTRIBUTIONS = {"sklearn": "scikit-learn", "vl_convert": "vl-convert-python", "mlflow": "mlflow-skinny", "ethosu": "ethos-u-vela"}
"""Names of distributions by their modules, where one doesn't follow from the other."""

LIBRARIES = (
    *("numpy", "scipy", "onnx", "onnxruntime", "torch", "torchvision", "torch-pruning", "onnxscript", "openvino", "nncf"),
    *("ai-edge-litert", "ncnn", "executorch", "timm"),
)
"""Distributions whose versions decide what a study finds."""


def version() -> str:
    """The installed version, from the distribution's metadata; ``unknown`` where the package runs without being installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(NAME)
    except PackageNotFoundError:
        return "unknown"


def versions() -> dict[str, str]:
    """The versions that results depend on, by name: Thimble's, Python's, and those of installed libraries.

    They are read from metadata; nothing is imported.
    """
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    found = {"thimble": version(), "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}"}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = installed(name)
    return found


def distribution_of(module: str) -> str:
    """The name of the distribution that brings a module."""
    return DISTRIBUTIONS.get(module, module.replace("_", "-"))


def extra_of(module: str, requirements: Sequence[str] | None = None) -> str | None:
    """The extra that brings a module: of several the one of its name, else the smallest. ``None`` where no extra does.

    ``requirements`` are those of the distribution's metadata, which is read by default.

    >>> extra_of("torch_pruning", ['torch>=2.8; extra == "torch"', 'torch-pruning>=1.5; extra == "torch"'])
    'torch'
    """
    from importlib.metadata import PackageNotFoundError, requires

    if requirements is None:
        try:
            requirements = requires(NAME) or []
        except PackageNotFoundError:
            return None
    wanted = distribution_of(module).lower()
    pairs = [(match["extra"], match["name"].lower()) for match in map(REQUIREMENT.match, requirements) if match]
    sizes = Counter(extra for extra, _ in pairs)
    extras = [extra for extra, name in pairs if name == wanted and extra not in ("dev", "docs")]
    return module if module in extras else min(extras, key=sizes.__getitem__, default=None)


def install_command(extra: str | None = None) -> str:
    """The command that installs the distribution, with an extra."""
    return f"pip install '{NAME}[{extra}]'" if extra else f"pip install {NAME}"
