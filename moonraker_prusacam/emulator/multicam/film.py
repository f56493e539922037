# What a virtual phone films.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the scene of a printer as the phone's shutter goes, and makes a video of it.

Small pictures, and few: they are drawn beside a print and its other cameras.
"""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.scene import Pose, Scene
from moonraker_prusacam.emulator.video import encode
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from moonraker_prusacam.emulator.camera import PrinterView

    from .shutter import Shutter

SIZE = (360, 640)  # as a phone is held
JPEG_QUALITY = 70
MAX_FRAMES = 3000


class Film:
    """One recording at a time, from ``begin`` to ``end``."""

    def __init__(self, printer: PrinterView, *, layer_height_mm: float) -> None:
        self._printer = printer
        self._scene = Scene(*SIZE, layer_height_mm=layer_height_mm)
        self._frames: list[bytes] = []
        self._tasks = TaskOwner("film")
        self._shooting: asyncio.Task[None] | None = None
        # A cancelled wait leaves its thread drawing, and a scene bears one at a time.
        self._drawing = threading.Lock()

    def begin(self, shutter: Shutter) -> None:
        """Film from the first frame of ``shutter`` on, and forget what was before."""
        self.drop()
        self._frames = []
        work = self._shoot(self._frames, shutter, shutter.first_frame_s())
        self._shooting = self._tasks.start("film", work)

    def drop(self) -> None:
        """Film no more."""
        if self._shooting is not None:
            self._shooting.cancel()
            self._shooting = None

    async def end(self, fps: float, suffix: str = ".mp4") -> bytes:
        """The video as files of ``suffix`` are, none where there is no frame.

        Raises RenderError.
        """
        self.drop()
        frames, self._frames = self._frames, []
        return await encode(frames, fps, suffix) if frames else b""

    async def aclose(self) -> None:
        """Stop. Idempotent."""
        await self._tasks.aclose()

    async def _shoot(
        self, frames: list[bytes], shutter: Shutter, first_s: float
    ) -> None:
        while len(frames) < MAX_FRAMES:
            due_s = first_s + len(frames) / shutter.fps
            await asyncio.sleep(due_s - shutter.clock())
            if frames and shutter.clock() > due_s + 1 / shutter.fps:
                frames.append(frames[-1])  # too busy, but no frame may be missing
            else:
                frames.append(await self._draw(len(frames)))

    async def _draw(self, number: int) -> bytes:
        printer = self._printer
        pose = Pose(*printer.live_position(), printer.layer, printer.total_layers)
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        return await asyncio.to_thread(self._draw_jpeg, pose, number, wall)

    def _draw_jpeg(self, pose: Pose, number: int, wall: str) -> bytes:
        with self._drawing:
            return self._scene.jpeg(pose, number, wall, JPEG_QUALITY)
