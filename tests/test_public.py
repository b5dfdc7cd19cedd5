import importlib.metadata
import subprocess
import sys

import thimble


def test_every_public_name_is_there() -> None:
    for name in thimble.__all__:
        assert getattr(thimble, name) is not None
        assert name in dir(thimble)


def test_importing_loads_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import thimble; new = {m.partition('.')[0] for m in set(sys.modules) - before};"
        "print(*new - set(sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["thimble"]


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from thimble.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'numpy', 'matplotlib', 'sklearn', 'scipy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "lab" in done.stdout


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert thimble.__version__ == importlib.metadata.version("thimble-fit")
