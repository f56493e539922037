# The gateway's side of Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls, WebSockets and files of one Moonraker, on this host or another.

All that is sent here is made by the gateway: its own headers, its own requests, and a
key that viewers never see.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import aiohttp
from yarl import URL

from moonraker_prusacam.errors import CallRefused, UpstreamUnavailable
from moonraker_prusacam.log import StateLog

from . import message
from .pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohappyeyeballs import AddrInfoType

    from moonraker_prusacam.secret import Secret

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
SILENCE_TIMEOUT_S = 30.0
# Moonraker pings nobody; this finds a host that is gone without a word.
HEARTBEAT_S = 20.0
# A restart of Moonraker takes so long. Mainsail tries five times, one second apart.
RETURN_TIMEOUT_S = 15.0
RETURN_POLL_S = 0.25
MAX_ANSWER_BYTES = 64 << 20
# Calls by path; those of WebSockets are counted there.
MAX_CALLS = 32
# What lies in the kernel of a camera's stream is old when it is shown.
RECEIVE_BUFFER_BYTES = 128 << 10
# Of all viewers together, as ``Method.cost`` counts.
COST_PER_SECOND = 30.0
COST_AT_ONCE = 600.0
# Moonraker logs each one, and keeps some memory for it.
SOCKETS_PER_SECOND = 1.0
SOCKETS_AT_ONCE = 32.0
UNAUTHORIZED = "Unauthorized"
DISTRUSTED = "Moonraker does not let the gateway in; the gateway's log has more"


def open_socket(info: AddrInfoType) -> socket.socket:
    """A socket of small buffers (aiohttp's ``socket_factory``)."""
    family, kind, protocol, _, _ = info
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return made


def open_session(headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """A client that keeps no cookies, follows nothing, and unpacks nothing."""
    return aiohttp.ClientSession(
        # How many there are is decided by whoever makes requests.
        connector=aiohttp.TCPConnector(limit=0, socket_factory=open_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S
        ),
        headers={"User-Agent": "prusacam-gateway", **(headers or {})},
        skip_auto_headers=("Accept-Encoding",),
        auto_decompress=False,
        trust_env=False,
    )


class Moonraker:
    """Moonraker at ``url``; ``api_key`` is for one that does not trust this host."""

    def __init__(self, url: str, api_key: Secret | None = None) -> None:
        self._url = url.rstrip("/")
        headers = {} if api_key is None else {"X-Api-Key": api_key.reveal()}
        self._session = open_session(headers)
        self._pace = Pace(COST_PER_SECOND, COST_AT_ONCE)
        self._socket_pace = Pace(SOCKETS_PER_SECOND, SOCKETS_AT_ONCE)
        self._slots = asyncio.Semaphore(MAX_CALLS)
        self._log = StateLog(log, f"Moonraker at {self._url}")

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()

    async def keep_pace(self, cost: float) -> None:
        """Wait until one more call, of whomever, is in order."""
        await self._pace.keep(cost)

    async def call(self, method: str, params: dict[str, Any], cost: float) -> Any:
        """The result of a call; raises CallRefused or UpstreamUnavailable."""
        await self.keep_pace(cost)
        try:
            async with (
                self._slots,
                asyncio.timeout(ANSWER_TIMEOUT_S),
                self._session.post(
                    f"{self._url}/server/jsonrpc",
                    json=message.call(method, params, 1),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != 200:
                    self._refused(response.status)
                answer = await response.json(content_type=None)
        except UpstreamUnavailable:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._unavailable(error) from error
        if isinstance(answer, dict) and "result" in answer:
            self._available()
            return answer["result"]
        refused = self.refusal(answer)
        if refused.message == UNAUTHORIZED:
            raise UpstreamUnavailable(DISTRUSTED)
        raise refused

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket, when Moonraker is back if it is just being restarted."""
        await self._socket_pace.keep()
        deadline = asyncio.get_running_loop().time() + RETURN_TIMEOUT_S
        while True:
            try:
                return await self._connect()
            except UpstreamUnavailable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
            await asyncio.sleep(RETURN_POLL_S)

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        try:
            made = await self._session.ws_connect(
                f"{self._url}/websocket",
                heartbeat=HEARTBEAT_S,
                max_msg_size=MAX_ANSWER_BYTES,
                compress=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            self._refused(error.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unavailable(error) from error
        self._available()
        return made

    @asynccontextmanager
    async def fetch(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a GET or HEAD of the quoted ``path``."""
        url = f"{self._url}{path}"
        async with fetch(self._session, method, url, headers) as answer:
            yield answer

    def refusal(self, answer: object) -> CallRefused:
        """What Moonraker refused a call with."""
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            return CallRefused(message.INVALID_REQUEST, "Moonraker gave no answer")
        code, text = error.get("code"), str(error.get("message"))
        if text == UNAUTHORIZED:
            self._log.report(
                "does not trust the gateway's host; set [gateway] api_key_file, or "
                "add the host to [authorization] trusted_clients in moonraker.conf"
            )
        return CallRefused(code if isinstance(code, int) else 500, text)

    def _available(self) -> None:
        self._log.report("answers", logging.INFO)

    def _unavailable(self, error: BaseException) -> UpstreamUnavailable:
        reason = str(error) or type(error).__name__
        self._log.report(f"does not answer: {reason}")
        return UpstreamUnavailable("Moonraker does not answer; is it running?")

    def _refused(self, status: int) -> NoReturn:
        self._log.report(
            f"refuses the gateway with HTTP {status}; is [gateway] moonraker right, "
            "and does Moonraker trust this host, or api_key_file hold its key?"
        )
        raise UpstreamUnavailable(DISTRUSTED)


@asynccontextmanager
async def fetch(
    session: aiohttp.ClientSession, method: str, url: str, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer of another server; raises UpstreamUnavailable where there is none."""
    # A plain text would be quoted again.
    target = URL(url, encoded=True)
    try:
        answer = await session.request(
            method, target, headers=headers, allow_redirects=False
        )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UpstreamUnavailable("there is no answer; is it running?") from error
    async with answer:
        yield answer
