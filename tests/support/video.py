# What tests of videos need.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames on disk, every ffmpeg there is, and stand-ins for it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.mp4 import Track, read_track
from moonraker_prusacam.video.ffmpeg import FFmpeg, file_url
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def programs() -> list[str]:
    """Every ffmpeg: the distribution's, and the one of the wheel."""
    found = [program] if (program := shutil.which("ffmpeg")) else []
    with contextlib.suppress(ImportError, RuntimeError):
        import imageio_ffmpeg

        found.append(imageio_ffmpeg.get_ffmpeg_exe())
    return found


def store(folder: Path, pictures: Sequence[bytes]) -> list[Path]:
    """Write frames as files of ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, picture in enumerate(pictures, 1):
        path = folder / f"frame-{number:06d}.jpg"
        path.write_bytes(picture)
        paths.append(path)
    return paths


def frames(folder: Path, count: int, width: int = 160, height: int = 120) -> list[Path]:
    """``count`` different frames on disk."""
    return store(
        folder, [jpeg.picture(width, height, seed=seed) for seed in range(count)]
    )


def script(path: Path, body: str) -> FFmpeg:
    """An ffmpeg that is a shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return FFmpeg(str(path))


def files_in(folder: Path) -> set[str]:
    """The names in ``folder``, hidden ones as well."""
    return {path.name for path in folder.iterdir()}


def is_alive(pid: int) -> bool:
    """Whether there is such a process, be it only to be asked how it ended."""
    return Path(f"/proc/{pid}").exists()


async def track_of(video: Path) -> Track:
    """What the container of ``video`` says."""
    return await asyncio.to_thread(read_track, video)


async def pictures_of(ffmpeg: FFmpeg, video: Path) -> list[str]:
    """A hash of each decoded picture, in the order of their times."""
    arguments = ["-noautorotate", "-i", file_url(video), "-fps_mode", "passthrough"]
    said = await ffmpeg.run([*arguments, "-f", "framemd5", "-"], timeout_s=30)
    lines = said.stdout.splitlines()
    return [line.split(",")[-1].strip() for line in lines if line[0] != "#"]


async def pixels_of(ffmpeg: FFmpeg, video: Path, number: int, folder: Path) -> bytes:
    """The luma of one picture, as players turn it."""
    raw = folder / f"{video.stem}-{number}.gray"
    arguments = ["-i", file_url(video), "-vf", f"select=eq(n\\,{number})"]
    arguments += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", str(raw)]
    await ffmpeg.run(arguments, timeout_s=30)
    return raw.read_bytes()
