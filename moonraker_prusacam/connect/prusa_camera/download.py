# One attempt to get a video from Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``GET`` of a finished video, from where an earlier attempt ended.

The address is a guess, made from a template of the configuration. It holds the camera's
token, so no error, log or status shows it. When to try again is not decided here.
"""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING

import aiohttp
import attrs

from moonraker_prusacam.connect.api import (
    CONNECT_TIMEOUT_S,
    USER_AGENT,
    described,
    read_limited,
)
from moonraker_prusacam.connect.redirects import (
    MAX_REDIRECTS,
    REDIRECTS,
    followed,
    place,
)
from moonraker_prusacam.connect.refusals import Reply
from moonraker_prusacam.errors import (
    ClosedError,
    ConnectUnavailable,
    PrusaConnectError,
    TokenRejected,
    VideoDamaged,
    VideoRejected,
    VideoTooLarge,
)
from moonraker_prusacam.mp4 import check_whole, told_by_head

from .answers import (
    expect_video,
    is_other,
    refusal_of,
    span_of,
    validator_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarl import URL

    from .access import Access, Login
    from .part import PartFile

SILENCE_TIMEOUT_S = 30.0  # without any octet
SLOW_TIMEOUT_S = 60.0  # for a block; slower than 270 octets a second is not a way
BLOCK_BYTES = 16 << 10
MAX_FRESH_STARTS = 2  # in one attempt, of a video that changes meanwhile
MB = 1 << 20


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


class VideoDownload:
    """Gets the videos of one camera; raises nothing that shows a secret."""

    def __init__(self, access: Access, max_bytes: int) -> None:
        self._access = access
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def fetch(self, job_name: str, part: PartFile, told: Listener) -> None:
        """Make ``part`` a whole MP4; what came before an error is kept in it.

        Raises PrusaConnectError by what Prusa Connect said, VideoDamaged for octets
        that are no MP4 (then none are kept), and DiskRefused.
        """
        refusals: list[TokenRejected] = []
        for login in await self._access.logins():
            try:
                await self._fetch(job_name, login, part, told)
                break
            except TokenRejected as error:
                refusals.append(error)
        else:
            raise refusals[0]
        await asyncio.to_thread(part.finish)
        try:
            await asyncio.to_thread(check_whole, part.path)
        except VideoDamaged:
            await asyncio.to_thread(part.discard)
            raise

    async def _fetch(
        self, job_name: str, login: Login, part: PartFile, told: Listener
    ) -> None:
        url, fresh = self._access.url(job_name), 0
        while True:
            had = await asyncio.to_thread(part.resume)
            if part.has_all:
                return
            told.progress(part.size, part.origin.length)
            step = await self._go_on(url, login, part, told)
            if step is _Step.WHOLE:
                return
            if step is _Step.ANEW:
                await asyncio.to_thread(part.discard)
                fresh += 1
            if fresh > MAX_FRESH_STARTS:
                raise ConnectUnavailable("the video changes while it is downloaded")
            if step is _Step.PART and part.size <= had:
                raise ConnectUnavailable("nothing comes of the rest of the video")

    async def _go_on(
        self, url: URL, login: Login, part: PartFile, told: Listener
    ) -> _Step:
        """Send one request for what is missing, and take what comes of it."""
        headers = login.headers | {
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
            headers["If-Range"] = part.origin.validator
        host = url.host or "the server"
        try:
            for _ in range(1 + MAX_REDIRECTS):
                async with self._opened().get(
                    url, headers=headers, allow_redirects=False
                ) as response:
                    if response.status not in REDIRECTS:
                        return await self._answered(response, login, part, told)
                    location = response.headers.get("Location", "")
                url = self._redirected(url, location, response.status, login)
            raise VideoRejected(f"{host} redirects in a circle")
        except TimeoutError:
            trouble = f"no (more) octets from {host} in time"
        except aiohttp.ClientPayloadError:
            trouble = f"{host} broke off{_so_far(part)}"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{host}: {described(error)}{_so_far(part)}"
        # Not inside the handlers: aiohttp's errors carry the request.
        raise ConnectUnavailable(login.redacted(trouble))

    def _redirected(self, url: URL, location: str, status: int, login: Login) -> URL:
        if (target := followed(url, location)) is not None:
            return target
        raise VideoRejected(
            f"{url.host} has moved the video to another address"
            f"{login.redacted(place(location))}, which gets no token of ours; see "
            f"'download_url' and 'server' in prusacam.conf (HTTP {status})",
            status=status,
        )

    async def _answered(
        self,
        response: aiohttp.ClientResponse,
        login: Login,
        part: PartFile,
        told: Listener,
    ) -> _Step:
        status, host = response.status, str(response.url.host)
        if status == 416 and part.size:
            told.note("the video at Prusa Connect is shorter than before")
            return _Step.ANEW
        if status not in (200, 206):
            reply = Reply(status, response.headers, await read_limited(response))
            raise refusal_of(reply, login.name, login.redacted)
        expect_video(response.headers, host)
        if status == 206:
            step = await self._take_up(response, part, told)
            if step is not _Step.PART:
                return step
        else:
            if part.size:
                told.note("Prusa Connect sends the video from its beginning again")
            await self._begin(part, validator_of(response.headers), _length(response))
        await self._receive(response, part, told)
        if part.origin.length is None or part.size == part.origin.length:
            return _Step.WHOLE
        return _Step.PART

    async def _take_up(
        self, response: aiohttp.ClientResponse, part: PartFile, told: Listener
    ) -> _Step:
        """Whether the part that comes is the one that is missing."""
        headers, known = response.headers, part.origin
        span = span_of(headers)
        if span is None or span.first != part.size:
            told.note("Prusa Connect sends another part than it was asked for")
            return _Step.ANEW
        if not part.size:
            await self._begin(part, validator_of(headers), span.total)
            return _Step.PART
        is_longer = (
            None not in (span.total, known.length) and span.total != known.length
        )
        if is_longer or is_other(known.validator, headers):
            told.note("the video at Prusa Connect has changed; it is downloaded anew")
            return _Step.ANEW
        self._expect_fit(known.length or 0)
        await asyncio.to_thread(
            part.require_room, (known.length or part.size) - part.size
        )
        return _Step.PART

    async def _begin(self, part: PartFile, validator: str, length: int | None) -> None:
        if length == 0:
            raise VideoRejected("Prusa Connect sends an empty video")
        self._expect_fit(length or 0)
        await asyncio.to_thread(part.begin, validator, length)

    async def _receive(
        self, response: aiohttp.ClientResponse, part: PartFile, told: Listener
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
                    await self._append(part, bytes(block))
                    told.progress(part.size, part.origin.length)
                    block.clear()

    async def _append(self, part: PartFile, block: bytes) -> None:
        length = part.origin.length
        try:
            if length is not None and part.size + len(block) > length:
                raise VideoRejected("Prusa Connect sends more than it said")
            self._expect_fit(part.size + len(block))
            if not part.size and (what := told_by_head(block)):
                raise VideoRejected(what)
            await asyncio.to_thread(part.append, block)
        except PrusaConnectError:
            await asyncio.to_thread(part.discard)
            raise

    def _expect_fit(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise VideoTooLarge(
                f"the video has more than {self._max_bytes // MB} MB; if that is "
                "right, raise max_download_mb"
            )

    def _opened(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise ClosedError("the client of Prusa Connect is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, force_close=True),
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
