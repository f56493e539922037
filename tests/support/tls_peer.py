# A TLS server that does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears what comes after the handshake, and can keep from taking leave."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

WAIT_S = 10.0


class TlsPeer:
    """Serves in threads, with blocking sockets, so that asyncio has no part in it.

    ``context`` None: never answers. ``takes_leave`` False: it never answers to the end
    of a connection either.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        takes_leave: bool = True,
        says: bytes = b"",
    ) -> None:
        self.context = context
        self.heard = b""
        self.handshakes = 0
        self.ends: list[str] = []
        self._takes_leave = takes_leave
        self._says = says
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port = int(self._listener.getsockname()[1])
        self._serving: asyncio.Future[None] | None = None
        self._clients: list[socket.socket] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._serving = self._loop.run_in_executor(None, self._accept)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self._listener.shutdown(socket.SHUT_RDWR)
        assert self._serving is not None
        await self._serving
        self._listener.close()

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.settimeout(WAIT_S)
            self._clients.append(client)
            self.ends.append(self._serve(client))
            self._tell()

    def _serve(self, client: socket.socket) -> str:
        """Hear one client to its end; how it ended."""
        try:
            if self._says:
                client.sendall(self._says)
            if self.context is None:
                while client.recv(4096):
                    pass
                return "closed"
            with self.context.wrap_socket(
                client, server_side=True, suppress_ragged_eofs=False
            ) as wrapped:
                self._clients.append(wrapped)
                self.handshakes += 1
                self._tell()
                while octets := wrapped.recv(4096):
                    self.heard += octets
                    self._tell()
                if self._takes_leave:
                    return "took leave"
                # The bare end of the connection is what is awaited now.
                bare = socket.socket(fileno=wrapped.detach())
                self._clients.append(bare)
                bare.settimeout(WAIT_S)
                return "closed" if not bare.recv(1) else "talked on"
        except ConnectionResetError:
            return "reset"
        except OSError as error:
            return type(error).__name__
