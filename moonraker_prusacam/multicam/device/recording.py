# One recording of a camera, from its order to its file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for an instant, writes the frames from then on, and makes the file final.

The first frame of the file is the first one that came at or after the instant. Once a
second what has come is made durable, in a thread: a slow disk delays nobody, and the
ring says how many frames it had to give up.
"""

from __future__ import annotations

import asyncio
import enum
import logging
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import MultiCamError, MultiCamRefused, VideoDamaged

from .movie import Movie
from .pace import Ahead, Thinning, period_s

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.disk import DiskGuard

    from .recordings import Recorded, Recordings
    from .ring import FrameRing, RingFrame

log = logging.getLogger(__name__)

FRAGMENT_S = 1.0
"""How much a crash costs at most, and how often the disk has work."""

DISK_SHARE = 0.75
"""Of what is free; others write as well, and what is recorded is encoded afterwards."""

TRIM_BYTES = 64 << 20
"""After so much of it older recordings make room, where all have a limit."""


class RecordingState(enum.Enum):
    """How far a recording is."""

    SCHEDULED = "scheduled"
    RECORDING = "recording"
    STOPPING = "stopping"
    DONE = "done"


@attrs.frozen
class RecordingLimits:
    """What ends a recording that nobody stops, and how many frames it has a second.

    ``fps`` 0 takes all.
    """

    disk: DiskGuard
    max_length_s: float
    max_bytes: int
    fps: float = 0.0


class Recording:
    """The frames of ``ring`` from ``target_s`` on, Unix seconds, until ``stop``.

    ``settled`` is set when it has begun, with ``first``, or is over without that.
    """

    def __init__(
        self,
        ring: FrameRing,
        recordings: Recordings,
        limits: RecordingLimits,
        target_s: float,
        ahead: Ahead | None = None,
    ) -> None:
        self.target_s = target_s
        self.state = RecordingState.SCHEDULED
        self.first: RingFrame | None = None
        self.missed = 0
        self.settled = asyncio.Event()
        self._ring = ring
        self._recordings = recordings
        self._limits = limits
        self._number = ring.first_at(target_s)
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()
        self._movie: Movie | None = None
        self._reason = ""
        self._trimmed_bytes = 0
        self._thinning = Thinning(limits.fps)
        self._ahead = ahead or Ahead()
        self._is_told_slowed = False

    @property
    def frames(self) -> int:
        """How many the file has, or will have with the next fragment."""
        return self._movie.frames if self._movie is not None else 0

    @property
    def next_number(self) -> int:
        """The number of the oldest frame of the ring that is not in the file yet."""
        return self._number

    def is_due(self, now_s: float) -> bool:
        """Whether nothing but its first frame is awaited at ``now_s``, Unix seconds."""
        return (
            self.state is RecordingState.SCHEDULED
            and not self._stopped.is_set()
            and self.target_s <= now_s
        )

    def stop(self) -> None:
        """End it with the newest frame. Idempotent."""
        if self.state is RecordingState.RECORDING:
            self.state = RecordingState.STOPPING
        self._stopped.set()
        self._news.set()

    async def run(self) -> Recorded:
        """Record until ``stop``, a limit or an error; the file, which is final.

        Raises MultiCamRefused where no frame came, and MultiCamError where the disk
        fails; what is on it then is recovered at the next start. Cancelled, it leaves
        the file to the recovery.
        """
        try:
            return await self._run()
        except (OSError, VideoDamaged) as error:
            raise MultiCamError(f"the recording cannot be written: {error}") from error
        finally:
            self.state = RecordingState.DONE
            self.settled.set()
            if self._movie is not None:
                self._movie.close()

    async def _run(self) -> Recorded:
        first = await self._wait_for_first()
        self.first = first
        stopped = self._stopped.is_set()
        self.state = RecordingState.STOPPING if stopped else RecordingState.RECORDING
        part = await asyncio.to_thread(self._recordings.part, first.unix_s)
        self._movie = movie = await asyncio.to_thread(self._create, part, first)
        self.settled.set()
        try:
            while await self._write(movie) and not await self._is_stopped():
                pass
            await self._write(movie)
        except OSError as error:
            # What was on the disk before is whole, and can be finished as a rule.
            self._reason = f"the disk: {error}"
        self.state = RecordingState.STOPPING
        if self._reason:
            log.warning("The recording %s ends: %s", part.stem, self._reason)
        await asyncio.to_thread(movie.finish)
        return await asyncio.to_thread(self._recordings.publish, part)

    def _create(self, part: Path, first: RingFrame) -> Movie:
        lacking = self._limits.disk.lacking_for(len(first.data))
        if lacking:
            raise MultiCamRefused(f"the disk lacks {lacking >> 20} MiB")
        return Movie.create(part, first)

    async def _wait_for_first(self) -> RingFrame:
        """The first frame at or after the target; raises MultiCamRefused if stopped."""
        self._ring.on_frame.append(self._news.set)
        try:
            while not self._stopped.is_set():
                self._news.clear()
                for frame in self._ring.since(self._number):
                    if frame.unix_s >= self.target_s:
                        # It is written with the first fragment.
                        self._number = frame.number
                        return frame
                    self._number = frame.number + 1
                await self._news.wait()
        finally:
            self._ring.on_frame.remove(self._news.set)
        raise MultiCamRefused("no frame of the recording has come")

    async def _is_stopped(self) -> bool:
        """Wait for a fragment's time, or until the end; whether that is it."""
        if self._reason:
            return True
        try:
            async with asyncio.timeout(FRAGMENT_S):
                await self._stopped.wait()
        except TimeoutError:
            return False
        return True

    async def _write(self, movie: Movie) -> bool:
        """Make durable what has come; False where no more may be recorded."""
        frames = self._ring.since(self._number)
        if not frames or self._reason:
            return not self._reason
        self.missed += frames[0].number - self._number
        self._number = frames[-1].number + 1
        came, frames = frames, self._thinning.kept(frames)
        if self._thinning.is_slowed and len(frames) < len(came):
            self._tell_slowed()
        size_bytes = sum(len(frame.data) for frame in frames)
        room_bytes = await asyncio.to_thread(self._limits.disk.room_bytes)
        if size_bytes > room_bytes:
            self._reason = "the disk has no more room for it"
        elif movie.duration_s > self._limits.max_length_s:
            self._reason = f"{self._limits.max_length_s:g} s are the most"
        elif movie.size_bytes + size_bytes > self._limits.max_bytes:
            self._reason = f"{self._limits.max_bytes >> 20} MiB are the most"
        else:
            await asyncio.to_thread(movie.add, frames)
            if frames:
                self._ration(movie, room_bytes, size_bytes / len(frames), came[-1])
            if movie.size_bytes > self._trimmed_bytes + TRIM_BYTES:
                self._trimmed_bytes = movie.size_bytes
                left_bytes = self._limits.max_bytes - movie.size_bytes
                await asyncio.to_thread(self._recordings.trim, left_bytes)
        return not self._reason

    def _ration(
        self, movie: Movie, room_bytes: float, frame_bytes: float, newest: RingFrame
    ) -> None:
        """Take so many frames a second that the room suffices to the end."""
        assert self.first is not None  # noqa: S101
        passed_s = (newest.first_ns - self.first.first_ns) / 1e9
        if not passed_s:
            return  # nobody knows how many there are
        camera_period_s = passed_s / (newest.number - self.first.number)
        own_bytes = self._limits.max_bytes - movie.size_bytes
        room_bytes = min(own_bytes, room_bytes * DISK_SHARE)
        ahead_s = self._ahead.seconds(movie.duration_s)
        needed_s = period_s(room_bytes, ahead_s, frame_bytes)
        # Frames that were late come at once: none is left out where all have room.
        self._thinning.slow(needed_s if needed_s > camera_period_s else 0.0)

    def _tell_slowed(self) -> None:
        if not self._is_told_slowed:
            self._is_told_slowed = True
            log.info(
                "A recording keeps %.3g frames a second for now, so that there is room "
                "until its end",
                self._thinning.fps,
            )
