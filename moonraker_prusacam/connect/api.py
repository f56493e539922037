# Client of Prusa Connect's camera API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``PUT /c/snapshot`` and ``PUT /c/info``, and what each refusal means for the user.

Source of the rules: Prusa's camera OpenAPI 0.22.0, and what users reported of the
real service. Policy (when to send, when to try again) is not here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
from yarl import URL

from moonraker_prusacam.errors import (
    ClosedError,
    ConfigError,
    ConnectUnavailable,
    SnapshotRejected,
    SnapshotTooLarge,
)
from moonraker_prusacam.version import __version__

from .redirects import MAX_REDIRECTS, REDIRECTS, followed, place
from .refusals import Reply, error_of

if TYPE_CHECKING:
    from moonraker_prusacam.secret import Secret

BytesLike: TypeAlias = bytes | bytearray | memoryview

REQUEST_TIMEOUT_S = 30.0  # the whole exchange, name look-up to answer
CONNECT_TIMEOUT_S = 10.0  # name look-up, TCP and TLS
BODY_TIMEOUT_S = 5.0  # an answer's body, which only explains its status
MAX_BODY_BYTES = 64 * 1024
MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
CONNECTIONS = 2  # a snapshot never waits for an info
USER_AGENT = f"moonraker-prusacam/{__version__}"


class ConnectApi:
    """One camera's requests to Prusa Connect; any 2xx is success.

    Raises TokenRejected when the user must act, ConnectUnavailable when waiting may
    help, SnapshotTooLarge, and SnapshotRejected otherwise. No error shows the token or
    the fingerprint.
    """

    def __init__(
        self,
        server: str,
        token: Secret,
        fingerprint: str,
        *,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._server = parse_server(server)
        self._token = token
        self._fingerprint = fingerprint
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"ConnectApi({str(self._server)!r})"

    async def put_snapshot(self, jpeg: BytesLike) -> None:
        """Send one JPEG of at most 16 MiB."""
        size_bytes = memoryview(jpeg).nbytes
        if not 0 < size_bytes <= MAX_SNAPSHOT_BYTES:
            raise SnapshotTooLarge(
                f"a snapshot has 1 byte to 16 MiB, this one has {size_bytes} bytes"
            )
        await self._put("c/snapshot", jpeg, "image/jpg")

    async def put_info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """Describe the camera; null values are left out. Returns the camera record.

        The record is empty when Prusa Connect answers without one.
        """
        body = json.dumps(without_nulls(info)).encode()
        answer = await self._put("c/info", body, "application/json")
        if not answer.body:
            return {}
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(answer.body)
            if isinstance(record, dict):
                return record
        raise ConnectUnavailable(
            f"{self._server.host} answered with something that is not a camera record",
            status=answer.status,
        )

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            raise ClosedError("the client of Prusa Connect is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # One that was kept open is closed by the server at the worst moment,
                # and what was sent then may have been taken or not.
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout_s,
                    connect=min(CONNECT_TIMEOUT_S, self._timeout_s),
                ),
            )
        return self._session

    async def _put(self, path: str, body: BytesLike, content_type: str) -> Reply:
        """Send ``body``; a redirection is followed to https of the same host only."""
        url = self._server / path
        for _ in range(1 + MAX_REDIRECTS):
            reply = await self._put_once(url, body, content_type)
            if 200 <= reply.status < 300:
                return reply
            if reply.status not in REDIRECTS:
                raise error_of(reply, self._redacted)
            url = self._redirected(url, reply)
        raise SnapshotRejected(f"{self._server.host} redirects in a circle")

    def _redirected(self, url: URL, reply: Reply) -> URL:
        """Where ``reply`` points to; the secrets in a request go nowhere else."""
        location = reply.headers.get("Location", "")
        if (target := followed(url, location)) is not None:
            return target
        raise SnapshotRejected(
            f"{self._server.host} points to another address"
            f"{self._redacted(place(location))}; "
            f"check the server in prusacam.conf (HTTP {reply.status})",
            status=reply.status,
        )

    async def _put_once(self, url: URL, body: BytesLike, content_type: str) -> Reply:
        session = self._opened()
        headers = {
            "Token": self._token.reveal(),
            "Fingerprint": self._fingerprint,
            "Content-Type": content_type,
            "Content-Length": str(memoryview(body).nbytes),
            "User-Agent": USER_AGENT,
        }
        try:
            async with session.put(
                url,
                data=_once(body),
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await read_limited(response)
                reply = Reply(response.status, response.headers, content)
        except TimeoutError:
            trouble = f"no answer from {self._server.host} in time"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{self._server.host}: {described(error)}"
        else:
            return reply
        # Not inside the handler: aiohttp's errors carry the headers of the request.
        raise ConnectUnavailable(self._redacted(trouble))

    def _redacted(self, text: str) -> str:
        for secret in (self._token.reveal(), self._fingerprint):
            text = text.replace(secret, "***")
        return text


async def _once(body: BytesLike) -> AsyncIterator[BytesLike]:
    """A body that aiohttp cannot send again by itself.

    It would, when the connection breaks: two snapshots at once, of which the first may
    have been taken. Whether and when to send again is the uploader's to say.
    """
    yield body


def parse_server(server: str) -> URL:
    """The address of a Prusa Connect; ConfigError unless it is plain http(s)."""
    try:
        url = URL(server.strip())
    except ValueError:
        url = URL()
    plain = url.user is None and url.password is None and not url.query_string
    if url.scheme not in ("http", "https") or not url.host or not plain:
        raise ConfigError(
            "the server of Prusa Connect is an address like "
            "https://connect.prusa3d.com, without user, password and query"
        )
    return url.with_fragment(None)


def without_nulls(value: Any) -> Any:
    """``value`` without None in mappings and lists, at any depth."""
    if isinstance(value, Mapping):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item) for item in value if item is not None]
    return value


async def read_limited(response: aiohttp.ClientResponse) -> bytes:
    """At most ``MAX_BODY_BYTES`` of the body, or what came until it broke."""
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError):  # TimeoutError is one
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while len(body) < MAX_BODY_BYTES:
                chunk = await response.content.read(MAX_BODY_BYTES - len(body))
                if not chunk:
                    break
                body += chunk
    return bytes(body)


def described(error: Exception) -> str:
    """A connection error in words; nothing of the request is in them."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name cannot be resolved; check the network and its DNS"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not valid; check date and time of this machine"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no secure connection could be made"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before the answer"
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno).lower()
    return f"the exchange failed ({type(error).__name__})"
