"""A model as C source for microcontrollers: the bytes, the operators, and a compiler for a Cortex-M."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from thimble.core.boards import BOARDS, holding
from thimble.deploy import _c_array as c
from thimble.deploy._ethos_u import CHIPS, described, estimates

GCC, QEMU = shutil.which("arm-none-eabi-g++"), shutil.which("qemu-system-arm")
FILE = np.random.default_rng(0).integers(0, 256, 20_011, dtype=np.uint8).tobytes()

MAIN = r"""
#include <cstdint>
#include <cstdio>
#include "model_data.h"
int main() {
  uint32_t crc = 0xffffffffu;
  for (unsigned i = 0; i < model_data_len; i++) {
    crc ^= model_data[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  std::printf("%08lx %u %u\n", (unsigned long)(crc ^ 0xffffffffu), model_data_len, (unsigned)((uintptr_t)model_data % 16));
  return 0;
}
"""


def written(folder: Path, arena: int | None = 4096) -> None:
    (folder / "model_data.h").write_text(c.header("model", len(FILE), arena))
    (folder / "model_data.cc").write_text(c.source("model", FILE))


def test_the_array_holds_the_file_and_says_its_length_and_its_arena(tmp_path: Path) -> None:
    written(tmp_path)
    assert c.content((tmp_path / "model_data.cc").read_text()) == FILE
    assert "model_data_len = 20011;" in (tmp_path / "model_data.cc").read_text()
    assert "#define MODEL_ARENA_BYTES 4096" in (tmp_path / "model_data.h").read_text()
    assert "ARENA" not in c.header("model", 1, None)


def test_each_operator_of_the_file_is_registered() -> None:
    text = c.operators("model", ("CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL"))
    assert "tflite::MicroMutableOpResolver<3>" in text
    assert [line.split("(")[1].removeprefix("resolver.") for line in text.splitlines() if "kTfLiteError" in line] == [
        "AddConv2D",
        "AddDepthwiseConv2D",
        "AddBatchMatMul",
    ]


@pytest.mark.skipif(GCC is None, reason="needs arm-none-eabi-g++ (Debian: gcc-arm-none-eabi)")
@pytest.mark.parametrize("processor", ["cortex-m0plus", "cortex-m4", "cortex-m7"])
def test_the_array_compiles_for_a_cortex_m_and_lies_in_read_only_memory(tmp_path: Path, processor: str) -> None:
    written(tmp_path)
    built = [str(GCC), f"-mcpu={processor}", "-mthumb", "-Os", "-Wall", "-Wextra", "-Werror", "-c", "model_data.cc", "-o", "model.o"]
    subprocess.run(built, cwd=tmp_path, check=True, capture_output=True)
    told = subprocess.run(["arm-none-eabi-size", "-A", "model.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    constant = sum(int(line.split()[1]) for line in told.splitlines() if line.startswith(".rodata"))
    assert len(FILE) <= constant <= len(FILE) + 32


@pytest.mark.skipif(GCC is None or QEMU is None, reason="needs arm-none-eabi-g++ and qemu-system-arm")
def test_an_emulated_cortex_m_reads_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "main.cc").write_text(MAIN)
    (tmp_path / "vector.s").write_text(
        '.syntax unified\n.cpu cortex-m3\n.thumb\n.section .vectors,"a"\n.global _start_vector\n_start_vector:\n'
        ".word 0x20010000\n.word _start + 1\n.word hang + 1\n.word hang + 1\n.section .text\n.thumb_func\nhang: b hang\n"
    )
    (tmp_path / "link.ld").write_text(
        "MEMORY { FLASH (rx) : ORIGIN = 0, LENGTH = 256K\n RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 64K }\nENTRY(_start)\nSECTIONS {\n"
        ".text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) . = ALIGN(4); } > FLASH\n"
        ".ARM.extab : { *(.ARM.extab*) } > FLASH\n"
        ".ARM.exidx : { __exidx_start = .; *(.ARM.exidx*) __exidx_end = .; } > FLASH\n"
        ".init_array : { __preinit_array_start = .; __preinit_array_end = .; __init_array_start = .; KEEP(*(.init_array*)) "
        "__init_array_end = .; __fini_array_start = .; __fini_array_end = .; } > FLASH\n"
        ".data : { *(.data*) . = ALIGN(4); } > RAM\n"
        ".bss : { __bss_start__ = .; *(.bss*) *(COMMON) . = ALIGN(8); __bss_end__ = .; end = .; __end__ = .; } > RAM\n}\n"
    )
    built = [str(GCC), "-mcpu=cortex-m3", "-mthumb", "-Os", "-fno-exceptions", "--specs=rdimon.specs", "-nostartfiles", "-T", "link.ld"]
    (tmp_path / "start.cc").write_text(
        'extern "C" { void initialise_monitor_handles(); void exit(int); extern unsigned __bss_start__, __bss_end__;\n'
        "void _init() {} void _fini() {}\n"
        "int main(); void _start() { for (unsigned* p = &__bss_start__; p < &__bss_end__; p++) *p = 0; initialise_monitor_handles();"
        " exit(main()); } }\n"
    )
    subprocess.run([*built, "vector.s", "start.cc", "main.cc", "model_data.cc", "-o", "model.elf"], cwd=tmp_path, check=True, text=True)
    run = [str(QEMU), "-M", "lm3s6965evb", "-display", "none", "-semihosting-config", "enable=on,target=native", "-kernel", "model.elf"]
    done = subprocess.run(run, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60)
    assert f"{zlib.crc32(FILE):08x} {len(FILE)} 0" in (done.stdout + done.stderr).splitlines()


def test_boards_hold_a_model_beside_the_application() -> None:
    assert next(board.ram_kib for board in holding(10, 100)) == 128
    assert holding(10, 2000) == ()
    assert set(holding(900, 10)) == {board for board in BOARDS if board.flash_kib > 1024}, "128 KiB are kept for the application"
    assert all(board.source for board in BOARDS)


def test_the_estimate_for_an_accelerator_is_named_as_one() -> None:
    pytest.importorskip("ethosu", reason="needs the extra ethos-u")
    tflite_micro = pytest.importorskip("tflite_micro", reason="needs a .tflite file: that of the extra tflite-micro")
    file = next(Path(next(iter(tflite_micro.__path__))).rglob("*float.tflite"))
    found = estimates(file)
    assert [one.chip for one in found] == [chip for chip, _, _ in CHIPS]
    assert {(one.ms, one.on_chip) for one in found} == {(None, 0)}  # real numbers run beside the accelerator
    assert all(one.beside > 0 for one in found)
    assert "**estimates**" in described(file)[0]
    assert sum(line.startswith("| ethos-u") for line in described(file)) == len(CHIPS)


def test_a_file_that_vela_cannot_read_has_no_estimate(tmp_path: Path) -> None:
    pytest.importorskip("ethosu", reason="needs the extra ethos-u")
    (tmp_path / "model.tflite").write_bytes(b"nonsense")
    assert described(tmp_path / "model.tflite")[0].startswith("Arm's Ethos-U: no estimate. Vela can't compile it: ")


def test_without_vela_the_bundle_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ethosu" else find(name))
    assert "pip install 'thimble-fit[ethos-u]'" in described(tmp_path)[0]
