"""Completion in real shells, versions, and the pages of ``thimble help``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thimble.cli import main
from thimble.cli._pages import first_heading, pages

BIN = Path(sys.executable).parent


def run(shell: str, code: str, home: Path) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    words = {"zsh": [shell, "-f", "-c"], "bash": [shell, "--norc", "-c"], "fish": [shell, "--no-config", "-c"]}[shell]
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home)}
    done = subprocess.run([*words, code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    code = """eval "$(thimble completion bash)"
    complete -p thimble
    COMP_WORDS=(thimble me); COMP_CWORD=1; COMPREPLY=(); _thimble_completion thimble; echo "${COMPREPLY[@]}"
    COMP_WORDS=(thimble measure --thre); COMP_CWORD=2; COMPREPLY=(); _thimble_completion thimble; echo "${COMPREPLY[@]}"
    COMP_WORDS=(thimble list ru); COMP_CWORD=2; COMPREPLY=(); _thimble_completion thimble; echo "${COMPREPLY[@]}"
    """
    assert run("bash", code, tmp_path).splitlines()[1:] == ["measure", "--threads", "runtimes"]


def test_fish_completes_commands(tmp_path: Path) -> None:
    code = "thimble completion fish | source; complete -C 'thimble mea'"
    assert run("fish", code, tmp_path).split()[0] == "measure"


def test_zsh_takes_the_code(tmp_path: Path) -> None:
    code = """autoload -U compinit; compinit -u -d "$HOME/dump"; eval "$(thimble completion zsh)"; print $_comps[thimble]"""
    assert run("zsh", code, tmp_path).strip() == "_thimble_completion"


def test_versions_are_those_installed(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    lines = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["thimble"] == version("thimble-fit")
    assert lines["onnxruntime"] == version("onnxruntime")
    assert lines["Python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


def test_versions_load_no_library() -> None:
    code = "import sys; from thimble.core.distribution import versions; versions(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "onnx", "onnxruntime", "torch"} & set(loaded)


def test_help_lists_every_page_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["help"])
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(pages())
    assert all(first_heading(text) for text in pages().values())
    with pytest.raises(SystemExit):
        main(["help", "measuring"])
    assert capsys.readouterr().out.rstrip() == pages()["measuring"].rstrip()


def test_an_unknown_topic_names_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["help", "measure"])
    assert left.value.code == 2
    assert "did you mean 'measuring'" in capsys.readouterr().err
