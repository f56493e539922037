# Where virtual devices take connections.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accepts connections and loses none of them, whenever it is told to stop.

asyncio's ``sock_accept()`` that is cancelled in the moment in which a connection has
come drops it unclosed, and a task that is cancelled before it begins never closes what
it was given.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from moonraker_prusacam.tasks import TaskOwner

BACKLOG = 100


class Listener:
    """Has ``serve`` run for each connection, as a task of ``tasks``.

    What ``serve`` was given it closes; what it never got is closed here.
    """

    def __init__(
        self,
        tasks: TaskOwner,
        serve: Callable[[socket.socket], Coroutine[Any, Any, None]],
    ) -> None:
        self._tasks = tasks
        self._serve = serve
        self._socket: socket.socket | None = None
        self._unserved: set[socket.socket] = set()

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._socket is not None

    def open(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one for 0. OSError if it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener.setblocking(False)
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._socket = listener
        bound: int = listener.getsockname()[1]
        return bound

    def close(self) -> None:
        """Take no more; those that are served go on. Idempotent."""
        listener, self._socket = self._socket, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # gone before it was taken
        connection.setblocking(False)
        self._unserved.add(connection)
        task = self._tasks.start("connection", self._begin(connection))
        task.add_done_callback(lambda _: self._drop_unserved(connection))

    async def _begin(self, connection: socket.socket) -> None:
        self._unserved.discard(connection)
        await self._serve(connection)

    def _drop_unserved(self, connection: socket.socket) -> None:
        if connection in self._unserved:
            self._unserved.discard(connection)
            connection.close()
