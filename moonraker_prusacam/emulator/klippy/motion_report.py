# Live motion, for status and as a stream.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Printer object ``motion_report`` and the endpoint ``motion_report/dump_trapq``.

A client of the endpoint gets a header, then twice a second the segments that were
planned since, and nothing while the printer rests. Source: Klipper docs/API_Server.md
and klippy/extras/motion_report.py.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from .gcode import CommandError, Coord

if TYPE_CHECKING:
    from .motion import Segment
    from .printer import Printer
    from .server import ClientConnection
    from .webhooks import WebRequest

REFRESH_S = 0.25
BATCH_S = 0.5

_HEADER = (
    "time",
    "duration",
    "start_velocity",
    "acceleration",
    "start_position",
    "direction",
)


def toolhead_row(segment: Segment) -> tuple[Any, ...]:
    """A segment as the trapq ``toolhead`` shows it."""
    return (
        segment.time,
        segment.duration,
        segment.start_velocity,
        segment.acceleration,
        segment.start[:3],
        segment.direction[:3],
    )


def extruder_row(segment: Segment) -> tuple[Any, ...]:
    """A segment as the trapq ``extruder`` shows it: along E only."""
    ratio = segment.direction[3]
    is_printing = ratio > 0.0 and any(segment.direction[:2])
    return (
        segment.time,
        segment.duration,
        segment.start_velocity * ratio,
        segment.acceleration * ratio,
        (segment.start[3], 0.0, 0.0),
        (1.0, float(is_printing), 0.0),
    )


class TrapqDump:
    """The stream of one trapezoid queue to any number of clients."""

    def __init__(self, printer: Printer, name: str) -> None:
        self._printer = printer
        self._name = name
        self._clients: list[tuple[ClientConnection, dict[str, Any]]] = []
        self._sent_until = -math.inf
        self._is_running = False

    def add(self, connection: ClientConnection, template: dict[str, Any]) -> None:
        """Send batches to ``connection`` until it closes."""
        self._clients.append((connection, template))
        if not self._is_running:
            self._is_running = True
            self._printer.tasks.start(f"dump_trapq {self._name}", self._stream())

    async def _stream(self) -> None:
        due = self._printer.clock.now()
        while self._clients:
            due += BATCH_S
            await asyncio.sleep(max(0.0, due - self._printer.clock.now()))
            rows = self._take_rows()
            if not rows:
                continue
            self._clients = [item for item in self._clients if not item[0].is_closed]
            for connection, template in self._clients:
                connection.send({**template, "params": {"data": rows}})
        self._is_running = False

    def _take_rows(self) -> list[tuple[Any, ...]]:
        segments = self._printer.toolhead.motion.started_after(self._sent_until)
        if segments:
            self._sent_until = segments[-1].time
        if self._name == "toolhead":
            return [toolhead_row(s) for s in segments if s.is_kinematic]
        return [extruder_row(s) for s in segments if s.direction[3]]


class MotionReport:
    """Printer object ``motion_report``."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._dumps = {
            name: TrapqDump(printer, name) for name in ("toolhead", "extruder")
        }
        self._expires = 0.0
        self._status: dict[str, Any] = {
            "live_position": Coord((0.0, 0.0, 0.0, 0.0)),
            "live_velocity": 0.0,
            "live_extruder_velocity": 0.0,
            "steppers": ["extruder", "stepper_x", "stepper_y", "stepper_z"],
            "trapq": sorted(self._dumps),
        }
        printer.connect_callbacks.append(self._connect)

    def _connect(self) -> None:
        self._printer.webhooks.register("motion_report/dump_trapq", self._subscribe)

    def _subscribe(self, request: WebRequest) -> dict[str, Any]:
        name = request.get("name")
        dump = self._dumps.get(name) if isinstance(name, str) else None
        if dump is None:
            raise CommandError(f"The value '{name}' is not valid for name")
        dump.add(request.connection, request.get_dict("response_template", {}))
        return {"header": _HEADER}

    def get_status(self, eventtime: float) -> dict[str, Any]:
        """Status of the printer object; refreshed every REFRESH_S."""
        if eventtime >= self._expires:
            self._expires = eventtime + REFRESH_S
            print_time = self._printer.clock.print_time(eventtime)
            position, velocity, e_velocity = self._printer.toolhead.motion.live(
                print_time
            )
            self._status = {
                **self._status,
                "live_position": Coord(position),
                "live_velocity": velocity,
                "live_extruder_velocity": e_velocity,
            }
        return self._status
