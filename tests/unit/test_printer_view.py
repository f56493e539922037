# Tests of what is known of a Klipper printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Klipper's objects become a view; prints get the numbers of Moonraker's history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.printer.klipper import KlipperPrinter, KlipperSettings
from moonraker_prusacam.connect.printer.klipper import job as job_module
from moonraker_prusacam.connect.printer.klipper.file_info import duration, slicer_facts
from moonraker_prusacam.connect.printer.klipper.status import wanted
from moonraker_prusacam.moonraker import MoonrakerClient, client
from tests.support.klipper_host import ScriptedFileServer
from tests.support.scripted_moonraker import SILENT, ScriptedMoonraker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from moonraker_prusacam.connect.printer.view import PrinterView

WAIT_S = 10.0
SETTINGS = {"status": {"configfile": {"settings": {"extruder": {"max_temp": 300}}}}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(job_module, "NUMBER_TIMEOUT_S", 0.05)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.moonraker = ScriptedMoonraker(folder / "moonraker.sock")
        self.client = MoonrakerClient(self.moonraker.path)
        self.printer = KlipperPrinter(
            self.client, ScriptedFileServer(), KlipperSettings(state_path=folder)
        )
        self.changed = asyncio.Event()
        self.printer.on_change.append(self.changed.set)
        self.stats("standby")

    async def start(self) -> None:
        await self.moonraker.start()
        self.client.start()
        await self.printer.start()
        await self.until(lambda view: view.klippy == "ready")

    async def aclose(self) -> None:
        await self.printer.aclose()
        await self.client.aclose()
        await self.moonraker.aclose()

    @property
    def view(self) -> PrinterView:
        return self.printer.view

    def stats(self, state: str, file: str = "a.gcode", **more: Any) -> None:
        """Klipper's print_stats, now and in what it tells later."""
        told = {"state": state, "filename": file, "print_duration": 0.0, **more}
        self.moonraker.status["print_stats"] = told
        self.moonraker.notify("notify_status_update", {"print_stats": told}, 1.0)

    def push(self, **objects: dict[str, Any]) -> None:
        self.moonraker.notify("notify_status_update", objects, 1.0)

    def history(self, action: str, number: object) -> None:
        told = {"action": action, "job": {"job_id": number}}
        self.moonraker.notify("notify_history_changed", told)

    async def until(self, condition: Callable[[PrinterView], Any]) -> PrinterView:
        async with asyncio.timeout(WAIT_S):
            while not condition(self.view):
                self.changed.clear()
                await self.changed.wait()
        return self.view


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    it = Bench(tmp_path)
    yield it
    await it.aclose()


@pytest.mark.parametrize("is_first", [True, False])
async def test_print_when_it_begins_then_has_the_number_of_the_history(
    bench: Bench, *, is_first: bool
) -> None:
    await bench.start()
    if is_first:
        bench.history("added", "00001F")
    bench.stats("printing")
    if not is_first:
        await bench.until(lambda _: True)
        bench.history("added", "00001F")
    view = await bench.until(lambda view: view.job)
    assert view.job is not None
    assert (view.job.id, view.job.path, view.job.state) == (31, "a.gcode", "printing")


@pytest.mark.parametrize(
    ("status", "file", "number"),
    [
        ("in_progress", "a.gcode", 160),
        ("in_progress", "b.gcode", 161),
        ("completed", "a.gcode", 161),
    ],
)
async def test_print_when_the_history_says_nothing_then_it_is_asked(
    bench: Bench, status: str, file: str, number: int
) -> None:
    await bench.start()
    newest = {"job_id": "0000A0", "status": status, "filename": file}
    bench.moonraker.answers["server.history.list"] = {"jobs": [newest]}
    bench.stats("printing")
    view = await bench.until(lambda view: view.job)
    assert view.job is not None
    assert view.job.id == number


async def test_prints_when_the_history_was_cleared_then_none_has_an_old_number(
    bench: Bench,
) -> None:
    await bench.start()
    for told, number in (("000005", 5), ("000001", 6), ("000002", 7)):
        bench.stats("printing")
        bench.history("added", told)
        view = await bench.until(lambda view: view.job)
        assert view.job is not None
        assert view.job.id == number
        bench.stats("standby", "")
        await bench.until(lambda view: view.job is None)


@pytest.mark.parametrize(
    "answer", [LookupError("off"), {"jobs": []}, {}, None, {"jobs": [{"job_id": "x"}]}]
)
async def test_prints_when_there_is_no_history_then_are_counted(
    bench: Bench, answer: Any
) -> None:
    await bench.start()
    bench.moonraker.answers["server.history.list"] = answer
    for number in (1, 2):
        bench.stats("printing")
        view = await bench.until(lambda view: view.job)
        assert view.job is not None
        assert view.job.id == number
        bench.stats("standby", "")
        await bench.until(lambda view: view.job is None)


async def test_print_when_another_was_too_short_to_be_seen_then_has_its_own_number(
    bench: Bench,
) -> None:
    await bench.start()
    bench.history("added", "000001")
    bench.history("finished", "000001")
    bench.stats("printing")
    bench.history("added", "000002")
    view = await bench.until(lambda view: view.job)
    assert view.job is not None
    assert view.job.id == 2


@pytest.mark.parametrize("state", ["printing", "paused", "complete", "cancelled"])
async def test_print_when_it_was_there_before_then_is_found_in_the_history(
    bench: Bench, state: str
) -> None:
    bench.stats(state)
    bench.moonraker.answers["server.history.list"] = {"jobs": [{"job_id": "000007"}]}
    await bench.start()
    view = await bench.until(lambda view: view.job)
    assert view.job is not None
    assert (view.job.id, view.job.state) == (7, state)


async def test_print_when_it_is_the_next_one_then_is_not_told_by_the_old_number(
    bench: Bench,
) -> None:
    await bench.start()
    bench.stats("printing")
    bench.history("added", "000001")
    await bench.until(lambda view: view.job)
    seen: set[tuple[int, str]] = set()

    def note() -> None:
        if (job := bench.view.job) is not None:
            seen.add((job.id, job.path))

    bench.printer.on_change.append(note)
    bench.stats("complete")
    bench.stats("printing", "b.gcode")
    bench.history("added", "000002")
    await bench.until(lambda view: view.job and view.job.id == 2)
    assert seen == {(1, "a.gcode"), (2, "b.gcode")}


async def test_prints_when_one_follows_at_once_then_the_first_ones_facts_are_dropped(
    bench: Bench,
) -> None:
    await bench.start()
    bench.moonraker.answers["server.files.metadata"] = SILENT
    bench.stats("printing")
    bench.history("added", "000001")
    await bench.moonraker.until_called("server.files.metadata")
    bench.stats("complete")
    bench.moonraker.answers["server.files.metadata"] = {"filament_type": "PLA"}
    bench.stats("printing")
    bench.history("added", "000002")
    view = await bench.until(lambda view: view.material)
    assert view.job is not None
    assert (view.job.id, view.material) == (2, "PLA")


async def test_print_when_its_slicer_told_then_time_and_material_are_known(
    bench: Bench,
) -> None:
    await bench.start()
    bench.moonraker.answers["server.files.metadata"] = {
        "estimated_time": 100,
        "filament_type": "PETG;PLA",
    }
    info = {"current_layer": 2, "total_layer": 9}
    bench.stats("printing", print_duration=30.0, filament_used=5.5, info=info)
    bench.history("added", "000001")
    view = await bench.until(lambda view: view.material)
    assert view.material == "PETG"
    assert view.job is not None
    assert (view.job.remaining_s, view.job.printing_s) == (70.0, 30.0)
    assert (view.job.layer, view.job.total_layers) == (2, 9)
    assert view.job.filament_used_mm == 5.5


async def test_print_when_nothing_was_told_then_time_goes_by_the_file(
    bench: Bench,
) -> None:
    bench.moonraker.status["virtual_sdcard"] = {"progress": 0.01}
    await bench.start()
    bench.stats("printing", print_duration=30.0)
    bench.history("added", "000001")
    view = await bench.until(lambda view: view.job)
    assert view.job is not None
    assert view.job.remaining_s is None
    bench.push(virtual_sdcard={"progress": 0.25})
    view = await bench.until(lambda view: view.job and view.job.progress == 0.25)
    assert view.job is not None
    assert view.job.remaining_s == 90.0


async def test_view_when_klipper_tells_then_has_its_numbers(bench: Bench) -> None:
    bench.moonraker.answers["printer.objects.query"] = SETTINGS
    bench.moonraker.status |= {
        "extruder": {"temperature": 210.5, "target": 215},
        "heater_bed": {"temperature": None, "target": "hot"},
        "temperature_sensor chamber": {"temperature": 40.0},
        "heater_generic Chamber": {"temperature": 41.0, "target": 45.0},
        "gcode_move": {
            "speed_factor": 1.2,
            "extrude_factor": 0.95,
            "gcode_position": [1.0, 2.0, 3.0, 4.0],
        },
        "fan": {"speed": 0.5},
        "idle_timeout": {"state": "Printing"},
        "filament_switch_sensor out": {"enabled": True, "filament_detected": False},
    }
    await bench.start()
    view = bench.view
    assert (view.nozzle_c, view.target_nozzle_c) == (210.5, 215.0)
    assert (view.bed_c, view.target_bed_c) == (None, None)
    assert (view.chamber_c, view.target_chamber_c) == (41.0, 45.0)
    assert (view.x_mm, view.y_mm, view.z_mm) == (1.0, 2.0, 3.0)
    assert (view.speed_percent, view.flow_percent) == (120.0, 95.0)
    assert (view.fan_percent, view.is_busy, view.filament_runout) == (50.0, True, True)
    assert (view.hostname, view.moonraker_version) == ("host", "v1")


@pytest.mark.parametrize(
    ("sensor", "is_out"),
    [
        ({"enabled": True, "filament_detected": False}, True),
        ({"enabled": True, "filament_detected": True}, False),
        ({"enabled": False, "filament_detected": False}, False),
        ({}, False),
    ],
)
async def test_filament_when_a_sensor_misses_it_then_only_an_enabled_one_counts(
    bench: Bench, sensor: dict[str, bool], *, is_out: bool
) -> None:
    bench.moonraker.status["filament_motion_sensor a"] = sensor
    await bench.start()
    assert bench.view.filament_runout is is_out


async def test_view_when_what_comes_is_nonsense_then_has_none_of_it(
    bench: Bench,
) -> None:
    bench.moonraker.status |= {
        "extruder": {"temperature": 20.0, "target": 0.0},
        "gcode_move": {"gcode_position": [1.0, 2.0, 3.0, 0.0]},
        "fan": {"speed": 0.5},
    }
    await bench.start()
    assert (bench.view.nozzle_c, bench.view.fan_percent) == (20.0, 50.0)
    bench.push(
        print_stats={"state": None, "filename": 5, "message": None, "info": None},
        extruder={"temperature": "x", "target": True},
        gcode_move={"gcode_position": [1], "speed_factor": 1.5},
        fan={"speed": float("inf")},
        virtual_sdcard={"progress": -5},
    )
    view = await bench.until(lambda view: view.speed_percent == 150.0)
    assert view.job is None
    assert (view.nozzle_c, view.target_nozzle_c, view.x_mm) == (None, None, None)
    assert view.fan_percent is None
    assert view.klippy == "ready"


def test_objects_when_listed_then_only_what_is_told_is_asked_for() -> None:
    names = ["print_stats", "gcode", "mcu", "temperature_sensor chamber", "fan"]
    names += [
        "temperature_sensor mcu_temp",
        "filament_switch_sensor x",
        "gcode_macro A",
    ]
    chosen = wanted(names)
    assert set(chosen) == {
        "print_stats",
        "temperature_sensor chamber",
        "fan",
        "filament_switch_sensor x",
    }
    assert chosen["temperature_sensor chamber"] == ["temperature"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m 0s"),
        (3723, "1h 2m 3s"),
        (86400, "1d 0h 0m 0s"),
    ],
)
def test_duration_when_written_then_as_prusaslicer_writes_it(
    seconds: float, text: str
) -> None:
    assert duration(seconds) == text


def test_facts_when_they_are_odd_then_are_left_out() -> None:
    odd = {
        "estimated_time": float("nan"),
        "layer_height": "0.2",
        "filament_total": True,
        "filament_type": 5,
        "first_layer_bed_temp": 60.7,
    }
    assert slicer_facts(odd) == {"bed_temperature": 60}
