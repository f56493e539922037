# The engine as a client of one camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One RTSP connection: requests, logins, and the packets that come between answers.

``serve`` reads until the connection ends; meanwhile ``request`` asks, and ``on_data``
is given what is to be decoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.http.auth import Authenticator, parse_challenges
from moonraker_prusacam.errors import (
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.version import __version__

from .message import (
    Headers,
    MessageError,
    Request,
    Response,
    Splitter,
    WebServerError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from moonraker_prusacam.camera_options import Credentials
    from moonraker_prusacam.errors import SourceError

READ_TIMEOUT_S = 10.0
READ_BYTES = 64 << 10
# A challenge, and a nonce that was too old when it was used.
MOST_TRIES = 3
USER_AGENT = f"prusacam/{__version__}"
PORT_ADVICE = "is that the port of RTSP? It is 554 as a rule, 322 for rtsps"
LOGIN_ADVICE = (
    "compare 'username' and 'password' with the camera's: many have an account of "
    "their own for RTSP, which their app makes"
)
RESTART_ADVICE = "restart the camera, and see whether something else has it open"


class RtspClient:
    """Speaks over ``reader`` and ``writer``; ``where`` is the camera for people."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        where: str,
        credentials: Credentials | None,
    ) -> None:
        self.where = where
        self.on_data: Callable[[bytes], Awaitable[None]] | None = None
        # Why the connection has ended.
        self.error: SourceError | None = None
        self.is_playing = False
        self._silence: asyncio.Timeout | None = None
        self._reader = reader
        self._writer = writer
        self._login = Authenticator(credentials) if credentials else None
        self._was_accepted = False
        self._count = 0
        self._session = ""
        self._url = ""
        self._splitter = Splitter()
        self._asked: deque[tuple[str, asyncio.Future[Response]]] = deque()

    def play(self) -> None:
        """Expect packets from now on, without long pauses."""
        self.is_playing = True
        if self._silence is not None:
            now_s = asyncio.get_running_loop().time()
            self._silence.reschedule(now_s + READ_TIMEOUT_S)

    async def serve(self) -> None:
        """Read until the connection ends, and note in ``error`` why."""
        try:
            await self._read()
        except TimeoutError:
            self.error = SourceStalled(
                f"{self.where} is connected, but has sent nothing for "
                f"{READ_TIMEOUT_S:g} s",
                advice=RESTART_ADVICE,
            )
        except WebServerError:
            self.error = SourceUnfit(
                f"{self.where} is a web server, and does not speak RTSP",
                advice=PORT_ADVICE,
            )
        except MessageError as error:
            self.error = SourceUnfit(f"{self.where} sends {error}", advice=PORT_ADVICE)
        except OSError:
            self.error = SourceUnavailable(
                f"{self.where} dropped the connection", advice=RESTART_ADVICE
            )
        else:
            self.error = SourceUnavailable(
                f"{self.where} closed the connection", advice=RESTART_ADVICE
            )
        finally:
            for _, answer in self._asked:
                if not answer.done():
                    answer.cancel()

    async def request(
        self, method: str, url: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> Response:
        """Ask, log in where that is wanted, and give the answer; raises SourceError."""
        for _ in range(MOST_TRIES):
            login = self._authorization(method, url)
            response = await self._exchange(method, url, headers, login)
            if response.status != 401:
                self._was_accepted |= login is not None
                session = response.headers.get("Session").partition(";")[0].strip()
                self._session = session or self._session
                self._url = url
                return response
            self._challenged(response, login is not None)
        raise self._refused()

    async def send_data(self, packets: bytes) -> None:
        """Pass on what the decoder tells the camera of the stream."""
        await self._write(packets)

    def leave(self) -> None:
        """Take leave of a camera that may serve one client only; it need not answer."""
        if self._session and self.error is None:
            login = self._authorization("TEARDOWN", self._url)
            self._writer.write(self._made("TEARDOWN", self._url, (), login).encode())

    def _authorization(self, method: str, url: str) -> str | None:
        return None if self._login is None else self._login.header(method, url)

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        login: str | None,
    ) -> Response:
        if self.error is not None:
            raise self.error
        request = self._made(method, url, headers, login)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        asked = (str(self._count), answer)
        self._asked.append(asked)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                await self._write(request.encode())
                await asyncio.wait([answer])
        except TimeoutError:
            raise SourceStalled(
                f"{self.where} does not answer {method}", advice=RESTART_ADVICE
            ) from None
        finally:
            self._asked.remove(asked)
        if answer.cancelled():
            raise self._why()
        return answer.result()

    def _why(self) -> SourceError:
        return self.error or SourceUnavailable(f"{self.where} is closed")

    def _made(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        login: str | None,
    ) -> Request:
        self._count += 1
        pairs = [("CSeq", str(self._count)), ("User-Agent", USER_AGENT)]
        if login is not None:
            pairs.append(("Authorization", login))
        if self._session:
            pairs.append(("Session", self._session))
        return Request(method, url, Headers((*pairs, *headers)))

    def _challenged(self, response: Response, has_logged_in: bool) -> None:
        """Get ready for the next try; raises SourceRefused where there is no use."""
        if self._login is None:
            raise SourceRefused(
                f"{self.where} wants a user and a password",
                advice="write 'username' and 'password' into the camera's section",
            )
        offered = parse_challenges(response.headers.all("WWW-Authenticate"))
        is_stale = any(challenge.is_stale for challenge in offered)
        # Nonces wear out, and not every server says that it is this.
        if has_logged_in and not is_stale and not self._was_accepted:
            raise self._refused()
        if not self._login.take(offered):
            names = ", ".join(challenge.scheme for challenge in offered)[:40]
            raise SourceRefused(
                f"{self.where} wants a login of a kind that is not known: {names}",
                advice="look in the camera's settings for Digest or Basic",
            )

    def _refused(self) -> SourceRefused:
        return SourceRefused(
            f"{self.where} does not accept user and password", advice=LOGIN_ADVICE
        )

    async def _write(self, octets: bytes) -> None:
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except OSError as error:
            raise SourceUnavailable(
                f"{self.where} dropped the connection", advice=RESTART_ADVICE
            ) from error

    async def _read(self) -> None:
        while True:
            # Before it plays, every wait for an answer has its own timeout.
            limit_s = READ_TIMEOUT_S if self.is_playing else None
            async with asyncio.timeout(limit_s) as self._silence:
                octets = await self._reader.read(READ_BYTES)
            if not octets:
                return
            for piece in self._splitter.feed(octets):
                if isinstance(piece, Response):
                    self._answered(piece)
                elif isinstance(piece, Request):
                    self._asks(piece)
                elif self.on_data is not None:
                    await self.on_data(piece)

    def _answered(self, response: Response) -> None:
        told = response.headers.get("CSeq")
        for number, answer in self._asked:
            # Sloppy servers leave the number out.
            if told in ("", number) and not answer.done():
                answer.set_result(response)
                return

    def _asks(self, request: Request) -> None:
        """A camera may ask, too; it needs an answer, but no service."""
        number = ("CSeq", request.headers.get("CSeq"))
        answer = Response(501, "Not Implemented", Headers((number,)))
        self._writer.write(answer.encode())
