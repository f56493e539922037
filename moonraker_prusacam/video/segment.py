# Pictures into a piece of a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes some frames into a segment, a small MP4 that begins with a key frame.

All segments of one video share size and parameters, so that ``join`` needs to encode
nothing. A segment has as many frames as were asked for, or there is none: a frame that
is no picture is shown as its neighbour.
"""

from __future__ import annotations

import asyncio
import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track

from .caption import FONT, can_caption, find_font, write_captions
from .codec import LIBX264, Codec
from .ffmpeg import Usage, file_url
from .inset import TRANSPOSE, Inset, chain, overlay, usable
from .picture import (
    JPEG_INPUT,
    PATTERN,
    STRICT,
    Picture,
    inspect,
    memory_limit,
    undecodable,
)
from .staging import numbered, whole_file, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .caption import Caption
    from .ffmpeg import FFmpeg
    from .picture import Size

log = logging.getLogger(__name__)

FRAMES_PER_SEGMENT = 25
# How fast a segment plays; the video is timed by ``join``. A frame takes a whole number
# of microseconds, and of ticks.
SEGMENT_FPS = 25
# Ticks a second. So many that any frame rate can be made of them, and a multiple of
# those that are usual.
TIMESCALE = 1_200_000
DEFAULT_CRF = 23.8
HOLD_KEYINT = 250
START_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 10.0
INSET_SUFFIX = ".inset.jpg"
INSET_PATTERN = f"%06d{INSET_SUFFIX}"
KEEP_SHAPE = "force_original_aspect_ratio=decrease:force_divisible_by=2"


@attrs.frozen(kw_only=True)
class EncodeSettings:
    """What all segments of one video have in common.

    ``size`` is that of the picture before ``rotation``; None takes the first frame's,
    and the next segments have to be given ``Segment.size``. Flips come first, then
    ``rotation`` in degrees clockwise; it is for videos with captions or an inset, which
    a rotation by ``join`` would turn as well.
    """

    crf: float = DEFAULT_CRF
    keyint: int = FRAMES_PER_SEGMENT
    size: Size | None = None
    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: int = 0
    font: Path | None = None
    inset: Inset | None = None
    codec: Codec = LIBX264


@attrs.frozen
class Segment:
    """A segment on disk; ``replaced`` are the frames that are shown as a neighbour."""

    path: Path
    frames: int
    size: Size
    size_bytes: int
    replaced: tuple[Path, ...]
    has_captions: bool
    usage: Usage


async def seal(
    ffmpeg: FFmpeg,
    frames: Sequence[Path],
    segment: Path,
    settings: EncodeSettings,
    *,
    captions: Sequence[Caption] = (),
    insets: Sequence[Path] = (),
    substitute: Path | None = None,
    held: int = 0,
) -> Segment:
    """Encode ``frames``, in which files may repeat, to ``segment``.

    ``captions`` and ``insets`` are none or one a frame. ``substitute`` is shown where
    no frame is a picture. The last frame stays for ``held`` more. Raises RenderError;
    then there is no new file.
    """
    if not frames or len(captions) not in (0, len(frames)):
        raise RenderError(f"{len(frames)} frames with {len(captions)} captions")
    try:
        sealing = _Sealing(ffmpeg, frames, settings, held)
        await sealing.inspect(substitute)
        if captions and await can_caption(ffmpeg, settings.font):
            sealing.captions = captions
        async with whole_file(segment) as partial:
            if settings.inset is not None and insets:
                sealing.insets = await asyncio.to_thread(usable, insets)
            await sealing.encode_robustly(partial)
            size_bytes = (await asyncio.to_thread(partial.stat)).st_size
    except OSError as error:
        raise RenderError(f"{segment}: {error.strerror}") from error
    return Segment(
        path=segment,
        frames=sealing.expected,
        size=sealing.size,
        size_bytes=size_bytes,
        replaced=sealing.replaced,
        has_captions=bool(sealing.captions),
        usage=sealing.usage,
    )


async def hold_segment(
    ffmpeg: FFmpeg,
    frame: Path,
    count: int,
    segment: Path,
    settings: EncodeSettings,
    *,
    caption: Caption | None = None,
) -> Segment:
    """Encode ``count`` times the same frame; for the end of a video."""
    captions = () if caption is None else (caption,)
    return await seal(
        ffmpeg, [frame], segment, settings, captions=captions, held=count - 1
    )


class _Sealing:
    """One segment on its way."""

    def __init__(
        self,
        ffmpeg: FFmpeg,
        frames: Sequence[Path],
        settings: EncodeSettings,
        held: int,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._frames = frames
        self._settings = settings
        self._held = held
        self._pictures: dict[Path, Picture] = {}
        self._damaged: set[Path] = set()
        self._substitute: Path | None = None
        self._strictly = True
        self.size: Size = (0, 0)
        self.captions: Sequence[Caption] = ()
        self.insets: Sequence[Path] = ()
        self.expected = len(frames) + held
        self.usage = Usage()

    @property
    def replaced(self) -> tuple[Path, ...]:
        """The damaged files, in their order."""
        return tuple(path for path in self._pictures if path in self._damaged)

    async def inspect(self, substitute: Path | None) -> None:
        """Find the size, and what is no picture; raises RenderError if nothing is."""
        self._pictures = await asyncio.to_thread(_inspect_all, self._frames)
        self._damaged = {
            path for path, picture in self._pictures.items() if not picture.is_whole
        }
        if len(self._damaged) == len(self._pictures):
            # A torn picture is better than none.
            self._strictly = False
            self._damaged = await undecodable(
                self._ffmpeg, self._pictures, strictly=False
            )
        self._substitute = substitute
        first = next((path for path in self._frames if path not in self._damaged), None)
        if first is None:
            first = self._substitute
        picture = None if first is None else await self._look_at(first)
        if picture is None or picture.size is None:
            raise RenderError(f"none of {len(self._frames)} frames is a picture")
        self.size = self._settings.size or _even(picture.size)

    async def _look_at(self, path: Path) -> Picture:
        if (known := self._pictures.get(path)) is not None:
            return known
        return await asyncio.to_thread(inspect, path)

    async def encode_robustly(self, segment: Path) -> None:
        """Like ``encode``; without insets where they are what fails."""
        try:
            await self.encode(segment)
        except RenderError as error:
            if not self.insets:
                raise
            log.warning("Timelapse: a segment without its inset: %s", error)
            self.insets = ()
            await self.encode(segment)

    async def encode(self, segment: Path) -> None:
        """Write ``segment``; whoever makes it too short is replaced."""
        count, failure = await self._try(segment)
        if count != self.expected and self._strictly:
            found = await self._find_damaged()
            if len(found | self._damaged) == len(self._pictures):
                # All of this camera's pictures are a little odd.
                self._strictly = False
            elif found:
                self._damaged |= found
            else:
                raise failure or self._too_short(count)
            count, failure = await self._try(segment)
        if count != self.expected and not self._strictly:
            self._damaged |= await self._find_damaged()
            all_damaged = len(self._damaged) == len(self._pictures)
            if failure is not None and all_damaged and self._substitute is None:
                raise failure  # perhaps it is ffmpeg that is broken
            count, failure = await self._try(segment)
        if failure is not None:
            raise failure
        if count != self.expected:
            raise self._too_short(count)
        if self._damaged:
            log.warning(
                "Timelapse: %d of %d frames are no pictures and are shown as others",
                sum(path in self._damaged for path in self._frames),
                len(self._frames),
            )

    async def _find_damaged(self) -> set[Path]:
        sound = self._pictures.keys() - self._damaged
        return await undecodable(self._ffmpeg, sound, strictly=self._strictly)

    def _too_short(self, count: int) -> RenderError:
        return RenderError(f"the segment has {count} of {self.expected} frames")

    async def _try(self, segment: Path) -> tuple[int, RenderError | None]:
        """Encode; returns how many frames came out, or 0 and why."""
        shown = self._shown()
        sizes = [(await self._look_at(path)).size for path in dict.fromkeys(shown)]
        links = numbered(shown, ".jpg") | numbered(self.insets, INSET_SUFFIX)
        font = await asyncio.to_thread(find_font, self._settings.font)
        if self.captions and font is not None:
            links[FONT] = font
        async with workspace(links, self._ffmpeg.scratch) as folder:
            graph = await self._graph(set(sizes))
            written = await asyncio.to_thread(
                write_captions,
                self.captions,
                folder,
                fps=SEGMENT_FPS,
                height=self.size[1],
                with_font=FONT in links,
            )
            try:
                completed = await self._ffmpeg.run(
                    self._arguments(graph, written, segment),
                    timeout_s=START_TIMEOUT_S + FRAME_TIMEOUT_S * self.expected,
                    folder=folder,
                    memory_limit_bytes=memory_limit([*sizes, self.size]),
                )
                track = await asyncio.to_thread(read_track, segment)
            except RenderError as error:
                return 0, error
            except FileNotFoundError:
                return 0, None
        self.usage += completed.usage
        if track.frames == self.expected > 1 and track.fps != Fraction(SEGMENT_FPS):
            return 0, RenderError("the frames of the segment are not evenly timed")
        return track.frames, None

    def _shown(self) -> list[Path]:
        """The file to show for each frame; the one before stands in for a bad one."""
        sound = [path for path in self._frames if path not in self._damaged]
        before = sound[0] if sound else self._substitute
        if before is None:
            raise RenderError(f"none of {len(self._frames)} frames is a picture")
        shown = []
        for path in self._frames:
            if path not in self._damaged:
                before = path
            shown.append(before)
        return shown

    async def _graph(self, sizes: set[Size | None]) -> str:
        """Filters that end in pictures as they are seen, with the inset if any."""
        main = ",".join(self._filters(sizes))
        inset = self._settings.inset
        if inset is None or not self.insets:
            return main
        small = (await self._look_at(self.insets[0])).size or self.size
        shown = self.size if self._settings.rotation % 180 == 0 else self.size[::-1]
        return (
            f"[0:v:0]{main}[main];[1:v:0]{chain(inset, small, shown)}[inset];"
            f"[main][inset]{overlay(inset, shown)}"
        )

    def _filters(self, sizes: set[Size | None]) -> list[str]:
        settings = self._settings
        width, height = self.size
        filters = []
        if any(size is None or _even(size) != size for size in sizes):
            filters.append("crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0")
        # JPEGs have the full range of values, which not every player expects of H.264.
        scale = "scale=out_range=tv"
        if any(size is None or _even(size) != self.size for size in sizes):
            filters += [
                f"{scale}:w={width}:h={height}:{KEEP_SHAPE}",
                f"pad={width}:{height}:-1:-1",
                "setsar=1",
            ]
        else:
            filters.append(scale)
        filters.append("format=yuv420p")
        filters += ["hflip"] * settings.flip_horizontal
        filters += ["vflip"] * settings.flip_vertical
        filters += TRANSPOSE[settings.rotation]
        return filters

    def _arguments(self, graph: str, written: list[str], segment: Path) -> list[str]:
        settings = self._settings
        codec = settings.codec
        filters = [graph, *written]
        if self._held:
            filters.append(f"tpad=stop={self._held}:stop_mode=clone")
        rate = ("-framerate", str(SEGMENT_FPS), "-start_number", "0")
        inset: tuple[str, ...] = ()
        chain_option = ("-filter_threads", "1", "-vf")
        if self.insets:
            inset = (*JPEG_INPUT, *rate, "-i", INSET_PATTERN)
            chain_option = ("-filter_complex_threads", "1", "-filter_complex")
        keyint = HOLD_KEYINT if self._held else settings.keyint
        pixels_per_s = self.size[0] * self.size[1] * SEGMENT_FPS
        return [
            *codec.before,
            *(STRICT if self._strictly else ()),
            *(*JPEG_INPUT, *rate, "-i", PATTERN, *inset),
            *(*chain_option, ",".join([*filters, *codec.filters]), "-an"),
            *("-fps_mode", "passthrough", "-c:v", codec.name, "-threads", "1"),
            *codec.options(settings.crf, keyint, pixels_per_s),
            *("-video_track_timescale", str(TIMESCALE)),
            *("-f", "mp4", file_url(segment)),
        ]


def _inspect_all(frames: Sequence[Path]) -> dict[Path, Picture]:
    return {path: inspect(path) for path in dict.fromkeys(frames)}


def _even(size: Size) -> Size:
    """H.264 in yuv420p has even sizes; the last row or column is cut off."""
    return size[0] // 2 * 2, size[1] // 2 * 2
