# Tests of a Klipper printer that is lost, and comes back.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With Klipper or Moonraker down, that is known at once, and every command answered."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from moonraker_prusacam.errors import CommandRejected
from tests.support.klipper_host import LONG_GCODE, KlipperHost, rejection

pytestmark = pytest.mark.moonraker

# Every command that acts on Klipper, and with what it is asked for.
ACTS: dict[str, dict[str, Any]] = {
    "START_PRINT": {"path": "/gcodes/there.gcode"},
    "PAUSE_PRINT": {},
    "RESUME_PRINT": {},
    "STOP_PRINT": {},
    "GCODE": {"gcode": "M104 S50"},
    "LOAD_FILAMENT": {},
    "UNLOAD_FILAMENT": {},
}


async def test_printer_when_lost_in_each_way_then_says_so_and_comes_back() -> None:
    with tempfile.TemporaryDirectory(prefix="klip-") as folder:
        async with KlipperHost(Path(folder)) as host:
            await _shut_down(host)
            await host.rest()
            await _lose_klipper(host)
            await host.rest()
            await _lose_moonraker(host)


async def _shut_down(
    host: KlipperHost,
) -> None:
    host.write("there.gcode", LONG_GCODE)
    await host.do("START_PRINT", path="/gcodes/there.gcode")
    await host.moonraker.request("POST", "/printer/emergency_stop")
    view = await host.until(lambda view: view.klippy == "shutdown" and view.message)
    assert "Shutdown" in view.message
    for name, kwargs in ACTS.items():
        assert "Klipper is shutdown: " in await rejection(host, name, **kwargs)
    assert (await host.printer.files())["storages"]
    await host.do("RESET_PRINTER")
    assert host.view.klippy == "ready"


async def _lose_klipper(
    host: KlipperHost,
) -> None:
    host.write("there.gcode", LONG_GCODE)
    await host.do("START_PRINT", path="/gcodes/there.gcode")
    await host.simulated.kill()
    await host.until(lambda view: view.klippy == "disconnected")
    assert host.view.job is None
    for name, kwargs in (ACTS | {"RESET_PRINTER": {}}).items():
        assert "Klipper is disconnected: " in await rejection(host, name, **kwargs)
    await host.do("DELETE_FILE", path="/gcodes/there.gcode")
    await host.simulated.start()
    await host.until(lambda view: view.klippy == "ready" and view.nozzle_c)


async def _lose_moonraker(
    host: KlipperHost,
) -> None:
    await host.start_print("on.gcode")
    job = host.view.job
    await host.moonraker.kill()
    view = await host.until(lambda view: view.klippy == "absent")
    assert view.job is None
    everything = ACTS | {
        "RESET_PRINTER": {},
        "DELETE_FILE": {"path": "/gcodes/on.gcode"},
        "CREATE_FOLDER": {"path": "/gcodes/new"},
        "SEND_FILE_INFO": {"path": "/gcodes/on.gcode"},
        "START_URL_DOWNLOAD": {"path": "/gcodes/b.gcode", "url": "http://a.test/b"},
    }
    for name, kwargs in everything.items():
        words = await rejection(host, name, **kwargs)
        assert "Moonraker" in words, name
    with pytest.raises(CommandRejected):
        await host.printer.files()
    assert host.simulated.state == "printing"
    await host.moonraker.start()
    view = await host.until(lambda view: view.job is not None)
    assert job is not None
    assert view.job is not None
    assert (view.job.path, view.job.state) == ("on.gcode", "printing")
    await host.do("STOP_PRINT")
