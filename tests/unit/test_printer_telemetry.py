# Tests of what is told second by second, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of telemetry, its differences and its pace."""

from __future__ import annotations

import attrs

from moonraker_prusacam.connect.printer.planner import FULL_S, TelemetryPlanner
from moonraker_prusacam.connect.printer.states import StateKeeper
from moonraker_prusacam.connect.printer.telemetry import telemetry
from moonraker_prusacam.connect.printer.view import PrinterView, Transfer
from tests.support.fake_printer import READY, printing


def told(view: PrinterView, command_id: int | None = None) -> dict[str, object]:
    return telemetry(view, StateKeeper(0.0).update(view, 0.0), command_id)


def test_telemetry_when_idle_then_temperatures_and_position() -> None:
    assert told(READY) == {
        "state": "IDLE",
        "temp_nozzle": 21.0,
        "temp_bed": 20.5,
        "target_nozzle": 0.0,
        "target_bed": 0.0,
        "axis_x": 10.0,
        "axis_y": 20.0,
        "axis_z": 5.0,
        "speed": 100,
        "flow": 100,
    }


def test_telemetry_when_printing_then_the_job_and_no_position() -> None:
    job = printing(
        progress=0.5, printing_s=61.7, remaining_s=60.2, filament_used_mm=12.34
    )
    body = told(attrs.evolve(READY, job=job, material="PLA", chamber_c=31.26))
    assert body["job_id"] == 7
    assert body["progress"] == 50
    assert body["time_printing"] == 61
    assert body["time_remaining"] == 60
    assert body["filament"] == 12.3
    assert body["material"] == "PLA"
    assert body["chamber"] == {"temp": 31.3}
    assert "axis_x" not in body
    assert body["axis_z"] == 5.0


def test_telemetry_when_nothing_is_known_then_the_state_alone() -> None:
    assert told(PrinterView()) == {"state": "BUSY"}


def test_telemetry_when_a_file_is_transferred_then_how_far_it_is() -> None:
    transfer = Transfer(
        id=3,
        path="a.gcode",
        size_bytes=1000,
        done_bytes=250,
        elapsed_s=10.0,
        from_connect=True,
    )
    body = told(attrs.evolve(READY, transfer=transfer), 44)
    assert body["transfer_id"] == 3
    assert body["transfer_progress"] == 25.0
    assert body["transfer_transferred"] == 250
    assert body["transfer_time_remaining"] == 30
    assert body["time_transferring"] == 10
    assert body["command_id"] == 44


def test_telemetry_when_progress_is_out_of_bounds_then_within() -> None:
    over = attrs.evolve(READY, job=printing(progress=1.2))
    assert told(over)["progress"] == 100


def test_plan_when_first_then_everything_and_later_differences() -> None:
    planner = TelemetryPlanner()
    first = {"state": "IDLE", "temp_bed": 20.0, "temp_nozzle": 21.0}
    assert planner.plan(first, 0.0) == first
    planner.delivered(first, 0.0, was_full=True)
    assert planner.plan(first, 4.0) == {"state": "IDLE"}
    warm = first | {"temp_bed": 20.5}
    assert planner.plan(warm, 8.0) == {"state": "IDLE", "temp_bed": 20.5}


def test_plan_when_something_is_gone_then_everything() -> None:
    planner = TelemetryPlanner()
    planner.delivered({"state": "PRINTING", "job_id": 7}, 0.0, was_full=True)
    now = {"state": "IDLE", "temp_bed": 20.0}
    assert planner.plan(now, 1.0) == now


def test_plan_when_five_minutes_have_passed_or_on_demand_then_everything() -> None:
    planner = TelemetryPlanner()
    told = {"state": "IDLE", "temp_bed": 20.0}
    planner.delivered(told, 0.0, was_full=True)
    planner.delivered(told, 299.0, was_full=False)
    assert planner.plan(told, FULL_S - 1) == {"state": "IDLE"}
    assert planner.plan(told, FULL_S) == told
    planner.delivered(told, FULL_S, was_full=True)
    assert planner.plan(told, FULL_S + 1) == {"state": "IDLE"}
    planner.refresh()
    assert planner.plan(told, FULL_S + 2) == told


def test_due_when_active_or_idle_then_after_one_or_four_seconds() -> None:
    planner = TelemetryPlanner()
    assert planner.due_s(is_active=False) is None
    planner.delivered({"state": "IDLE"}, 100.0, was_full=True)
    assert planner.due_s(is_active=True) == 101.0
    assert planner.due_s(is_active=False) == 104.0


def test_plan_when_a_job_runs_then_its_ids_are_always_there() -> None:
    planner = TelemetryPlanner()
    told = {"state": "PRINTING", "job_id": 7, "command_id": 3, "transfer_id": 4}
    planner.delivered(told, 0.0, was_full=True)
    assert planner.plan(told, 1.0) == told
