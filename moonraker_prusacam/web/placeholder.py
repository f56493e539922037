# A drawn picture that says what is wrong.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What viewers see while a camera has no live picture.

Fluidd's views stop for good at one error, and a browser shows a broken image without
a word. So the addresses registered with Moonraker ask for a placeholder.
"""

from __future__ import annotations

import asyncio
import io
import textwrap
import time
from typing import TYPE_CHECKING

import attrs
from PIL import Image, ImageDraw, ImageFont

from moonraker_prusacam.camera import CameraState
from moonraker_prusacam.orientation import UPRIGHT
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Camera, CameraStatus
    from moonraker_prusacam.orientation import Orientation

SIZE = (1280, 720)
BACKGROUND = (32, 34, 40)
STRIPE = (250, 104, 49)
TITLE = (240, 240, 240)
TEXT = (180, 184, 192)
WRAP_TITLE_CHARACTERS = 42
WRAP_CHARACTERS = 68
QUALITY = 80


@attrs.frozen
class Placeholder:
    """One drawn JPEG, ready to be sent as a part."""

    state: str
    data: bytes
    part_header: bytes


def draw(
    name: str, status: CameraStatus, orientation: Orientation = UPRIGHT
) -> Placeholder:
    """Draw the placeholder of the camera ``name``; takes some milliseconds.

    Viewers turn it as any picture of that camera, so it is turned back before.
    """
    image = Image.new("RGB", SIZE, BACKGROUND)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, 16, SIZE[1]), fill=STRIPE)
    title = f"No live picture from camera '{name}'"
    if status.state is CameraState.IDLE:
        title = f"Camera '{name}' is idle"
    pen.multiline_text(
        (80, 240),
        textwrap.fill(title, WRAP_TITLE_CHARACTERS),
        TITLE,
        ImageFont.load_default(size=48),
        anchor="ld",
    )
    since = time.strftime("%d %b %H:%M:%S", time.localtime(status.since))
    font = ImageFont.load_default(size=30)
    place = (80.0, 276.0)
    for text, colour, most_lines in (
        (status.reason, TEXT, 4),
        (status.advice, TITLE, 3),
        (f"{status.state} since {since}", TEXT, 1),
    ):
        lines = textwrap.fill(text, WRAP_CHARACTERS, max_lines=most_lines)
        if lines:
            pen.multiline_text(place, lines, colour, font, spacing=12)
            box = pen.multiline_textbbox(place, lines, font, spacing=12)
            place = (place[0], box[3] + 24)
    encoded = io.BytesIO()
    orientation.unseen(image).save(encoded, "JPEG", quality=QUALITY)
    data = encoded.getvalue()
    header = (
        "Content-Type: image/jpeg\r\n"
        f"Content-Length: {len(data)}\r\n"
        f"X-Prusacam-Placeholder: {status.state}\r\n\r\n"
    )
    return Placeholder(str(status.state), data, header.encode())


class PlaceholderCache:
    """The placeholder of one camera, drawn off the event loop when it changes."""

    def __init__(self, camera: Camera, on_drawn: Callable[[], None]) -> None:
        self._camera = camera
        self._on_drawn = on_drawn
        self._drawn: Placeholder | None = None
        self._drawn_for: CameraStatus | None = None
        self._drawing: asyncio.Task[Placeholder] | None = None
        self._tasks = TaskOwner(f"placeholder:{camera.name}")

    async def aclose(self) -> None:
        """End a drawing that is under way. Idempotent."""
        await self._tasks.aclose()

    def get(self) -> Placeholder | None:
        """The placeholder for the state of now; None while it is drawn."""
        status = self._camera.status
        if status == self._drawn_for:
            return self._drawn
        self._begin(status)
        return None

    async def wait(self) -> Placeholder:
        """The placeholder for the state of now, or of a moment ago."""
        status = self._camera.status
        if self._drawn is not None and status == self._drawn_for:
            return self._drawn
        return await asyncio.shield(self._begin(status))

    def _begin(self, status: CameraStatus) -> asyncio.Task[Placeholder]:
        if self._drawing is None or self._drawing.done():
            self._drawing = self._tasks.start("draw", self._draw(status))
        return self._drawing

    async def _draw(self, status: CameraStatus) -> Placeholder:
        camera = self._camera
        orientation = camera.config.orientation
        drawn = await asyncio.to_thread(draw, camera.name, status, orientation)
        self._drawn, self._drawn_for, self._drawing = drawn, status, None
        self._on_drawn()
        return drawn
