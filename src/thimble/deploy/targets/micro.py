"""A microcontroller with TensorFlow Lite Micro: the model as a C array, the operators to register, the arena's size."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from thimble.core.boards import APPLICATION_FLASH_KIB, APPLICATION_RAM_KIB, BOARDS, holding
from thimble.core.errors import BadInput, RuntimeFailed
from thimble.core.values import KIB
from thimble.deploy import _c_array as c
from thimble.deploy._ethos_u import described
from thimble.deploy.contents import Contents
from thimble.deploy.manifest import MODEL, Manifest

NAME = "model"
DATA, HEADER, OPERATORS = f"{NAME}_data.cc", f"{NAME}_data.h", f"{NAME}_operators.h"


class Micro:
    """C sources to compile with TensorFlow Lite Micro, which is not among them: its version is the user's choice."""

    runtimes: ClassVar[tuple[str, ...]] = ("tflite_micro",)
    compares: ClassVar[bool] = False

    def check(self, contents: Contents) -> None:
        """Raise `BadInput` for a file that is no ``.tflite``."""
        if contents.subject.artifact.format != "tflite":
            raise BadInput(f"a microcontroller takes a .tflite file, and {contents.name} is {contents.subject.artifact.format}")

    def add(self, contents: Contents, manifest: Manifest, folder: Path) -> Manifest:
        """Write the array, its header, the operators and the README."""
        from thimble.formats.tflite import operators

        path = folder / MODEL / contents.subject.artifact.main
        file, kinds = path.read_bytes(), operators(path)
        (folder / DATA).write_text(c.source(NAME, file))
        (folder / HEADER).write_text(c.header(NAME, len(file), contents.arena_bytes))
        (folder / OPERATORS).write_text(c.operators(NAME, kinds))
        told = [_readme(manifest, len(file), contents.arena_bytes, kinds), *described(path)]
        (folder / "README.md").write_text("\n".join(told) + "\n")
        return manifest

    def prove(self, folder: Path) -> None:
        """Read the array back; raises `RuntimeFailed` where it isn't the file that was measured."""
        file = next((folder / MODEL).glob("*.tflite")).read_bytes()
        if c.content((folder / DATA).read_text()) != file:
            raise RuntimeFailed(f"{DATA} doesn't hold the bytes of the file that was measured, so the bundle was not written")


def _readme(manifest: Manifest, length: int, arena: int | None, kinds: tuple[str, ...]) -> str:
    """Return the README: the files, the flash and RAM they need, and the boards that have both."""
    lines = [
        f"# {manifest.name}",
        "",
        f"A network for TensorFlow Lite Micro, {length / KIB:.1f} KiB of flash. Recipe: `{manifest.recipe or 'as given'}`.",
        f"It was run with {manifest.runtime.title} {manifest.runtime.version} on the machine that made it.",
        "",
        f"- `{DATA}`, `{HEADER}`: the file as a C array, aligned to 16 bytes.",
        f"- `{OPERATORS}`: registers its {len(kinds)} kinds of operators: {', '.join(kinds)}.",
        f"- `{MODEL}/`: the same file as it was measured. `{manifest.golden.file}`: {manifest.golden.samples} samples with their outputs.",
        "- `manifest.json`: every file's SHA-256, inputs and outputs, tolerances, and the figures.",
        "",
        "```cpp",
        f'#include "{HEADER}"',
        f'#include "{OPERATORS}"',
        '#include "tensorflow/lite/micro/micro_interpreter.h"',
        "",
        f"alignas(16) static uint8_t arena[{f'{NAME.upper()}_ARENA_BYTES' if arena is not None else '/* bytes */'}];",
        f"static {NAME.capitalize()}Resolver resolver;",
        f"Register{NAME.capitalize()}Operators(resolver);",
        f"tflite::MicroInterpreter interpreter(tflite::GetModel({NAME}_data), resolver, arena, sizeof(arena));",
        "interpreter.AllocateTensors();",
        "```",
        "",
        *_boards(length / KIB, arena),
    ]
    return "\n".join(lines) + "\n"


def _boards(flash: float, arena: int | None) -> list[str]:
    if arena is None:
        return ["The size of the arena is not known: `thimble measure DIR@tflite_micro --threads 1 --out OUT` tells it."]
    ram = arena / KIB
    held = holding(flash, ram)
    return [
        f"The arena takes {ram:.1f} KiB of RAM, measured on a 64-bit machine, whose pointers are larger than a microcontroller's.",
        f"Beside the model an estimated {APPLICATION_FLASH_KIB} KiB of flash and {APPLICATION_RAM_KIB} KiB of RAM are kept free for the",
        "interpreter's code, drivers and your application:",
        "",
        "| board | flash, KiB | RAM, KiB | holds it | source |",
        "| --- | ---: | ---: | --- | --- |",
        *(
            f"| {one.name} ({one.chip}) | {one.flash_kib} | {one.ram_kib} | {'yes' if one in held else 'no'} | {one.source} |"
            for one in BOARDS
        ),
    ]
