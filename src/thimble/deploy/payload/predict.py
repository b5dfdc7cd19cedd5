"""Ask this bundle's model for an answer: python predict.py image.jpg

From Python: ``from predict import predict; predict("image.jpg")``. Images are preprocessed as they were when the model was
scored; other data are given as an .npz file with one array for each input, the samples first. It needs NumPy, the runtime of
requirements.txt, and Pillow for images.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class Predictor:
    """The opened model with its preprocessing and labels. ``threads`` None is the number that the study measured with."""

    def __init__(self, folder: Path = HERE, threads: int | None = None) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        artifact, runtime = manifest["artifact"], manifest["runtime"]
        self.labels: list[str] = artifact["labels"]
        self.inputs: list[str] = [one["name"] for one in artifact["inputs"]]
        self.batch: int | None = manifest["golden"]["batch"]
        self.answer: dict[str, str] = manifest["answer"]
        self.images = None
        if artifact["preprocess"]:
            self.images = _load(folder / "preprocess.py", "bundle_preprocess").Preprocess(**artifact["preprocess"])
        opened = getattr(_load(folder / runtime["file"], "bundle_runtime"), runtime["class_name"])()
        opened.load(artifact["format"])
        main = str(folder / "model" / artifact["main"])
        self.session = opened.open(main, self.inputs, artifact["outputs"], threads or runtime["threads"], runtime["options"])

    def read(self, file: str | Path) -> dict[str, Any]:
        """The inputs in a file: an image, or an .npz with one array for each input, the samples first. Raises ``ValueError``."""
        import numpy as np

        if Path(file).suffix == ".npz":
            with np.load(file, allow_pickle=False) as archive:
                held = {key: archive[key] for key in archive.files}
            if missing := [name for name in self.inputs if name not in held]:
                raise ValueError(f"{file} has no array {missing[0]!r}; the model takes {', '.join(self.inputs)}")
            return {name: held[name] for name in self.inputs}
        if self.images is None:
            raise ValueError(f"{file} is no .npz file, and this model takes no images; it takes {', '.join(self.inputs)}")
        from PIL import Image

        with Image.open(file) as image:
            return {self.inputs[0]: self.images(image)[None]}

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs by name; a model of a fixed batch gets the last sample repeated, and only the given samples' outputs come back."""
        import numpy as np

        count = len(next(iter(inputs.values())))
        if self.batch and count < self.batch:
            inputs = {name: np.concatenate([array, np.repeat(array[-1:], self.batch - count, axis=0)]) for name, array in inputs.items()}
        outputs: dict[str, Any] = self.session.run(inputs)
        return {name: array[:count] for name, array in outputs.items()} if self.batch else outputs

    def scores(self, outputs: dict[str, Any]) -> Any:
        """The first output as probabilities where it holds logits of several classes, else as it is; one row for each sample."""
        import numpy as np

        array = outputs[self.answer["output"]]
        if self.answer["kind"] == "logits" and self.labels and array.shape[-1] > 1:
            raised = np.exp(array - array.max(-1, keepdims=True))
            return raised / raised.sum(-1, keepdims=True)
        return np.exp(array) if self.answer["kind"] == "log probabilities" else array

    def top(self, file: str | Path, count: int = 5) -> list[list[tuple[str, float]]]:
        """For each sample in a file the ``count`` best labels with their scores, the best first."""
        import numpy as np

        scores = self.scores(self.run(self.read(file)))
        rows = np.asarray(scores).reshape(len(scores), -1)
        names = self.labels if len(self.labels) == rows.shape[1] else [str(i) for i in range(rows.shape[1])]
        return [[(names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:count]] for row in rows]


@cache
def _opened(threads: int | None = None) -> Predictor:
    return Predictor(HERE, threads)


def predict(file: str | Path, count: int = 5) -> list[tuple[str, float]]:
    """The ``count`` best labels of a file's first sample with their scores, the best first; the model is opened once."""
    return _opened().top(file, count)[0]


def _load(file: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main(arguments: list[str] | None = None) -> int:
    """Print the best labels of each file; gives the exit code."""
    parser = argparse.ArgumentParser(description="Print the most probable labels of images, or of the samples in .npz files.")
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--top", type=int, default=3, metavar="N", help="labels to print (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    for file in given.files:
        try:
            answers = _opened().top(file, max(1, given.top))
        except (OSError, ValueError, ImportError) as error:
            print(f"predict: {file}: {error}", file=sys.stderr)
            return 1
        if given.json:
            print(json.dumps({"file": file, "answers": answers}))
            continue
        for i, answer in enumerate(answers):
            shown = ", ".join(f"{label} {score:.3f}" for label, score in answer)
            print(f"{file}{f' [{i}]' if len(answers) > 1 else ''}: {shown}")
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
