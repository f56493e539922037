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
import io
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import attrs
from yarl import URL

from moonraker_prusacam.errors import (
    ClosedError,
    ConfigError,
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.version import __version__

if TYPE_CHECKING:
    from moonraker_prusacam.secret import Secret

BytesLike: TypeAlias = bytes | bytearray | memoryview

REQUEST_TIMEOUT_S = 30.0  # the whole exchange, name look-up to answer
CONNECT_TIMEOUT_S = 10.0  # name look-up, TCP and TLS
BODY_TIMEOUT_S = 5.0  # an answer's body, which only explains its status
KEEPALIVE_S = 75.0  # longer than the usual intervals of uploads
MAX_BODY_BYTES = 64 * 1024
MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
MAX_RETRY_AFTER_S = 24 * 3600.0
MAX_REASON = 200
CONNECTIONS = 2  # a snapshot never waits for an info
USER_AGENT = f"moonraker-prusacam/{__version__}"

HOW_TO_RENEW = (
    'open the printer in Prusa Connect, choose Camera, "Add new other camera", put '
    "the new token into prusacam.conf, and restart the engine"
)
OTHER_FINGERPRINT = (
    "Prusa Connect knows this token by another fingerprint, or it was made for another "
    "kind of camera: restore the old fingerprint file, or " + HOW_TO_RENEW
)
REFUSED = "Prusa Connect does not accept the token (any more): " + HOW_TO_RENEW


@attrs.frozen
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class ConnectApi:
    """One camera's requests to Prusa Connect; any 2xx is success.

    Raises TokenRejected when the user must act, ConnectUnavailable when waiting may
    help, SnapshotRejected otherwise. No error shows the token or the fingerprint.
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
            raise SnapshotRejected(
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
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS, keepalive_timeout=KEEPALIVE_S
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout_s,
                    connect=min(CONNECT_TIMEOUT_S, self._timeout_s),
                ),
            )
        return self._session

    async def _put(self, path: str, body: BytesLike, content_type: str) -> _Answer:
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
                self._server / path,
                data=io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await _read_limited(response)
                answer = _Answer(response.status, response.headers, content)
        except TimeoutError:
            trouble = f"no answer from {self._server.host} in time"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{self._server.host}: {_describe(error)}"
        else:
            return self._judge(answer)
        # Not inside the handler: aiohttp's errors carry the headers of the request.
        raise ConnectUnavailable(self._redacted(trouble))

    def _judge(self, answer: _Answer) -> _Answer:
        """``answer`` if it is a success, raise what it means otherwise."""
        status = answer.status
        if 200 <= status < 300:
            return answer
        raise self._error(answer)

    def _error(self, answer: _Answer) -> PrusaConnectError:
        status = answer.status
        # Masked before it is cut: half a token is too much as well.
        reason = self._redacted(_reason(answer.body))[:MAX_REASON].strip()
        told = f"HTTP {status}{reason and f', {reason}'}"
        if status in (400, 401, 403) and _is_about_fingerprint(answer.body):
            return TokenRejected(f"{OTHER_FINGERPRINT} ({told})", status=status)
        if status in (401, 403):
            return TokenRejected(f"{REFUSED} ({told})", status=status)
        if status == 429 or status >= 500:
            return ConnectUnavailable(
                f"Prusa Connect is busy or out of order ({told})",
                status=status,
                retry_after_s=retry_after_s(answer.headers),
            )
        if 300 <= status < 400:
            place = self._redacted(_origin(answer.headers.get("Location", "")))
            return SnapshotRejected(
                f"{self._server.host} points to another address{place}; "
                f"check the server in prusacam.conf (HTTP {status})",
                status=status,
            )
        return SnapshotRejected(
            f"Prusa Connect did not take the request ({told})", status=status
        )

    def _redacted(self, text: str) -> str:
        for secret in (self._token.reveal(), self._fingerprint):
            text = text.replace(secret, "***")
        return text


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


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After (RFC 9110: a number or a date), None without one.

    A date is compared with the server's own Date, because a small host's clock may be
    years off.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text), MAX_RETRY_AFTER_S)
    until = _http_date(text)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, min((until - now).total_seconds(), MAX_RETRY_AFTER_S))


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


async def _read_limited(response: aiohttp.ClientResponse) -> bytes:
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


def _is_about_fingerprint(body: bytes) -> bool:
    """Whether a refusal is FORBIDDEN_INVALID_FINGERPRINT or "Invalid fingerprint"."""
    return b"fingerprint" in body.lower()


def _reason(body: bytes) -> str:
    """What a refusal says in words, on one line; empty when it says nothing."""
    with contextlib.suppress(ValueError, RecursionError):
        error = json.loads(body)
        if isinstance(error, dict):
            words = (error.get(key) for key in ("code", "message", "detail"))
            text = " ".join(word for word in words if isinstance(word, str))
            return _one_line(text)
    return ""


def _one_line(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown.strip()


def _origin(location: str) -> str:
    """`` (scheme://host)`` of a Location, without its path, which may hold anything."""
    try:
        url = URL(location)
        return f" ({url.origin()})" if url.absolute else ""
    except ValueError:
        return ""


def _describe(error: Exception) -> str:
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
