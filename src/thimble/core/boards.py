"""Usual microcontroller boards: how much flash and RAM each has, and the page that says so."""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_FLASH_KIB, APPLICATION_RAM_KIB = 128, 24
"""Estimates of what the interpreter's code, drivers and an application take beside the model: no measurement of any board. TensorFlow
says that the interpreter's core alone takes 16 KB on a Cortex-M3."""


@dataclass(frozen=True)
class Board:
    """A board or its chip: flash, and the largest block of on-chip RAM, in KiB (1,024 bytes), with the document that says so.

    An arena needs one block. Flash may be a chip of its own on the board (``flash_outside``); RAM outside of the chip is not counted.
    """

    name: str
    chip: str
    flash_kib: int
    ram_kib: int
    source: str
    flash_outside: bool = False


BOARDS = (
    Board(
        "STM32 Nucleo-L476RG",
        "STM32L476RG, Cortex-M4F",
        1024,
        96,
        "ST datasheet DS10198, 3.4; ST reference manual RM0351, 2.1 (32 KiB of SRAM2 lie apart)",
    ),
    Board("micro:bit v2", "nRF52833, Cortex-M4F", 512, 128, "OSOYOO, Getting Started With the micro:bit Hardware"),
    Board(
        "STM32F4 Discovery",
        "STM32F407VG, Cortex-M4F",
        1024,
        128,
        "Zephyr, STM32F4 Discovery (64 KiB of core-coupled memory lie apart)",
    ),
    Board(
        "ESP32-DevKitC",
        "ESP32-WROOM-32E, Xtensa LX6",
        4096,
        160,
        "Espressif, ESP32-DevKitC; ESP-IDF, Memory Types (160 KiB of its 520 KiB can be static data)",
        True,
    ),
    Board("Arduino Nano 33 BLE Sense", "nRF52840, Cortex-M4F", 1024, 256, "Arduino datasheet, Nano 33 BLE Sense Rev2"),
    Board("Raspberry Pi Pico", "RP2040, Cortex-M0+", 2048, 264, "Raspberry Pi Pico product brief", True),
    Board(
        "STM32F746G Discovery",
        "STM32F746NG, Cortex-M7",
        1024,
        320,
        "MicroPython wiki, Board STM32F746 Discovery; ST reference manual RM0385, 2.1",
    ),
    Board(
        "ESP32-S3-DevKitC-1",
        "ESP32-S3-WROOM-1-N8, Xtensa LX7",
        8192,
        333,
        "Espressif, ESP32-S3-DevKitC-1; ESP-IDF, components/esp_system/ld/esp32s3/memory.ld.in (341,760 bytes of static data, "
        "which code in RAM shares)",
        True,
    ),
    Board(
        "STM32H743 Nucleo-144",
        "STM32H743ZI, Cortex-M7",
        2048,
        512,
        "Linux kernel documentation, STM32H743 Overview; stm32-rs, stm32h7xx-hal, memory.x (the AXI block of its 1,024 KiB)",
    ),
    Board("Raspberry Pi Pico 2", "RP2350, Cortex-M33", 4096, 520, "Zephyr, Raspberry Pi Pico 2", True),
    Board("STM32L4R5 Nucleo-144", "STM32L4R5ZI, Cortex-M4F", 2048, 640, "RIOT, STM32 Nucleo-L4R5ZI"),
)
"""From the least RAM to the most."""


def holding(flash_kib: float, ram_kib: float) -> tuple[Board, ...]:
    """Return the boards that hold a model's file and arena beside the estimated application.

    >>> [board.name for board in holding(900, 200)][:2]
    ['Raspberry Pi Pico', 'ESP32-S3-DevKitC-1']
    """
    flash, ram = flash_kib + APPLICATION_FLASH_KIB, ram_kib + APPLICATION_RAM_KIB
    return tuple(board for board in BOARDS if board.flash_kib >= flash and board.ram_kib >= ram)
