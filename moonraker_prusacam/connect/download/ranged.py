# One attempt to get a file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``GET`` of a file, from where an earlier attempt ended.

What is fetched, who may have the secrets, and what a refusal means, ``Wanted`` says.
When to try again is not decided here.
"""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING, Protocol

import aiohttp
import attrs

from moonraker_prusacam.connect.api import (
    CONNECT_TIMEOUT_S,
    USER_AGENT,
    described,
    read_limited,
)
from moonraker_prusacam.connect.redirects import REDIRECTS
from moonraker_prusacam.connect.refusals import Reply
from moonraker_prusacam.errors import (
    ClosedError,
    ConnectUnavailable,
    PrusaConnectError,
)

from .span import is_other, span_of, validator_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

    from .part import PartFile

SILENCE_TIMEOUT_S = 30.0  # without any octet
SLOW_TIMEOUT_S = 60.0  # for a block; slower than 270 octets a second is not a way
BLOCK_BYTES = 16 << 10
MAX_FRESH_STARTS = 2  # in one attempt, of a file that changes meanwhile


class Wanted(Protocol):
    """What is fetched: where it is, who asks, and what may come."""

    noun: str  # what it is called in what people read
    sender: str
    max_redirects: int

    def headers(self, url: URL) -> Mapping[str, str]:
        """What a request to ``url`` shows of us; raises PrusaConnectError."""

    def redirected(self, url: URL, location: str, status: int) -> URL:
        """Where an answer of ``url`` leads to; raises PrusaConnectError."""

    def expect(self, headers: Mapping[str, str], host: str) -> None:
        """Raise PrusaConnectError for what is something else by its head."""

    def fault_of(self, block: bytes) -> str:
        """Why the first octets are none of such a file; empty if they may be."""

    def require_size(self, size_bytes: int) -> None:
        """Raise PrusaConnectError for a file of more octets than are taken."""

    def refusal_of(self, reply: Reply) -> PrusaConnectError:
        """What an answer without a file means."""

    def rejected(self, message: str) -> PrusaConnectError:
        """The error for what is not to be had."""

    def redacted(self, text: str) -> str:
        """``text`` without what nobody may see."""


@attrs.frozen
class Listener:
    """Who is told how far it is, and what is unusual."""

    progress: Callable[[int, int | None], None]
    note: Callable[[str], None]


class _Step(enum.Enum):
    """What came of one request."""

    WHOLE = enum.auto()
    PART = enum.auto()
    ANEW = enum.auto()


class RangedDownload:
    """One connection at a time; raises nothing that shows a secret."""

    def __init__(
        self, resolver: Callable[[], aiohttp.abc.AbstractResolver] | None = None
    ) -> None:
        """``resolver`` makes what finds the addresses of hosts."""
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(
        self, url: URL, wanted: Wanted, part: PartFile, told: Listener
    ) -> None:
        """Get into ``part`` whatever it misses; what came before an error stays in it.

        Raises PrusaConnectError by what the server said, and DiskRefused. Who calls
        looks at what has come, and finishes the part.
        """
        fresh = 0
        while True:
            had = await asyncio.to_thread(part.resume)
            if part.has_all:
                return
            told.progress(part.size, part.origin.length)
            step = await self._go_on(url, wanted, part, told)
            if step is _Step.WHOLE:
                return
            if step is _Step.ANEW:
                await asyncio.to_thread(part.discard)
                fresh += 1
            if fresh > MAX_FRESH_STARTS:
                raise ConnectUnavailable(
                    f"the {wanted.noun} changes while it is downloaded"
                )
            if step is _Step.PART and part.size <= had:
                raise ConnectUnavailable(
                    f"nothing comes of the rest of the {wanted.noun}"
                )

    async def _go_on(
        self, url: URL, wanted: Wanted, part: PartFile, told: Listener
    ) -> _Step:
        """Send one request for what is missing, and take what comes of it."""
        span = {}
        if part.size:
            span = {
                "Range": f"bytes={part.size}-",
                "If-Range": part.origin.validator,
            }
        host = url.host or "the server"
        try:
            for _ in range(1 + wanted.max_redirects):
                headers = {
                    "User-Agent": USER_AGENT,
                    **wanted.headers(url),
                    **span,
                    "Accept-Encoding": "identity",
                }
                async with self._opened().get(
                    url, headers=headers, allow_redirects=False
                ) as response:
                    if response.status not in REDIRECTS:
                        return await self._answered(response, wanted, part, told)
                    location = response.headers.get("Location", "")
                url = wanted.redirected(url, location, response.status)
            raise wanted.rejected(f"{host} redirects in a circle")
        except TimeoutError:
            trouble = f"no (more) octets from {host} in time"
        except aiohttp.ClientPayloadError:
            trouble = f"{host} broke off{_so_far(part)}"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{host}: {described(error)}{_so_far(part)}"
        # Not inside the handlers: aiohttp's errors carry the request.
        raise ConnectUnavailable(wanted.redacted(trouble))

    async def _answered(
        self,
        response: aiohttp.ClientResponse,
        wanted: Wanted,
        part: PartFile,
        told: Listener,
    ) -> _Step:
        status, host = response.status, str(response.url.host)
        if status == 416 and part.size:
            told.note(f"the {wanted.noun} at {wanted.sender} is shorter than before")
            return _Step.ANEW
        if status not in (200, 206):
            reply = Reply(status, response.headers, await read_limited(response))
            raise wanted.refusal_of(reply)
        wanted.expect(response.headers, host)
        if status == 206:
            step = await self._take_up(response, wanted, part, told)
            if step is not _Step.PART:
                return step
        else:
            if part.size:
                told.note(
                    f"{wanted.sender} sends the {wanted.noun} from its beginning again"
                )
            validator, length = validator_of(response.headers), _length(response)
            await self._begin(wanted, part, validator, length)
        await self._receive(response, wanted, part, told)
        if part.origin.length is None or part.size == part.origin.length:
            return _Step.WHOLE
        return _Step.PART

    async def _take_up(
        self,
        response: aiohttp.ClientResponse,
        wanted: Wanted,
        part: PartFile,
        told: Listener,
    ) -> _Step:
        """Whether the part that comes is the one that is missing."""
        headers, known = response.headers, part.origin
        span = span_of(headers)
        if span is None or span.first != part.size:
            told.note(f"{wanted.sender} sends another part than it was asked for")
            return _Step.ANEW
        if not part.size:
            await self._begin(wanted, part, validator_of(headers), span.total)
            return _Step.PART
        is_longer = (
            None not in (span.total, known.length) and span.total != known.length
        )
        if is_longer or is_other(known.validator, headers):
            told.note(
                f"the {wanted.noun} at {wanted.sender} has changed; it is downloaded "
                "anew"
            )
            return _Step.ANEW
        wanted.require_size(known.length or 0)
        await asyncio.to_thread(
            part.require_room, (known.length or part.size) - part.size
        )
        return _Step.PART

    async def _begin(
        self, wanted: Wanted, part: PartFile, validator: str, length: int | None
    ) -> None:
        if length == 0:
            raise wanted.rejected(f"{wanted.sender} sends an empty {wanted.noun}")
        wanted.require_size(length or 0)
        await asyncio.to_thread(part.begin, validator, length)

    async def _receive(
        self,
        response: aiohttp.ClientResponse,
        wanted: Wanted,
        part: PartFile,
        told: Listener,
    ) -> None:
        """Take the body to its end, or as much of it as comes."""
        block = bytearray()
        is_over = False
        while not is_over:
            try:
                async with asyncio.timeout(SLOW_TIMEOUT_S):
                    is_over = await _fill(response.content, block)
            except aiohttp.ClientPayloadError:
                block += _left_in(response.content)
                raise
            finally:  # a break must not cost what came before it
                if block:
                    await self._append(wanted, part, bytes(block))
                    told.progress(part.size, part.origin.length)
                    block.clear()

    async def _append(self, wanted: Wanted, part: PartFile, block: bytes) -> None:
        length = part.origin.length
        try:
            if length is not None and part.size + len(block) > length:
                raise wanted.rejected(f"{wanted.sender} sends more than it said")
            wanted.require_size(part.size + len(block))
            if not part.size and (what := wanted.fault_of(block)):
                raise wanted.rejected(what)
            await asyncio.to_thread(part.append, block)
        except PrusaConnectError:
            await asyncio.to_thread(part.discard)
            raise

    def _opened(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise ClosedError("the client of Prusa Connect is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=1,
                    force_close=True,
                    resolver=self._resolver and self._resolver(),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=CONNECT_TIMEOUT_S,
                    sock_read=SILENCE_TIMEOUT_S,
                ),
            )
        return self._session


async def _fill(content: aiohttp.StreamReader, block: bytearray) -> bool:
    """Gather a block, or more if it is there; whether the body has ended."""
    while len(block) < BLOCK_BYTES:
        chunk = await content.readany()
        if not chunk:
            return True
        block += chunk
    return False


def _left_in(content: aiohttp.StreamReader) -> bytes:
    """What had come before a break: aiohttp keeps it, and raises instead."""
    content.set_exception(None)  # type: ignore[arg-type]
    return content.read_nowait()


def _length(response: aiohttp.ClientResponse) -> int | None:
    """How long the body is; None where the server does not tell."""
    length = response.content_length
    return None if length is None or length < 0 else length


def _so_far(part: PartFile) -> str:
    length = part.origin.length
    return f" after {part.size} of {length} octets" if part.size and length else ""
