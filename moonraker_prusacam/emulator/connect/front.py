# The door of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accepts connections, and spoils those that a fault is planned for.

What goes wrong here does so below HTTP and, with TLS, within the handshake.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.listener import Listener
from moonraker_prusacam.tasks import TaskOwner

from .faults import CONNECTION_KINDS, FaultKind
from .wire import reset_on_close

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from .faults import Fault
    from .plan import FaultPlan

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 10.0
READ_BYTES = 65536
# RFC 5246, 7.2: a fatal alert "protocol_version", as a server sends it that knows none
# of the versions in the client's hello. No OpenSSL of today speaks one so old.
OLD_PROTOCOL_ALERT = bytes.fromhex("15 0301 0002 02 46")


class Front:
    """Listens; ``serve`` makes the protocol of a connection."""

    def __init__(
        self,
        serve: Callable[[], asyncio.BaseProtocol],
        faults: FaultPlan[Fault],
        changed: Callable[[], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``changed`` is called when a counter has changed."""
        self.connections = 0
        self.failed_handshakes = 0
        self._serve = serve
        self._faults = faults
        self._changed = changed
        self._tls = tls
        self._address: tuple[str, int] | None = None
        self._transports: set[asyncio.Transport] = set()
        self._tasks = TaskOwner("connect-front")
        self._listener = Listener(self._tasks, self._treat)

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._listener.is_open

    async def listen(self, host: str, port: int) -> int:
        """Accept connections; the port. OSError if it is taken."""
        self._address = (host, self._listener.open(host, port))
        return self._address[1]

    async def refuse(self, seconds: float | None = None) -> None:
        """Let new connections be refused, and end the old ones, as a reboot does.

        For ``seconds``, or until ``accept``.
        """
        self._listener.close()
        for transport in self._transports:
            transport.abort()
        self._transports.clear()
        self._changed()
        if seconds is not None:
            self._tasks.start("reopen", self._accept_after(seconds))

    async def accept(self) -> None:
        """Accept connections again at the same address."""
        if not self._listener.is_open and self._address is not None:
            self._listener.open(*self._address)

    async def aclose(self) -> None:
        """Stop listening and end what never got to HTTP. Idempotent."""
        self._listener.close()
        self._address = None
        await self._tasks.aclose()

    async def _accept_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.accept()
        self._changed()

    async def _treat(self, connection: socket.socket) -> None:
        self.connections += 1
        self._changed()
        fault = self._faults.take(CONNECTION_KINDS)
        if fault is not None:
            try:
                await self._spoil(connection, fault)
            finally:
                connection.close()
            return
        loop = asyncio.get_running_loop()
        self._transports = {t for t in self._transports if not t.is_closing()}
        try:
            transport, _ = await loop.connect_accepted_socket(
                self._serve,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if self._tls else None,
            )
            self._transports.add(transport)
        except OSError as error:  # SSLError and what the client's leaving raises
            log.debug("A connection came to nothing: %s", error)
            self.failed_handshakes += 1
            self._changed()

    async def _spoil(self, connection: socket.socket, fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            if fault.kind is FaultKind.SILENT_CONNECTION:
                with suppress(TimeoutError):
                    async with asyncio.timeout(fault.seconds):
                        while await loop.sock_recv(connection, READ_BYTES):
                            pass
                return
            # Not before the client has said something: it is past connect() then.
            await loop.sock_recv(connection, READ_BYTES)
            if fault.kind is FaultKind.OLD_PROTOCOL:
                await loop.sock_sendall(connection, OLD_PROTOCOL_ALERT)
                while await loop.sock_recv(connection, READ_BYTES):
                    pass
                return
            reset_on_close(connection)
