# Requests to a camera's web server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GET of a camera's URL: who we are, and where the camera sends us on to.

A request is sent once, on one connection at a time, and leads to no other host. Where
that fails is ``http_trouble``'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, Self

import aiohttp
from aiohttp import hdrs
from yarl import URL

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.errors import SourceRefused, SourceStalled, SourceUnfit
from moonraker_prusacam.version import __version__

from . import trouble
from .auth import Authenticator, parse_challenges

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

    from moonraker_prusacam.camera_options import CameraConfig

CONNECT_TIMEOUT_S = 5.0  # name look-up, TCP and TLS
READ_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 20.0  # to the end of an answer's header, however slowly it comes
DRAIN_TIMEOUT_S = 1.0
MAX_DRAINED_BYTES = 64 << 10
MAX_REDIRECTS = 5
MAX_CHALLENGES = 2  # the second one when the nonce of the first was too old at once
READ_BYTES = 256 << 10
OK, NOT_MODIFIED, UNAUTHORIZED = 200, 304, 401
MOVED_FOR_EVER = (301, 308)
MOVED = (*MOVED_FOR_EVER, 302, 303, 307)
HEADERS = {
    hdrs.USER_AGENT: f"moonraker-prusacam/{__version__}",
    hdrs.ACCEPT_ENCODING: "identity",
}


class Pins(Protocol):
    """What a camera's certificate has to be, where nobody vouches for it."""

    async def known(self, port: int) -> bytes | None:
        """SHA-256 of the certificate at ``port``; None: it was never seen."""

    async def meet(self, port: int) -> None:
        """Connect and remember the first certificate; refuse another one.

        Raises SourceError.
        """


class HttpClient:
    """One run's requests to the URL in ``config``; to be used in ``async with``.

    ``reached`` is told of stages; ``silence_s`` is how long bytes may stay away;
    ``usual`` tells people which addresses are usual.
    """

    def __init__(
        self,
        config: CameraConfig,
        pins: Pins,
        reached: Callable[[Stage], None],
        *,
        silence_s: float,
        usual: str,
    ) -> None:
        source = config.source
        text = source.reveal(source.scheme.rpartition("+")[2])
        try:
            # As it was written: some cameras compare texts.
            self._url = self._asked = URL(text, encoded=text.isascii())
        except ValueError:
            raise trouble.no_such_host(source.place) from None
        self._pins = pins if config.pins_certificate else None
        self._section = f"[camera {config.name}]"
        self._silence_s = silence_s
        self._usual = usual
        self._reached = reached
        self._credentials = config.credentials
        self._authenticator: Authenticator | None
        self._session: aiohttp.ClientSession
        self._is_reused = False

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def where(self) -> str:
        """Host and port that were asked last, for people."""
        return self._asked.host_port_subcomponent or ""

    @asynccontextmanager
    async def get(
        self, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer with a body, or 304 where ``headers`` ask for it.

        It is the camera's: 401 and redirects are dealt with. Raises SourceError, also
        for what aiohttp raises while the body is read.
        """
        answer: aiohttp.ClientResponse | None = None
        limit = asyncio.timeout(ANSWER_TIMEOUT_S)
        try:
            async with limit:
                answer = await self._answer(dict(headers or {}))
            yield answer
        except aiohttp.ServerFingerprintMismatch:
            self._reached(Stage.REACHABLE)
            await self._refuse_certificate()
        except aiohttp.SocketTimeoutError:
            raise SourceStalled(
                f"{self.where} is connected, but has sent nothing for "
                f"{self._silence_s:g} s",
                advice=trouble.RESTART,
            ) from None
        except aiohttp.ClientError as error:
            if isinstance(error, aiohttp.ClientSSLError):
                self._reached(Stage.REACHABLE)
            told = trouble.explain(error, self.where, answer is not None)
            # Without its cause, which shows user, password and query.
            raise told from None
        except TimeoutError:
            if not limit.expired():
                raise
            raise SourceStalled(
                f"{self.where} has not answered within {ANSWER_TIMEOUT_S:g} s",
                advice=trouble.RESTART,
            ) from None
        finally:
            if answer is not None:
                _close(answer)

    def _open(self) -> None:
        """Begin anew: with no connection, and knowing of no login."""
        self._authenticator = None
        if self._credentials is not None:
            self._authenticator = Authenticator(self._credentials)

        async def connected(*_: object) -> None:
            self._is_reused = False
            self._reached(Stage.REACHABLE)

        async def reused(*_: object) -> None:
            self._is_reused = True

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(connected)
        trace.on_connection_reuseconn.append(reused)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1,
                # Knows the names that this host knows, those of mDNS among them.
                resolver=aiohttp.ThreadedResolver(),
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            middlewares=(_send_once,),
            read_bufsize=READ_BYTES,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=CONNECT_TIMEOUT_S, sock_read=self._silence_s
            ),
            trace_configs=[trace],
        )

    async def _close(self) -> None:
        await self._session.close()
        # Transports that were aborted close their sockets now.
        await asyncio.sleep(0)

    async def _answer(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        url, redirects, challenges = self._url, 0, 0
        while True:
            answer = await self._ask(url, headers)
            try:
                if answer.status == UNAUTHORIZED:
                    challenges += 1
                    self._take_challenge(answer, challenges)
                elif answer.status in MOVED:
                    redirects += 1
                    challenges = 0
                    url = self._redirected(url, answer, redirects)
                elif answer.status == OK or (headers and answer.status == NOT_MODIFIED):
                    self._reached(Stage.AUTHENTICATED)
                    return answer
                else:
                    raise trouble.refusal(answer.status, self.where, self._usual)
                await _drain(answer)
            except BaseException:
                _close(answer)
                raise
            if url.origin() != self._asked.origin():
                # One connection is all that many cameras have; and whoever listens at
                # another port has not asked for a password yet.
                await self._close()
                self._open()

    async def _ask(self, url: URL, headers: dict[str, str]) -> aiohttp.ClientResponse:
        self._asked = url
        if self._authenticator is not None:
            told = self._authenticator.header(hdrs.METH_GET, url.raw_path_qs)
            if told is not None:
                headers = {**headers, hdrs.AUTHORIZATION: told}
        trust = await self._trust(url)
        while True:
            try:
                answer = await self._session.get(
                    url, headers=headers, allow_redirects=False, ssl=trust
                )
            except trouble.Unanswered:
                # A connection that was kept may be closed just when it is used again.
                if not self._is_reused:
                    raise
            except UnicodeError:
                raise trouble.no_such_host(self.where) from None
            else:
                return answer

    async def _trust(self, url: URL) -> bool | aiohttp.Fingerprint:
        """What the certificate of ``url`` has to be; True: a verified one."""
        if self._pins is None or url.scheme != "https" or url.port is None:
            return True
        known = await self._pins.known(url.port)
        if known is None:
            await self._pins.meet(url.port)
            known = await self._pins.known(url.port)
        if known is None:
            raise SourceRefused(f"the certificate of {self.where} cannot be kept")
        return aiohttp.Fingerprint(known)

    async def _refuse_certificate(self) -> None:
        """Raise what there is to say of a certificate that is not the pinned one."""
        if self._pins is not None and self._asked.port is not None:
            await self._pins.meet(self._asked.port)
        raise SourceRefused(f"{self.where} shows another certificate than before")

    def _take_challenge(self, answer: aiohttp.ClientResponse, count: int) -> None:
        """Be ready to answer a 401, or raise SourceRefused."""
        challenges = parse_challenges(answer.headers.getall(hdrs.WWW_AUTHENTICATE, []))
        if self._authenticator is None:
            raise SourceRefused(
                f"{self.where} wants a user and a password",
                advice=f"write username and password (or password_file) into "
                f"{self._section}",
            )
        is_stale = any(challenge.is_stale for challenge in challenges)
        if count > 1 and not (is_stale and count <= MAX_CHALLENGES):
            raise SourceRefused(
                f"{self.where} does not take that user with that password",
                advice=f"compare username and password in {self._section} with those "
                "of the camera; in a URL, write %40 for @ and %23 for #",
            )
        if not self._authenticator.take(challenges):
            raise SourceRefused(
                f"{self.where} wants a login of a kind that is not known here",
                advice="choose Basic or Digest authentication in the camera's settings",
            )

    def _redirected(self, url: URL, answer: aiohttp.ClientResponse, count: int) -> URL:
        """Where ``answer`` points to, on the same host; raises SourceUnfit."""
        if count > MAX_REDIRECTS:
            raise SourceUnfit(
                f"{self.where} sends on and on, {MAX_REDIRECTS} times and more",
                advice="open the address in a browser, and write what it ends up at",
            )
        try:
            location = answer.headers.get(hdrs.LOCATION, "")
            target = url.join(URL(location, encoded=location.isascii()))
            place, _ = target.origin(), target.port
        except ValueError:
            raise SourceUnfit(
                f"{self.where} sends on to something that is no address"
            ) from None
        schemes = ("https", url.scheme)  # a password that was hidden stays so
        if target.host != url.host or target.scheme not in schemes:
            raise SourceUnfit(
                f"{self.where} sends on to {place}, which is not followed",
                advice="if that is the camera's address, write it as source",
            )
        target = target.with_user(None)
        if answer.status in MOVED_FOR_EVER:
            self._url = target
        return target


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again by itself, on another connection."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, TimeoutError):
        raise
    except (OSError, aiohttp.ServerDisconnectedError):
        raise trouble.Unanswered from None


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read what explains a 401 or a redirect, so that the connection can be kept."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            left = MAX_DRAINED_BYTES
            while left > 0 and (chunk := await answer.content.readany()):
                left -= len(chunk)
    _close(answer)


def _close(answer: aiohttp.ClientResponse) -> None:
    """Let go of the connection, at once where the answer was not read to its end."""
    if (connection := answer.connection) is not None:
        if (transport := connection.transport) is not None:
            transport.abort()
        answer.close()
