# Tests of where virtual devices take connections.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import socket

import pytest

from moonraker_prusacam.emulator.listener import Listener
from moonraker_prusacam.tasks import TaskOwner

WAIT_S = 5.0


async def test_connection_when_it_ends_before_it_is_served_then_closed() -> None:
    served: list[socket.socket] = []

    async def serve(connection: socket.socket) -> None:
        served.append(connection)

    tasks = TaskOwner("listener")
    listener = Listener(tasks, serve)
    port = listener.open("127.0.0.1", 0)
    client = socket.create_connection(("127.0.0.1", port))
    # The loop sees the connection in its next turn; in the one after that, the task
    # comes after this one.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (len(tasks), served) == (1, [])
    listener.close()
    await tasks.aclose()
    client.settimeout(WAIT_S)
    assert client.recv(1) == b""
    assert served == []
    client.close()


async def test_listener_when_closed_then_refuses_and_can_be_opened_again() -> None:
    told = asyncio.Event()

    async def serve(connection: socket.socket) -> None:
        connection.close()
        told.set()

    tasks = TaskOwner("listener")
    listener = Listener(tasks, serve)
    port = listener.open("127.0.0.1", 0)
    listener.close()
    listener.close()
    assert not listener.is_open
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
    assert listener.open("127.0.0.1", port) == port
    socket.create_connection(("127.0.0.1", port)).close()
    async with asyncio.timeout(WAIT_S):
        await told.wait()
    listener.close()
    await tasks.aclose()
