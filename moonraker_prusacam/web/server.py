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

import os
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from moonraker_prusacam.camera.examination import Examiner
from moonraker_prusacam.errors import AccessDenied, PrusacamError

from .access import Access
from .camera_answers import ADMISSION, CameraAnswers
from .connection import COMMON_HEADERS, Connections, refuse
from .feed import AdmittedFeed, CameraFeed
from .routes import KNOWN, OF_ONE, find_action, find_route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from moonraker_prusacam.camera import Camera

    from .access import Admission
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
        access: Access | None = None,
    ) -> None:
        self._access = access or Access()
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
            Connections(self._answer, self._find_snapshots, self._access),
            shutdown_timeout=SHUTDOWN_TIMEOUT_S,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            # asyncio writes all of the call into the text of its error.
            reason = os.strerror(error.errno).lower() if error.errno else error
            raise PrusacamError(
                f"cannot listen on {self._host}:{self._port}: {reason}; set another "
                "[engine] port"
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

    def dismiss_all(self) -> None:
        """End every stream; who is let in opens another one."""
        for feed in self._feeds.values():
            feed.dismiss(None)

    def _find_snapshots(
        self, target: bytes, headers: Sequence[tuple[bytes, bytes]], peer: object
    ) -> SnapshotFeed | None:
        """What answers a plain request for a snapshot of the first camera."""
        path, _, query = target.partition(b"?")
        is_snapshot = path == b"/snapshot.jpg" or (
            path == b"/" and b"action=snapshot" in query.split(b"&")
        )
        if not is_snapshot or b"camera" in query or b"max_age" in query:
            return None
        feed = next(iter(self._feeds.values()), None)
        if feed is None or self._access.is_open:
            return feed
        said = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
        ]
        token = dict(parse_qsl(query.decode("latin-1"))).get("token")
        try:
            admission = self._access.admit(peer, said, token, feed.camera.name)
        except AccessDenied:
            return None  # aiohttp says so
        return AdmittedFeed(feed, admission)

    def _admit(self, request: web.BaseRequest, route: Route) -> Admission:
        """Let a request in, for one camera where it is for one; or AccessDenied."""
        camera = None
        if route.answer in OF_ONE:
            first = next(iter(self._feeds), None)
            camera = route.camera or request.query.get("camera", first)
        transport = request.transport
        peer = None if transport is None else transport.get_extra_info("peername")
        headers = list(request.headers.items())
        try:
            return self._access.admit(peer, headers, request.query.get("token"), camera)
        except AccessDenied as error:
            self._access.tell(peer, error)
            raise

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Find who answers, for which pages; our errors become a status and JSON."""
        cors = self._access.default_cors
        route = find_route(request.path)
        if route is None:
            answer: web.StreamResponse = refuse(404, "Not Found", f"there is: {KNOWN}")
        elif request.method not in route.methods:
            allowed = {"Allow": ", ".join(route.methods)}
            detail = f"{request.path} has {' and '.join(route.methods)}"
            answer = refuse(405, "Method Not Allowed", detail, allowed)
        else:
            route = find_action(route, request.query)
            try:
                request[ADMISSION] = admission = self._admit(request, route)
                cors = admission.cors
                answer = await self._answers[route.answer](request, route)
            except PrusacamError as error:
                answer = _refuse(error)
        answer.headers.update(cors.headers)
        return answer

    async def _page(self, request: web.BaseRequest, _: Route) -> web.StreamResponse:
        if "action" in request.query:
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


def _refuse(error: PrusacamError) -> web.StreamResponse:
    headers = {}
    if error.retryable:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="prusacam"'
    return refuse(error.http_status, type(error).__name__, str(error), headers)
