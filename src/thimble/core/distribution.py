"""The distribution: its name on a package index, which is not the package's, and the version that is installed."""

from __future__ import annotations

from contextlib import suppress

NAME = "thimble-fit"
"""The distribution's name; `thimble` is another project's there."""

EXTRAS = {
    "ai_edge_litert": "litert",
    "datasets": "hf",
    "matplotlib": "plots",
    "mlflow": "mlflow",
    "ncnn": "ncnn",
    "netron": "view",
    "nncf": "nncf",
    "onnxscript": "torch",
    "openvino": "openvino",
    "pandas": "csv",
    "pnnx": "ncnn",
    "pyarrow": "parquet",
    "pycocotools": "detection",
    "sklearn": "lab",
    "soundfile": "audio",
    "timm": "timm",
    "torch": "torch",
    "torch_pruning": "torch",
    "torchvision": "torch",
    "vl_convert": "plots",
}
"""Modules that the core can do without, and the extra that brings each of them."""


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


def install_command(extra: str | None = None) -> str:
    """The command that installs the distribution, with an extra."""
    return f"pip install '{NAME}[{extra}]'" if extra else f"pip install {NAME}"
