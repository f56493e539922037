# The HTTP server that viewers talk to.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, streams and status over HTTP.

aiohttp accepts and parses. The spellings of mjpg-streamer (``/?action=stream``) are
served as well, since many clients know only them. Unknown query parameters are ignored:
browsers add theirs against caches.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from moonraker_prusacam.camera.examination import Examiner
from moonraker_prusacam.errors import PrusacamError

from .camera_answers import CameraAnswers
from .connection import COMMON_HEADERS, Connections, refuse
from .feed import CameraFeed
from .routes import KNOWN, find_route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from moonraker_prusacam.camera import Camera

    from .front import SnapshotFeed
    from .pump import StreamPump
    from .routes import Route

    Answer = Callable[[web.BaseRequest, Route], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 2
SHUTDOWN_TIMEOUT_S = 1.0
PAGE = resources.files(__package__).joinpath("page", "index.html").read_text("utf-8")


class WebServer:
    """Serves ``cameras`` on ``host``:``port``; port 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int,
        cameras: Sequence[Camera],
        pump: StreamPump,
        status: Callable[[], dict[str, Any]],
        examiner: Examiner | None = None,
        metrics: Callable[[str], Awaitable[tuple[bytes, str]]] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._pump = pump
        self._status = status
        self._expose = metrics
        self._feeds = {camera.name: CameraFeed(camera, pump) for camera in cameras}
        cameras_answer = CameraAnswers(self._feeds, pump, examiner or Examiner())
        self._answers: dict[str, Answer] = {
            "page": self._page,
            "status": self._status_json,
            "metrics": self._metrics,
            "snapshot": cameras_answer.snapshot,
            "stream": cameras_answer.stream,
            "stop": cameras_answer.stop,
            "test": cameras_answer.test,
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
        return next(iter(self._feeds.values()), None)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Find who answers; our errors become a status and JSON."""
        route = find_route(request.path)
        if route is None:
            return refuse(404, "Not Found", f"there is: {KNOWN}")
        if request.method not in route.methods:
            allowed = {"Allow": ", ".join(route.methods)}
            detail = f"{request.path} has {' and '.join(route.methods)}"
            return refuse(405, "Method Not Allowed", detail, allowed)
        try:
            return await self._answers[route.answer](request, route)
        except PrusacamError as error:
            retry = {"Retry-After": str(RETRY_AFTER_S)} if error.retryable else {}
            return refuse(error.http_status, type(error).__name__, str(error), retry)

    async def _page(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        action = request.query.get("action")
        if action in ("snapshot", "stream"):
            return await self._answers[action](request, route)
        if action is not None:
            detail = "action is neither 'snapshot' nor 'stream'"
            return refuse(404, "Not Found", detail)
        return web.Response(text=PAGE, content_type="text/html", headers=COMMON_HEADERS)

    async def _status_json(self, *_: object) -> web.StreamResponse:
        return web.json_response(self._status(), headers=COMMON_HEADERS)

    async def _metrics(self, request: web.BaseRequest, _: Route) -> web.StreamResponse:
        if self._expose is None:
            return refuse(404, "Not Found", "this server has no metrics")
        text, kind = await self._expose(request.headers.get(hdrs.ACCEPT, ""))
        headers = {**COMMON_HEADERS, hdrs.CONTENT_TYPE: kind}
        return web.Response(body=text, headers=headers)
