# Tests of macros: template semantics, remote calls, the mutex.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a macro sees, when it is rendered, and who waits for whom."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from tests.support.klippy_client import (
    DATA,
    ApiError,
    KlippyClient,
    running_printer,
)

if TYPE_CHECKING:
    from pathlib import Path

MACROS = """
[respond]

[gcode_macro SHOW]
variable_count: 2
variable_names: ["a", "b"]
gcode:
  RESPOND MSG="x={params.X|default('none')} raw={rawparams|replace('"', '')}"
  RESPOND MSG="{count + 1} {names[1]} {printer['gcode_macro SHOW'].count}"

[gcode_macro RENDERED_FIRST]
gcode:
  G91
  G1 X7 F6000
  RESPOND MSG="x is {printer.toolhead.position.x}"
  SET_GCODE_VARIABLE MACRO=SHOW VARIABLE=count VALUE=99
  RESPOND MSG="count is {printer['gcode_macro SHOW'].count}"
  {action_respond_info("rendered")}

[gcode_macro CALL]
gcode:
  G91
  G1 X50 F3000
  M400
  {action_call_remote_method("snap", layer=params.LAYER|int, note="a b")}
  RESPOND MSG="after the call"

[gcode_macro LOOP]
gcode: LOOP_AGAIN
[gcode_macro LOOP_AGAIN]
gcode: LOOP

[gcode_macro FAIL]
gcode: {action_raise_error("no filament")}
[gcode_macro UNDEFINED]
gcode: {printer.nothing.at_all}
[gcode_macro HALT]
gcode: {action_emergency_stop("fire")}
[gcode_macro CALL_UNDEFINED]
gcode: {action_call_remote_method("snap", layer=params.NOTHING)}

[gcode_macro PAUSE]
rename_existing: BASE_PAUSE
gcode:
  RESPOND MSG="before"
  BASE_PAUSE
  RESPOND MSG="after"

[gcode_macro M600]
gcode: RESPOND MSG="change at {params.S}"

[delayed_gcode later]
gcode: RESPOND MSG="later {printer['gcode_macro SHOW'].count}"
[delayed_gcode at_start]
initial_duration: 0.05
gcode: SET_GCODE_VARIABLE MACRO=SHOW VARIABLE=names VALUE='"started"'
"""


async def test_macro_when_called_then_sees_params_and_variables(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        await client.gcode('SHOW x="1 2" Y=3')
        assert client.console == ["echo: x=1 2 raw=x=1 2 Y=3", "echo: 3 b 2"]
        await client.gcode("M600 S12")
        assert client.console[-1] == "echo: change at 12"


async def test_macro_when_it_runs_then_was_rendered_whole_before(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        await client.gcode("G28")
        await client.gcode("RENDERED_FIRST")
        # Its own move and its own assignment are not what its later lines show.
        assert client.console == [
            "// rendered",
            "echo: x is 0.0",
            "echo: count is 2",
        ]
        status = await client.status(
            toolhead=["position"], **{"gcode_macro SHOW": None}
        )
        assert status["toolhead"]["position"][0] == 7.0
        assert status["gcode_macro SHOW"]["count"] == 99


async def test_remote_call_when_in_template_then_sent_before_its_moves(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config=MACROS, speed=5) as (printer, client):
        await client.register("snap")
        await client.gcode("G28")
        call = client.send("gcode/script", {"script": "CALL LAYER=3"})
        await client.wait_for(lambda m: m.get("method") == "snap")
        assert printer.live_position()[0] == 0.0
        assert client.named("snap") == [{"layer": 3, "note": "a b"}]
        await client.reply(call)
        assert printer.live_position()[0] == pytest.approx(50.0)
        assert client.console == ["echo: after the call"]


async def test_remote_call_when_in_macro_after_m400_then_sent_at_the_park(
    tmp_path: Path,
) -> None:
    async with running_printer(
        tmp_path, config_paths=[DATA / "demo_frame.cfg"], speed=5
    ) as (printer, client):
        await client.register("demo_ping")
        await client.gcode("G28\nG1 X100 Y100 F6000")
        frame = client.send("gcode/script", {"script": "DEMO_FRAME LAYER=4"})
        await client.wait_for(lambda m: m.get("method") == "demo_ping")
        assert printer.live_position() == pytest.approx((5.0, 5.0, 0.0))
        assert client.named("demo_ping") == [{"msg": "frame", "layer": 4}]
        await client.reply(frame)
        await client.gcode("M400")
        assert printer.live_position() == pytest.approx((100.0, 100.0, 0.0))


async def test_remote_call_when_nobody_is_there_then_macro_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        await client.gcode("G28\nCALL LAYER=1")
        assert client.console == ["echo: after the call"]
        assert "Remote method 'snap' not registered" in caplog.text


async def test_remote_call_when_client_has_gone_then_macro_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        other = await KlippyClient.connect(tmp_path / "klippy.sock")
        await other.register("snap")
        await client.register("snap")
        await client.gcode("G28\nCALL LAYER=1")
        assert (
            client.named("snap") == other.named("snap") == [{"layer": 1, "note": "a b"}]
        )
        await other.aclose()
        await client.gcode("CALL LAYER=2")
        assert len(client.named("snap")) == 2
        assert "Remote Call Error" not in caplog.text


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("LOOP", "Macro LOOP called recursively"),
        ("FAIL", "Error evaluating 'gcode_macro FAIL:gcode': .*no filament"),
        ("UNDEFINED", "Error evaluating .*UndefinedError"),
        ("SET_GCODE_VARIABLE MACRO=SHOW VARIABLE=z VALUE=1", "Unknown gcode_macro"),
        ("SET_GCODE_VARIABLE MACRO=SHOW VARIABLE=count VALUE=x", "Unable to parse 'x'"),
        ("SET_GCODE_VARIABLE MACRO=show VARIABLE=count VALUE=1", "Options: 'SHOW'"),
        ("UPDATE_DELAYED_GCODE ID=later DURATION=-1", "minimum of 0"),
        ("UPDATE_DELAYED_GCODE ID=late DURATION=1", "Did you mean 'later'"),
    ],
)
async def test_macro_when_it_fails_then_caller_gets_error(
    tmp_path: Path, script: str, message: str
) -> None:
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        with pytest.raises(ApiError, match=message):
            await client.gcode(script)
        # The macro can be called again.
        await client.gcode("SHOW")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("HALT", "Shutdown due to fire\nOnce"),
        ("CALL_UNDEFINED", "json encoding error: "),
    ],
)
async def test_macro_when_it_halts_the_printer_then_state_is_shutdown(
    tmp_path: Path, script: str, message: str
) -> None:
    async with running_printer(tmp_path, config=MACROS) as (printer, client):
        await client.register("snap")
        with pytest.raises(ApiError, match=message):
            await client.gcode(script)
        assert printer.klippy_state == "shutdown"
        assert message in (await client.request("info"))["state_message"]


async def test_rename_when_command_is_wrapped_then_base_is_called(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config=MACROS) as (_printer, client):
        await client.request("pause_resume/pause")
        assert client.console == ["echo: before", "// action:paused", "echo: after"]
        help_texts = await client.request("gcode/help")
        assert help_texts["BASE_PAUSE"] == "Renamed builtin of 'PAUSE'"


async def test_script_when_another_runs_then_waits_for_it(tmp_path: Path) -> None:
    async with running_printer(tmp_path, config=MACROS, speed=10) as (_printer, client):
        slow = client.send("gcode/script", {"script": "G28\nG4 P1500\nSHOW X=slow"})
        quick = client.send("gcode/script", {"script": "SHOW X=quick"})
        # A request that needs no mutex is answered meanwhile.
        await client.request("info")
        assert client.console == []
        await asyncio.gather(client.reply(slow), client.reply(quick))
        assert [text for text in client.console if "x=" in text] == [
            "echo: x=slow raw=X=slow",
            "echo: x=quick raw=X=quick",
        ]


async def test_delayed_gcode_when_due_then_rendered_and_waits_for_mutex(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, config=MACROS, speed=2) as (_printer, client):
        await client.gcode(
            "UPDATE_DELAYED_GCODE ID=later DURATION=0.05\n"
            "G4 P1600\n"
            "SET_GCODE_VARIABLE MACRO=SHOW VARIABLE=count VALUE=5\n"
            "RESPOND MSG=end"
        )
        await client.wait_console("echo: later")
        # Rendered while the script ran, its lines after it.
        assert client.console == ["echo: end", "echo: later 2"]
        status = await client.status(**{"gcode_macro SHOW": None})
        assert status["gcode_macro SHOW"]["names"] == "started"
