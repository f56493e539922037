# A server of finished videos that fails as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives one video by ranges (RFC 9110, 14), or does to a request what is next."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

RANGE = re.compile(r"bytes=(\d+)-")
MODIFIED_S = 1_700_000_000
WAIT_S = 10.0


@attrs.frozen(kw_only=True)
class Turn:
    """What happens to one request.

    ``cut_after``: the connection ends after so many octets of the body. ``most``: no
    more of a range is given than so many. ``status`` and what follows it replace the
    answer; headers that are None are left out.
    """

    cut_after: int | None = None
    most: int | None = None
    status: int | None = None
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str | None] = attrs.field(factory=dict)
    ignores_range: bool = False
    is_chunked: bool = False
    is_slow: bool = False  # one octet in half a second
    is_silent: bool = False


@attrs.frozen
class Seen:
    """A request, and how many octets of a body were sent for it."""

    path: str
    headers: dict[str, str]
    sent: list[int] = attrs.field(factory=list)

    @property
    def first(self) -> int | None:
        """The octet from which on it was asked for; None without a range."""
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        return int(match[1]) if match else None


class VideoServer:
    """Serves ``content``; ``url`` after ``start``."""

    def __init__(self, content: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.content = content
        self.headers: dict[str, str | None] = {
            "ETag": '"first"',
            "Last-Modified": formatdate(MODIFIED_S, usegmt=True),
        }
        self.kind = "video/mp4"
        self.next: list[Turn] = []
        self.always: Turn = Turn()
        self.seen: list[Seen] = []
        self.url = ""
        self._tls = tls
        self._closing = asyncio.Event()
        self._changed = asyncio.Condition()

    @property
    def sent(self) -> int:
        """Octets of all bodies so far."""
        return sum(sum(seen.sent) for seen in self.seen)

    async def until_seen(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.seen) >= count)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = Seen(request.path_qs, dict(request.headers))
        self.seen.append(seen)
        async with self._changed:
            self._changed.notify_all()
        turn = self.next.pop(0) if self.next else self.always
        if turn.is_silent:
            await self._closing.wait()
        status, body, headers = self._answer(request, turn)
        response = web.StreamResponse(status=status)
        for name, value in {**headers, **turn.headers}.items():
            if value is not None:
                response.headers[name] = value
        if turn.is_chunked:
            response.enable_chunked_encoding()
        elif "Content-Length" not in response.headers:
            response.content_length = len(body)
        await response.prepare(request)
        await self._send(request, response, body, turn, seen)
        return response

    async def _send(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        body: bytes,
        turn: Turn,
        seen: Seen,
    ) -> None:
        step = 1 if turn.is_slow else 4096
        end = len(body) if turn.cut_after is None else turn.cut_after
        for begin in range(0, min(end, len(body)), step):
            chunk = body[begin : min(begin + step, end)]
            await response.write(chunk)
            seen.sent.append(len(chunk))
            if turn.is_slow:
                await self._pause()
        if turn.cut_after is not None and request.transport is not None:
            request.transport.close()  # what was written goes out before

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(0.5):
                await self._closing.wait()
        except TimeoutError:
            pass

    def _answer(
        self, request: web.BaseRequest, turn: Turn
    ) -> tuple[int, bytes, dict[str, Any]]:
        if turn.status is not None and turn.status != 200:
            return turn.status, turn.body, {"Content-Type": turn.kind}
        headers = {**self.headers, "Content-Type": self.kind}
        if turn.status is not None:
            return 200, turn.body, headers
        total = len(self.content)
        match = RANGE.fullmatch(request.headers.get("Range", ""))
        named = request.headers.get("If-Range")
        is_same = named is None or named in self.headers.values()
        if match is None or turn.ignores_range or not is_same:
            return 200, self.content, headers
        first = int(match[1])
        if first >= total:
            return 416, b"", {"Content-Range": f"bytes */{total}"}
        last = total - 1 if turn.most is None else min(first + turn.most, total) - 1
        headers["Content-Range"] = f"bytes {first}-{last}/{total}"
        return 206, self.content[first : last + 1], headers

    @asynccontextmanager
    async def run(self) -> AsyncIterator[VideoServer]:
        runner = web.ServerRunner(
            web.Server(self.handle, access_log=None, lingering_time=0),
            handle_signals=False,
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        (address,) = runner.addresses
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{address[1]}"
        try:
            yield self
        finally:
            self._closing.set()
            await runner.cleanup()
