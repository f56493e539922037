# The pure-Python twin of the stream pump.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open streams, each at its own viewer's pace.

A viewer's picture is chosen when its socket can take one, never before: whoever is slow
skips pictures and still sees the newest. A stalled viewer pins one picture and is
closed after a while, and nobody else notices. Pictures are written from where they lie
(``sendmsg``), so N viewers cost no copy in user space.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import attrs

from moonraker_prusacam.errors import ClosedError, PrusacamError

from .stream import (
    DELIMITER,
    NOTSENT_LOWAT_BYTES,
    REPEAT_AFTER_S,
    STALL_TIMEOUT_S,
    TICK_S,
    PumpStats,
    ViewerStats,
    prepare,
)

if TYPE_CHECKING:
    import socket

    from moonraker_prusacam.camera import Frame

BytesLike: TypeAlias = bytes | bytearray | memoryview

DISCARD_BYTES = 4096
MAX_CHANNELS = 64
DELAYS = 256
RATE_WINDOW_S = 1.0


@attrs.frozen(eq=False)
class _Picture:
    part: tuple[memoryview, memoryview, memoryview]
    expires_ns: int | None
    frame: Frame | None = None

    @property
    def is_expired(self) -> bool:
        return self.expires_ns is not None and time.monotonic_ns() >= self.expires_ns


class Channel:
    """One sequence of pictures, and those who watch it."""

    def __init__(self, pump: StreamPump) -> None:
        self._pump = pump
        self._newest: _Picture | None = None
        self._seq = 0  # of the newest frame that was shown
        self._serial = 0
        self._generation = 0
        self._delays_ms: deque[float] = deque(maxlen=DELAYS)

    def show_frame(self, frame: Frame, expires_ns: int) -> None:
        """Make a frame the newest picture, unless a newer one was shown already.

        From ``expires_ns`` (monotonic) on no viewer begins to be sent it: an old frame
        must not stand as a live one.
        """
        self._pump._check_open()  # noqa: SLF001
        is_frame = self._newest is not None and self._newest.frame is not None
        if frame.seq < self._seq or (frame.seq == self._seq and is_frame):
            return
        self._seq = frame.seq
        pieces = frame.part_header, frame.data, DELIMITER
        part = memoryview(pieces[0]), memoryview(pieces[1]), memoryview(pieces[2])
        self._become(_Picture(part, expires_ns, frame))

    @property
    def sink(self) -> None:
        """Nothing: only native code shows frames without Python."""
        return

    def show(
        self, header: BytesLike, data: BytesLike, expires_ns: int | None = None
    ) -> None:
        """Make a picture the newest one.

        ``header`` holds the part's headers with the empty line after them;
        ``expires_ns`` is as for frames.
        """
        self._pump._check_open()  # noqa: SLF001
        part = memoryview(header), memoryview(data), memoryview(DELIMITER)
        self._become(_Picture(part, expires_ns))

    def end(self) -> None:
        """Close the streams of now, each after the part under way."""
        self._newest = None
        self._generation += 1
        self._pump._refresh(self)  # noqa: SLF001

    def dismiss(self, name: str | None = None) -> int:
        """Close streams at once, whatever is under way; how many.

        Those whose viewers called them ``name``, or all.
        """
        return self._pump._dismiss(self, name)  # noqa: SLF001

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return self._pump._watching(self)  # noqa: SLF001

    @property
    def delays_ms(self) -> list[float]:
        """How long the newest frames took from their arrival to a viewer's socket."""
        return list(self._delays_ms)

    def list_viewers(self) -> list[ViewerStats]:
        """What each open stream has got so far."""
        return self._pump._list_viewers(self)  # noqa: SLF001

    @property
    def serial(self) -> int:
        """How many pictures were shown."""
        return self._serial

    def delivered(self, picture: _Picture) -> None:
        """Note that a viewer's socket has taken the whole of ``picture``."""
        if picture.frame is not None:
            self._delays_ms.append(picture.frame.age_s() * 1e3)

    def forget(self) -> None:
        """Keep no frame in memory that nobody watches."""
        if self._newest is not None and self._newest.frame is not None:
            self._newest = None

    def _become(self, picture: _Picture) -> None:
        self._newest = picture
        self._serial += 1
        self._pump._refresh(self)  # noqa: SLF001

    @property
    def newest(self) -> _Picture | None:
        """The picture to send, unless it has expired."""
        picture = self._newest
        return None if picture is None or picture.is_expired else picture

    @property
    def generation(self) -> int:
        """Viewers of an older one are to be closed."""
        return self._generation


class Viewer:
    """One open stream."""

    def __init__(
        self,
        sock: socket.socket,
        channel: Channel,
        head: BytesLike,
        interval_s: float,
        label: str,
        name: str,
    ) -> None:
        self.sock = sock
        self.channel = channel
        self.label = label
        self.name = name
        self.is_waiting = False
        self.timer: asyncio.TimerHandle | None = None
        self.frames = 0
        self.bytes = 0
        self.skipped = 0
        self.opened = self.progress = self._window = time.monotonic()
        self.until = math.inf
        self._window_frames = 0
        self._fps = 0.0
        self._serial = 0
        self._part: _Picture | None = None  # that is under way
        self._generation = channel.generation
        self._interval_s = interval_s
        self._begun = 0.0
        self._shown: _Picture | None = None
        self._unsent: list[memoryview] = [memoryview(head)] if head else []

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended and no part is under way."""
        return not self._unsent and self._generation != self.channel.generation

    @property
    def due(self) -> float | None:
        """When a picture that is held back by the rate may be sent."""
        newest = self.channel.newest
        if not self._interval_s or newest is None or newest is self._shown:
            return None
        return self._begun + self._interval_s

    def step(self, *, repeat: bool) -> bool:
        """Finish the part under way, or begin the newest; False when there is none.

        Raises BlockingIOError when the socket takes no more, other OSError when the
        viewer left.
        """
        if self._unsent:
            self._sent(self._unsent, self.sock.sendmsg(self._unsent))
            return True
        picture = None if self.is_over else self.channel.newest
        if picture is None or (picture is self._shown and not repeat):
            return False
        if self._shown is not None and time.monotonic() < (
            self._begun + self._interval_s
        ):
            return False
        # When this blocks, nothing of the picture is on its way, and a newer one may
        # go instead.
        sent = self.sock.sendmsg(picture.part)
        self._part = self._shown = picture
        self._begun = time.monotonic()
        self._count(self._begun)
        self._sent(list(picture.part), sent)
        return True

    @property
    def stats(self) -> ViewerStats:
        """What the viewer got so far."""
        now = time.monotonic()
        fps, elapsed_s = self._fps, now - self._window
        if elapsed_s > 2 * RATE_WINDOW_S:
            fps = self._window_frames / elapsed_s
        return ViewerStats(
            label=self.label,
            name=self.name,
            fps=fps,
            frames=self.frames,
            skipped=self.skipped,
            bytes=self.bytes,
            age_s=now - self.opened,
        )

    def _count(self, now: float) -> None:
        serial, self._serial = self._serial, self.channel.serial
        if serial:
            self.skipped += max(0, self._serial - serial - 1)
        self.frames += 1
        elapsed_s = now - self._window
        if elapsed_s >= RATE_WINDOW_S:
            self._fps = self._window_frames / elapsed_s
            self._window, self._window_frames = now, 0
        self._window_frames += 1

    def _sent(self, pieces: list[memoryview], count: int) -> None:
        self.progress = time.monotonic()
        self.bytes += count
        while pieces and count >= len(pieces[0]):
            count -= len(pieces.pop(0))
        if count:
            pieces[0] = pieces[0][count:]
        self._unsent = pieces
        if not pieces and self._part is not None:
            self.channel.delivered(self._part)
            self._part = None


class StreamPump:
    """Owns the sockets of all viewers."""

    def __init__(
        self,
        max_viewers: int,
        *,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        repeat_after_s: float = REPEAT_AFTER_S,
        tick_s: float = TICK_S,
        notsent_lowat_bytes: int = NOTSENT_LOWAT_BYTES,
    ) -> None:
        self._max_viewers = max_viewers
        self._stall_timeout_s = stall_timeout_s
        self._repeat_after_s = repeat_after_s
        self._tick_s = tick_s
        self._lowat_bytes = notsent_lowat_bytes
        self._channels = 0
        self._viewers: set[Viewer] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._opened = self._stalled = self._frames = self._bytes = 0
        self._closed = False

    def channel(self) -> Channel:
        """A new channel; there are at most 64."""
        self._check_open()
        if self._channels >= MAX_CHANNELS:
            raise PrusacamError(f"more than {MAX_CHANNELS} streams of pictures")
        self._channels += 1
        return Channel(self)

    def add(
        self,
        sock: socket.socket,
        channel: Channel,
        head: BytesLike,
        *,
        fps: float | None = None,
        lifetime_s: float | None = None,
        label: str = "",
        name: str = "",
    ) -> None:
        """Take a connected socket over and stream ``channel`` into it, after ``head``.

        ``fps`` is how many pictures a second are sent at most; the stream ends after
        ``lifetime_s``, within a tick; ``label`` is for
        ``list_viewers``, ``name`` for that and ``dismiss``. Both are ASCII, of at most
        MAX_LABEL_BYTES.
        """
        self._check_open()
        prepare(sock, self._lowat_bytes)
        interval_s = 0.0 if fps is None else 1 / fps
        viewer = Viewer(sock, channel, head, interval_s, label, name)
        if lifetime_s is not None:
            viewer.until = viewer.opened + lifetime_s
        self._viewers.add(viewer)
        self._opened += 1
        asyncio.get_running_loop().add_reader(sock, self._discard, viewer)
        self._serve(viewer)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self._tick_s, self._tick
            )

    @property
    def is_full(self) -> bool:
        """Whether one more viewer would be too many."""
        return len(self._viewers) >= self._max_viewers

    @property
    def stats(self) -> PumpStats:
        """Counters over all viewers since the start."""
        return PumpStats(
            viewers=len(self._viewers),
            opened=self._opened,
            stalled=self._stalled,
            frames=self._frames + sum(viewer.frames for viewer in self._viewers),
            bytes=self._bytes + sum(viewer.bytes for viewer in self._viewers),
        )

    def has_turned(self) -> bool:
        """Whether the pump works; this twin does as long as the event loop turns."""
        return True

    async def aclose(self) -> None:
        """Close all streams. Idempotent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for viewer in tuple(self._viewers):
            self._close(viewer)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the stream pump is closed")

    def _watching(self, channel: Channel) -> int:
        return sum(viewer.channel is channel for viewer in self._viewers)

    def _list_viewers(self, channel: Channel) -> list[ViewerStats]:
        return [viewer.stats for viewer in self._viewers if viewer.channel is channel]

    def _dismiss(self, channel: Channel, name: str | None) -> int:
        wanted = [
            viewer
            for viewer in self._viewers
            if viewer.channel is channel and name in (None, viewer.name)
        ]
        for viewer in wanted:
            self._close(viewer)
        return len(wanted)

    def _refresh(self, channel: Channel) -> None:
        for viewer in tuple(self._viewers):
            if viewer.channel is channel and not viewer.is_waiting:
                self._serve(viewer)

    def _serve(self, viewer: Viewer, *, repeat: bool = False) -> None:
        """Send as much as the socket takes, the newest picture last."""
        if viewer not in self._viewers:
            return
        try:
            while viewer.step(repeat=repeat):
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
        loop = asyncio.get_running_loop()
        if viewer.is_waiting:
            viewer.is_waiting = False
            loop.remove_writer(viewer.sock)
        if viewer.is_over:
            self._close(viewer)
        elif viewer.timer is None and (due := viewer.due) is not None:
            delay_s = max(0.0, due - time.monotonic())
            viewer.timer = loop.call_later(delay_s, self._resume, viewer)

    def _resume(self, viewer: Viewer) -> None:
        viewer.timer = None
        if not viewer.is_waiting:
            self._serve(viewer)

    def _discard(self, viewer: Viewer) -> None:
        try:
            if not viewer.sock.recv(DISCARD_BYTES):
                self._close(viewer)
        except BlockingIOError:
            pass
        except OSError:
            self._close(viewer)

    def _tick(self) -> None:
        now = time.monotonic()
        for viewer in tuple(self._viewers):
            if now >= viewer.until:
                self._close(viewer)
            elif viewer.is_waiting:
                if now - viewer.progress > self._stall_timeout_s:
                    self._stalled += 1
                    self._close(viewer)
            elif now - viewer.progress > self._repeat_after_s - self._tick_s:
                # Mainsail reconnects after 10 s without a frame, so a still scene is
                # repeated.
                self._serve(viewer, repeat=True)
        self._timer = None
        if self._viewers:
            self._timer = asyncio.get_running_loop().call_later(
                self._tick_s, self._tick
            )

    def _close(self, viewer: Viewer) -> None:
        if viewer not in self._viewers:
            return
        self._viewers.discard(viewer)
        self._frames += viewer.frames
        self._bytes += viewer.bytes
        loop = asyncio.get_running_loop()
        loop.remove_reader(viewer.sock)
        loop.remove_writer(viewer.sock)
        if viewer.timer is not None:
            viewer.timer.cancel()
        viewer.sock.close()
        if not self._watching(viewer.channel):
            viewer.channel.forget()
