# Tests of prints: simulated printer, real Moonraker, our component.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a print makes the component tell the engine, from macro to job event."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.klippy import SimulatedPrinter
from moonraker_prusacam.emulator.moonraker import MoonrakerProcess, link_component
from tests.support.fake_engine import FakeEngine, Message
from tests.support.moonraker_client import MoonrakerClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.moonraker

WAIT_S = 15.0

MACROS = """
[gcode_macro FRAME]
gcode:
  {action_call_remote_method("prusacam_timelapse_frame", layer=params.LAYER)}
[gcode_macro BEGIN]
gcode:
  {action_call_remote_method("prusacam_timelapse_start", enable=1, trigger="layer")}
[gcode_macro UPLOAD]
gcode:
  {action_call_remote_method("prusacam_connect_upload")}
"""
# Klipper tells its state every 250 ms, and a layer must outlive that.
LAYER = """
SET_PRINT_STATS_INFO CURRENT_LAYER={layer}
FRAME LAYER={layer}
G4 P400
M400
"""
FILE = "parts/small part.gcode"
GCODE = (
    "BEGIN\nSET_PRINT_STATS_INFO TOTAL_LAYER=2\n"
    + LAYER.format(layer=1)
    + LAYER.format(layer=2)
    + "UPLOAD\n"
)
LONG_GCODE = "SET_PRINT_STATS_INFO TOTAL_LAYER=9\n" + "G4 P100\n" * 600


@pytest.fixture
async def printer(tmp_path: Path) -> AsyncIterator[SimulatedPrinter]:
    config = tmp_path / "printer.cfg"
    config.write_text(MACROS)
    gcodes = tmp_path / "data" / "gcodes"
    (gcodes / "parts").mkdir(parents=True)
    (gcodes / FILE).write_text(GCODE)
    (gcodes / "long.gcode").write_text(LONG_GCODE)
    it = SimulatedPrinter(tmp_path / "klippy.sock", gcodes, [config])
    await it.start()
    yield it
    await it.aclose()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    it = FakeEngine(tmp_path / "data" / "comms" / "prusacam.sock")
    it.answers["timelapse.start"] = {"job": {}}
    it.answers["timelapse.frame"] = {"accepted": True}
    it.answers["connect.upload"] = {"uploads": []}
    await it.start()
    yield it
    await it.aclose()


@pytest.fixture
def components(tmp_path: Path) -> Path:
    return link_component(tmp_path / "components")


@asynccontextmanager
async def running_moonraker(components: Path) -> AsyncIterator[MoonrakerClient]:
    place = components.parent
    async with (
        MoonrakerProcess(
            place / "data",
            place / "klippy.sock",
            config="[prusacam]\n",
            extra_components=components,
        ) as moonraker,
        MoonrakerClient(moonraker.url) as ui,
    ):
        yield ui
    # Moonraker's own show up when Klippy is killed.
    assert "components/prusacam/" not in moonraker.log_text


@pytest.fixture
async def ui(
    components: Path, printer: SimulatedPrinter, engine: FakeEngine
) -> AsyncIterator[MoonrakerClient]:
    async with running_moonraker(components) as it:
        async with asyncio.timeout(WAIT_S):
            # Moonraker's own subscriptions after "ready" end with this one.
            while not await it.get("/server/temperature_store"):
                pass
        yield it


def events(engine: FakeEngine) -> list[str]:
    return [event["event"] for event in engine.calls("job.event")]


async def wait_for_event(engine: FakeEngine, name: str) -> Message:
    await engine.wait_until(lambda: name in events(engine))
    found: Message = next(e for e in engine.calls("job.event") if e["event"] == name)
    return found


async def start_print(ui: MoonrakerClient, name: str) -> None:
    await ui.post("/printer/print/start", {"filename": name})


async def test_print_when_it_runs_then_engine_follows_it(
    ui: MoonrakerClient, engine: FakeEngine
) -> None:
    began_ns = time.monotonic_ns()
    await start_print(ui, FILE)
    await wait_for_event(engine, "finished")
    assert engine.calls("timelapse.start") == [{"enable": 1, "trigger": "layer"}]
    assert [call["layer"] for call in engine.calls("timelapse.frame")] == [1, 2]
    assert engine.calls("connect.upload") == [{}]

    told = events(engine)
    told = told[told.index("selected") :]
    # A layer that Moonraker learns of with the end comes after it.
    assert [event for event in told if event != "layer"] == [
        "selected",
        "started",
        "complete",
        "finished",
    ]
    prints = {e["event"]: e["print"] for e in engine.calls("job.event")}
    for name in ("selected", "started", "layer", "complete", "finished"):
        assert prints[name]["filename"] == FILE
    assert (prints["layer"]["layer"], prints["layer"]["total_layers"]) == (2, 2)
    assert prints["started"]["state"] == "printing"
    assert prints["complete"]["state"] == "complete"
    assert prints["complete"]["total_duration_s"] > 0.5
    times_ns = [e["monotonic_ns"] for e in engine.calls("job.event")[-5:]]
    assert times_ns == sorted(times_ns)
    assert began_ns < times_ns[0] < times_ns[-1] < time.monotonic_ns()


async def test_print_when_paused_resumed_and_cancelled_then_engine_is_told(
    ui: MoonrakerClient, engine: FakeEngine
) -> None:
    await start_print(ui, "long.gcode")
    await wait_for_event(engine, "started")
    for action, event in (
        ("pause", "paused"),
        ("resume", "resumed"),
        ("cancel", "cancelled"),
    ):
        await ui.post(f"/printer/print/{action}")
        told: dict[str, Any] = await wait_for_event(engine, event)
        assert told["print"]["filename"] == "long.gcode"
    await wait_for_event(engine, "finished")


async def test_link_when_it_returns_in_a_print_then_sync_tells_the_file(
    ui: MoonrakerClient, engine: FakeEngine
) -> None:
    await start_print(ui, "long.gcode")
    await wait_for_event(engine, "started")
    await engine.aclose()
    engine.received.clear()
    await engine.start()
    told = await wait_for_event(engine, "sync")
    assert events(engine)[0] == "sync"
    assert told["print"]["state"] == "printing"
    assert told["print"]["filename"] == "long.gcode"


async def test_emergency_stop_when_printing_then_shutdown_ends_the_story(
    ui: MoonrakerClient, engine: FakeEngine
) -> None:
    await start_print(ui, "long.gcode")
    await wait_for_event(engine, "started")
    await ui.post("/printer/emergency_stop")
    await wait_for_event(engine, "shutdown")
    await wait_for_event(engine, "finished")
    engine.received.clear()
    await ui.post("/printer/firmware_restart")
    told = await wait_for_event(engine, "sync")
    assert told["print"]["state"] == "standby"
    assert set(events(engine)) <= {"disconnected", "sync"}


async def test_klippy_when_killed_in_a_print_then_disconnected_is_told(
    ui: MoonrakerClient, engine: FakeEngine, printer: SimulatedPrinter
) -> None:
    await start_print(ui, "long.gcode")
    await wait_for_event(engine, "started")
    await printer.kill()
    told = await wait_for_event(engine, "disconnected")
    assert told["print"]["filename"] == "long.gcode"
    engine.received.clear()
    await printer.start()
    await engine.wait_until(lambda: "standby" in states(engine, "sync"))


async def test_print_when_moonraker_misses_its_start_then_sync_tells_it(
    components: Path, printer: SimulatedPrinter, engine: FakeEngine
) -> None:
    async with running_moonraker(components) as ui:
        await engine.wait_until(lambda: "standby" in states(engine, "sync"))
        await start_print(ui, "long.gcode")
        await engine.wait_until(lambda: "printing" in states(engine, "sync", "started"))


def states(engine: FakeEngine, *names: str) -> list[str]:
    """The state of the print in every such event so far."""
    return [
        event["print"]["state"]
        for event in engine.calls("job.event")
        if event["event"] in names and event["print"] is not None
    ]
