# Pieces of a video into the video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins segments without encoding anything, in a fraction of a second.

How fast the video is shown, which way up, and what its tags say, is decided here: the
same function gives a video that exists another speed, bit for bit the same pictures.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track

from .ffmpeg import Usage, file_url
from .staging import numbered, whole_file, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.mp4 import Track

    from .ffmpeg import FFmpeg

LIST = "segments.ffconcat"
JOIN_TIMEOUT_S = 600.0
LEAST_FPS, MOST_FPS = Fraction(1, 10), Fraction(240)
MOST_TAG_CHARACTERS = 1000
# Frames that x264 decodes ahead of one that is shown before them.
MOST_REORDERED = 2
# The option came with this version, and what served before went with the next.
DISPLAY_ROTATION_VERSION = (6, 0)


@attrs.frozen(kw_only=True)
class Timing:
    """How fast a video is shown: ``fps``, or to last ``target_length_s``.

    The latter takes the frame rate that fits between ``min_fps`` and ``max_fps``.
    """

    fps: float = 30.0
    target_length_s: float | None = None
    min_fps: float = 5.0
    max_fps: float = 60.0

    def rate(self, frames: int) -> Fraction:
        """Frames a second for a video of ``frames``, those held at its end apart."""
        if self.target_length_s is None:
            wanted = _fraction(self.fps)
        else:
            wanted = frames / max(_fraction(self.target_length_s), Fraction(1, 1000))
            wanted = max(_fraction(self.min_fps), wanted)
            wanted = min(_fraction(self.max_fps), wanted)
        return min(MOST_FPS, max(LEAST_FPS, wanted))

    def held_frames(self, frames: int, hold_s: float) -> int:
        """How many frames more hold the last of ``frames`` for ``hold_s``."""
        return round(self.rate(frames) * _fraction(max(0.0, hold_s)))


@attrs.frozen
class Tags:
    """What players tell about a video; ``created`` is unix seconds."""

    title: str = ""
    comment: str = ""
    created: float | None = None


@attrs.frozen
class JoinResult:
    """A joined video on disk."""

    path: Path
    frames: int
    fps: Fraction
    size_bytes: int
    usage: Usage

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return float(self.frames / self.fps)


async def join(
    ffmpeg: FFmpeg,
    segments: Sequence[Path],
    video: Path,
    timing: Timing,
    *,
    rotation: int = 0,
    tags: Tags | None = None,
    held: int = 0,
) -> JoinResult:
    """Write ``segments``, or one finished video, to ``video``, whole or not at all.

    ``rotation`` is in degrees clockwise and only tells players. ``held`` frames at the
    end do not count for the length that ``timing`` aims at. Raises RenderError.
    """
    if not segments:
        raise RenderError("there is nothing to join")
    if rotation not in (0, 90, 180, 270):
        raise RenderError(f"a video cannot be rotated by {rotation} degrees")
    try:
        tracks = await asyncio.to_thread(_read_tracks, segments)
        frames = sum(track.frames for track in tracks)
        # A frame takes a whole number of ticks, of which there are many.
        timescale = tracks[0].timescale
        ticks = max(1, round(timescale / timing.rate(max(1, frames - held))))
        fps = Fraction(timescale, ticks)
        async with (
            workspace(numbered(segments, ".mp4"), ffmpeg.scratch) as folder,
            whole_file(video) as partial,
        ):
            await asyncio.to_thread(_write_list, tracks, folder / LIST)
            arguments = [
                *await turned(
                    ffmpeg, ["-f", "concat", "-safe", "0", "-i", LIST], rotation
                ),
                *("-map", "0:v:0", "-c", "copy", "-bsf:v", retimed(tracks[0], ticks)),
                *("-video_track_timescale", str(timescale)),
                *metadata(tags or Tags()),
                *("-movflags", "+faststart", "-f", "mp4", file_url(partial)),
            ]
            completed = await ffmpeg.run(
                arguments, timeout_s=JOIN_TIMEOUT_S, folder=folder
            )
            track = await asyncio.to_thread(read_track, partial)
            _verify(track, frames, fps, rotation)
            size_bytes = (await asyncio.to_thread(partial.stat)).st_size
    except OSError as error:
        raise RenderError(f"{video}: {error.strerror}") from error
    return JoinResult(video, frames, fps, size_bytes, completed.usage)


def _read_tracks(segments: Sequence[Path]) -> list[Track]:
    tracks = [read_track(segment) for segment in segments]
    first = tracks[0]
    for segment, track in zip(segments, tracks, strict=True):
        if (track.width, track.height) != (first.width, first.height):
            raise RenderError(f"{segment.name} has another size than the first segment")
        if track.fps is None or track.fps != first.fps:
            raise RenderError(f"{segment.name} is not timed like the first segment")
        if track.timescale != first.timescale:
            raise RenderError(f"{segment.name} is no segment")
    return tracks


def _write_list(tracks: Sequence[Track], listing: Path) -> None:
    """Say how long each segment is: what its container says includes the B-frames'."""
    entries = "".join(
        f"file '{number:06d}.mp4'\nduration {float(track.duration_s):.6f}\n"
        for number, track in enumerate(tracks)
    )
    listing.write_text(f"ffconcat version 1.0\n{entries}")


async def turned(ffmpeg: FFmpeg, source: list[str], rotation: int) -> list[str]:
    """Arguments for an input whose pictures players turn, however it was turned."""
    # Either takes degrees counter-clockwise.
    features = await ffmpeg.features()
    if features.version < DISPLAY_ROTATION_VERSION:
        return [*source, "-metadata:s:v:0", f"rotate={-rotation}"]
    return ["-display_rotation:v:0", str(-rotation), *source]


def retimed(track: Track, ticks: int) -> str:
    """Number the frames as they are shown, and make times of the numbers.

    They are decoded in the order they come in, one a frame: a segment of one or two
    frames has other ideas about that than the one before it. The video has the
    timescale of its segments, because versions of ffmpeg disagree about which of the
    two this filter works in.
    """
    before = track.timescale / (track.fps or Fraction(1))
    number = f"round(PTS*{before.denominator}/{before.numerator})"
    decoded = f"dts=(N-{MOST_REORDERED})*{ticks}"
    return f"setts=pts={number}*{ticks}:{decoded}:duration={ticks}"


def metadata(tags: Tags) -> list[str]:
    """Arguments that give a video its ``tags``."""
    created = time.time() if tags.created is None else tags.created
    stamp = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arguments = ["-metadata", f"creation_time={stamp}"]
    for name, text in (("title", tags.title), ("comment", tags.comment)):
        # Lone surrogates come from names of files that are not UTF-8.
        clean = text.replace("\0", "").encode(errors="replace").decode()
        if clean:
            arguments += ["-metadata", f"{name}={clean[:MOST_TAG_CHARACTERS]}"]
    return arguments


def _verify(track: Track, frames: int, fps: Fraction, rotation: int) -> None:
    if track.frames != frames:
        raise RenderError(f"the video has {track.frames} of {frames} frames")
    if track.fps != fps and frames > 1:
        raise RenderError("the frames of the video are not evenly timed")
    if track.rotation != rotation:
        raise RenderError("the video is not rotated as it should be")


def _fraction(value: float) -> Fraction:
    """The number that was meant: 0.1 is a tenth."""
    return Fraction(str(value))
