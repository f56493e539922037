# The engine's end of the control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listens on a Unix socket that only its owner may open."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import ClosedError, ControlError
from moonraker_prusacam.tasks import TaskOwner

from .peer import Peer
from .protocol import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .peer import Handler

log = logging.getLogger(__name__)

MAX_PEERS = 16
MAX_SOCKET_PATH_BYTES = 107  # sun_path of Linux, less its final zero
PROBE_TIMEOUT_S = 1.0
IDENTIFY = "engine.identify"
MAX_CLIENT_TEXT = 80
UNKNOWN = ("", "")


class ControlServer:
    """Serves ``methods`` to every peer that connects to the socket at ``path``."""

    def __init__(self, path: Path, methods: Mapping[str, Handler]) -> None:
        self._path = path
        self._methods = methods
        self._peers: dict[Peer, tuple[str, str]] = {}
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self._tasks = TaskOwner("control:server")

    async def hold(self) -> None:
        """Take the socket; who connects waits for ``start``.

        Raises ControlError when another engine holds it.
        """
        self._server = await self._open()

    async def start(self) -> None:
        """Serve; takes the socket, too, unless ``hold`` did."""
        if self._server is None:
            self._server = await self._open()
        await self._server.start_serving()

    @property
    def clients(self) -> list[tuple[str, str]]:
        """Name and version of all who are connected and have identified themselves."""
        return [client for client in self._peers.values() if client != UNKNOWN]

    def broadcast(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification to every peer."""
        for peer in tuple(self._peers):
            peer.notify(method, params)

    async def stop(self) -> None:
        """Close all peers, now and later; the socket stays ours. Idempotent."""
        await self._tasks.aclose()
        # Who came just now was not served yet.
        await asyncio.gather(*(peer.aclose() for peer in tuple(self._peers)))

    async def aclose(self) -> None:
        """Stop, and give the socket up. Idempotent."""
        if self._server is not None:
            self._server.close()
        await self.stop()
        try:
            # A newer engine may have put its own socket there already.
            if self._inode is not None and self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    async def _open(self) -> asyncio.Server:
        if len(os.fsencode(self._path)) > MAX_SOCKET_PATH_BYTES:
            raise ControlError(
                f"{self._path}: longer than the {MAX_SOCKET_PATH_BYTES} bytes that "
                "Linux allows for a socket; set [engine] socket to a shorter path"
            )
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            await self._remove_stale()
            listener = self._bind()
        except OSError as error:
            raise ControlError(f"{self._path}: {error.strerror or error}") from error
        self._inode = self._path.stat().st_ino
        return await asyncio.start_unix_server(
            self._accept, sock=listener, limit=MAX_REQUEST_BYTES, start_serving=False
        )

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Only the mask leaves no moment in which the socket is open to others.
        mask = os.umask(0o177)
        try:
            listener.bind(str(self._path))
            listener.listen()
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(mask)
        return listener

    async def _remove_stale(self) -> None:
        if not self._path.exists():
            return
        if not self._path.is_socket():
            raise ControlError(
                f"{self._path}: is there already and is no socket; remove it, or set "
                "[engine] socket to another path"
            )
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                _, writer = await asyncio.open_unix_connection(str(self._path))
        except (ConnectionRefusedError, FileNotFoundError):
            self._path.unlink(missing_ok=True)  # left by an engine that was killed
            return
        except TimeoutError:
            pass  # whoever holds it is too busy to answer
        else:
            writer.close()
            await writer.wait_closed()
        raise ControlError(f"another engine is running (it holds {self._path})")

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._tasks) >= MAX_PEERS:
            log.warning("More than %d control peers; refusing one", MAX_PEERS)
            writer.close()
            return
        methods = dict(self._methods)
        peer = Peer(reader, writer, methods)
        if IDENTIFY in methods:
            methods[IDENTIFY] = partial(self._identify, peer)
        try:
            self._tasks.start("peer", self._serve(peer))
        except ClosedError:
            writer.close()  # it came at the moment of the end
        else:
            self._peers[peer] = UNKNOWN

    async def _serve(self, peer: Peer) -> None:
        try:
            await peer.run()
        finally:
            self._peers.pop(peer, None)

    async def _identify(self, peer: Peer, params: dict[str, Any]) -> Any:
        """Keep what the peer says of itself, and let the engine answer."""
        said = (params.get("client"), params.get("version"))
        name, version = (
            text[:MAX_CLIENT_TEXT] if isinstance(text, str) else "" for text in said
        )
        if peer in self._peers:
            self._peers[peer] = (name, version)
        return await self._methods[IDENTIFY](params)
