# Tests of G-code parsing, the console and the mutex.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines, good and bad, and what the console answers to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.klippy.gcode import (
    CommandError,
    GCodeCommand,
    is_traditional,
)
from moonraker_prusacam.emulator.klippy.mutex import HandoffMutex
from tests.support.klippy_client import ApiError, running_printer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "name", "params"),
    [
        ("G1 X10 Y-2.5 F6000", "G1", {"G": "1", "X": "10", "Y": "-2.5", "F": "6000"}),
        ("g1x10y5", "G1", {"G": "1", "X": "10", "Y": "5"}),
        ("  G28  ", "G28", {"G": "28"}),
        ("G1 X5 ; to the left X7", "G1", {"G": "1", "X": "5"}),
        ("N12 G1 X5*71", "G1", {"N": "12", "G": "1", "X": "5", "*": "71"}),
        ("; only a comment", "", {}),
        ("", "", {}),
        ("G1 X", "G1", {"G": "1", "X": ""}),
        ("G1 E.5", "G1", {"G": "1", "E": ".5"}),
    ],
)
def test_parse_when_traditional_then_letters_are_params(
    line: str, name: str, params: dict[str, str]
) -> None:
    command = GCodeCommand.parse(line)
    assert command.name == name
    assert command.params == params


@pytest.mark.parametrize(
    ("line", "name", "params"),
    [
        ("SET_X A=1 b=two", "SET_X", {"A": "1", "B": "two"}),
        ('PRINT FILENAME="my file.gcode"', "PRINT", {"FILENAME": "my file.gcode"}),
        ("RESPOND MSG='a \"b\" = c'", "RESPOND", {"MSG": 'a "b" = c'}),
        ("_SNAP LAYER=3 # not this", "_SNAP", {"LAYER": "3"}),
        ("_SNAP LAYER=3 ; not this", "_SNAP", {"LAYER": "3"}),
        ("UPDATE ID=x DURATION=", "UPDATE", {"ID": "x", "DURATION": ""}),
        ("MACRO", "MACRO", {}),
        ("macro_2 x=y", "MACRO_2", {"X": "y"}),
    ],
)
def test_parse_when_extended_then_pairs_are_params(
    line: str, name: str, params: dict[str, str]
) -> None:
    command = GCodeCommand.parse(line)
    command.read_extended()
    assert command.name == name
    assert command.params == params


@pytest.mark.parametrize("line", ["SET_X A", 'SET_X A="open', "SET_X a b=c"])
def test_parse_when_pairs_are_malformed_then_error_names_line(line: str) -> None:
    command = GCodeCommand.parse(line)
    with pytest.raises(CommandError, match="Malformed command"):
        command.read_extended()


@pytest.mark.parametrize(
    ("line", "raw"),
    [
        ("M117 Layer 3 of 12", "Layer 3 of 12"),
        ("m117 lower", "lower"),
        ("M117", ""),
        ("N5 M117 hello*33", "hello"),
        ("MACRO a b  c", "a b  c"),
    ],
)
def test_raw_params_when_read_then_text_as_written(line: str, raw: str) -> None:
    assert GCodeCommand.parse(line).raw_params == raw


@pytest.mark.parametrize(
    ("name", "expected"),
    [("G1", True), ("M117", True), ("T0", True), ("PAUSE", False), ("_X", False)],
)
def test_is_traditional_when_letter_and_number_then_true(
    name: str, expected: bool
) -> None:
    assert is_traditional(name) is expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SET_PRINT_STATS_INFO TOTAL_LAYER=x", "unable to parse x"),
        ("SET_PRINT_STATS_INFO TOTAL_LAYER=-1", "must have minimum of 0"),
        ("SET_PRESSURE_ADVANCE EXTRUDER=e2 ADVANCE=1", "Options: 'extruder'"),
        ("SET_VELOCITY_LIMIT ACCEL=0", "must be above 0"),
        ("RESTORE_GCODE_STATE NAME=never", "Unknown g-code state: never"),
        ("G1 X1.2.3", "Unable to parse move"),
        ("G1 X1 F0", "Invalid speed"),
        ("G1 X1", "Must home axis first: 1.000 0.000 0.000 \\[0.000\\]"),
        ("G20", "does not support G20"),
        ("M104 S999", "Requested temperature \\(999.0\\) out of range"),
        ("M104 S200 T1", "Extruder not configured"),
        ("TEMPERATURE_WAIT SENSOR=extruder", "missing MINIMUM or MAXIMUM"),
        ("SDCARD_PRINT_FILE FILENAME=none.gcode", "Unable to open file"),
        ("M28 x", "SD write not supported"),
        ("SET_HEATER_TEMPERATURE HEATER=oven", "The value 'oven' is not valid"),
    ],
)
async def test_command_when_wrong_then_console_and_caller_get_error(
    tmp_path: Path, line: str, message: str
) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        with pytest.raises(ApiError, match=message):
            await client.gcode(line)
        assert client.console[-1].startswith("!! ")


async def test_extrusion_when_cold_then_error_has_both_lines(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        with pytest.raises(ApiError, match="Extrude below minimum temp\nSee the"):
            await client.gcode("G28\nG1 X5 E1 F600")
        assert client.console[-2].startswith("// Extrude below minimum temp\n// See")
        assert client.console[-1] == "!! Extrude below minimum temp"
        # The failed move is forgotten.
        await client.gcode("G91\nG1 X1 F6000\nM114")
        assert client.console[-1] == "X:1.000 Y:0.000 Z:0.000 E:0.000"


async def test_console_when_commands_answer_then_as_klipper(tmp_path: Path) -> None:
    script = """
NO_SUCH_THING A=1
M900 K1
M114
M105
RESPOND TYPE=error MSG='oh no'
RESPOND PREFIX=tb: MSG=x
M118 hi there
ECHO A=b
STATUS
"""
    async with running_printer(tmp_path, config="[respond]") as (_printer, client):
        await client.gcode("M104")
        await client.gcode(script)
        await client.gcode("HELP")
        assert client.console[:4] == [
            '// Unknown command:"NO_SUCH_THING"',
            '// Unknown command:"M900"',
            "X:0.000 Y:0.000 Z:0.000 E:0.000",
            client.console[3],
        ]
        assert client.console[3].startswith("B:")
        assert client.console[4:9] == [
            "!! oh no",
            "tb: x",
            "echo: hi there",
            "// ECHO A=b",
            "// Klipper state: Ready",
        ]
        assert "// PAUSE     : Pauses the current print" in client.console[9]


async def test_message_when_shown_then_display_status_has_it(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        await client.gcode("M117 25% done; fine")
        status = await client.status(display_status=None)
        assert status["display_status"]["message"] == "25% done; fine"
        await client.gcode("M117 5")
        status = await client.status(display_status=None)
        assert status["display_status"]["message"] == "5"
        await client.gcode("M117")
        status = await client.status(display_status=None)
        assert status["display_status"]["message"] is None


async def test_mutex_when_handed_on_then_never_looks_free() -> None:
    mutex = HandoffMutex()
    order: list[str] = []
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold(name: str) -> None:
        async with mutex:
            order.append(name)
            entered.set()
            await leave.wait()

    first = asyncio.create_task(hold("first"))
    await entered.wait()
    others = [asyncio.create_task(hold(name)) for name in ("second", "third", "last")]
    await asyncio.sleep(0)
    others[1].cancel()
    leave.set()
    await first
    assert mutex.locked
    await asyncio.gather(*others, return_exceptions=True)
    assert order == ["first", "second", "last"]
    assert not mutex.locked


async def test_mutex_when_next_owner_is_cancelled_then_passed_on() -> None:
    mutex = HandoffMutex()
    got_it = asyncio.Event()

    async def wait_turn() -> None:
        async with mutex:
            got_it.set()

    async with mutex:
        doomed = asyncio.create_task(wait_turn())
        heir = asyncio.create_task(wait_turn())
        await asyncio.sleep(0)
    # It owns the mutex already, but did not run yet.
    doomed.cancel()
    await asyncio.wait_for(got_it.wait(), 5)
    await asyncio.gather(doomed, heir, return_exceptions=True)
    assert not mutex.locked
