# What viewers of one camera are shown.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a camera to the pump's channels.

A live frame; or else, for those who asked for one, a placeholder; or else nothing. A
frame takes with it the moment from which it is too old, so that no viewer is sent an
old picture as a live one, whatever this process is busy with.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.camera.frame import part_header

from .connection import COMMON_HEADERS
from .placeholder import PlaceholderCache
from .thumbnail import without_thumbnails

if TYPE_CHECKING:
    from moonraker_prusacam.camera import Camera, Frame

    from .pump import Channel, StreamPump


@attrs.frozen
class ReadySnapshot:
    """The whole answer to a request for a snapshot, made once a frame."""

    frame: Frame
    head: bytes

    @property
    def data(self) -> memoryview:
        """The JPEG."""
        return self.frame.data


class CameraFeed:
    """Two channels of one camera: ``live`` frames, and those ``marked`` where none are.

    Streams of ``live`` end with the last live frame, those of ``marked`` never.
    """

    def __init__(self, camera: Camera, pump: StreamPump) -> None:
        self.camera = camera
        self.live = pump.channel()
        self.marked = pump.channel()
        self.placeholder = PlaceholderCache(camera, self._show_placeholder)
        self._snapshot: ReadySnapshot | None = None
        self._stale_after_ns = int(camera.config.stale_after_s * 1e9)
        camera.on_frame.append(self._frame_arrived)
        camera.on_status.append(self._status_changed)

    async def aclose(self) -> None:
        """Let go of the camera. Idempotent."""
        if self._frame_arrived in self.camera.on_frame:
            self.camera.on_frame.remove(self._frame_arrived)
            self.camera.on_status.remove(self._status_changed)
        await self.placeholder.aclose()

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return self.live.viewers + self.marked.viewers

    @property
    def snapshot(self) -> ReadySnapshot | None:
        """The newest frame as an answer, unless it is too old."""
        frame = self.camera.fresh()
        if frame is None:
            return None
        if self._snapshot is None or self._snapshot.frame is not frame:
            headers = {
                **snapshot_headers(frame),
                "Content-Type": "image/jpeg",
                "Content-Length": str(len(frame.data)),
                "Date": formatdate(frame.wall_time, usegmt=True),
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("ascii")
            self._snapshot = ReadySnapshot(frame, head)
        return self._snapshot

    def prime(self, channel: Channel) -> None:
        """Make ``channel`` show what is true now: without viewers nothing is shown."""
        frame = self.camera.fresh()
        if frame is not None:
            self._show(frame, channel)
        elif channel is self.marked:
            self._show_placeholder()

    def _frame_arrived(self, frame: Frame) -> None:
        self._show(frame, *(one for one in (self.live, self.marked) if one.viewers > 0))

    def _show(self, frame: Frame, *channels: Channel) -> None:
        if not channels:
            return
        whole, header = frame.data, frame.part_header
        data = without_thumbnails(whole)
        if data is not whole:
            header = part_header(len(data), frame.wall_time)
        for channel in channels:
            channel.show(header, data, frame.last_ns + self._stale_after_ns)

    def _status_changed(self, camera: Camera) -> None:
        if camera.fresh() is None:
            self.live.end()
            self._show_placeholder()

    def _show_placeholder(self) -> None:
        """Show the placeholder, now or when it is drawn."""
        if self.camera.fresh() is None and (drawn := self.placeholder.get()):
            self.marked.show(drawn.part_header, drawn.data)


def snapshot_headers(frame: Frame) -> dict[str, str]:
    """What a snapshot's answer tells of its frame, and the headers of all answers."""
    return {
        **COMMON_HEADERS,
        "X-Timestamp": f"{frame.wall_time:.6f}",
        "X-Frame-Seq": str(frame.seq),
    }
