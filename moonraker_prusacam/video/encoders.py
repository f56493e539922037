# Which ffmpeg, and which of its encoders.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ffmpeg of this host, found when it is needed, and the encoder to use with it.

Video hardware is used where that is wanted and a test of it is passed, until it fails.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import FfmpegMissing, RenderError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg

from .codec import LIBX264
from .ffmpeg import FFmpeg
from .hardware import choose_codec
from .staging import remove_left

if TYPE_CHECKING:
    from pathlib import Path

    from .codec import Codec
    from .picture import Size

log = logging.getLogger(__name__)


class Encoders:
    """``configured`` is the ffmpeg to use, ``scratch`` where it works."""

    def __init__(self, configured: Path | None, scratch: Path | None = None) -> None:
        self._configured = configured
        self._scratch = scratch
        self._ffmpeg: FFmpeg | None = None
        self._chosen: dict[Size, Codec] = {}
        self._is_hardware_broken = False

    async def ffmpeg(self) -> FFmpeg:
        """The program; raises RenderError when there is none."""
        if self._ffmpeg is None:
            try:
                program = await asyncio.to_thread(find_ffmpeg, self._configured)
            except FfmpegMissing as error:
                raise RenderError(str(error)) from error
            self._ffmpeg = FFmpeg(program, self._scratch)
        return self._ffmpeg

    async def clean(self) -> None:
        """Remove what earlier processes left where it works; raises OSError."""
        if self._scratch is not None:
            await asyncio.to_thread(remove_left, self._scratch)

    async def choose(self, size: Size | None, wanted: str) -> Codec:
        """libx264, or what is better where ``wanted`` is ``auto``."""
        if wanted != "auto" or self._is_hardware_broken or size is None:
            return LIBX264
        if size not in self._chosen:
            width, height = size
            ffmpeg = await self.ffmpeg()
            choice = await choose_codec(ffmpeg, width=width, height=height)
            for trial in choice.trials:
                log.info("Video: encoder %s: %s", trial.codec, trial.reason)
            log.info("Video: %s is used", choice.codec.name)
            self._chosen[size] = choice.codec
        return self._chosen[size]

    def distrust(self) -> None:
        """The hardware failed with a video: libx264 from now on."""
        self._is_hardware_broken = True
