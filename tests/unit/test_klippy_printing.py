# Tests of printing files: virtual_sdcard, print_stats, pause_resume, heaters.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A print from its selection to each of its ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.klippy_client import (
    ApiError,
    KlippyClient,
    running_printer,
    wait_moving,
)

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.emulator.klippy import SimulatedPrinter

PRINT = 'SDCARD_PRINT_FILE FILENAME="{}"'

SQUARE = """\
SET_PRINT_STATS_INFO TOTAL_LAYER=2
G28
G1 Z0.2 F600
SET_PRINT_STATS_INFO CURRENT_LAYER=1
G1 X100 F6000
G1 Y100
G1 X0
G1 Y0
SET_PRINT_STATS_INFO CURRENT_LAYER=2
G1 Z0.4 F600
G1 X100 F6000
G1 Y100
G1 X0
G1 Y0
M400
"""

WAITS = """
[respond]
[gcode_macro CALL]
gcode: {action_call_remote_method("here", n=params.N|int)}
"""


async def wait_state(client: KlippyClient, state: str) -> dict[str, Any]:
    """Print statistics when they first show ``state``."""
    while True:
        stats: dict[str, Any] = (await client.status(print_stats=None))["print_stats"]
        if stats["state"] == state:
            return stats


async def test_print_when_it_ends_then_states_and_layers_follow(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=20, files={"Square.gcode": SQUARE}) as (
        printer,
        client,
    ):
        assert (printer.state, printer.layer) == ("standby", None)
        await client.gcode(PRINT.format("square.GCODE"))
        assert client.console == [
            f"File opened:square.GCODE Size:{len(SQUARE)}",
            "File selected",
        ]
        sdcard = (await client.status(virtual_sdcard=None))["virtual_sdcard"]
        assert sdcard["is_active"]
        assert sdcard["file_path"] == str(tmp_path / "gcodes" / "Square.gcode")
        assert sdcard["file_size"] == len(SQUARE)
        assert 0.0 <= sdcard["progress"] < 1.0
        layers = set()
        while printer.state in ("standby", "printing"):
            layers.add(printer.layer)
            await asyncio.sleep(0.005)
        assert printer.state == "complete"
        assert {1, 2} <= layers
        assert (printer.layer, printer.total_layers) == (2, 2)
        await client.wait_console("Done printing file")
        status = await client.status(virtual_sdcard=None, print_stats=None)
        assert status["virtual_sdcard"] == {
            "file_path": None,
            "progress": 1.0,
            "is_active": False,
            "file_position": len(SQUARE),
            "file_size": len(SQUARE),
        }
        assert status["print_stats"]["filename"] == "square.GCODE"
        # Nothing was extruded, so nothing of it counts as printing.
        assert status["print_stats"]["print_duration"] == pytest.approx(0.0)
        assert status["print_stats"]["total_duration"] > 0.3
        await client.gcode("SDCARD_RESET_FILE")
        status = await client.status(print_stats=None)
        assert status["print_stats"]["state"] == "standby"
        assert status["print_stats"]["info"] == {
            "total_layer": None,
            "current_layer": None,
        }


async def test_layer_when_total_is_unknown_then_ignored(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (printer, client):
        await client.gcode("SET_PRINT_STATS_INFO CURRENT_LAYER=3")
        layers = [(printer.layer, printer.total_layers)]
        for script in ("TOTAL_LAYER=5", "CURRENT_LAYER=9", "TOTAL_LAYER=0"):
            await client.gcode(f"SET_PRINT_STATS_INFO {script}")
            layers.append((printer.layer, printer.total_layers))
        assert layers == [(None, None), (0, 5), (5, 5), (None, None)]


async def pause_in_square(
    printer: SimulatedPrinter, client: KlippyClient
) -> tuple[float, float, float]:
    await client.gcode(PRINT.format("square.gcode"))
    await wait_state(client, "printing")
    await wait_moving(client, 10.0)
    await client.request("pause_resume/pause")
    assert printer.state == "paused"
    await client.gcode("M400")
    return printer.live_position()


async def test_pause_when_resumed_then_goes_back_and_on(tmp_path: Path) -> None:
    async with running_printer(tmp_path, speed=10, files={"square.gcode": SQUARE}) as (
        printer,
        client,
    ):
        position = await pause_in_square(printer, client)
        status = await client.status(pause_resume=None, virtual_sdcard=None)
        assert status["pause_resume"]["is_paused"]
        assert not status["virtual_sdcard"]["is_active"]
        await client.gcode("PAUSE")
        assert client.console[-1] == "// Print already paused"
        await client.gcode("G90\nG1 X200 Y200 F12000\nM400")
        before = (await client.status(print_stats=None))["print_stats"]
        assert printer.live_position()[:2] == pytest.approx((200.0, 200.0))
        resume = client.send("pause_resume/resume")
        await client.reply(resume)
        # It goes back first: the next corner comes from where the print was left.
        await client.gcode("M400")
        # What was left may be over by then, where the machine was slow to pause.
        assert printer.state in ("printing", "complete")
        stats = await wait_state(client, "complete")
        assert printer.live_position() == pytest.approx((0.0, 0.0, 0.4))
        assert stats["total_duration"] > before["total_duration"]
        assert position[2] <= 0.4
        await client.gcode("RESUME")
        assert client.console[-1] == "// Print is not paused, resume aborted"


@pytest.mark.parametrize("is_paused", [False, True])
async def test_cancel_when_printing_or_paused_then_cancelled(
    tmp_path: Path, is_paused: bool
) -> None:
    async with running_printer(tmp_path, speed=10, files={"square.gcode": SQUARE}) as (
        printer,
        client,
    ):
        if is_paused:
            await pause_in_square(printer, client)
        else:
            await client.gcode(PRINT.format("square.gcode"))
            await wait_state(client, "printing")
        await client.request("pause_resume/cancel")
        assert printer.state == "cancelled"
        status = await client.status(pause_resume=None, virtual_sdcard=None)
        assert not status["pause_resume"]["is_paused"]
        assert status["virtual_sdcard"]["file_path"] is None
        assert status["virtual_sdcard"]["file_size"] == 0
        if not is_paused:
            await client.request("pause_resume/cancel")
            assert client.console[-1] == "// action:cancel"
        await client.gcode(PRINT.format("square.gcode"))


async def test_print_when_busy_then_refused(tmp_path: Path) -> None:
    async with running_printer(tmp_path, speed=10, files={"square.gcode": SQUARE}) as (
        _printer,
        client,
    ):
        await client.gcode(PRINT.format("square.gcode"))
        for script in (PRINT.format("square.gcode"), "M23 square.gcode", "M26 S0"):
            with pytest.raises(ApiError, match="SD busy"):
                await client.gcode(script)
        await client.gcode("M27")
        assert client.console[-1].startswith("SD printing byte ")


async def test_script_when_file_prints_then_runs_between_its_lines(
    tmp_path: Path,
) -> None:
    lines = "\n".join(f"CALL N={n}\nG4 P100" for n in range(30))
    async with running_printer(
        tmp_path, config=WAITS, speed=10, files={"calls.gcode": lines + "\n"}
    ) as (_printer, client):
        await client.register("here")
        await client.gcode(PRINT.format("calls.gcode"))
        await client.wait_for(lambda m: m.get("params", {}).get("n") == 15)
        await client.gcode("RESPOND MSG=between")
        assert len(client.named("here")) < 30
        await wait_state(client, "complete")
        assert [params["n"] for params in client.named("here")] == list(range(29 + 1))


async def test_print_when_line_fails_then_error_and_heaters_off(
    tmp_path: Path,
) -> None:
    text = "M104 S150\nG28\nG1 X10 E5 F600\nM117 never\n"
    async with running_printer(tmp_path, files={"cold.gcode": text}) as (
        _printer,
        client,
    ):
        await client.gcode(PRINT.format("cold.gcode"))
        stats = await wait_state(client, "error")
        assert stats["message"].startswith("Extrude below minimum temp\nSee the")
        status = await client.status(extruder=None, display_status=None)
        assert status["extruder"]["target"] == 0.0
        assert status["display_status"]["message"] is None


async def test_print_when_file_is_not_utf8_then_left_paused(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (printer, client):
        (tmp_path / "gcodes" / "bad.gcode").write_bytes(b"G28\nM117 \xff\xfe\n")
        await client.gcode(PRINT.format("bad.gcode"))
        await wait_state(client, "paused")
        assert printer.klippy_state == "ready"


async def test_print_when_last_line_has_no_newline_then_it_is_dropped(
    tmp_path: Path,
) -> None:
    async with running_printer(
        tmp_path, files={"end.gcode": "M117 first\nM117 last"}
    ) as (_printer, client):
        await client.gcode(PRINT.format("end.gcode"))
        await wait_state(client, "complete")
        status = await client.status(display_status=None)
        assert status["display_status"]["message"] == "first"


@pytest.mark.parametrize("command", ["PAUSE", "CANCEL_PRINT", "M25"])
async def test_file_when_it_stops_itself_then_does_not_hang(
    tmp_path: Path, command: str
) -> None:
    text = f"M117 a\n{command}\nM117 b\n"
    async with running_printer(tmp_path, files={"stop.gcode": text}) as (
        _printer,
        client,
    ):
        await client.gcode(PRINT.format("stop.gcode"))
        state = "cancelled" if command == "CANCEL_PRINT" else "paused"
        await wait_state(client, state)
        status = await client.status(display_status=None)
        assert status["display_status"]["message"] == "a"
        if command == "PAUSE":
            await client.gcode("G28\nRESUME")
            await wait_state(client, "complete")


async def test_sdcard_commands_when_old_style_then_work(tmp_path: Path) -> None:
    (tmp_path / "gcodes" / "sub").mkdir(parents=True)
    (tmp_path / "gcodes" / "sub" / "in.gcode").write_text("M117 sub\n")
    async with running_printer(
        tmp_path, files={"b.gcode": "M117 b\n", "a.gcode": "M117 a\n"}
    ) as (_printer, client):
        await client.gcode("M20\nM21\nM27\nM23 B.gcode\nM26 S0\nM24")
        assert client.console[:6] == [
            "Begin file list",
            "a.gcode 7",
            "b.gcode 7",
            "End file list",
            "SD card ok",
            "Not SD printing.",
        ]
        await wait_state(client, "complete")
        await client.gcode(PRINT.format("sub/in.gcode"))
        assert "File opened:sub/in.gcode Size:9" in client.console
        await wait_state(client, "complete")
        with pytest.raises(ApiError, match="Unable to open file"):
            await client.gcode(PRINT.format("../printer.cfg"))


async def test_heater_when_waited_for_then_reports_each_second(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=20) as (_printer, client):
        await client.gcode("M190 S40")
        await client.gcode("M109 S180")
        status = await client.status(extruder=None, heater_bed=None)
        assert 177.0 < status["extruder"]["temperature"] < 190.0
        assert status["extruder"]["can_extrude"]
        assert 37.0 < status["heater_bed"]["temperature"] < 45.0
        lines = [line for line in client.console if line.startswith("B:")]
        # 180 °C take 6 to 12 seconds of print time.
        hot = [line for line in lines if line.endswith("/180.0")]
        assert 3 <= len(hot) <= 13  # fewer where the host is held up
        assert hot[0].split()[0].startswith("B:3") or hot[0].startswith("B:4")
        await client.gcode("TURN_OFF_HEATERS")
        await client.gcode("TEMPERATURE_WAIT SENSOR=extruder MAXIMUM=100")
        status = await client.status(extruder=None)
        assert status["extruder"]["target"] == 0.0
        assert status["extruder"]["temperature"] <= 100.0


async def test_accessories_when_set_then_status_shows_them(tmp_path: Path) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        await client.gcode(
            "M106 S51\nM73 P40\nSET_PRESSURE_ADVANCE ADVANCE=0.05\n"
            "EXCLUDE_OBJECT_DEFINE NAME=cube CENTER=10,20 POLYGON=[[0,0],[1,1]]\n"
            "EXCLUDE_OBJECT_START NAME=cube\nEXCLUDE_OBJECT CURRENT=1\n"
            "QUERY_ENDSTOPS"
        )
        status = await client.status(
            fan=None, display_status=None, extruder=None, exclude_object=None
        )
        assert status["fan"] == {"speed": 0.2, "rpm": None}
        assert status["extruder"]["pressure_advance"] == 0.05
        assert status["exclude_object"] == {
            "objects": [
                {"name": "CUBE", "center": [10, 20], "polygon": [[0, 0], [1, 1]]}
            ],
            "excluded_objects": ["CUBE"],
            "current_object": "CUBE",
        }
        assert client.console[-1] == "x:TRIGGERED y:TRIGGERED z:TRIGGERED"
        endstops = await client.request("query_endstops/status")
        assert endstops == dict.fromkeys("xyz", "TRIGGERED")
        await client.gcode("M107\nEXCLUDE_OBJECT_END NAME=cube\nEXCLUDE_OBJECT RESET=1")
        status = await client.status(fan=None, exclude_object=None)
        assert status["fan"]["speed"] == 0.0
        assert status["exclude_object"]["excluded_objects"] == []


async def test_idle_timeout_when_printer_rests_then_ready_then_idle(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (_printer, client):

        async def wait_idle_state(state: str) -> None:
            while True:
                status = (await client.status(idle_timeout=None))["idle_timeout"]
                if status["state"] == state:
                    return

        await wait_idle_state("Idle")
        await client.gcode("M104 S100\nG28\nG1 X10 F6000")
        await wait_idle_state("Printing")
        await wait_idle_state("Ready")
        await client.gcode("SET_IDLE_TIMEOUT TIMEOUT=0.01")
        assert client.console[-1] == "// idle_timeout: Timeout set to 0.01 s"
        await wait_idle_state("Idle")
        status = await client.status(extruder=["target"], toolhead=["homed_axes"])
        assert status["extruder"]["target"] == 0.0
        assert status["toolhead"]["homed_axes"] == ""
