# Tests of the macros that slicers know from moonraker-timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""klipper_macros/timelapse.cfg in the simulated printer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.klippy_client import KlippyClient, running_printer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.emulator.klippy import SimulatedPrinter

MACROS = Path(__file__).parents[2] / "klipper_macros" / "timelapse.cfg"
SPEED = 60.0
# The head rests long enough to be looked at: half a second of the test's time.
SETUP = "_SET_TIMELAPSE_SETUP ENABLE=True PARK_ENABLE=True PARK_TIME=30.0 "
START = [50.0, 60.0, 5.0]
WAIT_S = 10.0


@asynccontextmanager
async def printing(
    folder: Path, setup: str = "", gcode: str = "", speed: float = SPEED
) -> AsyncIterator[tuple[SimulatedPrinter, KlippyClient]]:
    async with running_printer(
        folder, config_paths=[MACROS], speed=speed, files={"a.gcode": gcode}
    ) as (printer, client):
        await client.register("timelapse_newframe")
        await client.register("timelapse_hyperlapse")
        await client.gcode(f"G28\nM109 S200\nG1 X50 Y60 Z5 F12000\nM400\n{setup}")
        client.received.clear()
        yield printer, client


async def parked_at(printer: SimulatedPrinter, client: KlippyClient) -> list[float]:
    """Where the head is when the frame is called for."""
    call = client.send("gcode/script", {"script": "TIMELAPSE_TAKE_FRAME"})
    await client.wait_for(lambda m: m.get("method") == "timelapse_newframe")
    place = [round(value, 2) for value in printer.live_position()]
    await client.reply(call)
    return place


async def gcode_position(client: KlippyClient) -> list[float]:
    status = await client.status(gcode_move=["gcode_position"])
    return [round(value, 3) for value in status["gcode_move"]["gcode_position"]]


async def take_frame_variables(client: KlippyClient) -> dict[str, Any]:
    name = "gcode_macro TIMELAPSE_TAKE_FRAME"
    status: dict[str, Any] = (await client.status(**{name: None}))[name]
    return status


@pytest.mark.parametrize(
    ("setup", "place"),
    [
        ("PARK_POS=center", [0.5, 0.5, 0]),
        ("PARK_POS=front_left", [0, 0, 0]),
        ("PARK_POS=front_right", [1, 0, 0]),
        ("PARK_POS=back_left", [0, 1, 0]),
        ("PARK_POS=back_right", [1, 1, 0]),
        ("PARK_POS=custom CUSTOM_POS_X=20 CUSTOM_POS_Y=30", [20.0, 30.0, 0]),
        ("PARK_POS=custom CUSTOM_POS_X=9999 CUSTOM_POS_Y=-9999", [1, 0, 0]),
        ("PARK_POS=custom CUSTOM_POS_X=20 CUSTOM_POS_DZ=3", [20.0, 10.0, 3]),
        ("PARK_POS=x_only CUSTOM_POS_X=20 CUSTOM_POS_DZ=1", [20.0, None, 1]),
        ("PARK_POS=y_only CUSTOM_POS_Y=30", [None, 30.0, 0]),
        ("PARK_POS=nowhere", [0, 1, 0]),
    ],
)
async def test_frame_when_parked_then_head_is_there_and_comes_back(
    tmp_path: Path, setup: str, place: list[Any]
) -> None:
    async with printing(tmp_path, SETUP + setup) as (printer, client):
        limits = await client.status(toolhead=["axis_minimum", "axis_maximum"])
        low, high = (limits["toolhead"][f"axis_{end}imum"] for end in ("min", "max"))

        def meant(axis: int) -> float:
            part = place[axis]
            if part is None:
                return START[axis]
            if isinstance(part, float) and part > 1.0:
                return part
            return float(low[axis] + part * (high[axis] - low[axis]))

        before = await gcode_position(client)
        assert await parked_at(printer, client) == pytest.approx(
            [meant(0), meant(1), START[2] + (place[2] or 0)]
        )
        assert await gcode_position(client) == before
        (call,) = client.named("timelapse_newframe")
        assert call == {"macropark": "True", "hyperlapse": "False"}
        assert client.console == []
        variables = await take_frame_variables(client)
        assert (variables["is_paused"], variables["takingframe"]) == (False, False)


async def test_frame_when_coordinates_are_shifted_and_relative_then_the_same_place(
    tmp_path: Path,
) -> None:
    setup = f"{SETUP} PARK_POS=front_right CUSTOM_POS_DZ=2"
    async with printing(tmp_path, setup) as (printer, client):
        high = (await client.status(toolhead=["axis_maximum"]))["toolhead"]
        await client.gcode("SET_GCODE_OFFSET X=2 Y=-1 Z=0.5\nG92 X10\nG91\nM83")
        before = await gcode_position(client)
        place = await parked_at(printer, client)
        assert place == pytest.approx([high["axis_maximum"][0], 0.0, 5.0])
        assert await gcode_position(client) == before
        status = await client.status(gcode_move=None)
        assert status["gcode_move"]["absolute_coordinates"] is False
        assert status["gcode_move"]["absolute_extrude"] is False


@pytest.mark.parametrize(
    ("setup", "script", "frames"),
    [
        ("_SET_TIMELAPSE_SETUP ENABLE=False", "TIMELAPSE_TAKE_FRAME", []),
        ("", "TIMELAPSE_TAKE_FRAME", ["False"]),
        (f"{SETUP} MODE=hyperlapse", "TIMELAPSE_TAKE_FRAME", []),
        ("", "TIMELAPSE_TAKE_FRAME HYPERLAPSE=True", []),
        (SETUP, "M84\nTIMELAPSE_TAKE_FRAME", ["False"]),
    ],
)
async def test_frame_when_not_wanted_or_not_possible_then_nothing_moves(
    tmp_path: Path, setup: str, script: str, frames: list[str]
) -> None:
    async with printing(tmp_path, setup) as (printer, client):
        await client.gcode(f"{script}\nM400")
        assert [round(v, 2) for v in printer.live_position()] == START
        calls = client.named("timelapse_newframe")
        assert [call["macropark"] for call in calls] == frames


async def test_frame_when_nobody_listens_then_costs_one_dwell_and_print_goes_on(
    tmp_path: Path,
) -> None:
    gcode = f"{SETUP}\nG28\n" + "TIMELAPSE_TAKE_FRAME\n" * 3 + "TIMELAPSE_RENDER\n"
    async with running_printer(
        tmp_path, config_paths=[MACROS], speed=SPEED, files={"a.gcode": gcode}
    ) as (printer, client):
        await client.gcode("SDCARD_PRINT_FILE FILENAME=a.gcode")
        await client.wait_console("Done printing file")
        assert printer.state == "complete"
        assert not [line for line in client.console if line.startswith("!!")]


async def test_frame_when_extruder_is_cold_then_head_parks_without_extruding(
    tmp_path: Path,
) -> None:
    async with printing(tmp_path, f"{SETUP} PARK_POS=center") as (printer, client):
        await client.gcode("M104 S0\nTEMPERATURE_WAIT SENSOR=extruder MAXIMUM=150")
        await parked_at(printer, client)
        assert not [line for line in client.console if line.startswith("!!")]


async def test_hyperlapse_when_engine_keeps_the_time_then_it_is_told(
    tmp_path: Path,
) -> None:
    async with printing(tmp_path) as (_printer, client):
        await client.gcode("HYPERLAPSE ACTION=START CYCLE=12")
        await client.gcode("HYPERLAPSE ACTION=START CYCLE=soon")
        await client.gcode("HYPERLAPSE ACTION=STOP\nHYPERLAPSE ACTION=")
        calls = client.named("timelapse_hyperlapse")
        assert [(call["action"], call["cycle"]) for call in calls] == [
            ("start", "12"),
            ("start", "30"),
            ("stop", 30),
        ]
        assert client.console == ["// HYPERLAPSE: ACTION must be START or STOP"]


async def test_hyperlapse_when_parking_takes_longer_than_the_cycle_then_print_ends(
    tmp_path: Path,
) -> None:
    # Delays of delayed G-code are not scaled: 0.5 s for 1.5 s of the print.
    gcode = "HYPERLAPSE ACTION=START CYCLE=1\n" + "G4 P1000\nM400\n" * 7
    setup = f"{SETUP} MODE=hyperlapse PARK_TIME=4 PARK_POS=x_only CUSTOM_POS_X=50"
    async with printing(tmp_path, setup, gcode, speed=3.0) as (printer, client):
        await client.gcode("SDCARD_PRINT_FILE FILENAME=a.gcode")
        await client.wait_console("Done printing file", timeout_s=4 * WAIT_S)
        frames = client.named("timelapse_newframe")
        assert len(frames) >= 2
        assert {frame["macropark"] for frame in frames} == {"True"}
        name = "gcode_macro HYPERLAPSE"
        async with asyncio.timeout(WAIT_S):
            while (await client.status(**{name: ["run"]}))[name]["run"]:
                pass
        assert printer.state == "complete"


async def test_setup_when_asked_then_is_shown(tmp_path: Path) -> None:
    async with printing(tmp_path, f"{SETUP} FW_RETRACT=1 VERBOSE=1") as (_, client):
        await client.gcode("GET_TIMELAPSE_SETUP")
        (text,) = client.console
        assert "enable: True, mode: layermacro, verbose: True" in text
        assert "park: True, position: back_left, time: 30.0 s" in text
        assert "by firmware: True" in text


async def test_stream_delay_when_tested_then_each_frame_is_in_the_middle(
    tmp_path: Path,
) -> None:
    async with printing(tmp_path, SETUP) as (printer, client):
        await client.register("prusacam_timelapse_start")
        await client.register("timelapse_render")
        before = await gcode_position(client)
        limits = await client.status(toolhead=["axis_minimum", "axis_maximum"])
        ends = [limits["toolhead"][f"axis_{end}imum"][0] for end in ("min", "max")]
        call = client.send("gcode/script", {"script": "TEST_STREAM_DELAY COUNT=2"})
        seen = 0
        for _ in range(2):
            await client.wait_for(
                lambda m: m.get("method") == "timelapse_newframe", start=seen
            )
            seen = len(client.received)
            place = [round(value, 2) for value in printer.live_position()]
            assert place == pytest.approx([sum(ends) / 2, *START[1:]])
        await client.reply(call)
        assert await gcode_position(client) == before
        assert client.named("prusacam_timelapse_start") == [
            {"enable": True, "trigger": "macro"}
        ]
        assert len(client.named("timelapse_newframe")) == 2
        await client.wait_for(lambda m: m.get("method") == "timelapse_render")


@pytest.mark.parametrize(
    ("gcode", "reason"), [("M84", "home the printer"), ("G1 Z1\nM400", "lift the head")]
)
async def test_stream_delay_when_it_cannot_be_tested_then_says_why(
    tmp_path: Path, gcode: str, reason: str
) -> None:
    async with printing(tmp_path, SETUP) as (_, client):
        await client.gcode(gcode)
        await client.gcode("TEST_STREAM_DELAY")
        assert reason in client.console[-1]
        assert client.named("timelapse_newframe") == []
