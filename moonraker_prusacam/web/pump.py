# Writes frames into viewers' sockets.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open streams, each at its own viewer's pace.

A viewer's frame is chosen when its socket can take one, never before: whoever is slow
skips frames and still sees the newest. A stalled viewer pins one frame and is closed
after STALL_TIMEOUT_S, and nobody else notices. Frames are written from where they lie
(``sendmsg``), so N viewers cost no copy in user space.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

BOUNDARY = b"prusacamframe"
DELIMITER = b"\r\n--" + BOUNDARY + b"\r\n"
STALL_TIMEOUT_S = 30.0
REPEAT_AFTER_S = 2.0
TICK_S = 0.5
# More than this unsent in the kernel would be a queue of old frames.
NOTSENT_LOWAT_BYTES = 64 << 10
DISCARD_BYTES = 4096


class Picture(Protocol):
    """What can be written as one part: a frame, or a placeholder."""

    @property
    def part_header(self) -> bytes:
        """The headers of the part, with the empty line after them."""

    @property
    def data(self) -> bytes:
        """One whole JPEG."""


class Feed(Protocol):
    """What one viewer looks at."""

    def picture(self) -> Picture | None:
        """The newest picture to show, or None when there is none now."""

    @property
    def is_over(self) -> bool:
        """Whether the stream must end, since an old picture would look live."""


class Viewer:
    """One open stream."""

    def __init__(
        self, sock: socket.socket, feed: Feed, head: bytes, now: float
    ) -> None:
        self.sock = sock
        self.feed = feed
        self.is_waiting = False
        self.frames = 0
        self.bytes = 0
        self.opened = self.progress = now
        self._shown: Picture | None = None
        self._unsent: list[memoryview] = [memoryview(head)]

    def step(self, now: float, *, repeat: bool) -> bool:
        """Finish the part under way, or begin the newest; False when there is none.

        Raises BlockingIOError when the socket takes no more, other OSError when the
        viewer left.
        """
        if self._unsent:
            self._sent(self._unsent, self.sock.sendmsg(self._unsent), now)
            return True
        picture = self.feed.picture()
        if picture is None or (picture is self._shown and not repeat):
            return False
        part = [picture.part_header, picture.data, DELIMITER]
        # When this blocks, nothing of the picture is on its way, and a newer one may
        # go instead.
        sent = self.sock.sendmsg(part)
        self._shown = picture
        self.frames += 1
        self._sent([memoryview(piece) for piece in part], sent, now)
        return True

    def _sent(self, pieces: list[memoryview], count: int, now: float) -> None:
        self.progress = now
        self.bytes += count
        while pieces and count >= len(pieces[0]):
            count -= len(pieces.pop(0))
        if count:
            pieces[0] = pieces[0][count:]
        self._unsent = pieces


@attrs.frozen
class PumpStats:
    """Counters over all viewers since the start."""

    viewers: int
    opened: int
    stalled: int
    frames: int
    bytes: int


class StreamPump:
    """Owns the sockets of all viewers."""

    def __init__(
        self,
        max_viewers: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        notsent_lowat_bytes: int = NOTSENT_LOWAT_BYTES,
    ) -> None:
        self._max_viewers = max_viewers
        self._clock = clock
        self._lowat = notsent_lowat_bytes
        self._viewers: set[Viewer] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._opened = self._stalled = self._frames = self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether one more viewer would be too many."""
        return len(self._viewers) >= self._max_viewers

    @property
    def stats(self) -> PumpStats:
        """Counters for the status page."""
        return PumpStats(
            viewers=len(self._viewers),
            opened=self._opened,
            stalled=self._stalled,
            frames=self._frames + sum(viewer.frames for viewer in self._viewers),
            bytes=self._bytes + sum(viewer.bytes for viewer in self._viewers),
        )

    def watching(self, feed: Feed) -> int:
        """How many viewers look at ``feed``."""
        return sum(viewer.feed is feed for viewer in self._viewers)

    def add(self, sock: socket.socket, feed: Feed, head: bytes) -> None:
        """Take over a connected socket and stream ``feed`` into it, after ``head``."""
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self._lowat)
        viewer = Viewer(sock, feed, head, self._clock())
        self._viewers.add(viewer)
        self._opened += 1
        asyncio.get_running_loop().add_reader(sock, self._discard, viewer)
        self._serve(viewer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def refresh(self) -> None:
        """Tell viewers that their feeds may have a new picture."""
        for viewer in tuple(self._viewers):
            if not viewer.is_waiting:
                self._serve(viewer)

    async def aclose(self) -> None:
        """Close all streams. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for viewer in tuple(self._viewers):
            self._close(viewer)

    def _serve(self, viewer: Viewer, *, repeat: bool = False) -> None:
        """Send as much as the socket takes, the newest picture last."""
        try:
            while viewer.step(self._clock(), repeat=repeat):
                repeat = False
        except BlockingIOError:
            if not viewer.is_waiting:
                viewer.is_waiting = True
                loop = asyncio.get_running_loop()
                loop.add_writer(viewer.sock, self._serve, viewer)
        except OSError:
            self._close(viewer)  # the viewer left
        else:
            self._rest(viewer)

    def _rest(self, viewer: Viewer) -> None:
        if viewer.is_waiting:
            viewer.is_waiting = False
            asyncio.get_running_loop().remove_writer(viewer.sock)
        if viewer.feed.is_over:
            self._close(viewer)

    def _discard(self, viewer: Viewer) -> None:
        try:
            if not viewer.sock.recv(DISCARD_BYTES):
                self._close(viewer)
        except BlockingIOError:
            pass
        except OSError:
            self._close(viewer)

    def _tick(self) -> None:
        now = self._clock()
        for viewer in tuple(self._viewers):
            if viewer.is_waiting:
                if now - viewer.progress > STALL_TIMEOUT_S:
                    self._stalled += 1
                    self._close(viewer)
            elif now - viewer.progress > REPEAT_AFTER_S - TICK_S:
                # Mainsail reconnects after 10 s without a frame, so a still scene is
                # repeated.
                self._serve(viewer, repeat=True)
        self._timer = None
        if self._viewers:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _close(self, viewer: Viewer) -> None:
        if viewer not in self._viewers:
            return
        self._viewers.discard(viewer)
        self._frames += viewer.frames
        self._bytes += viewer.bytes
        loop = asyncio.get_running_loop()
        loop.remove_reader(viewer.sock)
        loop.remove_writer(viewer.sock)
        viewer.sock.close()
