# What viewers of one camera are shown.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a camera to the pump's channels.

A live frame; or else, for those who asked for one, a placeholder; or else nothing.
Frames go from the camera's thread to the pump's without Python, where both are
compiled, and take with them the moment from which they are too old: no viewer is sent
an old picture as a live one, whatever this process is busy with.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import attrs

from .access import TO_ALL
from .connection import COMMON_HEADERS
from .placeholder import PlaceholderCache

if TYPE_CHECKING:
    from moonraker_prusacam.camera import Camera, Frame

    from .access import Admission, Cors
    from .pump import Channel, StreamPump
    from .stream import ViewerStats

UNQUOTABLE = re.compile(r"[^A-Za-z0-9_. -]")


@attrs.frozen
class ReadySnapshot:
    """The whole answer to a request for a snapshot, made once a frame."""

    pieces: tuple[bytes, memoryview]
    size: int


@attrs.frozen
class AdmittedFeed:
    """Snapshots of ``feed`` for as long as somebody is let in."""

    feed: CameraFeed
    admission: Admission

    @property
    def snapshot(self) -> ReadySnapshot | None:
        """The newest one; None as well where it has to be decided anew."""
        if time.monotonic() >= self.admission.until_s:
            return None
        return self.feed.snapshot_for(self.admission.cors)


class CameraFeed:
    """Two channels of one camera: ``live`` frames, and those ``marked`` where none are.

    Streams of ``live`` end with the last live frame, those of ``marked`` never.
    """

    def __init__(self, camera: Camera, pump: StreamPump) -> None:
        self.camera = camera
        self.live = pump.channel()
        self.marked = pump.channel()
        self.placeholder = PlaceholderCache(camera, self._show_placeholder)
        # Of the newest frame, by the lines that tell which pages may read it.
        self._frame: Frame | None = None
        self._snapshots: dict[bytes, ReadySnapshot] = {}
        self._stale_after_ns = int(camera.config.stale_after_s * 1e9)
        # The camera holds on to the sinks, and they to the pump, until it is closed.
        if not camera.show_in([self.live.sink, self.marked.sink]):
            camera.subscribe(self._frame_arrived)
        camera.on_status.append(self._status_changed)
        camera.demand.count(lambda: self.viewers)

    async def aclose(self) -> None:
        """Let go of the camera. Idempotent."""
        self.camera.unsubscribe(self._frame_arrived)
        if self._status_changed in self.camera.on_status:
            self.camera.on_status.remove(self._status_changed)
        await self.placeholder.aclose()

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return self.live.viewers + self.marked.viewers

    @property
    def snapshot(self) -> ReadySnapshot | None:
        """The newest frame as an answer for everybody, unless it is too old."""
        return self.snapshot_for(TO_ALL)

    def snapshot_for(self, cors: Cors) -> ReadySnapshot | None:
        """The newest frame as an answer for the pages of ``cors``."""
        if self.camera.config.on_demand:
            self.camera.demand.touch()
        frame = self.camera.fresh()
        if frame is None:
            return None
        if self._frame is not frame:
            self._frame = frame
            self._snapshots.clear()
        ready = self._snapshots.get(cors.lines)
        if ready is None:
            ready = self._snapshots[cors.lines] = self._make_snapshot(frame, cors)
        return ready

    def _make_snapshot(self, frame: Frame, cors: Cors) -> ReadySnapshot:
        headers = {
            **snapshot_headers(self.camera.name, frame),
            "Content-Type": "image/jpeg",
            "Content-Length": str(len(frame.data)),
            "Date": formatdate(frame.wall_time, usegmt=True),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = b"HTTP/1.1 200 OK\r\n%b%b\r\n" % (cors.lines, lines.encode("ascii"))
        pieces = head, frame.data
        return ReadySnapshot(pieces, sum(map(len, pieces)))

    def prime(self, channel: Channel) -> None:
        """Make ``channel`` show what is true now: without viewers nothing is shown."""
        frame = self.camera.fresh()
        if frame is not None:
            channel.show_frame(frame, frame.last_ns + self._stale_after_ns)
        elif channel is self.marked:
            self._show_placeholder()

    def dismiss(self, name: str | None) -> int:
        """End at once the streams of that name, or all; how many."""
        return self.live.dismiss(name) + self.marked.dismiss(name)

    def list_viewers(self) -> list[ViewerStats]:
        """What each open stream has got so far."""
        return [*self.live.list_viewers(), *self.marked.list_viewers()]

    @property
    def delays_ms(self) -> list[float]:
        """How long frames took from their arrival to a viewer's socket."""
        return [*self.live.delays_ms, *self.marked.delays_ms]

    def _frame_arrived(self, frame: Frame) -> None:
        for channel in (self.live, self.marked):
            if channel.viewers > 0:
                channel.show_frame(frame, frame.last_ns + self._stale_after_ns)

    def _status_changed(self, camera: Camera) -> None:
        if camera.fresh() is None:
            self.live.end()
            self._show_placeholder()
        elif self.marked.viewers > 0:
            # The placeholder may have been shown after the frame that replaces it.
            self.prime(self.marked)

    def _show_placeholder(self) -> None:
        """Show the placeholder, now or when it is drawn."""
        if self.camera.fresh() is None and (drawn := self.placeholder.get()):
            self.marked.show(drawn.part_header, drawn.data)


def snapshot_headers(camera: str, frame: Frame) -> dict[str, str]:
    """What a snapshot's answer tells of its frame, and the headers of all answers."""
    # Names need no quoting beyond this; but a header is no place to rely on it.
    name = UNQUOTABLE.sub("_", f"snapshot_{camera}.jpg")
    return {
        **COMMON_HEADERS,
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Timestamp": f"{frame.wall_time:.6f}",
        "X-Frame-Seq": str(frame.seq),
    }
