# The last picture of a job, whatever became of its frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the picture that ends a video: its preview, and what is held."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video.ffmpeg import file_url
from moonraker_prusacam.video.picture import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.video import FFmpeg

    from .job import Contents, Job, StoredSegment

EXTRACT_TIMEOUT_S = 60.0
LAST = "last.tmp.jpg"


@attrs.frozen
class LastPicture:
    """A JPEG; ``is_sealed`` when it comes out of a segment, and looks like that."""

    path: Path
    is_sealed: bool


async def last_picture(
    ffmpeg: FFmpeg, job: Job, contents: Contents, *, is_sealed: bool = False
) -> LastPicture:
    """The newest frame, else the last picture of the last segment.

    ``is_sealed`` asks for the latter. Raises RenderError.
    """
    if not is_sealed and (await asyncio.to_thread(inspect, job.newest)).is_whole:
        return LastPicture(job.newest, is_sealed=False)
    path = job.path / LAST
    segment = contents.segments[-1]
    # Every picture is written over the one before it.
    await ffmpeg.run(
        ["-i", segment.path.name, "-q:v", "2", "-f", "image2", "-update", "1", LAST],
        timeout_s=EXTRACT_TIMEOUT_S,
        folder=job.path,
    )
    if not (await asyncio.to_thread(inspect, path)).is_whole:
        raise RenderError(f"{segment.path.name} has no last picture")
    return LastPicture(path, is_sealed=True)


async def pictures_of(
    ffmpeg: FFmpeg, segment: StoredSegment, folder: Path
) -> list[Path]:
    """The pictures of a segment as JPEGs in ``folder``; raises RenderError."""
    pattern = folder / f"frame-sealed-{segment.first:06d}-%04d.jpg"
    await ffmpeg.run(
        ["-i", file_url(segment.path), "-q:v", "2", "-f", "image2", str(pattern)],
        timeout_s=EXTRACT_TIMEOUT_S,
    )
    return await asyncio.to_thread(_listed, folder, segment)


def _listed(folder: Path, segment: StoredSegment) -> list[Path]:
    return sorted(folder.glob(f"frame-sealed-{segment.first:06d}-*.jpg"))
