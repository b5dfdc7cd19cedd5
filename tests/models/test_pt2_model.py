"""Archives of exported programs: opened, turned back into modules, and looked through for what would be executed."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from thimble.core.errors import BadInput
from thimble.core.model import example_inputs, named_outputs
from thimble.core.task import ModelSpec
from thimble.models import fingerprint, open_model


class Net(nn.Module):
    """Two convolutions with a shortcut, in-place activations, a dropout and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.block = nn.Conv2d(8, 8, 3, padding="same", groups=2)
        self.act, self.drop, self.head = nn.Hardswish(inplace=True), nn.Dropout(inplace=True), nn.Linear(8, 5)

    def forward(self, image):
        x = self.stem(image)
        x = self.act(self.block(x)) + x
        return self.head(self.drop(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)))


class Tokens(nn.Module):
    """Two inputs, a recurrent layer, a nested dictionary of outputs, and a size that the batch decides."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(50, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, tokens, extra):
        hidden, _ = self.lstm(self.embed(tokens))
        logits = self.head(hidden[:, -1]) + extra.mean(1, keepdim=True)
        return {"logits": logits, "aux": (logits * 2, hidden.reshape(hidden.shape[0] * 3, -1))}


def save(network: nn.Module, example: tuple[torch.Tensor, ...], path: Path, free: bool = True) -> Path:
    batch = torch.export.Dim("batch", min=1)
    shapes = tuple({0: batch} for _ in example) if free else None
    torch.export.save(torch.export.export(network.eval(), example, dynamic_shapes=shapes), path)
    return path


def saved_net(folder: Path, free: bool = True) -> Path:
    torch.manual_seed(0)
    return save(Net(), (torch.randn(2, 3, 8, 8),), folder / "net.pt2", free)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_net(tmp_path_factory.mktemp("pt2"))


@pytest.fixture
def net(original: Path, tmp_path: Path) -> Path:
    path = tmp_path / "net.pt2"
    path.write_bytes(original.read_bytes())
    return path


def opened(path: Path, **settings):
    return open_model(ModelSpec(str(path), **settings), path.parent / "copy")


def rewritten(path: Path, changes: dict[str, bytes], drop: tuple[str, ...] = ()) -> Path:
    """The archive with some members replaced, added or dropped; names are relative to its top folder."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(members)).partition("/")[0]
    members |= {f"{top}/{name}": content for name, content in changes.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if name not in {f"{top}/{one}" for one in drop}:
                archive.writestr(name, content)
    return path


def program(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(f"{path.stem}/models/model.json"))


def with_program(path: Path, change) -> Path:
    """The archive after ``change`` was applied to its program's JSON."""
    root = program(path)
    change(root)
    return rewritten(path, {"models/model.json": json.dumps(root).encode()})


def test_modules_are_back_and_the_outputs_the_same(net: Path) -> None:
    torch.manual_seed(0)
    source = Net().eval()
    model = opened(net)
    assert model.format == "torch"
    assert [(one.name, one.shape) for one in model.inputs] == [("image", (None, 3, 8, 8))]
    assert "operators" not in model.notes
    kinds = {name: type(module).__name__ for name, module in model.payload.named_modules() if not list(module.children())}
    assert kinds == {"stem.0": "Conv2d", "stem.1": "BatchNorm2d", "block": "Conv2d", "head": "Linear"}
    assert model.payload.block.groups == 2
    image = torch.randn(5, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(model.payload(image), source(image), atol=1e-6)


def test_a_network_of_many_kinds_of_inputs_and_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = Tokens()
    path = save(source, (torch.zeros(2, 6, dtype=torch.long), torch.randn(2, 5)), tmp_path / "tokens.pt2")
    model = opened(path)
    assert [(one.name, one.shape, one.dtype) for one in model.inputs] == [("tokens", (None, 6), "int64"), ("extra", (None, 5), "float32")]
    assert model.outputs == ("logits", "aux.output_0", "aux.output_1")
    stored = io.BytesIO()
    torch.save(model.payload, stored)
    stored.seek(0)
    again = torch.load(stored, weights_only=False)
    example = example_inputs(model, 3)
    with torch.no_grad():
        ours, theirs = named_outputs(again(*example)), named_outputs(source(*example))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)
    torch.export.export(again, example, dynamic_shapes=tuple({0: torch.export.Dim("n", min=1)} for _ in example))


def test_an_overwritten_tensor_that_is_used_again_keeps_its_new_value(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            y = self.layer(x)
            z = torch.relu_(y)
            return y + z

    source = Twice()
    model = opened(save(source, (torch.randn(2, 4),), tmp_path / "twice.pt2"))
    x = torch.randn(3, 4)
    with torch.no_grad():
        assert torch.allclose(model.payload(x), source(x))


def test_operators_with_the_names_of_python_s_own(tmp_path: Path) -> None:
    class Both(nn.Module):
        def forward(self, x):
            return ((x > 0) & (x < 1)) | (x > 3)

    model = opened(save(Both(), (torch.randn(2, 4),), tmp_path / "both.pt2"))
    assert model.payload(torch.tensor([[-1.0, 0.5, 2.0, 4.0]])).tolist() == [[False, True, False, True]]


def test_a_batch_that_was_fixed_stays_fixed(tmp_path: Path) -> None:
    assert opened(saved_net(tmp_path, free=False)).inputs[0].shape == (2, 3, 8, 8)


def test_the_head_the_shapes_and_weights_are_checked(net: Path) -> None:
    with pytest.raises(BadInput, match="head of 5 outputs and the data 10 classes"):
        opened(net, classes=10)
    with pytest.raises(BadInput, match="takes image of shape N x 3 x 8 x 8"):
        opened(net, shapes={"image": (1, 3, 9, 9)})
    with pytest.raises(BadInput, match="brings its own weights"):
        opened(net, weights="w.pth")


def test_the_fingerprint_is_of_the_contents(net: Path, tmp_path: Path) -> None:
    first = fingerprint(ModelSpec(str(net)))
    copy = tmp_path / "other.pt2"
    copy.write_bytes(net.read_bytes())
    assert fingerprint(ModelSpec(str(copy))) == first
    rewritten(copy, {"extra/note.txt": b"hello"})
    assert fingerprint(ModelSpec(str(copy))) != first


class Bomb:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def pickled(tmp_path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Bomb(tmp_path / "executed"), buffer)
    return buffer.getvalue()


def refused(path: Path, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert not (path.parent / "executed").exists()


def test_nothing_in_it_is_unpickled_that_runs_code(net: Path, tmp_path: Path) -> None:
    bomb = pickled(tmp_path)
    whole = net.read_bytes()
    refused(rewritten(net, {"data/sample_inputs/model.pt": bomb}), "data/sample_inputs/model.pt, which would run code")
    for kind in ("weights", "constants"):
        net.write_bytes(whole)
        refused(rewritten(net, {f"data/{kind}/model.pt": bomb}), f"data/{kind}/model.pt, which would run code")
        net.write_bytes(whole)
        config = {"config": {"w": {"path_name": "weight_0", "is_param": True, "use_pickle": True, "tensor_meta": None}}}
        changes = {f"data/{kind}/model_{kind}_config.json": json.dumps(config).encode(), f"data/{kind}/weight_0": bomb}
        refused(rewritten(net, changes), f"data/{kind}/weight_0, which would run code")
    net.write_bytes(whole)
    config = {"config": {"w": {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}}}
    changes = {"data/constants/model_constants_config.json": json.dumps(config).encode(), "data/constants/opaque_obj_0": pickle.dumps(1)}
    refused(rewritten(net, changes), "pickled object .* that would run code")


def test_compiled_code_is_not_loaded(net: Path) -> None:
    refused(rewritten(net, {"data/aotinductor/model/evil.so": b"\x7fELF"}), "compiled code")


def test_an_archive_of_the_older_layout_is_not_opened(net: Path) -> None:
    refused(rewritten(net, {"serialized_state_dict.pt": b""}, ("models/model.json",)), "older PyTorch")


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.os.system",
        "torch.ops.load_library",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.load",
        "_operator.attrgetter",
        "_operator.methodcaller",
        "math.__loader__.load_module",
        "torch.ops.aten.__class__",
        "torch.ops.aten.add.__globals__",
        "torch.ops.aten.__and__.__self__",
        "torch.ops.higher_order.triton_kernel_wrapper_functional",
        "builtins.eval",
    ],
)
def test_functions_that_are_no_operators_are_not_called(net: Path, target: str) -> None:
    def change(root: dict) -> None:
        root["graph_module"]["graph"]["nodes"][0]["target"] = target

    refused(with_program(net, change), "not an operator of PyTorch")


def expressions(value) -> list[dict]:
    """Every dictionary that holds an expression."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict) and "expr_str" in value else []) + [one for part in inner for one in expressions(part)]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch executed')",
        "exec(chr(112)+chr(97))",
        "open('executed', 'w')",
        'Symbol(\'open("executed", "w")\')',
        "[s0 for s0 in ().__class__.__bases__]",
        "(lambda: 1)()",
        "Integer('1+1')",
        "s0.evalf",
        "1 +",
    ],
)
def test_sizes_that_are_no_arithmetic_are_not_evaluated(net: Path, text: str) -> None:
    def change(root: dict) -> None:
        expressions(root)[0]["expr_str"] = text

    refused(with_program(net, change), "not arithmetic")


def test_names_that_are_code_are_not_written_into_code(net: Path) -> None:
    def change(root: dict) -> None:
        root["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = "x=open('executed','w')"

    refused(with_program(net, change), "which is not a name")


def test_structures_that_import_modules_are_not_made(net: Path) -> None:
    context = json.dumps({"default_factory_module": "antigravity"})

    def change(root: dict) -> None:
        spec = [1, {"type": "collections.defaultdict", "context": context, "children_spec": []}]
        root["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps(spec)

    refused(with_program(net, change), "other structures")


@pytest.mark.parametrize("name", ["../../evil.so", "/etc/evil", "a/..\\..\\evil", "C:/evil"])
def test_an_archive_with_hostile_paths(net: Path, name: str) -> None:
    with zipfile.ZipFile(net, "a") as archive:
        archive.writestr(name, b"")
    refused(net, "lies outside the archive")


def test_a_member_that_is_there_twice(net: Path) -> None:
    with zipfile.ZipFile(net, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("net/models/model.json", b"{}")
    refused(net, "twice")


def test_a_bomb_is_not_unpacked(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thimble.fetch.archive._FREE", 1_000_000)
    with zipfile.ZipFile(net, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data/weights/zeros", bytes(10_000_000))
    refused(net, "would unpack to 10 MB")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.95])
def test_a_truncated_archive(net: Path, share: float) -> None:
    net.write_bytes(net.read_bytes()[: int(share * net.stat().st_size)])
    refused(net, "truncated|damaged")


def test_damaged_members(net: Path) -> None:
    whole = net.read_bytes()
    refused(rewritten(net, {"models/model.json": b"{"}), "damaged")
    net.write_bytes(whole)
    refused(rewritten(net, {"models/model.json": b"[]"}), "damaged")
    net.write_bytes(whole)
    refused(rewritten(net, {}, ("models/model.json",)), "holds no exported models")
    net.write_bytes(whole)
    refused(rewritten(net, {"data/weights/weight_0": b"\0" * 4}), "can't be opened")

    def larger(root: dict) -> None:
        root["graph_module"]["graph"]["nodes"][0]["inputs"] = []

    net.write_bytes(whole)
    refused(with_program(net, larger), "can't be opened|can't take")

    def unsigned(root: dict) -> None:  # PyTorch loads it, and fails when the program is used
        root["graph_module"]["module_call_graph"][0]["signature"] = None

    net.write_bytes(whole)
    refused(with_program(net, unsigned), "can't be opened")


def test_no_archive_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.pt2").write_text("hello")
    refused(tmp_path / "text.pt2", "not a torch.export archive")
    with pytest.raises(BadInput, match="no model at"):
        opened(tmp_path / "absent.pt2")
