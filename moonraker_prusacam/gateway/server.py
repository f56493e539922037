# The gateway's HTTP server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers requests: who asks, what for, and who answers that.

Only GET and HEAD, without a body. A call comes by the same table whether it is made by
a path or through the WebSocket, and goes to Moonraker as JSON-RPC either way: a path of
Moonraker's would do more than its name says (it takes GET for commands of Klipper's).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from moonraker_prusacam.errors import (
    CallRefused,
    PrusacamError,
    RequestError,
    TooManyViewers,
    UpstreamUnavailable,
)

from .cameras import Cameras
from .connection import COMMON_HEADERS, Connection, Connections, refuse
from .door import Door
from .message import MAX_MESSAGE_BYTES
from .methods import METHODS
from .moonraker import Moonraker
from .pace import Paces
from .relay import asked_headers, relay, relay_picture
from .routes import ApiRoute, CameraRoute, FileRoute, SocketRoute, find_route
from .viewer import MISUNDERSTANDINGS, Viewer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from moonraker_prusacam.gateway_options import GatewayConfig
    from moonraker_prusacam.networks import Address
    from moonraker_prusacam.viewing_tokens import ViewingTokens

    from .methods import Method
    from .pace import Pace
    from .routes import Route

log = logging.getLogger(__name__)

READING = (hdrs.METH_GET, hdrs.METH_HEAD)
SHUTDOWN_TIMEOUT_S = 1.0
RETRY_AFTER_S = 2
HEARTBEAT_S = 25.0
# Files pass through Moonraker, which has one thread for them and for the print.
MAX_PICTURES = 4
# Of one address, by WebSockets and paths; a user interface starts with some dozens.
CALLS_PER_SECOND = 20.0
CALLS_AT_ONCE = 300.0
CALL_STATUS = {-32601: 404, -32602: 400, -32600: 400, -32603: 502}


class GatewayServer:
    """Serves viewers as ``config`` says; the cameras are those of ``engine_url``.

    ``webcam_paths`` are where a web server would pass on the engine's pages; ``tokens``
    are given where the engine wants some.
    """

    def __init__(
        self,
        config: GatewayConfig,
        engine_url: str,
        webcam_paths: Iterable[str] = (),
        tokens: ViewingTokens | None = None,
    ) -> None:
        self._config = config
        self._webcam_paths = tuple(webcam_paths)
        self._door = Door(config)
        self._moonraker = Moonraker(config.moonraker, config.api_key)
        self._cameras = Cameras(engine_url, tokens)
        self._pictures = asyncio.Semaphore(MAX_PICTURES)
        self._paces = Paces(CALLS_PER_SECOND, CALLS_AT_ONCE)
        self._viewers: Counter[tuple[str, Address | None]] = Counter()
        self._runner: web.ServerRunner | None = None
        self._port = config.port

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return self._port

    async def start(self) -> None:
        """Listen; raises PrusacamError when the address is taken."""
        await self._cameras.start()
        self._runner = web.ServerRunner(
            Connections(self._answer), shutdown_timeout=SHUTDOWN_TIMEOUT_S
        )
        await self._runner.setup()
        host = self._config.host
        site = web.TCPSite(self._runner, host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise PrusacamError(
                f"cannot listen on {host}:{self._port}: {error.strerror or error}; "
                "set another [gateway] port"
            ) from error
        self._port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Stop listening and close all connections. Idempotent."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._moonraker.aclose()
        await self._cameras.aclose()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        with contextlib.ExitStack() as stack:
            if isinstance(request.protocol, Connection):
                stack.enter_context(request.protocol.busy())
            return await self._admit(request)

    async def _admit(self, request: web.BaseRequest) -> web.StreamResponse:
        headers: dict[str, str] = {}
        try:
            address = self._door.admit(request)
            headers = self._page_headers(request)
            if request.method == hdrs.METH_OPTIONS:
                return self._preflight(headers)
            return await self._answer_to(address, request, headers)
        except CallRefused as refused:
            status = CALL_STATUS.get(refused.code, refused.code)
            if not HTTPStatus.BAD_REQUEST <= status < 600:
                status = HTTPStatus.BAD_GATEWAY
            return self._refuse(request, status, refused.message, headers)
        except PrusacamError as error:
            if error.retryable:
                headers = {**headers, "Retry-After": str(RETRY_AFTER_S)}
            return self._refuse(request, error.http_status, str(error), headers)

    @staticmethod
    def _refuse(
        request: web.BaseRequest, status: int, text: str, headers: dict[str, str]
    ) -> web.StreamResponse:
        refusal = refuse(status, text, headers)
        is_plain = request.method in READING and not request.can_read_body
        if not is_plain or request.headers.get("Upgrade"):
            # What follows is perhaps no request.
            refusal.force_close()
        return refusal

    async def _answer_to(
        self, address: Address, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.StreamResponse:
        if request.method not in READING:
            allowed = {**headers, "Allow": ", ".join(READING)}
            text = "read-only gateway: there are GET and HEAD"
            return self._refuse(request, 405, text, allowed)
        if request.can_read_body:
            raise RequestError("a request that reads has no body")
        route = find_route(request.raw_path, self._webcam_paths)
        if route is None:
            text = "read-only gateway: this is not shown here"
            return self._refuse(request, 404, text, headers)
        if request.headers.get("Upgrade") and not isinstance(route, SocketRoute):
            raise RequestError(
                "there is nothing to upgrade to; /websocket is elsewhere"
            )
        return await self._serve(route, address, request, headers)

    async def _serve(
        self,
        route: Route,
        address: Address,
        request: web.BaseRequest,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        if isinstance(route, ApiRoute):
            await self._paces.of(address).keep()
            return await self._call(route, headers)
        if isinstance(route, FileRoute):
            if route.is_picture:
                return await self._picture(route, request, headers)
            with self._counted("video", address):
                return await self._video(route, request, headers)
        if isinstance(route, CameraRoute):
            if route.is_stream and request.method == hdrs.METH_GET:
                with self._counted("stream", address):
                    return await self._camera(route, request, headers)
            return await self._camera(route, request, headers)
        with self._counted("WebSocket", address):
            return await self._watch(request, self._paces.of(address))

    async def _call(self, route: ApiRoute, headers: dict[str, str]) -> web.Response:
        method = METHODS[route.method]
        params = method.read(route.params)
        if method.local is not None:
            shown = method.local()
        else:
            shown = await self._result(method, route.method, params)
        return web.json_response({"result": shown}, headers=headers)

    async def _result(self, method: Method, name: str, params: dict[str, Any]) -> Any:
        try:
            return method.show(await self._moonraker.call(name, params, method.cost))
        except CallRefused as refused:
            if (found := method.instead(params, refused)) is None:
                raise
            return found
        except MISUNDERSTANDINGS as error:
            log.warning("the answer of %s has a shape unknown to us", name)
            text = "Moonraker's answer was not understood"
            raise UpstreamUnavailable(text) from error

    async def _picture(
        self, route: FileRoute, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.StreamResponse:
        asked = asked_headers(request)
        async with (
            self._pictures,
            self._moonraker.fetch(hdrs.METH_GET, route.path, asked) as answer,
        ):
            return await relay_picture(answer, _as(route, answer.status, headers))

    async def _video(
        self, route: FileRoute, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.StreamResponse:
        asked = asked_headers(request)
        async with self._moonraker.fetch(request.method, route.path, asked) as answer:
            return await relay(request, answer, _as(route, answer.status, headers))

    async def _camera(
        self, route: CameraRoute, request: web.BaseRequest, headers: dict[str, str]
    ) -> web.StreamResponse:
        async with self._cameras.fetch(request.method, route.path) as answer:
            return await relay(request, answer, headers)

    async def _watch(self, request: web.BaseRequest, pace: Pace) -> web.StreamResponse:
        # Without compression there is nothing that a small message could blow up to.
        viewer = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False
        )
        if not viewer.can_prepare(request):
            raise RequestError("/websocket is for WebSockets")
        upstream = await self._moonraker.connect()
        try:
            await viewer.prepare(request)
            reason = await Viewer(viewer, upstream, self._moonraker, pace).run()
            log.debug("a WebSocket ends: %s", reason)
        finally:
            await upstream.close()
        if not viewer.closed and isinstance(request.transport, asyncio.Transport):
            # Mainsail connects again only where the end was not a proper one.
            request.transport.abort()
        return viewer

    @contextlib.contextmanager
    def _counted(self, kind: str, address: Address) -> Iterator[None]:
        """Count a viewer; raises TooManyViewers where there is one too many."""
        most = self._config.max_viewers
        # So one cannot keep all others out.
        most_of_one = max(1, most - most // 4)
        everybody, one = (kind, None), (kind, address)
        if self._viewers[everybody] >= most or self._viewers[one] >= most_of_one:
            raise TooManyViewers(f"there are as many {kind} viewers as there may be")
        self._viewers[everybody] += 1
        self._viewers[one] += 1
        try:
            yield
        finally:
            self._viewers[everybody] -= 1
            self._viewers[one] -= 1
            if not self._viewers[one]:
                del self._viewers[one]

    @staticmethod
    def _preflight(headers: dict[str, str]) -> web.Response:
        allowed = {
            # What is refused then is refused in words that the page can read.
            "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
            "Access-Control-Allow-Headers": "Authorization, X-Api-Key, Cache-Control, "
            "Content-Type, Pragma, Range",
            "Access-Control-Max-Age": "600",
        }
        return web.Response(status=204, headers={**headers, **allowed})

    def _page_headers(self, request: web.BaseRequest) -> dict[str, str]:
        """Headers of every answer; a page that came through the door may read it."""
        origin = request.headers.get("Origin")
        if origin is None:
            return dict(COMMON_HEADERS)
        return {
            **COMMON_HEADERS,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Private-Network": "true",
            "Access-Control-Expose-Headers": "X-Timestamp, X-Frame-Seq",
            "Vary": "Origin",
        }


def _as(route: FileRoute, status: int, headers: dict[str, str]) -> dict[str, str]:
    """Headers of a file, which is never what somebody has put there under its name."""
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        return headers
    return {**headers, hdrs.CONTENT_TYPE: route.content_type}
