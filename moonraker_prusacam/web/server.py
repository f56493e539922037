# The HTTP server that viewers talk to.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, streams and status over HTTP.

aiohttp accepts and parses. A stream's socket is then taken from it and given to the
pump; a snapshot is answered from memory. The spellings of mjpg-streamer
(``/?action=stream``) are served as well, since many clients know only them. Unknown
query parameters are ignored: browsers add theirs against caches.
"""

from __future__ import annotations

import math
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from moonraker_prusacam.errors import (
    CameraNotFound,
    FrameUnavailable,
    PrusacamError,
    RequestError,
)

from .connection import COMMON_HEADERS, Connections, refuse
from .feed import CameraFeed, snapshot_headers
from .stream import BOUNDARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moonraker_prusacam.camera import Camera

    from .front import SnapshotFeed
    from .pump import StreamPump

RETRY_AFTER_S = 2
SHUTDOWN_TIMEOUT_S = 1.0
MIN_FPS = 0.1
MAX_FPS = 120.0
MAX_AGE_S = 3600.0
NEWER_TIMEOUT_S = 5.0
WAKE_TIMEOUT_S = 8.0
METHODS = (hdrs.METH_GET, hdrs.METH_HEAD)
PAGE = resources.files(__package__).joinpath("page", "index.html").read_text("utf-8")
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n"
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Private-Network: true\r\n"
    b"Cache-Control: no-store, no-cache, must-revalidate\r\n"
    b"Pragma: no-cache\r\n"
    b"X-Accel-Buffering: no\r\n"
    b"Connection: close\r\n\r\n"
    b"--" + BOUNDARY + b"\r\n"
)


class HandedOver(web.Response):
    """Stands for an answer whose socket the pump has: nothing is left to send."""

    def __init__(self) -> None:
        super().__init__()
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send no head; the pump sends its own."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send no body."""


class WebServer:
    """Serves ``cameras`` on ``host``:``port``; port 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int,
        cameras: Sequence[Camera],
        pump: StreamPump,
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self._host = host
        self._port = port
        self._pump = pump
        self._status = status
        self._feeds = {camera.name: CameraFeed(camera, pump) for camera in cameras}
        self._routes = {
            "/": self._root,
            "/snapshot.jpg": self._snapshot,
            "/stream.mjpg": self._stream,
            "/status.json": self._status_json,
        }
        self._runner: web.ServerRunner | None = None

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return self._port

    async def start(self) -> None:
        """Listen; raises PrusacamError when the address is taken."""
        self._runner = web.ServerRunner(
            Connections(self._answer, self._find_snapshots),
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise PrusacamError(
                f"cannot listen on {self._host}:{self._port}: "
                f"{error.strerror or error}; set another [engine] port"
            ) from error
        self._port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Stop listening and close all connections. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()
        # Requests that were under way may have opened streams until now.
        for feed in self._feeds.values():
            await feed.aclose()
        await self._pump.aclose()

    def feed(self, camera: Camera) -> CameraFeed:
        """What viewers of ``camera`` are shown."""
        return self._feeds[camera.name]

    def _find_snapshots(self, target: bytes) -> SnapshotFeed | None:
        """What answers a plain request for a snapshot of the first camera."""
        path, _, query = target.partition(b"?")
        is_snapshot = path == b"/snapshot.jpg" or (
            path == b"/" and b"action=snapshot" in query.split(b"&")
        )
        if not is_snapshot or b"camera" in query or b"max_age" in query:
            return None
        return next(iter(self._feeds.values()))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Find who answers; our errors become a status and JSON."""
        answer = self._routes.get(request.path)
        if answer is None:
            return refuse(404, "Not Found", f"there is: {', '.join(self._routes)}")
        if request.method not in METHODS:
            allowed = {"Allow": ", ".join(METHODS)}
            detail = f"{request.path} has GET and HEAD"
            return refuse(405, "Method Not Allowed", detail, allowed)
        try:
            return await answer(request)
        except PrusacamError as error:
            retry = {"Retry-After": str(RETRY_AFTER_S)} if error.retryable else {}
            return refuse(error.http_status, type(error).__name__, str(error), retry)

    def _feed_of(self, request: web.BaseRequest) -> CameraFeed:
        name = request.query.get("camera")
        if name is None:
            return next(iter(self._feeds.values()))
        try:
            return self._feeds[name]
        except KeyError:
            known = ", ".join(self._feeds)
            raise CameraNotFound(f"no camera of that name; there is: {known}") from None

    async def _root(self, request: web.BaseRequest) -> web.StreamResponse:
        action = request.query.get("action")
        if action == "snapshot":
            return await self._snapshot(request)
        if action == "stream":
            return await self._stream(request)
        if action is not None:
            detail = "action is neither 'snapshot' nor 'stream'"
            return refuse(404, "Not Found", detail)
        return web.Response(text=PAGE, content_type="text/html", headers=COMMON_HEADERS)

    async def _snapshot(self, request: web.BaseRequest) -> web.StreamResponse:
        feed = self._feed_of(request)
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
        max_age_s = _number(request, "max_age", 0, MAX_AGE_S)
        if max_age_s is not None:
            oldest_ns = time.monotonic_ns() - int(max_age_s * 1e9)
            frame = await feed.camera.wait_newer(oldest_ns, NEWER_TIMEOUT_S)
        return web.Response(
            body=bytes(frame.data),
            content_type="image/jpeg",
            headers=snapshot_headers(frame),
        )

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        feed = self._feed_of(request)
        fps = _number(request, "fps", MIN_FPS, MAX_FPS)
        channel = feed.marked if _wants_placeholder(request) else feed.live
        if channel is feed.live:
            await feed.camera.wake(WAKE_TIMEOUT_S)
            feed.camera.latest()  # raises, with the reason, when there is none
        feed.camera.demand.touch()
        if self._pump.is_full:
            raise FrameUnavailable("too many viewers; close one, or raise max_viewers")
        if request.method == hdrs.METH_HEAD:
            content_type = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
            headers = {**COMMON_HEADERS, "Content-Type": content_type}
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
        self._pump.add(sock, channel, STREAM_HEAD, fps=fps, label=request.remote or "")
        feed.prime(channel)
        return HandedOver()

    async def _status_json(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002
        return web.json_response(self._status(), headers=COMMON_HEADERS)


def _wants_placeholder(request: web.BaseRequest) -> bool:
    return request.query.get("placeholder", "0") not in ("", "0")


def _number(
    request: web.BaseRequest, name: str, least: float, most: float
) -> float | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise RequestError(f"{name} is not a number from {least:g} to {most:g}")
    return number
