# USB cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``v4l2:/dev/v4l/by-id/…``: a camera that this host has itself.

Nearly all of them make JPEGs, which are taken as they are from the memory that the
driver puts them into. What gives raw pictures or H.264 only is read by ffmpeg.

A camera that is unplugged comes back under its name in ``by-id``, but only once nobody
holds on to what was left of it: whatever ends a stream, the device is closed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.v4l2.controls import set_controls
from moonraker_prusacam.camera.v4l2.device import CallFailed, Device, Identity
from moonraker_prusacam.camera.v4l2.modes import (
    FRAMES,
    MJPEG,
    Mode,
    best_format,
    nearest_interval,
    nearest_size,
    offer,
    written,
)
from moonraker_prusacam.camera.v4l2.ring import Counts, Ring
from moonraker_prusacam.camera.v4l2.transcoder import transcode
from moonraker_prusacam.camera.v4l2.trouble import (
    OTHER_CAMERA,
    check,
    explain,
    unreadable,
)
from moonraker_prusacam.errors import SourceError, SourceStalled, SourceUnfit
from moonraker_prusacam.log import StateLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

    from . import Host

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

READ_TIMEOUT_S = 10.0
LOOK_S = 1.0
DEFAULT_SIZE = (1280, 720)
DEFAULT_FPS = 15.0
# Cameras count in units of 100 ns, so that 30 a second are seldom 30 exactly.
RATE_TOLERANCE = 0.05
SILENT_ADVICE = "unplug it and plug it in again"
DAMAGED_ADVICE = (
    "plug it into the host itself, without a hub, by a short cable; or choose a lower "
    "resolution or fps"
)


class V4l2Source:
    """The pictures of one V4L2 device; ``model`` is what it calls itself, or ""."""

    def __init__(self, config: CameraConfig, host: Host) -> None:
        self._config = config
        self._host = host
        self._path = config.source.device
        self._size = config.resolution or DEFAULT_SIZE
        self._fps = config.fps or DEFAULT_FPS
        self._mode_log = StateLog(log, f"Camera {config.name}")
        self._controls_log = StateLog(log, f"Camera {config.name}, controls")
        self.model = ""

    async def run(self, receiver: Receiver) -> None:
        """Take pictures until the device is gone; see Source."""
        device = Device(self._path)
        try:
            mode = await _in_thread(self._open, device)
            receiver.reached(Stage.REACHABLE)
            if mode.format_name in MJPEG:
                await self._capture(device, mode, receiver)
            else:
                # The device stays open, so that it keeps what its controls were set to.
                await transcode(
                    self._path,
                    mode,
                    self._fps,
                    self._config.quality,
                    self._host.ffmpeg,
                    receiver,
                    READ_TIMEOUT_S,
                )
        except CallFailed as error:
            raise await asyncio.to_thread(explain, error, self._path) from error
        finally:
            await _in_thread(device.close)

    async def _capture(self, device: Device, mode: Mode, receiver: Receiver) -> None:
        ring = Ring(device)
        try:
            await _in_thread(self._start, device, mode, ring)
            receiver.reached(Stage.AUTHENTICATED)
            await self._take(ring, receiver)
        finally:
            await _in_thread(ring.stop)

    async def _take(self, ring: Ring, receiver: Receiver) -> None:
        """Feed each picture as it comes, for ever."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def take() -> None:
            try:
                ring.take(receiver.feed)
            except Exception as error:  # noqa: BLE001 - is raised below
                loop.remove_reader(ring.fd)
                failed.set_exception(error)

        frames, since_s, before = -1, 0.0, ring.counts
        loop.add_reader(ring.fd, take)
        try:
            while not failed.done():
                if frames != receiver.stats.frames:
                    frames, since_s = receiver.stats.frames, loop.time()
                    before = ring.counts
                elif loop.time() - since_s >= READ_TIMEOUT_S:
                    raise self._stalled(ring.counts.since(before))
                await asyncio.wait([failed], timeout=min(LOOK_S, READ_TIMEOUT_S))
        finally:
            loop.remove_reader(ring.fd)
            error = failed.exception() if failed.done() else None
        if error is not None:
            raise error

    def _stalled(self, came: Counts) -> SourceError:
        """Why nothing of what came in READ_TIMEOUT_S was a frame."""
        if came.pictures:
            return SourceUnfit(
                f"what {self._path} calls JPEG is none", advice=OTHER_CAMERA
            )
        if came.damaged:
            return SourceStalled(
                f"all pictures of {self._path} come damaged", advice=DAMAGED_ADVICE
            )
        return SourceStalled(
            f"{self._path} has sent no picture for {READ_TIMEOUT_S:.0f} s",
            advice=SILENT_ADVICE,
        )

    # What is below blocks, and is run in a thread.

    def _open(self, device: Device) -> Mode:
        """Open the camera and set its controls; the mode that is to be used."""
        device.open()
        identity = device.identity()
        check(identity, self._path)
        self.model = identity.card
        mode = self._choose(device, identity)
        if mode.format_name not in MJPEG:
            self._tell(device, mode)
        complaints = set_controls(device, self._config.controls)
        if complaints:
            self._controls_log.report("; ".join(complaints))
        elif self._config.controls:
            self._controls_log.report("all are set", logging.INFO)
        return mode

    def _choose(self, device: Device, identity: Identity) -> Mode:
        """The nearest mode to what is wanted of those that the camera has."""
        formats = device.formats()
        name = best_format(formats)
        if name is None:
            raise unreadable(identity, formats, self._path)
        size = nearest_size(self._size, device.sizes(name))
        interval_s = nearest_interval(self._fps, device.intervals(name, size))
        return Mode(name, size, interval_s)

    def _start(self, device: Device, wanted: Mode, ring: Ring) -> None:
        mode = device.set_mode(wanted)
        if mode.format_name not in MJPEG:
            raise SourceUnfit(
                f"{self._path} offers {wanted}, but gives {mode}", advice=OTHER_CAMERA
            )
        self._tell(device, mode)
        ring.start()
        # Some cameras forget them when the stream begins.
        set_controls(device, self._config.controls)

    def _tell(self, device: Device, mode: Mode) -> None:
        """Log, once, what the camera gives, and what is missing of what was asked."""
        config = self._config
        told = f"{self.model} gives {mode}"
        fps = mode.fps
        if mode.format_name not in MJPEG:
            told += ", of which ffmpeg makes JPEGs"
            fps = min(fps, self._fps)
        asked = []
        if config.resolution not in (None, mode.size):
            asked.append(written(self._size))
        if config.fps and abs(fps - config.fps) > RATE_TOLERANCE * config.fps:
            asked.append(f"{config.fps:g} {FRAMES}")
        if not asked:
            self._mode_log.report(told, logging.INFO)
            return
        there = offer(
            (sizes, device.intervals(mode.format_name, sizes.most))
            for sizes in device.sizes(mode.format_name)
        )
        self._mode_log.report(
            f"{told}: it has no {' at '.join(asked)}, but {there or 'no choice'}"
        )


async def _in_thread(call: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """Run what blocks, to its end: cancelled, this waits for that end as well.

    So whoever is cancelled knows what was opened, and that it can be closed now.
    """
    work = asyncio.get_running_loop().run_in_executor(None, call, *arguments)
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()  # nobody is left to be told
        raise cancelled
    return work.result()
