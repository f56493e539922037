# Where the head of the printer was at a moment of ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens to Klipper for as long as it is wanted, usually one print.

Klipper sends its moves twice a second and its status four times a second, on one
connection and in order. So a status also tells that whatever moved before the batch
that preceded it is known, and that the head rested otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from typing import TYPE_CHECKING, Any, Literal

from moonraker_prusacam.errors import (
    KlippyDataError,
    KlippyError,
    KlippyRefused,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .clock import Arrival, ClockFit
from .klippy import KlippyClient
from .printer import HostLoad, Machine
from .trajectory import Sample, StatusTrack, Trajectory, number, position

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

Quality = Literal["trapq", "status", "none"]

FIRST_DELAY_S = 0.5
LAST_DELAY_S = 10.0
# Klipper sends a status every 0.25 s; its reactor may be busy for a while.
SILENCE_TIMEOUT_S = 10.0
# Klipper starts in a few seconds, or waits for a user who mends its configuration.
READY_POLL_S = 1.0
# A move that is not told this long after it began was not made: two batches are 0.5 s
# apart (Klipper klippy/extras/bulk_sensor.py), and moves are planned before they begin.
REST_DELAY_S = 0.75
# Two slow moves can be planned at once; nothing is planned further ahead of now.
MAX_AHEAD_S = 3600.0
# A moment that is told as known is, when it is converted back.
ROUNDING_NS = 1000

OBJECTS = {
    "toolhead": [
        "print_time",
        "estimated_print_time",
        "stalls",
        "axis_minimum",
        "axis_maximum",
    ],
    "motion_report": ["live_position", "live_velocity"],
    "system_stats": ["sysload"],
    "mcu": ["last_stats"],
}
CLIENT_INFO = {"client_info": {"program": "prusacam"}}


class Motion:
    """The motion of one printer, between ``start`` and ``aclose``."""

    def __init__(self, path: Path) -> None:
        """``path`` is Klipper's API socket. Nothing is opened before ``start``."""
        self._socket_path = path
        self._trajectory = Trajectory()
        self._path_of_head: Trajectory | StatusTrack = self._trajectory
        self._clock = ClockFit()
        self._load = HostLoad()
        self._machine: Machine | None = None
        self._quality: Quality = "none"
        self._status: dict[str, dict[str, Any]] = {}
        self._eventtime = -math.inf
        self._delay_s = FIRST_DELAY_S
        self._state_log = StateLog(log, "Motion")
        self._data_log = StateLog(log, "Motion data")
        self._mistake_logger = StateLog(log, "Motion, a mistake of ours")
        self._tasks = TaskOwner("motion")
        # Called when more is known, about four times a second.
        self.on_batch: list[Callable[[], None]] = []

    def start(self) -> None:
        """Connect, and connect again whenever the connection is lost."""
        self._tasks.start("klippy", self._run())

    async def aclose(self) -> None:
        """Disconnect. Idempotent."""
        await self._tasks.aclose()
        self._quality = "none"

    @property
    def quality(self) -> Quality:
        """``trapq`` exact, ``status`` four positions a second, ``none`` not connected.

        ``sample_at`` still answers for the time before a connection was lost.
        """
        return self._quality

    @property
    def known_until_ns(self) -> int:
        """The last moment, CLOCK_MONOTONIC, with a known position; 0 without one."""
        until = self._path_of_head.known_until
        moment_ns = None if math.isinf(until) else self._clock.monotonic_ns(until)
        return 0 if moment_ns is None else moment_ns - ROUNDING_NS

    @property
    def error_s(self) -> float:
        """How far our clock and Klipper's may be apart, see ``ClockFit.error_s``."""
        return self._clock.error_s

    @property
    def lead_s(self) -> float:
        """How far G-code runs ahead of the head now: what a macro tells is true then.

        0 to about 2 s; what Klipper has only in its look-ahead is not counted.
        """
        toolhead = self._status.get("toolhead", {})
        planned, now = toolhead.get("print_time"), toolhead.get("estimated_print_time")
        if planned is None or now is None or self._quality == "none":
            return 0.0
        try:
            return min(max(0.0, number(planned) - number(now)), MAX_AHEAD_S)
        except KlippyDataError:
            return 0.0

    @property
    def machine(self) -> Machine | None:
        """Kinematics and limits; None before Klipper has told them."""
        return self._machine

    @property
    def is_busy(self) -> bool:
        """Whether work that can wait should; false while nothing is known."""
        return self._load.is_busy

    @property
    def busy_reason(self) -> str:
        """Why ``is_busy``, in words."""
        return self._load.reason

    def sample_at(self, monotonic_ns: int) -> Sample | None:
        """The head at a moment, CLOCK_MONOTONIC; None if not known, yet or any more."""
        print_time = self._clock.print_time(monotonic_ns)
        return None if print_time is None else self._path_of_head.at(print_time)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except KlippyError as error:
                self._state_log.report(str(error))
            except Exception:  # a bug here must not end the print's timelapse
                self._mistake_logger.exception()
            self._quality = "none"
            # Jitter keeps many engines from knocking in step.
            jittered_s = self._delay_s * random.uniform(0.8, 1.2)  # noqa: S311
            await asyncio.sleep(min(jittered_s, LAST_DELAY_S))
            self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _listen(self) -> None:
        client = await KlippyClient.connect(self._socket_path)
        reading = self._tasks.start("read", _read(client))
        try:
            await self._wait_ready(client)
            await self._subscribe(client)
            self._delay_s = FIRST_DELAY_S
            raise await reading
        finally:
            await client.aclose()

    async def _wait_ready(self, client: KlippyClient) -> None:
        info = await client.request("info", CLIENT_INFO)
        while (state := info.get("state")) != "ready":
            self._state_log.report(f"Klipper is not ready: {str(state)[:40]}")
            await asyncio.sleep(READY_POLL_S)
            info = await client.request("info")

    async def _subscribe(self, client: KlippyClient) -> None:
        self._forget()
        query = {"objects": {"configfile": ["settings"]}}
        settings = _objects(await client.request("objects/query", query))
        self._take_status(
            await client.subscribe(
                "objects/subscribe", {"objects": OBJECTS}, self._take_status
            )
        )
        try:
            self._machine = Machine.from_status(
                settings.get("configfile", {}).get("settings"),
                self._status.get("toolhead", {}),
            )
        except KlippyDataError as error:
            self._data_log.report(str(error))
        try:
            await client.subscribe(
                "motion_report/dump_trapq", {"name": "toolhead"}, self._take_moves
            )
        except KlippyRefused as error:
            self._path_of_head, self._quality = StatusTrack(), "status"
            self._state_log.report(f"four positions a second ({error})", logging.INFO)
        else:
            self._quality = "trapq"
            self._state_log.report("Klipper tells of every move", logging.INFO)

    def _forget(self) -> None:
        self._clock.forget()
        self._trajectory.forget()
        self._path_of_head = self._trajectory
        self._status.clear()
        self._eventtime = -math.inf

    def _take_status(self, params: dict[str, Any]) -> None:
        arrival = Arrival.now()
        try:
            eventtime = number(params.get("eventtime"))
            status = _objects(params)
            self._merge(eventtime, status)
            print_time = status.get("toolhead", {}).get("estimated_print_time")
            if print_time is not None:
                self._take_time(eventtime, number(print_time), arrival)
            self._load.update(self._status)
        except KlippyDataError as error:
            self._data_log.report(f"a status was skipped: {error}")
        else:
            self._tell()

    def _merge(self, eventtime: float, status: dict[str, dict[str, Any]]) -> None:
        # The reply to the subscription may be handled after the first push.
        is_news = eventtime >= self._eventtime
        for name, wanted in OBJECTS.items():
            known, told = self._status.setdefault(name, {}), status.get(name, {})
            for field in wanted:
                if field in told and (is_news or field not in known):
                    known[field] = told[field]
        self._eventtime = max(eventtime, self._eventtime)

    def _take_time(self, eventtime: float, print_time: float, arrival: Arrival) -> None:
        if self._clock.add(eventtime, print_time, arrival):
            self._state_log.report("print time jumped: beginning anew")
            self._path_of_head.forget()
        report = self._status["motion_report"]
        where = position(report.get("live_position"))
        speed = abs(number(report.get("live_velocity")))
        if isinstance(self._path_of_head, StatusTrack):
            self._path_of_head.add(print_time, Sample(where, speed))
            return
        if speed == 0.0:
            self._path_of_head.rest_at(print_time, where)
        self._path_of_head.rest_until(print_time - REST_DELAY_S * self._clock.rate)

    def _take_moves(self, params: dict[str, Any]) -> None:
        now = self._clock.print_time(Arrival.now().monotonic_ns)
        before = math.inf if now is None else now + MAX_AHEAD_S * self._clock.rate
        rows = params.get("data")
        try:
            if not isinstance(rows, list):
                raise KlippyDataError("a batch without moves")
            self._trajectory.add(rows, before)
        except KlippyDataError as error:
            self._data_log.report(str(error))
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self.on_batch):
            callback()


async def _read(client: KlippyClient) -> KlippyError:
    """Read until the end; what ended it."""
    try:
        await client.run(SILENCE_TIMEOUT_S)
    except KlippyError as error:
        return error


def _objects(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The status of a reply or a push; raises KlippyDataError."""
    status = params.get("status")
    if not isinstance(status, dict):
        raise KlippyDataError("a status without objects")
    return {name: told for name, told in status.items() if isinstance(told, dict)}
