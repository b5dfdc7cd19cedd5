import subprocess
import sys
from pathlib import Path

import pytest
import torch

from thimble.core.errors import BadInput, UnknownName
from thimble.core.task import ModelSpec
from thimble.fetch.user_file import import_user_file
from thimble.models import fingerprint, open_model

SHAPES = {"image": (1, 3, 16, 16)}


def opened(path: Path, function: str = "net", **settings):
    return open_model(ModelSpec(f"{path}:{function}", **settings), Path())


def added(path: Path, code: str) -> Path:
    path.write_text(path.read_text() + code)
    return path


def test_a_network_from_a_function(net_file: Path) -> None:
    model = opened(net_file, shapes=SHAPES)
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [("image", (None, 3, 16, 16), "float32")]
    assert model.notes["output_shapes"] == {"output": [None, 3]}
    assert not model.payload.training
    assert "training mode" in model.notes["training_mode"]


def test_the_task_s_name_is_used_where_forward_has_another(net_file: Path) -> None:
    assert opened(net_file, shapes={"input": (1, 3, 16, 16)}).inputs[0].name == "input"


def test_several_inputs_types_and_a_dictionary_of_outputs(net_file: Path) -> None:
    code = """
class Two(nn.Module):
    inputs = {"tokens": ((1, 6), "int64"), "extra": (1, 2)}
    def __init__(self):
        super().__init__()
        self.embed, self.mix = nn.Embedding(9, 4), nn.Linear(6, 2)
    def forward(self, tokens, extra):
        both = torch.cat([self.embed(tokens).mean(1), extra], 1)
        return {"logits": self.mix(both), "parts": (both, tokens)}
"""
    model = opened(added(net_file, code), "Two")
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [("tokens", (None, 6), "int64"), ("extra", (None, 2), "float32")]
    assert model.outputs == ("logits", "parts.output_0", "parts.output_1")
    longer = opened(net_file, "Two", shapes={"extra": (1, 2), "tokens": (1, 9)})
    assert [one.name for one in longer.inputs] == ["tokens", "extra"]


def test_types_come_with_the_shapes_where_the_network_says_nothing(net_file: Path) -> None:
    code = "\ndef embed():\n    return nn.Embedding(9, 4)\n"
    model = opened(added(net_file, code), "embed", shapes={"ids": (1, 5)}, dtypes={"ids": "int64"})
    assert model.inputs[0].dtype == "int64"
    assert model.notes["output_shapes"] == {"output": [None, 5, 4]}


def test_a_network_for_one_sample_at_a_time_is_noted(net_file: Path) -> None:
    code = "\nclass One(nn.Module):\n    def forward(self, x):\n        return x.reshape(1, 4)\n"
    model = opened(added(net_file, code), "One", shapes={"x": (1, 4)})
    assert model.inputs[0].shape == (1, 4)
    assert "one sample" in model.notes["batch"]


def test_weights_are_loaded_into_it(net_file: Path, tmp_path: Path) -> None:
    state = opened(net_file, shapes=SHAPES, seed=4).payload.state_dict()
    torch.save(state, tmp_path / "w.pt")
    found = opened(net_file, shapes=SHAPES, weights=str(tmp_path / "w.pt")).payload.state_dict()
    assert all(torch.equal(found[key], state[key]) for key in state)


@pytest.mark.parametrize(
    ("code", "function", "words"),
    [
        ("", "nett", r"unknown function of .*nets.py 'nett'; did you mean 'net'"),
        ("\ndef f(n):\n    return Net(n)\n", "f", "needs n; it must be callable without arguments"),
        ("\ndef f():\n    return 3\n", "f", "returned a int, not an nn.Module"),
        ("\ndef f():\n    return undefined\n", "f", r"failed: NameError: name 'undefined' is not defined \(line \d+\)"),
        ("\nraise RuntimeError('no\\nway')\n", "net", r"can't be imported: RuntimeError: no \(line \d+\)"),
        ("\n)\n", "net", "can't be imported: SyntaxError"),
        ("\nimport sys; sys.exit(0)\n", "net", "can't be imported: SystemExit"),
        ("\ndef f():\n    n = Net()\n    n.head.weight.data[:] = float('nan')\n    return n\n", "f", "NaN or infinity in output"),
        ("\nclass S(nn.Module):\n    def forward(self, x):\n        return 'text'\n", "S", "returns output as a str"),
        ("\nclass N(nn.Module):\n    def forward(self, x):\n        return None\n", "N", "returns nothing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(net_file: Path, code: str, function: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        opened(added(net_file, code), function, shapes=SHAPES)
    assert "\n" not in str(caught.value)


def test_shapes_that_do_not_fit_are_named(net_file: Path) -> None:
    with pytest.raises(BadInput, match=r"can't take image N x 1 x 16 x 16 float32: RuntimeError"):
        opened(net_file, shapes={"image": (1, 1, 16, 16)})
    with pytest.raises(BadInput, match=r"give --input-shape image=1,\.\.\."):
        opened(net_file)
    with pytest.raises(BadInput, match="positive sizes"):
        opened(net_file, shapes={"image": (1, 3, 0, 16)})
    with pytest.raises(BadInput, match="head of 3 outputs and the data 10 classes"):
        opened(net_file, shapes=SHAPES, classes=10)


def test_a_file_that_is_not_there_and_a_name_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        opened(tmp_path / "absent.py")
    with pytest.raises(BadInput, match="names no function"):
        open_model(ModelSpec(str(tmp_path / "nets.py")), Path())


def test_a_file_is_executed_once_and_a_changed_one_again(net_file: Path) -> None:
    first = import_user_file(net_file)
    assert import_user_file(net_file) is first
    added(net_file, "\nCHANGED = True\n")
    assert import_user_file(net_file).CHANGED


def test_a_pickle_of_its_network_is_read_in_another_process(net_file: Path, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("from torch import nn\n\nclass Layer(nn.Identity):\n    pass\n")
    added(net_file, "\nfrom beside import Layer\n\ndef both():\n    return nn.Sequential(Net(), Layer())\n")
    torch.save(opened(net_file, "both", shapes=SHAPES).payload, tmp_path / "network.pickle")
    spec = f"{net_file}:both"
    code = (
        "import sys, torch; from thimble.core.task import ModelSpec; from thimble.models import prepare_unpickling;"
        f"prepare_unpickling(ModelSpec({spec!r})); print([type(m).__name__ for m in torch.load(sys.argv[1], weights_only=False)])"
    )
    result = subprocess.run([sys.executable, "-c", code, tmp_path / "network.pickle"], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "['Net', 'Layer']", result.stderr


def test_the_fingerprint_follows_code_modules_beside_it_and_weights(net_file: Path, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("SCALE = 1\n")
    added(
        net_file,
        f"\nimport beside\n\ndef kept():\n    n = Net()\n    n.load_state_dict(torch.load({str(tmp_path / 'w.pt')!r}))\n    return n\n",
    )

    def mark() -> str:
        return fingerprint(ModelSpec(f"{net_file}:kept", shapes=SHAPES))

    torch.save(import_user_file(net_file).Net().state_dict(), tmp_path / "w.pt")
    first = mark()
    assert mark() == first
    (tmp_path / "beside.py").write_text("SCALE = 2\n")
    second = mark()
    torch.save(import_user_file(net_file).Net().state_dict(), tmp_path / "w.pt")
    assert len({first, second, mark()}) == 3


def test_an_unknown_function_lists_those_that_the_file_has(net_file: Path) -> None:
    with pytest.raises(UnknownName, match="Known: Net, net"):
        opened(net_file, "missing")


def test_a_network_that_fails_when_it_is_looked_at_is_told_in_one_line(net_file: Path) -> None:
    code = """
class Shy(nn.Module):
    def __getattr__(self, name):
        raise RuntimeError(f"no {name} here")
"""
    added(net_file, code)
    for look in (lambda: opened(net_file, "Shy", shapes=SHAPES), lambda: fingerprint(ModelSpec(f"{net_file}:Shy", shapes=SHAPES))):
        with pytest.raises(BadInput, match=r"Shy failed: RuntimeError: no .* here \(line \d+\)"):
            look()
