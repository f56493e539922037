# Two ways to make a timelapse of frames, measured.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""moonraker-timelapse's way, all at the end of the print; and ours, all along."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.video import (
    FRAMES_PER_SEGMENT,
    EncodeSettings,
    FFmpeg,
    Timing,
    Usage,
    join,
    seal,
)

from .frames import name

if TYPE_CHECKING:
    from pathlib import Path

FPS = 30


@attrs.frozen
class Render:
    """``tail_s`` is what the user waits for after the last frame."""

    video: Path
    tail_s: float
    usage: Usage

    @property
    def size_bytes(self) -> int:
        return self.video.stat().st_size


def render_at_end(ffmpeg: str, folder: Path, count: int, video: Path) -> Render:
    """What moonraker-timelapse runs, with its defaults."""
    command = [ffmpeg, "-v", "error", "-r", str(FPS), "-i", "frame%6d.jpg"]
    command += ["-threads", "2", "-g", "5", "-crf", "23", "-vcodec", "libx264"]
    command += ["-pix_fmt", "yuv420p", "-an", str(video), "-y"]
    began_s = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ChildProcessError(f"{command[0]} ended with {process.returncode}")
    wall_s = time.monotonic() - began_s
    usage = Usage(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss << 10)
    return Render(video, wall_s, usage)


async def render_along(
    ffmpeg: str, folder: Path, count: int, video: Path, crf: float | None
) -> Render:
    """Segments while it prints; at worst, a full one is left for the end."""
    runner = FFmpeg(ffmpeg)
    await runner.features()
    settings = EncodeSettings() if crf is None else EncodeSettings(crf=crf)
    frames = [folder / name(number) for number in range(1, count + 1)]
    usage, segments, tail_s = Usage(), [], 0.0
    pieces = folder / "segments"
    pieces.mkdir(exist_ok=True)
    for first in range(0, count, FRAMES_PER_SEGMENT):
        began_s = time.monotonic()
        piece = frames[first : first + FRAMES_PER_SEGMENT]
        segment = await seal(runner, piece, pieces / f"{first:06d}.mp4", settings)
        tail_s = time.monotonic() - began_s
        settings = attrs.evolve(settings, size=segment.size)
        segments.append(segment.path)
        usage += segment.usage
    began_s = time.monotonic()
    joined = await join(runner, segments, video, Timing(fps=FPS))
    tail_s += time.monotonic() - began_s
    shutil.rmtree(pieces)
    return Render(video, tail_s, usage + joined.usage)


def ssim(ffmpeg: str, folder: Path, video: Path) -> float:
    """How like the frames the video is; of all planes, the mean of all frames."""
    # Newer versions of ffmpeg keep a JPEG's range of values, older ones do not.
    same = "scale=out_range=tv,format=yuv420p"
    compare = f"[0:v]{same}[made];[1:v]{same}[taken];[made][taken]ssim"
    command = [ffmpeg, "-hide_banner", "-r", str(FPS), "-i", str(video)]
    command += ["-r", str(FPS), "-i", "frame%06d.jpg", "-lavfi", compare]
    command += ["-f", "null", "-"]
    said = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True
    ).stderr
    found = re.search(r"SSIM .*All:([\d.]+)", said)
    if found is None:
        raise ValueError("ffmpeg told no SSIM")
    return float(found[1])
