# Snapshots of one camera to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the newest frame when it is due, and goes on for ever.

One request is in flight at most, and uploads are at least MIN_GAP_S apart. What fails
is not queued: the next upload takes the newest frame. No error makes the uploader
forget its token, since a server's bad day answers 401, too.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any, Protocol

from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FrameUnavailable,
    PrusaConnectError,
    SnapshotRejected,
)
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker_prusacam.camera import Camera
    from moonraker_prusacam.config import ConnectConfig

log = logging.getLogger(__name__)

# Prusa Connect takes at most one picture in 10 s; more give blank or half images.
MIN_GAP_S = 10.0
PERIOD_S = {"TEN_SEC": 10.0, "THIRTY_SEC": 30.0, "SIXTY_SEC": 60.0, "TEN_MIN": 600.0}
LAYERS = {"EACH_LAYER": 1, "FIFTH_LAYER": 5}
FRAME_TIMEOUT_S = 5.0
FIRST_BACKOFF_S = 10.0
LAST_BACKOFF_S = 300.0
FAULT_PROBE_S = 300.0
MAX_RETRY_AFTER_S = 3600.0
FINISHED = (
    PrintEventKind.COMPLETE,
    PrintEventKind.CANCELLED,
    PrintEventKind.ERROR,
)


class SnapshotApi(Protocol):
    """What an uploader needs of Prusa Connect."""

    async def put_snapshot(self, jpeg: bytes | memoryview) -> None:
        """Send one JPEG; raises PrusaConnectError."""

    async def put_info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """Send the description of the camera; raises PrusaConnectError."""


class SnapshotUploader:
    """Owns the uploads of one camera."""

    def __init__(
        self,
        config: ConnectConfig,
        camera: Camera,
        api: SnapshotApi,
        info: Mapping[str, Any],
        notify: Callable[[dict[str, Any]], None],
        *,
        min_gap_s: float = MIN_GAP_S,
    ) -> None:
        self.camera = camera
        self._config = config
        self._api = api
        self._info = info
        self._notify = notify
        self._min_gap_s = min_gap_s
        self._period_s = PERIOD_S.get(config.trigger_scheme)
        self._layers = LAYERS.get(config.trigger_scheme)
        self._layer: int | None = None
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._info_sent = False
        # An engine that was killed a moment ago may have uploaded just before.
        self._last_end = time.monotonic()
        self._retry_at: float | None = None
        self._backoff_s = FIRST_BACKOFF_S
        self._accepted = self._failed = self._bytes = 0
        self._last_accepted: float | None = None
        self._last_error: str | None = None
        self._state_log = StateLog(log, f"Prusa Connect, camera {camera.name}")
        self._tasks = TaskOwner(f"connect:{camera.name}")

    def start(self) -> None:
        """Begin to upload."""
        self._tasks.start("uploads", self._run())

    async def aclose(self) -> None:
        """Stop; an upload that is under way is abandoned. Idempotent."""
        await self._tasks.aclose()
        for future in self._waiting:
            future.cancel()

    @property
    def status(self) -> dict[str, Any]:
        """What the user wants to know about the uploads."""
        return {
            "camera": self.camera.name,
            "server": self._config.server,
            "trigger_scheme": self._config.trigger_scheme,
            "accepted": self._accepted,
            "failed": self._failed,
            "bytes": self._bytes,
            "last_accepted": self._last_accepted,
            "error": self._last_error,
        }

    def handle(self, event: PrintEvent) -> None:
        """Follow the printer: layers where they trigger, and the end of every print."""
        if event.kind in FINISHED:
            self._wake.set()
        layer = event.print.layer if event.print else None
        if self._layers and layer and layer != self._layer:
            self._layer = layer
            # A layer does not knock at a server that has just refused.
            if (layer - 1) % self._layers == 0 and self._retry_at is None:
                self._wake.set()

    async def upload(self) -> None:
        """Upload as soon as the gap allows; raises what made it fail."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wake.set()
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    async def _run(self) -> None:
        if self._period_s is None:
            await self._due()
        else:
            await self._keep_gap()
        while True:
            try:
                await self._upload()
            except (FrameUnavailable, PrusaConnectError) as error:
                self._note_failure(error)
            except Exception:  # a bug must not end the uploads
                log.exception("Prusa Connect: an upload failed")
                self._retry_at = time.monotonic() + FAULT_PROBE_S
            await self._due()

    async def _due(self) -> None:
        """Wait for the next period, retry or request, and for the gap."""
        now = time.monotonic()
        due = self._retry_at
        if due is None and self._period_s is not None:
            due = self._last_end + self._period_s
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - now)):
                await self._wake.wait()
        except TimeoutError:
            pass
        await self._keep_gap()
        self._wake.clear()

    async def _keep_gap(self) -> None:
        gap_s = self._last_end + self._min_gap_s - time.monotonic()
        await asyncio.sleep(max(0.0, gap_s))

    async def _upload(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            now = time.monotonic_ns()
            stale_ns = int(self.camera.config.stale_after_s * 1e9)
            frame = await self.camera.wait_newer(now - stale_ns, FRAME_TIMEOUT_S)
            try:
                await self._send_info(frame.width, frame.height)
                await self._api.put_snapshot(frame.data)
            finally:
                # The gap is the server's: it counts from when the last one was there.
                self._last_end = time.monotonic()
        except (FrameUnavailable, PrusaConnectError) as error:
            _settle(waiting, error)
            raise
        except Exception:
            _settle(waiting, PrusaConnectError("internal error; see the log"))
            raise
        except asyncio.CancelledError:
            for future in waiting:
                future.cancel()
            raise
        self._accepted += 1
        self._bytes += len(frame.data)
        self._last_accepted = time.time()
        self._last_error = self._retry_at = None
        self._backoff_s = FIRST_BACKOFF_S
        self._state_log.report("snapshots are accepted", logging.INFO)
        self._notify({"event": "accepted", **self.status})
        _settle(waiting, None)

    async def _send_info(self, width: int, height: int) -> None:
        if self._info_sent:
            return
        config = {**self._info, "resolution": {"width": width, "height": height}}
        try:
            await self._api.put_info({"config": config})
        except SnapshotRejected as error:
            # The description is a courtesy; pictures are what the user came for.
            log.warning("Prusa Connect, camera %s: info: %s", self.camera.name, error)
        self._info_sent = True

    def _note_failure(self, error: FrameUnavailable | PrusaConnectError) -> None:
        self._failed += 1
        changed = self._last_error != str(error)
        self._last_error = str(error)
        if isinstance(error, ConnectUnavailable):
            delay_s = self._backoff_s * random.uniform(0.8, 1.2)  # noqa: S311
            delay_s = max(delay_s, min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S))
            self._backoff_s = min(self._backoff_s * 2, LAST_BACKOFF_S)
            self._retry_at = time.monotonic() + delay_s
        elif isinstance(error, PrusaConnectError):
            self._retry_at = time.monotonic() + FAULT_PROBE_S
        else:
            period_s = self._period_s
            self._retry_at = period_s and time.monotonic() + period_s
        if self._state_log.report(str(error)) or changed:
            self._notify({"event": "failed", **self.status})


def _settle(waiting: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
