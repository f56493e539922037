# The toolhead: a queue of moves that runs a second ahead of the motion.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the toolhead is, and how far commands may run ahead of it.

A move command returns when its move is queued. Commands wait only while more than
BUFFER_S of planned motion lies ahead, so a line without M400 runs up to about that much
(plus the moves not planned yet) before its motion. All waits are print time. Source:
klippy/toolhead.py.
"""

from __future__ import annotations

import asyncio
import enum
import math
from typing import TYPE_CHECKING, Any

from .gcode import CommandError, Coord
from .motion import Limits, MotionQueue, Move, Position, plan, trapezoid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .printer import Printer

BUFFER_S = 1.0
# A first move starts this much after the command, so that others can join it.
START_LEAD_S = 0.25
# How long a first move waits for others before it is planned to stop at its end.
PRIMING_S = 0.1
# Moves that wait for successors are planned when this much motion is left.
RUNOUT_S = 0.6
# While in motion, moves are planned in batches of at least this duration.
BATCH_S = 0.15
# Granularity of M400.
WAIT_POLL_S = 0.1
# Settling before and after the motors lose their current.
MOTOR_OFF_DWELL_S = 0.1

AXES = "xyz"


class QueueState(enum.Enum):
    """What the queue does with the next move."""

    IDLE = "nothing is planned"
    PRIMING = "moves wait for others before the first is planned"
    RUNNING = "moves are planned as they come"


class LookAhead:
    """Moves that are not planned yet."""

    def __init__(self) -> None:
        self._moves: list[Move] = []
        self._missing_s = BUFFER_S

    def __bool__(self) -> bool:
        return bool(self._moves)

    def clear(self) -> None:
        """Forget all moves."""
        self._moves.clear()

    def expect(self, duration_s: float) -> None:
        """``add`` returns true after moves of this duration."""
        self._missing_s = duration_s

    def add(self, move: Move) -> bool:
        """Queue a move; true when enough have come to plan some."""
        if self._moves:
            move.join(self._moves[-1])
            self._missing_s -= move.least_duration
        self._moves.append(move)
        return len(self._moves) > 1 and self._missing_s <= 0.0

    def take(self, *, lazy: bool) -> list[tuple[Move, float]]:
        """Planned moves and the square of their end speeds.

        ``lazy`` keeps back the moves whose speed later ones can still raise.
        """
        self._missing_s = BATCH_S
        settled = plan(self._moves)
        count = settled if lazy else len(self._moves)
        ends = [move.start_v2 for move in self._moves[1:]] + [0.0]
        taken = list(zip(self._moves[:count], ends[:count], strict=True))
        del self._moves[:count]
        if self._moves:
            self._moves[0].max_start_v2 = self._moves[0].start_v2
        return taken


class ToolHead:
    """Printer object ``toolhead``."""

    def __init__(self, printer: Printer, position: Position) -> None:
        self._printer = printer
        self._clock = printer.clock
        config = printer.config
        section = config.section("printer")
        self.limits = Limits(
            section.get_float("max_velocity", 300.0, above=0.0),
            section.get_float("max_accel", 2000.0, above=0.0),
            section.get_float("square_corner_velocity", 5.0, minimum=0.0),
            section.get_float("minimum_cruise_ratio", 0.5, minimum=0.0),
        )
        self._max_z = (
            section.get_float("max_z_velocity", 15.0, above=0.0),
            section.get_float("max_z_accel", 100.0, above=0.0),
        )
        rails = [config.section(f"stepper_{axis}") for axis in AXES]
        self.minimum = [rail.get_float("position_min", 0.0) for rail in rails]
        self.maximum = [rail.get_float("position_max", 200.0) for rail in rails]
        self._endstops = [rail.get_float("position_endstop", 0.0) for rail in rails]
        self._homing_speed = [rail.get_float("homing_speed", 5.0) for rail in rails]
        self.motion = MotionQueue(position)
        self.position = position
        self.homed: set[int] = set()
        self.motors_on = False
        self.print_time = 0.0
        self.check_extrusion: Callable[[Move], None] = lambda _move: None
        # Called with (eventtime, print time) when motion starts after a pause.
        self.sync_callbacks: list[Callable[[float, float], None]] = []
        self._lookahead = LookAhead()
        self._state = QueueState.IDLE
        self._next_pause_check = -1.0
        self._timer: asyncio.TimerHandle | None = None
        self._stall_time = 0.0
        self._stalls = 0
        self._halted_at = math.inf
        printer.shutdown_callbacks.append(self._halt)
        printer.disconnect_callbacks.append(self._cancel_timer)

    # Time

    def is_busy(self) -> bool:
        """Whether moves wait to be planned."""
        return bool(self._lookahead)

    def last_move_time(self) -> float:
        """Plan everything and return the print time of the next move's start."""
        if self._state is QueueState.RUNNING:
            self._place(lazy=False)
        else:
            self._flush()
            self._sync_print_time()
        return self.print_time

    def _sync_print_time(self) -> None:
        eventtime = self._clock.now()
        earliest = self._clock.print_time(eventtime) + START_LEAD_S
        if earliest > self.print_time:
            self.print_time = earliest
            for callback in self.sync_callbacks:
                callback(eventtime, earliest)

    def _place(self, *, lazy: bool) -> None:
        moves = self._lookahead.take(lazy=lazy)
        if not moves:
            return
        if self._state is not QueueState.RUNNING:
            self._state = QueueState.RUNNING
            self._next_pause_check = -1.0
            self._sync_print_time()
        segments = []
        for move, end_v2 in moves:
            placed = trapezoid(move, end_v2, self.print_time)
            self.print_time = placed[-1].time + placed[-1].duration
            segments += placed
        self.motion.append(segments, self._clock.print_time())
        self._set_timer(self.print_time - RUNOUT_S)

    def _flush(self, *, runs_out: bool = False) -> None:
        before = self.print_time
        self._place(lazy=False)
        self._state = QueueState.IDLE
        self._next_pause_check = -1.0
        self._lookahead.expect(BUFFER_S)
        self._stall_time = (
            self.print_time if runs_out and self.print_time != before else 0.0
        )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, print_time: float) -> None:
        self._cancel_timer()
        wait = self._clock.host_seconds(print_time - self._clock.print_time())
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, wait), self._plan_rest)

    def _plan_rest(self) -> None:
        self._timer = None
        if self._state is not QueueState.IDLE:
            self._flush(runs_out=True)

    def _prime(self) -> None:
        if not self._lookahead:
            return
        now = self._clock.print_time()
        if self._stall_time:
            self._stalls += now < self._stall_time
            self._stall_time = 0.0
        self._state = QueueState.PRIMING
        self._next_pause_check = -1.0
        pause = max(0.0, self.print_time - now - BUFFER_S)
        self._set_timer(now + pause + PRIMING_S)

    async def _throttle(self) -> None:
        """Wait until the motion is no more than BUFFER_S behind."""
        if self._state is not QueueState.RUNNING:
            self._prime()
        while True:
            ahead = self.print_time - self._clock.print_time() - BUFFER_S
            if ahead <= 0.0 or self._printer.is_shutdown:
                break
            await self._clock.sleep(max(0.005, min(1.0, ahead)))
        if self._state is QueueState.RUNNING:
            self._next_pause_check = self.print_time

    # Motion

    async def move(self, end: Sequence[float], speed: float) -> None:
        """Queue a straight move; CommandError if it is out of range."""
        target = (end[0], end[1], end[2], end[3])
        move = Move(self.position, target, speed, self.limits)
        if not move.distance:
            return
        self._check_range(move)
        if move.direction[3]:
            self.check_extrusion(move)
        await self._queue(move)

    async def _queue(self, move: Move) -> None:
        self.motors_on = True
        self.position = move.end
        if self._lookahead.add(move):
            self._place(lazy=True)
        if self.print_time > self._next_pause_check:
            await self._throttle()

    def _check_range(self, move: Move) -> None:
        for axis in range(3):
            if not move.direction[axis]:
                continue
            end = move.end[axis]
            x, y, z, e = move.end
            where = f"{x:.3f} {y:.3f} {z:.3f} [{e:.3f}]"
            if axis not in self.homed:
                raise CommandError(f"Must home axis first: {where}")
            if not self.minimum[axis] <= end <= self.maximum[axis]:
                raise CommandError(f"Move out of range: {where}")
        if move.direction[2]:
            ratio = 1.0 / abs(move.direction[2])
            move.limit(self._max_z[0] * ratio, self._max_z[1] * ratio)

    async def dwell(self, duration_s: float) -> None:
        """Plan all moves and add a rest."""
        self._flush()
        self.print_time = self.last_move_time() + max(0.0, duration_s)
        await self._throttle()

    async def wait_moves(self) -> None:
        """Return when the last queued move has ended."""
        self._flush()
        while self.print_time >= self._clock.print_time():
            if self._printer.is_shutdown:
                break
            await self._clock.sleep(WAIT_POLL_S)

    async def home(self, axes: Sequence[int]) -> None:
        """Drive each axis to its endstop, one after the other."""
        for axis in axes:
            target = list(self.position)
            target[axis] = self._endstops[axis]
            end = (target[0], target[1], target[2], target[3])
            move = Move(self.position, end, self._homing_speed[axis], self.limits)
            if move.distance:
                await self._queue(move)
                await self.wait_moves()
            if self._printer.is_shutdown:
                raise CommandError("Homing failed due to printer shutdown")
            self.motors_on = True
            self.homed.add(axis)

    async def motor_off(self) -> None:
        """Switch the motors off, which makes the position unknown."""
        if self.motors_on:
            await self.dwell(MOTOR_OFF_DWELL_S)
            self.motors_on = False
            await self.dwell(MOTOR_OFF_DWELL_S)
        self.homed.clear()

    def _halt(self) -> None:
        self._halted_at = self._clock.print_time()
        self._lookahead.clear()
        self._cancel_timer()

    def physical_position(self) -> Position:
        """Where the nozzle is now; a shutdown stops it. Callable from any thread."""
        time = min(self._clock.print_time(), self._halted_at)
        return self.motion.live(time)[0]

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object ``toolhead``."""
        return {
            "homed_axes": "".join(AXES[axis] for axis in sorted(self.homed)),
            "axis_minimum": Coord(self.minimum),
            "axis_maximum": Coord(self.maximum),
            "print_time": self.print_time,
            "stalls": self._stalls,
            "estimated_print_time": self._clock.print_time(eventtime),
            "extruder": "extruder",
            "position": Coord(self.position),
            "max_velocity": self.limits.max_velocity,
            "max_accel": self.limits.max_accel,
            "minimum_cruise_ratio": self.limits.minimum_cruise_ratio,
            "square_corner_velocity": self.limits.square_corner_velocity,
            "extra_axes": {"extruder": 3},
        }
