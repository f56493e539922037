# One connection to the signalling server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens, uses and closes one connection; every wait is bounded, every end has words.

Source of the rules: captures of the signalling service. Engine.IO 4 over a websocket,
Socket.IO 5, the default namespace, the camera's token in the handshake. Every event
carries its message as octets. Only the authentication asks for an acknowledgement;
asked of others, the server answered with an error and ended the session.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

import aiohttp
import attrs
import socketio.exceptions

from moonraker_prusacam.connect.api import USER_AGENT, described
from moonraker_prusacam.errors import (
    SignalingError,
    SignalingRefused,
    SignalingUnavailable,
)
from moonraker_prusacam.tasks import TaskOwner

from .socket_io import CLOSE_TIMEOUT_S, Ears, SocketIo

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.secret import Secret

CONNECT_TIMEOUT_S = 25.0  # name, TCP, TLS, upgrade and handshake
ACKNOWLEDGEMENT_TIMEOUT_S = 15.0
LEAVE_TIMEOUT_S = 1.5 * CLOSE_TIMEOUT_S  # both ends' part in it
MAX_QUEUED = 32  # packets that wait for the server; more than it can be behind
NAMESPACE = "/"
CHECK_URL = "check signaling_url in prusacam.conf"


@attrs.frozen(kw_only=True)
class Address:
    """A signalling server, and what it wants to see before a word is said."""

    url: str  # https://host
    token: Secret
    origin: str | None = None


class _RedirectedError(aiohttp.ClientError):
    """The server points elsewhere, where the token must not go."""


class Connection:
    """One connection; opened once, closed once."""

    def __init__(self, address: Address, ears: Ears) -> None:
        self._address = address
        self._tasks = TaskOwner("signaling")
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        tracing.on_request_end.append(self._keep)
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S),
            trace_configs=[tracing],
        )
        self._response: aiohttp.ClientResponse | None = None
        self._client = SocketIo(self._tasks, self._http, ears)

    @property
    def lost(self) -> asyncio.Future[SignalingError]:
        """Done when the connection is of no use any more, with the reason."""
        return self._client.lost

    @property
    def sid(self) -> str:
        """Our id in the namespace; Engine.IO's is another, and good for nothing."""
        return str(self._client.get_sid(NAMESPACE) or "")

    def end(self, reason: SignalingError) -> None:
        """Give the connection up for ``reason``."""
        self._client.end(reason)

    async def open(self) -> None:
        """Connect; raises SignalingRefused, SignalingUnavailable."""
        headers = {"User-Agent": USER_AGENT}
        if self._address.origin:
            headers["Origin"] = self._address.origin
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.connect(
                    self._address.url,
                    headers=headers,
                    auth={"token": self._address.token.reveal()},
                    transports=["websocket"],
                    namespaces=[NAMESPACE],
                    wait=False,  # it would not notice when the connection ends
                )
                await self._done(self._client.joined)
        except TimeoutError:
            trouble: Exception = TimeoutError()
        # The latter are what an opening packet that is none makes of its parser.
        except (
            socketio.exceptions.ConnectionError,
            aiohttp.ClientError,
            OSError,
            *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
        ) as error:
            trouble = error
        else:
            return
        if self.lost.done():
            raise self.lost.result()
        _raise_for(trouble)

    async def call(self, event: str, octets: bytes) -> object:
        """Send ``event`` and return the value that acknowledges it.

        Several values, or none, are a tuple. As python-socketio's ``call``, but it ends
        with the connection. Raises SignalingUnavailable.
        """
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def acknowledged(*values: object) -> None:
            if not answer.done():
                answer.set_result(values[0] if len(values) == 1 else values)

        try:
            async with asyncio.timeout(ACKNOWLEDGEMENT_TIMEOUT_S):
                await self.emit(event, octets, acknowledged)
                await self._done(answer)
        except TimeoutError:
            raise SignalingUnavailable(
                f"the server did not acknowledge {event} in "
                f"{ACKNOWLEDGEMENT_TIMEOUT_S:g} s"
            ) from None
        return answer.result()

    async def emit(
        self,
        event: str,
        octets: bytes,
        acknowledged: Callable[..., None] | None = None,
    ) -> None:
        """Send ``event``; raises SignalingUnavailable."""
        if self.lost.done():
            raise self.lost.result()
        if self._client.eio.queue.qsize() >= MAX_QUEUED:
            self.end(SignalingUnavailable("the server takes nothing any more"))
            raise self.lost.result()
        try:
            await self._client.emit(
                event, octets, namespace=NAMESPACE, callback=acknowledged
            )
        except socketio.exceptions.SocketIOError:
            raise SignalingUnavailable("the connection is gone") from None

    async def aclose(self) -> None:
        """Have out what was sent, take leave, and end all that ran. Idempotent."""
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if not self.lost.done():
                    await self._client.eio.queue.join()
                self.end(SignalingUnavailable("the connection is closed"))
                await self._client.disconnect()
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # the rest is ended without the server
        finally:
            self.end(SignalingUnavailable("the connection is closed"))
            # The tasks last, since they may miss that they are cancelled, but not
            # that there is nothing left to read.
            if self._response is not None:
                self._response.close()
            await self._http.close()
            await self._tasks.aclose()

    async def _keep(
        self,
        _session: object,
        _context: object,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        # Of a websocket that broke, or never said a word, the library lets go.
        self._response = params.response

    async def _done(self, future: asyncio.Future[Any]) -> None:
        """Wait for ``future``, or for the end of the connection, which is raised."""
        await asyncio.wait({future, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise self.lost.result()


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, _params: object
) -> None:
    raise _RedirectedError


def _raise_for(error: Exception) -> NoReturn:
    """Say why there is no connection; nothing of the request is in the words."""
    cause = _root(error)
    if isinstance(cause, aiohttp.WSServerHandshakeError):
        _raise_for_status(cause.status)
    if isinstance(cause, _RedirectedError):
        raise SignalingUnavailable(
            "the signalling server points to another address", advice=CHECK_URL
        )
    if isinstance(cause, TimeoutError):
        raise SignalingUnavailable(
            f"the signalling server did not let us in within {CONNECT_TIMEOUT_S:g} s"
        )
    if isinstance(cause, aiohttp.ClientError | OSError):
        raise SignalingUnavailable(f"the signalling server: {described(cause)}")
    raise SignalingUnavailable("what answers is no Socket.IO server", advice=CHECK_URL)


def _root(error: BaseException) -> BaseException:
    """What aiohttp said; python-socketio keeps it as the cause of its own error."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, aiohttp.ClientError | OSError):
            return found
        found = found.__cause__ or found.__context__
    return error


def _raise_for_status(status: int) -> NoReturn:
    told = f"(HTTP {status})"
    if status in (401, 403):
        raise SignalingRefused(
            f"the signalling server does not let us connect {told}",
            advice="check signaling_url, and try origin https://connect.prusa3d.com",
        )
    if status == 429 or status >= 500:
        raise SignalingUnavailable(
            f"the signalling server is busy or out of order; it is tried again {told}"
        )
    raise SignalingUnavailable(
        f"what answers takes no websocket of Socket.IO {told}", advice=CHECK_URL
    )
