# Makes the videos of virtual cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real, small MP4 or QuickTime of JPEGs, by ffmpeg in a folder that goes then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg
from moonraker_prusacam.video.staging import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENCODE_TIMEOUT_S = 60.0
PICTURE = "{:06d}.jpg"
PICTURES = "%06d.jpg"
VIDEO = "video{}"
QUICKTIME = ".mov"
EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p"


async def encode(frames: Sequence[bytes], fps: float, suffix: str = ".mp4") -> bytes:
    """The MP4 of ``frames``, or QuickTime; raises RenderError, FfmpegMissing."""
    video = VIDEO.format(suffix if suffix == QUICKTIME else ".mp4")
    async with workspace({}, None) as folder:
        await asyncio.to_thread(_write, folder, frames)
        ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
        arguments = ["-framerate", str(fps), "-i", PICTURES, "-vf", EVEN]
        arguments += ["-c:v", "libx264", "-preset", "ultrafast", "-threads", "1"]
        arguments += ["-movflags", "+faststart", video]
        await ffmpeg.run(arguments, timeout_s=ENCODE_TIMEOUT_S, folder=folder)
        try:
            return await asyncio.to_thread((folder / video).read_bytes)
        except OSError as error:
            raise RenderError(f"ffmpeg wrote nothing: {error.strerror}") from error


def _write(folder: Path, frames: Sequence[bytes]) -> None:
    for number, frame in enumerate(frames):
        (folder / PICTURE.format(number)).write_bytes(frame)
