# Frames into a video, by ffmpeg.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ffmpeg as the least important process of the host.

ffmpeg gets an explicit list of files, never a pattern: at the first gap a pattern ends
the video, with exit status 0. What came out is counted before it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import RenderError

from .video.ffmpeg import find_ffmpeg as find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

LIST = "frames.ffconcat"
START_TIMEOUT_S = 120.0
FRAME_TIMEOUT_S = 5.0
COUNT_TIMEOUT_S = 300.0
TERMINATE_TIMEOUT_S = 5.0
STDERR_TAIL_BYTES = 4096
# A lookahead of 2 frames and few references keep x264 small on a 1 GB host.
X264_PARAMS = "rc-lookahead=2:bframes=1:ref=1:keyint=25"
# Each wraps the next command. All come with Debian's essential packages; what is
# absent is left out.
LOW_PRIORITY = (
    ("setpriv", "--pdeathsig", "KILL"),
    ("chrt", "--idle", "0"),
    ("ionice", "-c", "3"),
    ("nice", "-n", "19"),
)


class Encoder:
    """Encodes frames, one process at a time."""

    def __init__(self, ffmpeg: str, *, fps: float, crf: int) -> None:
        self._ffmpeg = ffmpeg
        self._fps = fps
        self._crf = crf

    async def encode(self, frames: Sequence[Path], video: Path) -> None:
        """Write ``frames``, all from one folder, to ``video`` and count them there.

        Raises RenderError; a partial file is removed.
        """
        folder = frames[0].parent
        listing = folder / LIST
        await asyncio.to_thread(self._write_list, frames, listing)
        try:
            await self._run(
                self._encode_arguments(video),
                folder,
                START_TIMEOUT_S + FRAME_TIMEOUT_S * len(frames),
            )
            count = await self.count(video)
            if count != len(frames):
                raise RenderError(f"the video has {count} of {len(frames)} frames")
        except BaseException:
            await asyncio.to_thread(video.unlink, missing_ok=True)
            raise
        finally:
            await asyncio.to_thread(listing.unlink, missing_ok=True)

    def _write_list(self, frames: Sequence[Path], listing: Path) -> None:
        entries = "".join(f"file '{frame.name}'\n" for frame in frames)
        listing.write_text(f"ffconcat version 1.0\n{entries}")

    async def count(self, video: Path) -> int:
        """How many frames the container of ``video`` holds."""
        return await self._count(video, "-c", "copy")

    async def count_decoded(self, video: Path) -> int:
        """How many frames of ``video`` can really be decoded; slow."""
        return await self._count(video, "-fps_mode", "passthrough")

    async def can_decode(self, frame: Path) -> bool:
        """Whether ``frame`` makes a picture."""
        try:
            return await self._count(frame) == 1
        except RenderError:
            return False

    async def _count(self, video: Path, *output: str) -> int:
        arguments = ["-i", str(video), "-map", "0:v:0", *output]
        arguments += ["-f", "null", "-progress", "pipe:1", "-"]
        progress = await self._run(arguments, video.parent, COUNT_TIMEOUT_S)
        counts = [
            line.partition("=")[2].strip()
            for line in progress.splitlines()
            if line.startswith("frame=")
        ]
        if not counts or not counts[-1].isdigit():
            raise RenderError("ffmpeg did not count the frames of the video")
        return int(counts[-1])

    def _encode_arguments(self, video: Path) -> list[str]:
        fps = f"{self._fps:g}"
        # yuv420p wants even sizes.
        filters = "scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p"
        return [
            # Every frame gets its own instant from the input's -r, whatever durations
            # the demuxer makes up. A filter could not count them: it starts anew where
            # the camera changes its size or its colours.
            *("-r", fps, "-f", "concat", "-safe", "0", "-i", LIST),
            *("-vf", filters, "-r", fps, "-an"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", str(self._crf)),
            *("-x264-params", X264_PARAMS, "-threads", "1"),
            *("-movflags", "+faststart", "-f", "mp4", str(video)),
        ]

    async def _run(
        self, arguments: Sequence[str], folder: Path, timeout_s: float
    ) -> str:
        command = await asyncio.to_thread(_low_priority)
        command += [self._ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y"]
        command += ["-loglevel", "error", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                stdout, stderr = await process.communicate()
        except TimeoutError:
            raise RenderError(f"ffmpeg took longer than {timeout_s:.0f} s") from None
        finally:
            await _end(process)
        tail = stderr[-STDERR_TAIL_BYTES:].decode(errors="replace").strip()
        if process.returncode != 0:
            last = tail.splitlines()[-1] if tail else "it said nothing"
            raise RenderError(
                f"ffmpeg failed with status {process.returncode}: {last}",
                returncode=process.returncode,
                stderr_tail=tail,
            )
        if tail:
            log.warning("ffmpeg: %s", tail)
        return stdout.decode(errors="replace")


def _low_priority() -> list[str]:
    return [part for wrap in LOW_PRIORITY if shutil.which(wrap[0]) for part in wrap]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate, wait, kill; nothing where the process has ended."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TERMINATE_TIMEOUT_S):
                await process.wait()
