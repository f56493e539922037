# Tests of the simulated motion: planning, look-ahead, scaled time, live position.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the nozzle is, and how far commands run ahead of it."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonraker_prusacam.emulator.klippy.motion import (
    Limits,
    MotionQueue,
    Move,
    Segment,
    plan,
    trapezoid,
)
from moonraker_prusacam.emulator.klippy.toolhead import LookAhead
from tests.support.klippy_client import ApiError, running_printer, wait_moving

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = Limits(300.0, 2000.0, 5.0, 0.5)


def path_of(points: list[tuple[float, float, float, float]]) -> list[Move]:
    moves: list[Move] = []
    for start, end in itertools.pairwise(points):
        move = Move(start, end, 100.0, LIMITS)
        if move.distance:
            if moves:
                move.join(moves[-1])
            moves.append(move)
    return moves


def place(moves: list[Move]) -> list[Segment]:
    plan(moves)
    ends = [move.start_v2 for move in moves[1:]] + [0.0]
    segments: list[Segment] = []
    when = 10.0
    for move, end_v2 in zip(moves, ends, strict=True):
        segments += trapezoid(move, end_v2, when)
        when = segments[-1].time + segments[-1].duration
    return segments


COORDINATES = st.tuples(
    *(st.floats(0, 200).map(lambda value: round(value, 2)) for _axis in range(3)),
    st.floats(-5, 5).map(lambda value: round(value, 3)),
)


@settings(max_examples=100)
@given(st.lists(COORDINATES, min_size=2, max_size=30))
def test_plan_when_path_is_any_then_motion_is_continuous(
    points: list[tuple[float, float, float, float]],
) -> None:
    moves = path_of(points)
    if not moves:
        return
    segments = place(moves)
    for before, after in itertools.pairwise(segments):
        end, velocity = before.at(math.inf)
        assert end == pytest.approx(after.start, abs=1e-5)
        assert velocity == pytest.approx(after.start_velocity, abs=1e-3)
        assert velocity <= 100.0 + 1e-6
    assert segments[-1].at(math.inf)[0] == pytest.approx(moves[-1].end, abs=1e-5)
    assert segments[-1].at(math.inf)[1] == pytest.approx(0.0, abs=1e-3)
    assert segments[0].start_velocity == 0.0


def test_plan_when_straight_then_corner_costs_no_speed() -> None:
    straight = place(path_of([(0, 0, 0, 0), (50, 0, 0, 0), (100, 0, 0, 0)]))
    turning = place(path_of([(0, 0, 0, 0), (50, 0, 0, 0), (50, 50, 0, 0)]))
    back = place(path_of([(0, 0, 0, 0), (50, 0, 0, 0), (0, 0, 0, 0)]))

    def corner_speed(segments: list[Segment]) -> float:
        return next(s.start_velocity for s in segments if s.start[0] == 50.0)

    assert corner_speed(straight) == pytest.approx(100.0)
    assert corner_speed(turning) == pytest.approx(LIMITS.square_corner_velocity)
    assert corner_speed(back) == 0.0


def test_trapezoid_when_long_enough_then_takes_the_textbook_time() -> None:
    # 100 mm at 100 mm/s and 2000 mm/s²: 50 ms to speed up, 50 ms to slow down.
    segments = place(path_of([(0, 0, 0, 0), (100, 0, 0, 0)]))
    assert [round(s.duration, 6) for s in segments] == [0.05, 0.95, 0.05]


def test_look_ahead_when_lazy_then_keeps_what_can_still_change() -> None:
    look_ahead = LookAhead()
    points = [(float(x), 0.0, 0.0, 0.0) for x in range(0, 400, 10)]
    taken: list[Move] = []
    for move in path_of(points):
        if look_ahead.add(move):
            taken += [m for m, _end in look_ahead.take(lazy=True)]
    kept = [m for m, _end in look_ahead.take(lazy=False)]
    assert taken
    assert kept
    assert [m.start for m in taken + kept] == points[:-1]


def test_motion_queue_when_between_moves_then_rests_at_last_end() -> None:
    queue = MotionQueue((1.0, 2.0, 3.0, 4.0))
    assert queue.live(0.0) == ((1.0, 2.0, 3.0, 4.0), 0.0, 0.0)
    segments = place(path_of([(1, 2, 3, 4), (101, 2, 3, 5)]))
    queue.append(segments, 0.0)
    position, velocity, e_velocity = queue.live(10.5)
    assert position[0] == pytest.approx(48.5, abs=0.01)
    assert velocity == pytest.approx(100.0)
    assert e_velocity == pytest.approx(1.0)
    assert queue.live(99.0) == ((101.0, 2.0, 3.0, 5.0), 0.0, 0.0)
    # What is older than the history is forgotten, the end position is not.
    queue.append([], 1000.0)
    assert queue.live(2000.0)[0] == (101.0, 2.0, 3.0, 5.0)


async def test_line_when_without_m400_then_runs_ahead_of_motion(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=1) as (printer, client):
        await client.gcode("G28")
        # 0.86 s of motion fit into the buffer of a second.
        await client.gcode("G1 X80 F6000")
        assert printer.live_position()[0] < 1.0
        status = await client.status(toolhead=["position"])
        assert status["toolhead"]["position"][0] == 80.0
        started = time.monotonic()
        await client.gcode("M400")
        # 0.25 s until it starts, 0.85 s of motion, the rest of a poll of 0.1 s.
        assert 0.5 < time.monotonic() - started < 2.0
        assert printer.live_position() == pytest.approx((80.0, 0.0, 0.0))


async def test_lines_when_many_then_stay_about_a_second_ahead(tmp_path: Path) -> None:
    # Eight seconds of motion in lines of 0.1 s.
    script = "\n".join(f"G1 X{(n % 2) * 10} F6000" for n in range(80))
    async with running_printer(tmp_path, speed=10) as (_printer, client):
        await client.gcode("G28\n" + script)
        status = (await client.status(toolhead=None))["toolhead"]
        ahead = status["print_time"] - status["estimated_print_time"]
        assert 0.0 < ahead < 2.5
        assert status["stalls"] == 0


@pytest.mark.parametrize("speed", [5.0, 20.0])
async def test_speed_when_higher_then_everything_is_faster(
    tmp_path: Path, speed: float
) -> None:
    async with running_printer(tmp_path, speed=speed) as (printer, client):
        await client.gcode("G28")
        started = time.monotonic()
        move = client.send("gcode/script", {"script": "G1 X200 F3000\nM400\nG4 P1000"})
        positions = set()
        while printer.live_position()[0] < 199.99:
            positions.add(printer.live_position())
            await asyncio.sleep(0.005)
        elapsed_s = time.monotonic() - started
        # 200 mm at 50 mm/s is 4.3 s with acceleration and the start.
        assert 4.2 / speed < elapsed_s < 4.3 / speed + 0.5
        assert len(positions) > 5
        await client.reply(move)


async def test_live_position_when_read_from_threads_then_moves_on(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=20) as (printer, client):
        await client.gcode("G28")
        script = "\n".join(f"G1 X{n} Y{n % 3} F6000" for n in range(1, 150))
        running = client.send("gcode/script", {"script": script + "\nM400"})

        def read() -> list[float]:
            seen = []
            until = time.monotonic() + 0.1
            while time.monotonic() < until:
                seen.append(printer.live_position()[0])
            return seen

        for seen in await asyncio.gather(*(asyncio.to_thread(read) for _ in range(2))):
            assert seen == sorted(seen)
        await client.reply(running)
        assert printer.live_position()[0] == pytest.approx(149.0)


async def test_dwell_when_asked_then_motion_rests(tmp_path: Path) -> None:
    async with running_printer(tmp_path, speed=10) as (_printer, client):
        await client.gcode("G28")
        started = time.monotonic()
        await client.gcode("G4 P3000\nM400")
        assert 0.29 < time.monotonic() - started < 1.0


async def test_homing_when_not_done_or_lost_then_moves_are_refused(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (printer, client):
        await client.gcode("G28 X Y")
        await client.gcode("G1 X50 Y20 F6000")
        with pytest.raises(ApiError, match="Must home axis first"):
            await client.gcode("G1 Z5")
        await client.gcode("G28")
        assert printer.live_position() == pytest.approx((0.0, 0.0, 0.0))
        with pytest.raises(ApiError, match=r"Move out of range: 251\.000"):
            await client.gcode("G1 X251")
        assert (await client.status(toolhead=None))["toolhead"]["homed_axes"] == "xyz"
        await client.gcode("M84")
        assert (await client.status(toolhead=None))["toolhead"]["homed_axes"] == ""
        with pytest.raises(ApiError, match="Must home axis first"):
            await client.gcode("G1 X5")


async def test_coordinates_when_modes_change_then_as_in_klipper(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path) as (_printer, client):
        await client.gcode("G28\nG1 X10 Y10 Z5 F6000")
        await client.gcode("SAVE_GCODE_STATE NAME=s\nG91\nG1 X5 Z1\nM114")
        await client.gcode("G92 X100\nM114")
        await client.gcode("RESTORE_GCODE_STATE NAME=s\nM114")
        await client.gcode("RESTORE_GCODE_STATE NAME=s MOVE=1 MOVE_SPEED=100\nM114")
        await client.gcode("SET_GCODE_OFFSET Z=0.2 MOVE=1\nM114")
        await client.gcode("SET_GCODE_OFFSET Z_ADJUST=0.1\nM114\nG1 Z5")
        assert client.console == [
            "X:15.000 Y:10.000 Z:6.000 E:0.000",
            "X:100.000 Y:10.000 Z:6.000 E:0.000",
            "X:15.000 Y:10.000 Z:6.000 E:0.000",
            "X:10.000 Y:10.000 Z:5.000 E:0.000",
            "X:10.000 Y:10.000 Z:5.000 E:0.000",
            "X:10.000 Y:10.000 Z:4.900 E:0.000",
        ]
        status = (await client.status(gcode_move=None))["gcode_move"]
        assert status["position"] == pytest.approx([10.0, 10.0, 5.3, 0.0])
        assert status["gcode_position"] == pytest.approx([10.0, 10.0, 5.0, 0.0])
        assert status["homing_origin"] == pytest.approx([0.0, 0.0, 0.3, 0.0])
        await client.gcode("M220 S50\nM221 S200\nG1 F6000")
        status = (await client.status(gcode_move=None))["gcode_move"]
        assert status["speed_factor"] == pytest.approx(0.5)
        assert status["speed"] == pytest.approx(6000.0)
        assert status["extrude_factor"] == pytest.approx(2.0)


async def test_velocity_limit_when_set_then_moves_are_slower(tmp_path: Path) -> None:
    async with running_printer(tmp_path, speed=20) as (_printer, client):
        await client.gcode("G28\nSET_VELOCITY_LIMIT VELOCITY=20\nM204 S500")
        status = (await client.status(toolhead=None))["toolhead"]
        assert (status["max_velocity"], status["max_accel"]) == (20.0, 500.0)
        started = time.monotonic()
        await client.gcode("G1 X100 F30000\nM400")
        assert time.monotonic() - started > 5.0 / 20
        await client.gcode("SET_VELOCITY_LIMIT")
        assert client.console[-1].startswith("// max_velocity: 20.000000\n// max_accel")


async def test_trapq_when_moving_then_batches_and_none_when_idle(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=20) as (_printer, client):
        await client.gcode("G28")
        for name in ("toolhead", "extruder"):
            header = await client.request(
                "motion_report/dump_trapq",
                name=name,
                response_template={"method": name},
            )
            assert header == {
                "header": [
                    "time",
                    "duration",
                    "start_velocity",
                    "acceleration",
                    "start_position",
                    "direction",
                ]
            }
        with pytest.raises(ApiError, match="The value 'z' is not valid for name"):
            await client.request("motion_report/dump_trapq", name="z")
        with pytest.raises(ApiError, match="Missing Argument \\[name\\]"):
            await client.request("motion_report/dump_trapq")
        await client.gcode("M109 S200\nM83\nG1 X100 F6000\nG1 X0 E2\nM400")
        await client.wait_for(lambda m: m.get("method") == "extruder")
        rows = [row for batch in client.named("toolhead") for row in batch["data"]]
        assert rows[0][4] == [0.0, 0.0, 0.0]
        assert [row[5] for row in rows if row[3] == 0.0] == [[1, 0, 0], [-1, 0, 0]]
        for before, after in itertools.pairwise(rows):
            assert before[0] + before[1] == pytest.approx(after[0])
        e_rows = [row for batch in client.named("extruder") for row in batch["data"]]
        assert all(row[5] == [1.0, 1.0, 0.0] for row in e_rows)
        assert e_rows[1][2] == pytest.approx(100.0 * 0.02)
        # Two more ticks without motion bring nothing.
        count = len(client.received)
        with pytest.raises(TimeoutError):
            await client.wait_for(
                lambda m: m.get("method") == "toolhead", start=count, timeout_s=1.1
            )


async def test_motion_report_when_moving_then_shows_live_values(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=1) as (printer, client):
        moving = client.send("gcode/script", {"script": "G28\nG1 X250 F6000\nM400"})
        await wait_moving(client, 20.0)
        status = (await client.status(motion_report=None))["motion_report"]
        assert status["live_velocity"] == pytest.approx(100.0)
        assert status["live_position"][0] > 0.0
        assert abs(status["live_position"][0] - printer.live_position()[0]) < 20.0
        assert status["trapq"] == ["extruder", "toolhead"]
        await client.request("emergency_stop")
        stopped_at = printer.live_position()
        await client.reply(moving)
        assert printer.live_position() == stopped_at
        assert 0.0 < stopped_at[0] < 250.0
