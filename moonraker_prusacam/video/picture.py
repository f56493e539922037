# JPEG files as ffmpeg is given them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds out which files are pictures, and of what size, before and after ffmpeg tries.

A file from a camera is a JPEG or nothing: no other format is tried on it, least of all
a playlist that names other files.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.camera.scanner import Scanner
from moonraker_prusacam.errors import RenderError

from .ffmpeg import MEMORY_LIMIT_BYTES, frames_told
from .staging import numbered, workspace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .ffmpeg import FFmpeg

CHECK_TIMEOUT_S = 30.0
MAX_FRAME_BYTES = 64 << 20
FULL_HD_PIXELS = 1920 * 1080
PATTERN = "%06d.jpg"
JPEG_INPUT = (
    *("-format_whitelist", "image2", "-codec_whitelist", "mjpeg"),
    *("-noautorotate", "-threads", "1", "-f", "image2", "-c:v", "mjpeg"),
)
STRICT = ("-err_detect", "explode")

Size = tuple[int, int]


@attrs.frozen
class Picture:
    """What the bytes of a file say; ``size`` is None where it is no JPEG at all."""

    size: Size | None
    is_whole: bool


def inspect(path: Path) -> Picture:
    """Look at a file, without decoding it; what cannot be read is no picture."""
    try:
        data = path.read_bytes()
    except OSError:
        return Picture(None, is_whole=False)
    for frame in Scanner(max_frame_bytes=MAX_FRAME_BYTES).feed(data):
        return Picture((frame.width, frame.height), is_whole=True)
    return Picture(_size_of_part(data), is_whole=False)


def _size_of_part(data: bytes) -> Size | None:
    """The size in the header of a JPEG that has no end."""
    position = 2
    while data[:2] == b"\xff\xd8" and data[position : position + 1] == b"\xff":
        code = data[position + 1 : position + 2]
        fields = data[position + 2 : position + 9]
        if len(fields) < 7:
            break
        if code in (b"\xc0", b"\xc1", b"\xc2"):
            height, width = (int.from_bytes(fields[at : at + 2]) for at in (3, 5))
            return (width, height) if width and height else None
        position += 2 + int.from_bytes(fields[:2])
    return None


async def undecodable(
    ffmpeg: FFmpeg, paths: Iterable[Path], *, strictly: bool
) -> set[Path]:
    """Those of ``paths`` that ffmpeg makes no picture of; one process a file."""
    files = list(dict.fromkeys(paths))
    links = numbered(files, ".jpg")
    found = set()
    async with workspace(links, ffmpeg.scratch) as folder:
        for name, path in links.items():
            arguments = [*(STRICT if strictly else ()), *JPEG_INPUT]
            arguments += ["-pattern_type", "none", "-i", name]
            arguments += ["-frames:v", "1", "-f", "null", "-progress", "pipe:1", "-"]
            picture = await asyncio.to_thread(inspect, path)
            try:
                completed = await ffmpeg.run(
                    arguments,
                    timeout_s=CHECK_TIMEOUT_S,
                    folder=folder,
                    memory_limit_bytes=memory_limit([picture.size]),
                )
            except RenderError:
                found.add(path)
            else:
                if frames_told(completed.stdout) != 1:
                    found.add(path)
    return found


def memory_limit(sizes: Iterable[Size | None]) -> int:
    """What ffmpeg may take for pictures of these sizes, in bytes."""
    pixels = max((size[0] * size[1] for size in sizes if size), default=0)
    return round(MEMORY_LIMIT_BYTES * max(1.0, pixels / FULL_HD_PIXELS))
