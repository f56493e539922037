# Tests of the simulated printer with real Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moonraker takes the simulated printer for Klipper, through print and restart."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess
from tests.support.klippy_client import DATA
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.moonraker

Setup = tuple[SimulatedPrinter, MoonrakerProcess, MoonrakerClient]


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[Setup]:
    data = tmp_path / "printer_data"
    gcodes, config = data / "gcodes", data / "config" / "printer.cfg"
    gcodes.mkdir(parents=True)
    config.parent.mkdir()
    shutil.copy(DATA / "demo_cube.gcode", gcodes)
    shutil.copy(DATA / "macros.cfg", config)
    socket = tmp_path / "klippy.sock"
    printer = SimulatedPrinter(socket, gcodes, [config], speed=40)
    await printer.start()
    try:
        async with (
            MoonrakerProcess(data, socket) as moonraker,
            MoonrakerClient(moonraker.url) as ui,
        ):
            await ui.wait_klippy_ready()
            yield printer, moonraker, ui
    finally:
        await printer.aclose()


async def test_moonraker_when_printing_then_history_has_the_complete_job(
    setup: Setup,
) -> None:
    printer, _, ui = setup
    assert (await ui.get("/printer/info"))["state"] == "ready"
    server = await ui.get("/server/info")
    assert server["warnings"] == []
    assert server["failed_components"] == []
    assert server["missing_klippy_requirements"] == []
    query = "/printer/objects/query?print_stats&toolhead=position,homed_axes&extruder"
    status = (await ui.get(query))["status"]
    assert status["print_stats"]["state"] == "standby"
    assert status["toolhead"] == {"position": [0, 0, 0, 0], "homed_axes": ""}
    await ui.call(
        "printer.objects.subscribe", objects={"print_stats": None, "toolhead": None}
    )
    await ui.post("/printer/print/start", {"filename": "demo_cube.gcode"})
    place = await ui.wait_until(
        "notify_history_changed", lambda change: change["action"] == "added"
    )
    place = await ui.wait_until(
        "notify_status_update",
        lambda status: status.get("print_stats", {}).get("state") == "complete",
        after=place,
    )
    await ui.wait_until(
        "notify_history_changed",
        lambda change: (
            change["action"] == "finished" and change["job"]["status"] == "completed"
        ),
        after=place,
    )
    [job] = (await ui.get("/server/history/list"))["jobs"]
    assert job["status"] == "completed"
    assert job["filename"] == "demo_cube.gcode"
    assert job["filament_used"] == pytest.approx(24.0)
    assert 0.0 < job["print_duration"] <= job["total_duration"]
    assert (printer.state, printer.layer) == ("complete", 4)


async def test_moonraker_when_printer_stops_and_restarts_then_follows(
    setup: Setup,
) -> None:
    printer, moonraker, ui = setup
    await ui.call("printer.emergency_stop")
    place = await ui.wait_until("notify_klippy_shutdown", lambda _: True)
    refused = await ui.ask("POST", "/printer/gcode/script", json={"script": "G28"})
    assert "Shutdown due to webhooks request" in refused.text
    await ui.call("printer.firmware_restart")
    for event in ("notify_klippy_disconnected", "notify_klippy_ready"):
        place = await ui.wait_until(event, lambda _: True, after=place)
    await ui.call("printer.gcode.script", script="G28\nNO_SUCH_COMMAND")
    place = await ui.wait_until(
        "notify_gcode_response",
        lambda text: text == '// Unknown command:"NO_SUCH_COMMAND"',
        after=place,
    )
    await printer.kill()
    place = await ui.wait_until(
        "notify_klippy_disconnected", lambda _: True, after=place
    )
    await printer.start()
    await ui.wait_until("notify_klippy_ready", lambda _: True, after=place)
    await moonraker.restart()
    await ui.wait_klippy_ready()
