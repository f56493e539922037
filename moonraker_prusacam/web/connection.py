# One HTTP connection, before it becomes a stream.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""aiohttp's connection, with our limits, and our words for what it refuses by itself.

aiohttp would answer a malformed request with text, and log a traceback: a viewer could
fill the log.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from .front import Front, GuardedFront

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .access import Access, Cors
    from .front import Find

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 4096
KEEPALIVE_TIMEOUT_S = 75.0
# For so long a body is taken and dropped: navigator.sendBeacon cannot do without one.
BODY_TIMEOUT_S = 2.0
# Of each kind, at a front or at aiohttp; streams do not count. More would in the end
# take the descriptors that frames need on their way to the disk.
MAX_CONNECTIONS = 128
MALFORMED = "the request is malformed, or too long"
# Which pages may read an answer is added for each (``access``).
COMMON_HEADERS = {
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Server": "prusacam",
    "X-Content-Type-Options": "nosniff",
}


def refuse(
    status: int, error: str, detail: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer that says in JSON why there is no other."""
    return web.json_response(
        {"error": error, "detail": detail},
        status=status,
        headers={**COMMON_HEADERS, **(headers or {})},
    )


class Connection(web.RequestHandler):
    """One connection that aiohttp answers."""

    __slots__ = ("_cors",)

    def __init__(self, manager: web.Server, cors: Cors) -> None:
        self._cors = cors
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is documented
            keepalive_timeout=KEEPALIVE_TIMEOUT_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            lingering_time=BODY_TIMEOUT_S,
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse a malformed request, or own up to a defect of ours."""
        if not isinstance(exc, HttpProcessingError):
            log.error("%s %s failed", request.method, request.path, exc_info=exc)
            message = "a defect; the log has more"
        elif not self._cors.headers:
            message = MALFORMED  # aiohttp's words repeat the line, and a token in it
        refusal = refuse(status, HTTPStatus(status).phrase, message or "")
        refusal.headers.update(self._cors.headers)
        refusal.force_close()
        return refusal


class Connections(web.Server):
    """All connections of one server: a Front each, and behind it aiohttp."""

    def __init__(
        self,
        answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        find_snapshots: Find,
        access: Access,
    ) -> None:
        super().__init__(answer)
        self._find_snapshots = find_snapshots
        self._cors = access.default_cors
        self._make_front = Front if access.is_open else GuardedFront
        # In the order of their arrival.
        self._fronts: dict[Front, None] = {}

    def __call__(self) -> Front:  # type: ignore[override]  # asyncio takes any protocol
        """Make the protocol of a connection that was accepted."""
        front = self._make_front(
            self._find_snapshots, lambda: Connection(self, self._cors), self._forget
        )
        self._fronts[front] = None
        for oldest in tuple(self._fronts)[:-MAX_CONNECTIONS]:
            oldest.close()
        return front

    def connection_made(
        self, handler: web.RequestHandler, transport: asyncio.Transport
    ) -> None:
        """Let the oldest connections go where there are too many."""
        super().connection_made(handler, transport)
        for oldest in self.connections[:-MAX_CONNECTIONS]:
            oldest.force_close()

    def pre_shutdown(self) -> None:
        """Close the connections that aiohttp has not seen."""
        for front in tuple(self._fronts):
            front.close()
        super().pre_shutdown()

    def _forget(self, front: Front) -> None:
        self._fronts.pop(front, None)
