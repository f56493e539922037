# Client of Prusa Connect's printer API.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request each: register, telemetry, events, cameras; and what was answered.

Source of the rules: Prusa's printer SDK 0.8.1. When to send what is not decided here.
A request ends after ten seconds whatever the server does, and no answer is read beyond
a bound.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from moonraker_prusacam.connect.api import (
    USER_AGENT,
    described,
    parse_server,
    without_nulls,
)
from moonraker_prusacam.connect.redirects import (
    MAX_REDIRECTS,
    REDIRECTS,
    followed,
    place,
)
from moonraker_prusacam.connect.refusals import Reply, error_of
from moonraker_prusacam.errors import (
    ClosedError,
    ConnectUnavailable,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.secret import Secret

from .clock_watch import CLOCK_ADJUSTED, ClockWatch
from .faults import PRINTER_FAULTS, REGISTRATION_FAULTS, RENEW
from .identity import firmware, is_token
from .wire import GCODE_TYPE, JSON_TYPE, command_in_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.connect.refusals import Fault

    from .identity import PrinterIdentity
    from .messages import Command, Event
    from .wire import Unreadable

REQUEST_TIMEOUT_S = 10.0  # as the SDK's; name look-up, exchange and body together
MAX_BODY_BYTES = 256 << 10
CONNECTIONS = 3  # telemetry, a registration and a camera never wait for each other
MAX_CODE = 64


class PrinterApi:
    """A printer's requests to Prusa Connect; also where its downloads come from.

    Raises TokenRejected when the user must act, ConnectUnavailable when waiting may
    help, and SnapshotRejected otherwise. No error shows token or fingerprint.
    """

    def __init__(
        self,
        server: str,
        identity: PrinterIdentity,
        clock: Clock,
        *,
        token: Secret | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.token = token
        self.klipper_version = ""
        self._server = parse_server(server)
        self._identity = identity
        self._clock = clock
        self.watch = ClockWatch(clock)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"PrinterApi({str(self._server)!r})"

    @property
    def url(self) -> URL:
        """FileServer: scheme, host and port of Prusa Connect."""
        return self._server

    @property
    def firmware(self) -> str:
        """What runs on this printer, honestly."""
        return firmware(self.klipper_version)

    def headers(self) -> dict[str, str]:
        """FileServer: what proves who asks; raises TokenRejected without a token."""
        if self.token is None:
            raise TokenRejected("the printer is not registered: " + RENEW)
        return self._headers(self._clock.wall_s())

    def redacted(self, text: str) -> str:
        """FileServer: ``text`` without token and fingerprint."""
        token = self.token.reveal() if self.token is not None else ""
        for secret in filter(None, (token, self._identity.fingerprint)):
            text = text.replace(secret, "***")
        return text

    async def register(self) -> str:
        """Ask for a code that a person enters in Prusa Connect."""
        body = {
            "sn": self._identity.serial,
            "fingerprint": self._identity.fingerprint,
            "printer_type": self._identity.printer_type,
            "firmware": self.firmware,
        }
        reply = await self._send("POST", "p/register", body, REGISTRATION_FAULTS)
        code = reply.headers.get("Code", "").strip()
        if not (code.isascii() and code.isalnum() and len(code) <= MAX_CODE):
            raise self._strange(reply, "without a code")
        return code

    async def registered(self, code: str) -> Secret | None:
        """The printer's token, None as long as nobody has entered ``code``."""
        extra = {"Code": code}
        reply = await self._send("GET", "p/register", None, REGISTRATION_FAULTS, extra)
        if reply.status == 202:
            return None
        return self._token_in(reply)

    async def telemetry(self, told: Mapping[str, Any]) -> Command | Unreadable | None:
        """Tell ``told``; the command that waits, if one does."""
        self.headers()
        reply = await self._send("POST", "p/telemetry", told)
        if reply.status != 200 or not ("Command-Id" in reply.headers or reply.body):
            return None
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if "Command-Id" not in reply.headers and kind not in (JSON_TYPE, GCODE_TYPE):
            # The page of a hotel's network, say.
            raise self._strange(reply, "that is not for a printer")
        return command_in_reply(reply.headers, reply.body)

    async def event(self, event: Event, at_s: float) -> None:
        """Tell ``event``, which happened at Unix time ``at_s``."""
        self.headers()
        await self._send("POST", "p/events", event.as_json(), at_s=at_s)

    async def add_camera(self, camera: Mapping[str, Any]) -> Secret:
        """The token of a camera that this printer vouches for."""
        self.headers()
        return self._token_in(await self._send("POST", "p/camera", camera))

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
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            )
        return self._session

    def _headers(self, at_s: float) -> dict[str, str]:
        headers = {
            "Fingerprint": self._identity.fingerprint,
            "Timestamp": f"{at_s:.1f}",
            "User-Agent": USER_AGENT,
            "User-Agent-Printer": self._identity.printer_type,
            "User-Agent-Version": self.firmware,
        }
        if self.token is not None:
            headers["Token"] = self.token.reveal()
        return headers

    async def _send(
        self,
        method: str,
        path: str,
        told: Mapping[str, Any] | None,
        faults: tuple[Fault, ...] = PRINTER_FAULTS,
        extra: Mapping[str, str] | None = None,
        *,
        at_s: float | None = None,
    ) -> Reply:
        """One exchange; a redirection is followed to https of the same host only."""
        headers = self._headers(self._clock.wall_s() if at_s is None else at_s)
        headers |= extra or {}
        body = None
        if told is not None:
            body = json.dumps(without_nulls(told)).encode()
            headers["Content-Type"] = JSON_TYPE
        jump = self.watch.jump()
        if jump is not None:
            headers[CLOCK_ADJUSTED] = "1"
        url = self._server / path
        for _ in range(1 + MAX_REDIRECTS):
            reply = await self._send_once(method, url, body, headers)
            if 200 <= reply.status < 300:
                self.watch.acknowledge(jump)
                return reply
            if reply.status not in REDIRECTS:
                raise error_of(reply, self.redacted, faults)
            location = reply.headers.get("Location", "")
            target = followed(url, location)
            if target is None:
                raise SnapshotRejected(
                    f"{self._server.host} points to another address"
                    f"{self.redacted(place(location))}; check 'server' of [printer] "
                    f"(HTTP {reply.status})",
                    status=reply.status,
                )
            url = target
        raise SnapshotRejected(f"{self._server.host} redirects in a circle")

    async def _send_once(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        session = self._opened()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                session.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                # Whole or not at all: half of a G-code is another one.
                content = await _read(response)
                return Reply(response.status, response.headers, content)
        except TimeoutError:
            trouble = f"no answer from {self._server.host} in time"
        except (aiohttp.ClientError, OSError) as error:
            trouble = f"{self._server.host}: {described(error)}"
        except ValueError as error:
            trouble = f"{self._server.host}: {error}"
        # Not inside the handler: aiohttp's errors carry the headers of the request.
        raise ConnectUnavailable(self.redacted(trouble))

    def _token_in(self, reply: Reply) -> Secret:
        token = reply.headers.get("Token", "").strip()
        if not is_token(token):
            raise self._strange(reply, "without a token")
        return Secret(token)

    def _strange(self, reply: Reply, what: str) -> ConnectUnavailable:
        return ConnectUnavailable(
            f"{self._server.host} gave an answer {what} (HTTP {reply.status})",
            status=reply.status,
        )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body; ValueError when it has no end."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"an answer of more than {MAX_BODY_BYTES} bytes")
    return bytes(body)
