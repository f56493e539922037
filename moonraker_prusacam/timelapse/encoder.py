# The frames of a job into segments that all agree.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ffmpeg, which codec, which size and look; kept from the first segment on.

A job that began with a hardware encoder which fails later has to go on with libx264,
and segments of two encoders do not join. So those that are there are made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track
from moonraker_prusacam.video import EncodeSettings, FFmpeg, hold_segment, seal
from moonraker_prusacam.video.codec import LIBX264, codec_named
from moonraker_prusacam.video.encoders import Encoders
from moonraker_prusacam.video.picture import inspect
from moonraker_prusacam.video.staging import workspace

from .look import Look, captions
from .preview import pictures_of
from .remake import configured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig
    from moonraker_prusacam.mp4 import Track
    from moonraker_prusacam.video import Segment
    from moonraker_prusacam.video.picture import Size

    from .job import Contents, Job, StoredFrame
    from .look import Looks
    from .preview import LastPicture

log = logging.getLogger(__name__)


class Encoder:
    """Encodes segments; one at a time is the business of its caller."""

    def __init__(
        self, config: TimelapseConfig, looks: Looks, work_path: Path | None = None
    ) -> None:
        self.config = config
        self._looks = looks
        self._encoders = Encoders(config.ffmpeg, work_path)

    async def ffmpeg(self) -> FFmpeg:
        """The program; raises RenderError when there is none."""
        return await self._encoders.ffmpeg()

    def settings(self, job: Job) -> EncodeSettings:
        """What all segments of ``job`` have in common."""
        look = job.record.look or Look()
        return EncodeSettings(
            crf=configured(self.config, job.record).crf,
            size=job.record.size,
            flip_horizontal=look.flip_horizontal,
            flip_vertical=look.flip_vertical,
            rotation=look.encoded_rotation,
            font=self.config.font,
            inset=look.inset,
            codec=codec_named(job.record.codec),
        )

    async def encode(
        self,
        job: Job,
        contents: Contents,
        shown: Sequence[StoredFrame],
        segment: Path,
    ) -> Segment:
        """Make ``segment``; raises RenderError, and OSError.

        Size, look and codec of the job are noted in its record before.
        """
        await self._prepare(job, contents, shown)
        look = job.record.look or Look()
        written = await asyncio.to_thread(captions, look, shown, job.record)
        frames = [frame.path for frame in shown]
        insets = [frame.inset for frame in shown]

        async def attempt(ffmpeg: FFmpeg, settings: EncodeSettings) -> Segment:
            return await seal(
                ffmpeg, frames, segment, settings, captions=written, insets=insets
            )

        return await self._attempt(job, contents, attempt)

    async def hold(
        self, job: Job, contents: Contents, last: LastPicture, count: int, segment: Path
    ) -> None:
        """Make a segment that shows ``last`` so many times; raises RenderError."""

        async def attempt(ffmpeg: FFmpeg, settings: EncodeSettings) -> Segment:
            if last.is_sealed:
                settings = EncodeSettings(crf=settings.crf, codec=settings.codec)
            return await hold_segment(ffmpeg, last.path, count, segment, settings)

        await self._attempt(job, contents, attempt)

    async def _attempt(
        self,
        job: Job,
        contents: Contents,
        attempt: Callable[[FFmpeg, EncodeSettings], Awaitable[Segment]],
    ) -> Segment:
        """Do it with the codec of the job, else with libx264."""
        ffmpeg = await self.ffmpeg()
        try:
            return await attempt(ffmpeg, self.settings(job))
        except RenderError as error:
            if job.record.codec == LIBX264.name:
                raise
            log.warning(
                "Timelapse: %s fails, libx264 goes on: %s", job.record.codec, error
            )
            self._encoders.distrust()
            job.record.must_remake = True
            await asyncio.to_thread(job.save)
            await self._make_again(job, contents)
            return await attempt(ffmpeg, self.settings(job))

    async def _prepare(
        self, job: Job, contents: Contents, shown: Sequence[StoredFrame]
    ) -> None:
        record, before = job.record, attrs.evolve(job.record)
        if record.must_remake:
            await self._make_again(job, contents)  # a kill came amid it
        if record.look is None:
            record.look = self._looks.of(job)
        if record.size is None and contents.segments:
            # A kill came between the first segment and its note.
            track = await asyncio.to_thread(read_track, contents.segments[0].path)
            record.size = _before(record.look.encoded_rotation, track)
        if record.codec is None and contents.segments:
            record.codec = LIBX264.name  # of a version that knew no other
        elif record.codec is None:
            size = await asyncio.to_thread(_size_of_first, shown)
            codec = await self._encoders.choose(size, self.config.encoder)
            record.codec = codec.name
        if record != before:
            # A disk that is too full for it gets room by the segment.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(job.save)

    async def _make_again(self, job: Job, contents: Contents) -> None:
        """Encode the segments that are there with libx264."""
        ffmpeg = await self.ffmpeg()
        # What the look asks for is in their pictures.
        settings = EncodeSettings(crf=self.settings(job).crf)
        for segment in contents.segments:
            async with workspace({}, ffmpeg.scratch) as folder:
                pictures = await pictures_of(ffmpeg, segment, folder)
                if len(pictures) != segment.frames:
                    raise RenderError(
                        f"{segment.path.name} has {len(pictures)} of "
                        f"{segment.frames} pictures"
                    )
                await seal(ffmpeg, pictures, segment.path, settings)
        job.record.codec, job.record.must_remake = LIBX264.name, False
        await asyncio.to_thread(job.save)


def _before(rotation: int, track: Track) -> Size:
    """The size of pictures that were turned by ``rotation`` and are in ``track``."""
    turned = track.width, track.height
    return turned if rotation % 180 == 0 else turned[::-1]


def _size_of_first(frames: Sequence[StoredFrame]) -> Size | None:
    sizes = (inspect(frame.path).size for frame in frames)
    return next((size for size in sizes if size), None)
