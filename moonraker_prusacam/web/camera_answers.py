# What the web server answers about a camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, streams, their end, and tests.

A snapshot is answered from memory; a stream's socket is taken from aiohttp and given to
the pump. Whatever fails does so before the first byte: a viewer is told by a status and
JSON, never within an answer that began well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from moonraker_prusacam.errors import CameraNotFound, FrameUnavailable

from .access import Admission
from .connection import COMMON_HEADERS, refuse
from .feed import snapshot_headers
from .routes import number, stream_fps, viewer_name
from .stream import BOUNDARY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moonraker_prusacam.camera.examination import Examiner

    from .feed import CameraFeed
    from .pump import StreamPump
    from .routes import Route

MAX_AGE_S = 3600.0
NEWER_TIMEOUT_S = 5.0
WAKE_TIMEOUT_S = 8.0
STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: %b\r\n"
    b"%b"  # which pages may read it
    b"Cache-Control: no-store, no-cache, must-revalidate\r\n"
    b"Pragma: no-cache\r\n"
    b"Expires: 0\r\n"
    b"X-Accel-Buffering: no\r\n"
    b"Connection: close\r\n\r\n"
    b"--%b\r\n"
)
# Set by whoever lets a request in, before it is answered.
ADMISSION = web.RequestKey("ADMISSION", Admission)


class HandedOver(web.Response):
    """Stands for an answer whose socket the pump has: nothing is left to send."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no head; the pump sends its own."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no body."""


class CameraAnswers:
    """Answers requests about the cameras of ``feeds``; raises PrusacamError."""

    def __init__(
        self, feeds: Mapping[str, CameraFeed], pump: StreamPump, examiner: Examiner
    ) -> None:
        self._feeds = feeds
        self._pump = pump
        self._examiner = examiner

    async def snapshot(
        self, request: web.BaseRequest, route: Route
    ) -> web.StreamResponse:
        """The newest frame, or a placeholder where one is wanted."""
        feed = self._feed_of(request, route)
        if _wants_placeholder(request):
            feed.camera.demand.touch()
        else:
            await feed.camera.wake(WAKE_TIMEOUT_S)
        frame = feed.camera.fresh()
        if frame is None:
            if not _wants_placeholder(request):
                feed.camera.latest()  # raises, with the reason
            drawn = await feed.placeholder.wait()
            headers = {**COMMON_HEADERS, "X-Prusacam-Placeholder": drawn.state}
            return web.Response(
                body=drawn.data, content_type="image/jpeg", headers=headers
            )
        max_age_s = number(request.query, "max_age", 0, MAX_AGE_S)
        if max_age_s is not None:
            oldest_ns = time.monotonic_ns() - int(max_age_s * 1e9)
            frame = await feed.camera.wait_newer(oldest_ns, NEWER_TIMEOUT_S)
        return web.Response(
            body=bytes(frame.data),
            content_type="image/jpeg",
            headers=snapshot_headers(feed.camera.name, frame),
        )

    async def stream(
        self, request: web.BaseRequest, route: Route
    ) -> web.StreamResponse:
        """Frames for as long as the viewer stays, at its own pace."""
        feed = self._feed_of(request, route)
        fps = stream_fps(request.query, is_long=route.camera is not None)
        name = viewer_name(request.query)
        channel = feed.marked if _wants_placeholder(request) else feed.live
        if channel is feed.live:
            await feed.camera.wake(WAKE_TIMEOUT_S)
            feed.camera.latest()  # raises, with the reason, when there is none
        feed.camera.demand.touch()
        if self._pump.is_full:
            raise FrameUnavailable("too many viewers; close one, or raise max_viewers")
        if request.method == hdrs.METH_HEAD:
            headers = {**COMMON_HEADERS, "Content-Type": STREAM_TYPE}
            return web.Response(headers=headers)
        transport = request.transport
        if transport is None or transport.is_closing():
            return HandedOver()  # the viewer left already
        if transport.get_write_buffer_size():
            detail = "a stream cannot follow an answer that is still being sent"
            return refuse(400, "Bad Request", detail)
        sock = transport.get_extra_info("socket").dup()
        # Aborting closes aiohttp's descriptor only: the connection lives on in ours.
        transport.abort()
        admission = request[ADMISSION]
        cors = admission.cors.lines
        head = STREAM_HEAD % (STREAM_TYPE.encode(), cors, BOUNDARY)
        self._pump.add(
            sock,
            channel,
            head,
            fps=fps,
            lifetime_s=admission.lifetime_s,
            label=str(admission.address or request.remote or ""),
            name=name or "",
        )
        feed.prime(channel)
        return HandedOver()

    async def stop(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        """End the camera's streams of one name, or all of them, and nothing else."""
        feed = self._feed_of(request, route)
        stopped = feed.dismiss(viewer_name(request.query))
        return web.json_response({"stopped": stopped}, headers=COMMON_HEADERS)

    async def test(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        """Whether the camera works, and if not, how far it comes."""
        feed = self._feed_of(request, route)
        examination = await self._examiner.examine(feed.camera)
        return web.json_response(examination.as_dict(), headers=COMMON_HEADERS)

    def _feed_of(self, request: web.BaseRequest, route: Route) -> CameraFeed:
        name = route.camera or request.query.get("camera")
        if not self._feeds:
            raise CameraNotFound("there is no [camera NAME] in prusacam.conf")
        if name is None:
            return next(iter(self._feeds.values()))
        try:
            return self._feeds[name]
        except KeyError:
            known = ", ".join(self._feeds)
            raise CameraNotFound(f"no camera of that name; there is: {known}") from None


def _wants_placeholder(request: web.BaseRequest) -> bool:
    return request.query.get("placeholder", "0") not in ("", "0")
