# The picture beside the video of a device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UIs show a video by the JPEG beside it, which devices do not send along.

A video without one is as good, so what goes wrong here is no more than told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.publishing import publish

from .plan import collected_video
from .publication import make_preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.multicam.controller.session import Session, Take

    from .tools import VideoTools
    from .work import Work

log = logging.getLogger(__name__)


class Preview:
    """One picture; encoding a video makes one as well, which is then left alone."""

    is_hardware = False

    def __init__(
        self,
        session: Session,
        take: Take,
        work: Work,
        tools: VideoTools,
        videos_path: Callable[[], Path],
    ) -> None:
        self.work = work
        self.title = f"the preview of {take.name}"
        self._session = session
        self._take = take
        self._tools = tools
        self._videos_path = videos_path
        number = session.record.takes.index(take)
        self._staged = session.path / f"preview-{number:02d}.tmp.jpg"
        self.done = self.total = 0

    async def prepare(self) -> None:
        """See whether there is still something to be done."""
        lacks = await asyncio.to_thread(self._lacks)
        self.done, self.total = 0, int(lacks)

    async def step(self) -> None:
        """Make the picture, if ffmpeg can."""
        video = await asyncio.to_thread(self._video)
        try:
            ffmpeg = await self._tools.encoders.ffmpeg()
        except RenderError as error:
            log.info("MultiCam: %s has no preview: %s", video.name, error)
        else:
            await make_preview(ffmpeg, video, self._staged)
        self.done = 1

    async def finish(self) -> None:
        """Put it beside the video, if that is still there; raises OSError."""
        async with self._tools.turn:
            await asyncio.to_thread(self._publish)
        await asyncio.to_thread(self.discard)

    def room_bytes(self) -> int:
        """What ``finish`` takes of the disk; raises OSError."""
        return self._staged.stat().st_size if self._staged.exists() else 0

    def discard(self) -> None:
        """Remove what is not beside the video."""
        self._staged.unlink(missing_ok=True)

    def _video(self) -> Path:
        return collected_video(self._session, self._take, self._videos_path())

    def _lacks(self) -> bool:
        return lacks_preview(self._session, self._take, self._videos_path())

    def _publish(self) -> None:
        if self._staged.exists() and self._lacks():
            publish(self._staged, self._video().with_suffix(".jpg"))


def lacks_preview(session: Session, take: Take, folder: Path) -> bool:
    """Whether the video of ``take`` is there, and no picture beside it."""
    with contextlib.suppress(RenderError, OSError):
        video = collected_video(session, take, folder)
        return not video.with_suffix(".jpg").exists()
    return False
