# Snapshots of one camera to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the newest frame when it is due, and goes on for ever.

One request is in flight at most. What fails is not queued: the next upload takes the
newest frame. No error makes the uploader forget its token, since a server's bad day
answers 401, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from moonraker_prusacam.errors import (
    FrameUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotTooLarge,
    SnapshotUnfit,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind
from moonraker_prusacam.tasks import TaskOwner

from . import memory as memories
from .clock import SystemClock
from .picture import Shape, prepare
from .report import Report
from .schedule import MIN_GAP_S, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.config import CameraConfig, ConnectConfig

    from .clock import Clock
    from .picture import Prepared

log = logging.getLogger(__name__)

FRAME_TIMEOUT_S = 5.0
ENDED = (PrintEventKind.COMPLETE, PrintEventKind.CANCELLED, PrintEventKind.ERROR)


class SnapshotApi(Protocol):
    """What an uploader needs of Prusa Connect."""

    async def put_snapshot(self, jpeg: bytes | memoryview) -> None:
        """Send one JPEG; raises PrusaConnectError."""

    async def put_info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """Send the description of the camera; raises PrusaConnectError."""


class FrameSource(Protocol):
    """What an uploader needs of a camera."""

    @property
    def name(self) -> str:
        """The camera's name."""

    @property
    def config(self) -> CameraConfig:
        """The camera's section."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """The first frame that began after ``than_ns``; raises FrameUnavailable."""


class SnapshotUploader:
    """Owns the uploads of one camera."""

    def __init__(
        self,
        config: ConnectConfig,
        camera: FrameSource,
        api: SnapshotApi,
        describe: Callable[[int, int], Mapping[str, Any]],
        notify: Callable[[dict[str, Any]], None],
        memory_path: Path,
        *,
        clock: Clock | None = None,
        min_gap_s: float = MIN_GAP_S,
    ) -> None:
        self.camera = camera
        self._config = config
        self._api = api
        self._describe = describe
        self._notify = notify
        self._memory_path = memory_path
        self._memory = memories.Memory()
        self._clock = clock or SystemClock()
        self._min_gap_s = min_gap_s
        self._schedule = self._make_schedule()
        self._shape = Shape.of(config, camera.config)
        self._report = Report(self._clock)
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._info: Mapping[str, Any] | None = None
        self._digest: bytes | None = None
        self._smaller = False
        self._state_log = StateLog(log, f"Prusa Connect, camera {camera.name}")
        self._mistake_logger = StateLog(log, "Prusa Connect, a mistake of ours")
        self._tasks = TaskOwner(f"connect:{camera.name}")

    async def start(self) -> None:
        """Begin to upload, where an earlier run ended."""
        stored = await asyncio.to_thread(memories.load, self._memory_path)
        self._memory = stored.configured(self._config.trigger_scheme)
        self._schedule = self._make_schedule()
        self._tasks.start("uploads", self._run())

    async def aclose(self) -> None:
        """Stop; an upload that is under way is abandoned. Idempotent."""
        if not self._tasks:
            return
        await self._tasks.aclose()
        for future in self._waiting:
            future.cancel()
        if self._schedule.sent_s is not None:
            self._memory = self._memory.sent(self._schedule.sent_s)
        await asyncio.to_thread(memories.save, self._memory_path, self._memory)

    @property
    def status(self) -> dict[str, Any]:
        """What the user wants to know about the uploads."""
        now_s = self._clock.monotonic_s()
        due_s = self._schedule.due_s(now_s)
        return {
            "camera": self.camera.name,
            "server": self._config.server,
            "trigger_scheme": self._schedule.scheme,
            "chosen_in": self._chosen_in,
            "interval_s": self._schedule.interval_s,
            "paused": self._schedule.is_paused,
            "upload_when": str(self._config.upload_when),
            **self._report.as_json(),
            "bytes_in_hour": self._schedule.bytes_in_hour(now_s),
            "over_hourly_limit": self._schedule.is_over_budget(now_s),
            "next_in_s": None if due_s is None else round(max(0.0, due_s - now_s), 1),
        }

    def handle(self, event: PrintEvent) -> None:
        """Follow the printer: layers where they trigger, and the end of every print."""
        state = event.print
        self._schedule.print_changed(
            is_active=state is not None and state.is_active,
            now_s=self._clock.monotonic_s(),
        )
        if event.kind in ENDED:
            self._schedule.print_ended()
        elif state is not None and state.layer is not None:
            self._schedule.layer_changed(state.layer)
        self._wake.set()

    async def set_interval(self, interval_s: int) -> None:
        """Upload every 10 to 600 s, until another trigger scheme is chosen."""
        await self._remember(attrs.evolve(self._memory, told_interval_s=interval_s))

    async def set_paused(self, *, is_paused: bool) -> None:
        """Upload nothing but what is asked for, or go on."""
        await self._remember(attrs.evolve(self._memory, is_paused=is_paused))

    async def upload(self) -> None:
        """Upload as soon as the gap allows; raises what made it fail."""
        if self._schedule.is_over_budget(self._clock.monotonic_s()):
            raise SnapshotRejected(
                f"camera '{self.camera.name}': max_bytes_per_hour is used up"
            )
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._schedule.ask()
        self._wake.set()
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    @property
    def _chosen_in(self) -> str:
        """Where the trigger scheme was decided."""
        memory = self._memory
        if memory.is_paused or memory.told_interval_s is not None:
            return "Prusa Connect"
        follows = memory.configured_scheme is None or memory.follows_page
        if not follows:
            return "prusacam.conf"
        return "Prusa Connect" if memory.page_scheme else "default"

    def _make_schedule(self) -> Schedule:
        schedule = Schedule(
            self._memory.scheme,
            self._config.upload_when,
            self._clock.monotonic_s(),
            min_gap_s=self._min_gap_s,
            max_bytes_per_hour=self._config.max_bytes_per_hour,
            last_s=self._memory.last_s(),
        )
        self._memory.decide(schedule)
        return schedule

    async def _remember(self, memory: memories.Memory) -> None:
        """Follow what was told, now and after the next start."""
        if memory == self._memory:
            return
        self._memory = memory
        memory.decide(self._schedule)
        self._wake.set()
        await asyncio.to_thread(memories.save, self._memory_path, memory)

    async def _run(self) -> None:
        if self._schedule.due_s(self._clock.monotonic_s()) is None:
            await self._introduce()
        while True:
            await self._until_due()
            waiting, self._waiting = self._waiting, []
            self._schedule.sending()
            try:
                await self._upload()
            except SnapshotTooLarge as error:
                self._too_large(error, waiting)
            except (FrameUnavailable, SnapshotUnfit, PrusaConnectError) as error:
                self._failed(error, waiting)
            except asyncio.CancelledError:
                for future in waiting:
                    future.cancel()
                raise
            except Exception:  # a bug must not end the uploads
                self._mistake_logger.exception()
                self._failed(PrusaConnectError("internal error; see the log"), waiting)
            else:
                _settle(waiting, None)

    async def _introduce(self) -> None:
        """Tell who the camera is, and learn what the user chose in the web page."""
        try:
            frame = await self._newest_frame()
            _, picture = await asyncio.to_thread(_look_at, frame, self._shape, False)
            await self._send_info(picture.width, picture.height)
        except (FrameUnavailable, SnapshotUnfit, PrusaConnectError) as error:
            self._tell_failure(error)  # the first snapshot does it

    async def _until_due(self) -> None:
        while True:
            now_s = self._clock.monotonic_s()
            due_s = self._schedule.due_s(now_s)
            if due_s is not None and due_s <= now_s:
                return
            self._wake.clear()
            await self._clock.wait(self._wake, due_s)

    async def _upload(self) -> None:
        frame = await self._newest_frame()
        digest, picture = await asyncio.to_thread(
            _look_at, frame, self._shape, self._smaller
        )
        if digest == self._digest:
            raise SnapshotUnfit(self._report.frozen())
        size_bytes = 0
        try:
            await self._send_info(picture.width, picture.height)
            size_bytes = len(picture.data)
            await self._api.put_snapshot(picture.data)
        finally:
            # The gap is the server's: it counts from when the last one was there.
            self._schedule.attempted(self._clock.monotonic_s(), size_bytes)
        self._digest = digest
        self._schedule.accepted()
        self._state_log.report("snapshots are accepted", logging.INFO)
        has_recovered = self._report.accepted(size_bytes, picture, frame.wall_time)
        self._notify({"event": "accepted", "recovered": has_recovered, **self.status})

    async def _newest_frame(self) -> Frame:
        stale_ns = int(self.camera.config.stale_after_s * 1e9)
        since_ns = time.monotonic_ns() - stale_ns
        return await self.camera.wait_newer(since_ns, FRAME_TIMEOUT_S)

    async def _send_info(self, width: int, height: int) -> None:
        info = await asyncio.to_thread(self._describe, width, height)
        if info == self._info:
            return
        try:
            record = await self._api.put_info(info)
        except SnapshotRejected as error:
            # The description is a courtesy; pictures are what the user came for.
            log.warning("Prusa Connect, camera %s: info: %s", self.camera.name, error)
            record = {}
        self._info = info
        await self._remember(self._memory.page_said(record))

    def _too_large(
        self, error: SnapshotTooLarge, waiting: list[asyncio.Future[None]]
    ) -> None:
        """Make the next one smaller; it serves those who wait for this one, too."""
        if self._smaller:
            self._failed(SnapshotRejected(str(error), status=error.status), waiting)
            return
        self._smaller = True
        self._state_log.report(f"{error}; smaller ones are sent from now on")
        self._schedule.failed(error, self._clock.monotonic_s())
        self._waiting[:0] = waiting

    def _failed(
        self,
        error: FrameUnavailable | SnapshotUnfit | PrusaConnectError,
        waiting: list[asyncio.Future[None]],
    ) -> None:
        self._schedule.failed(error, self._clock.monotonic_s())
        self._tell_failure(error)
        _settle(waiting, error)

    def _tell_failure(
        self, error: FrameUnavailable | SnapshotUnfit | PrusaConnectError
    ) -> None:
        is_news = self._report.failed(error)
        if self._state_log.report(str(error)) or is_news:
            self._notify({"event": "failed", **self.status})
        if self._report.is_alarming():
            self._notify({"event": "alarm", **self.status})


def _look_at(frame: Frame, shape: Shape, smaller: bool) -> tuple[bytes, Prepared]:
    digest = hashlib.blake2b(frame.data, digest_size=16).digest()
    return digest, prepare(frame.data, shape, smaller=smaller)


def _settle(waiting: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
