# Pictures of a camera that makes no JPEGs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ffmpeg reads the device and writes MJPEG.

Old and cheap cameras give raw pictures only, some others H.264. The arguments suit
every ffmpeg from 4.3 on.
"""

from __future__ import annotations

import asyncio
import errno
import os
from fractions import Fraction
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.child import running
from moonraker_prusacam.camera.complaint import advice, complaint, ending
from moonraker_prusacam.camera.rtsp.decoder import quantiser
from moonraker_prusacam.camera.sources.output import read_output
from moonraker_prusacam.errors import (
    FfmpegMissing,
    SourceError,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.ffmpeg_program import find_ffmpeg

from .device import CallFailed
from .modes import FFMPEG_NAMES, written
from .trouble import explain

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.camera.child import Child
    from moonraker_prusacam.camera.receiver import Receiver

    from .modes import Mode

# What ffmpeg repeats of what the kernel told it.
TOLD_ERRORS = (errno.EBUSY, errno.ENOSPC, errno.ENODEV, errno.EIO, errno.ENOMEM)
NO_DEMUXER = "Unknown input format"


async def transcode(
    path: str,
    mode: Mode,
    fps: float,
    quality: int,
    ffmpeg: Path | None,
    receiver: Receiver,
    silence_s: float,
) -> None:
    """Receive the pictures of the device at ``path`` until ffmpeg ends.

    At most about ``fps`` a second; raises SourceError.
    """
    try:
        program = await asyncio.to_thread(find_ffmpeg, ffmpeg)
    except FfmpegMissing as error:
        raise SourceUnfit(
            f"{path} gives {mode.format_name}, which ffmpeg has to make JPEGs of",
            advice=str(error),
        ) from error
    async with running(command(program, path, mode, fps, quality)) as child:
        receiver.reached(Stage.AUTHENTICATED)
        await read_output(child, receiver, silence_s)
        await child.left()
    raise await asyncio.to_thread(_why, path, child)


def command(ffmpeg: str, path: str, mode: Mode, fps: float, quality: int) -> list[str]:
    """What writes the device's pictures as MJPEG to its output."""
    rate = 1 / (mode.interval_s or 1 / Fraction(fps))
    each = max(1, round(rate / fps))
    rate_out = f"{float(rate / each):g}"
    return [
        *(ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"),
        *("-threads", "1", "-flags", "low_delay"),
        *("-f", "v4l2", "-input_format", FFMPEG_NAMES[mode.format_name]),
        *("-video_size", written(mode.size), "-framerate", str(rate)),
        *("-i", path, "-map", "0:v:0"),
        # A camera gives fewer pictures in the dark. Numbered evenly, none is doubled.
        *("-vf", f"framestep={each},setpts=N/{rate_out}/TB", "-r", rate_out),
        *("-c:v", "mjpeg", "-q:v", str(quantiser(quality)), "-threads", "1"),
        # Huffman tables fitted to each picture cost more than they save here.
        *("-huffman", "default", "-f", "mjpeg", "-flush_packets", "1", "pipe:1"),
    ]


def _why(path: str, child: Child) -> SourceError:
    """Why ffmpeg ended, in words."""
    told = child.stderr
    for number in TOLD_ERRORS:
        if os.strerror(number) in told:
            return explain(CallFailed("ffmpeg", number), path)
    if NO_DEMUXER in told:
        return SourceUnfit(
            f"{child.name} cannot read {path}: it was built without V4L2",
            advice="sudo apt install ffmpeg",
        )
    reason = f"{child.name}, which reads {path}, {ending(child.returncode)}"
    line = complaint(told)
    return SourceUnavailable(
        f"{reason}: {line}" if line else reason, advice=advice(told)
    )
