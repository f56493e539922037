# The virtual Prusa camera at the signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a camera connected and authenticated, unless it has been sent away.

It says nothing of its own accord: what the service was seen to want of a camera.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import socketio
from socketio.exceptions import SocketIOError

from moonraker_prusacam.connect.signaling.messages import CameraAuthentication
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from moonraker_prusacam.connect.signaling.codec import Codec
    from moonraker_prusacam.secret import Secret

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
ACK_TIMEOUT_S = 10.0
FIRST_DELAY_S, MAX_DELAY_S = 0.1, 5.0
EVENTS = ("trigger", "configuration", "timelapse_get_file_list")


class Connection:
    """One camera's place at the service; ``changed`` is called when it has changed."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        codec: Codec,
        token: Secret,
        fingerprint: str,
        *,
        received: Callable[[str, object], None],
        changed: Callable[[], None],
    ) -> None:
        self.is_joined = False
        self.errors: list[str] = []
        self._http = http
        self._url = url
        self._codec = codec
        self._token = token
        self._fingerprint = fingerprint
        self._received = received
        self._changed = changed
        self._client: Any = None
        self._closed = False
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._tasks = TaskOwner("prusa-camera-connection")

    def start(self) -> None:
        """Connect, and connect again, in the background."""
        self._tasks.start("connect", self._run())

    async def aclose(self) -> None:
        """Leave for ever. Idempotent."""
        self._closed = True
        await self.leave()
        await self._tasks.aclose()

    async def leave(self, seconds: float | None = None) -> None:
        """End the connection, for ``seconds`` or until ``come_back``."""
        self._wanted.clear()
        self._set_joined(False)
        client, self._client = self._client, None
        if client is not None:
            await client.disconnect()
        if seconds is not None:
            self._tasks.start("return", self._come_back_after(seconds))

    def come_back(self) -> None:
        """Connect again after ``leave``."""
        self._wanted.set()

    async def send(self, event: str, octets: bytes) -> None:
        """Send an event, or nothing while it is not joined."""
        client = self._client
        if client is None or not self.is_joined:
            return
        try:
            # With a callback, so that it is acknowledged.
            await client.emit(event, octets, callback=_ignore)
        except SocketIOError as error:
            log.debug("%s could not be sent: %s", event, error)

    async def _come_back_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.come_back()

    async def _run(self) -> None:
        delay_s = FIRST_DELAY_S
        # The waits of python-socketio lose a cancellation that comes together with what
        # they wait for (asyncio.wait_for before Python 3.12).
        while not self._closed:
            await self._wanted.wait()
            try:
                await self._serve()
                delay_s = FIRST_DELAY_S
            except (SocketIOError, OSError, TimeoutError, ValueError) as error:
                log.debug("The camera is not connected: %s", error)
                delay_s = min(MAX_DELAY_S, delay_s * 2)
            await asyncio.sleep(delay_s)

    async def _serve(self) -> None:
        """Connect and authenticate; return when that is over."""
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            http_session=self._http,
            logger=False,
        )
        over = asyncio.Event()
        for event in EVENTS:
            client.on(event, lambda *data, event=event: self._take(event, data))
        client.on("error", self._error)
        client.on("disconnect", lambda *_: over.set())
        try:
            await client.connect(
                self._url,
                auth={"token": self._token.reveal()},
                transports=["websocket"],
                wait_timeout=CONNECT_TIMEOUT_S,
            )
            message = CameraAuthentication(
                camera_token=self._token, fingerprint=self._fingerprint
            )
            code = await client.call(
                "camera_authentication",
                self._codec.encode(message),
                timeout=ACK_TIMEOUT_S,
            )
            if code != 0:
                raise ConnectionRefusedError(f"acknowledged with {code!r}")
            if self._wanted.is_set():
                self._client = client
                self._set_joined(True)
                await over.wait()
        finally:
            self._client = None
            self._set_joined(False)
            await client.disconnect()

    def _take(self, event: str, data: tuple[object, ...]) -> None:
        self._received(event, data[0] if len(data) == 1 else None)

    def _error(self, *data: object) -> None:
        self.errors.append(str(data[0]) if data else "")
        del self.errors[:-10]
        self._changed()

    def _set_joined(self, joined: bool) -> None:
        self.is_joined = joined
        self._changed()


def _ignore(*_: object) -> None:
    """What is acknowledged to a camera changes nothing."""
