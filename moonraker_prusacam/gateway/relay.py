# Bodies that are passed on as they come.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams, pictures and videos from another server to a viewer, at the viewer's pace.

Nothing is gathered: what the viewer does not take is not read from the other server. So
the engine sees that a stream's viewer is slow, and skips frames as it does for its own.
Headers are named here, in both directions; others end at the gateway.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from moonraker_prusacam.errors import UpstreamUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

STALL_TIMEOUT_S = 30.0
# More in the kernel would be frames that are old when they are shown.
UNSENT_BYTES = 64 << 10
MAX_PICTURE_BYTES = 8 << 20
ASKED_HEADERS = ("Range", "If-Range", "If-None-Match", "If-Modified-Since")
TOLD_HEADERS = (
    "Content-Type",
    "Content-Length",
    "Content-Range",
    "Content-Disposition",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Retry-After",
    "X-Timestamp",
    "X-Frame-Seq",
    "X-Prusacam-Placeholder",
)
TOLD_STATUS = {200, 206, 304, 400, 404, 416, 503}


def asked_headers(request: web.BaseRequest) -> dict[str, str]:
    """Headers of a request for a part, or for what has changed."""
    return {
        name: request.headers[name] for name in ASKED_HEADERS if name in request.headers
    }


async def relay_picture(
    answer: aiohttp.ClientResponse, headers: Mapping[str, str]
) -> web.Response:
    """Pass ``answer`` on as a whole; raises UpstreamUnavailable.

    So the other server is done with it, however slowly the viewer takes it.
    """
    told = _told(answer)
    try:
        body = await answer.content.read(MAX_PICTURE_BYTES + 1)
        while (more := await answer.content.read(MAX_PICTURE_BYTES)) and (
            len(body) <= MAX_PICTURE_BYTES
        ):
            body += more
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UpstreamUnavailable("there was only a part of an answer") from error
    if len(body) > MAX_PICTURE_BYTES:
        raise UpstreamUnavailable("there is an answer, but no picture is so large")
    told.pop("Content-Length", None)
    return web.Response(status=answer.status, body=body, headers={**told, **headers})


async def relay(
    request: web.BaseRequest,
    answer: aiohttp.ClientResponse,
    headers: Mapping[str, str],
) -> web.StreamResponse:
    """Pass ``answer`` on, with ``headers`` of ours; raises UpstreamUnavailable."""
    told = _told(answer)
    reply = web.StreamResponse(status=answer.status, headers={**told, **headers})
    if "Content-Length" not in told and answer.status != 304:
        # Its end is the end of the connection, as the engine ends its streams.
        reply.force_close()
    await reply.prepare(request)
    _send_the_newest(request)
    try:
        async for chunk in answer.content.iter_any():
            async with asyncio.timeout(STALL_TIMEOUT_S):
                await reply.write(chunk)
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        # Either side is gone; what is missing cannot be told any more.
        _abort(request)
    return reply


def _told(answer: aiohttp.ClientResponse) -> dict[str, str]:
    if answer.status not in TOLD_STATUS:
        raise UpstreamUnavailable(f"there was no answer, but HTTP {answer.status}")
    return {
        name: answer.headers[name] for name in TOLD_HEADERS if name in answer.headers
    }


def _send_the_newest(request: web.BaseRequest) -> None:
    transport = request.transport
    sock = transport.get_extra_info("socket") if transport else None
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _abort(request: web.BaseRequest) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
