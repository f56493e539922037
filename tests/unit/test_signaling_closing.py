# Tests of what a viewer leaves behind.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing in every state, and what the logs hold."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.signaling import connection as connection_module
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.connection import Address, Connection
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.connect.signaling.socket_io import Ears
from moonraker_prusacam.connect.signaling.viewer import Viewer
from moonraker_prusacam.errors import (
    ClosedError,
    ConfigError,
    MessageMalformed,
    SignalingRefused,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from tests.support import watched_viewer
from tests.support.scripted_signaling import Peer, signaling
from tests.support.watched_viewer import JWT, TOKEN, WAIT_S, Watched, options

if TYPE_CHECKING:
    from tests.support.scripted_signaling import Sent, SignalingServer


begin_again_soon = pytest.fixture(autouse=True)(watched_viewer.begin_again_soon)
server = pytest.fixture(watched_viewer.server)


async def test_session_when_closed_in_any_state_then_nothing_is_left(
    server: SignalingServer,
) -> None:
    # What is left, a fixture of every test would find.
    viewer = Viewer(options(server.url))
    await viewer.aclose()
    await viewer.aclose()
    with pytest.raises(ClosedError):
        await viewer.start()
    with pytest.raises(ClosedError):
        await viewer.take_snapshot()
    with pytest.raises(ClosedError):
        await viewer.wait_ready(1)

    viewer = Viewer(options(server.url))
    await viewer.start()
    await viewer.aclose()  # before its task ran

    server.acknowledgement = None
    viewer = Viewer(options(server.url))
    await viewer.start()
    await server.event("client_authentication")
    await viewer.aclose()

    server.acknowledgement = (0,)
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        waiting = asyncio.ensure_future(watched.viewer.status())
        await server.event("trigger")
    with pytest.raises(SignalingUnavailable):
        await waiting


async def test_session_when_closed_at_once_then_all_that_was_set_arrives(
    server: SignalingServer,
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        for number in range(1, 16):
            await watched.viewer.set_brightness(number)
    await server.peers[0].closed.wait()
    assert len(server.events("configuration")) == 15
    assert server.peers[0].close_code == 1000


async def test_session_when_the_server_ignores_our_leave_then_closing_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "LEAVE_TIMEOUT_S", 0.1)
    async with signaling() as server:
        stuck = asyncio.Event()

        async def block(_peer: Peer, _sent: Sent) -> None:
            await stuck.wait()

        server.on_event = block
        async with Watched(options(server.url)) as watched:
            await watched.viewer.wait_ready(WAIT_S)
            await watched.viewer.take_snapshot()
            async with asyncio.timeout(WAIT_S):
                await watched.viewer.aclose()
        stuck.set()


async def test_session_when_a_listener_raises_then_the_others_are_told(
    server: SignalingServer, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("mine")

    watched = Watched(options(server.url))
    watched.viewer.on_state.insert(0, broken)
    async with watched:
        await watched.viewer.wait_ready(WAIT_S)
        await watched.until(lambda: watched.states)
    assert "a listener failed" in caplog.text


async def test_session_when_this_program_has_an_error_then_it_goes_on(
    server: SignalingServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(session_module, "check", lambda *_: 1 / 0)
        async with Watched(options(server.url)) as watched:
            await watched.reason("an error in this program")
            broken.undo()
            await watched.viewer.wait_ready(WAIT_S)
    assert "ZeroDivisionError" in caplog.text


def test_session_when_the_address_is_none_then_refused_at_once() -> None:
    with pytest.raises(ConfigError):
        Viewer(options("ftp://x"))


async def test_connection_when_the_server_takes_nothing_then_it_is_given_up(
    server: SignalingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "MAX_QUEUED", 4)
    address = Address(url=server.url, token=Secret(TOKEN))
    connection = Connection(address, Ears(lambda *_: None, lambda _: None, str))
    try:
        await connection.open()
        for _ in range(2):  # before the task that writes has a turn
            await connection.emit("trigger", b"")
        with pytest.raises(SignalingUnavailable, match="takes nothing"):
            await connection.emit("trigger", b"")
    finally:
        await connection.aclose()
    with pytest.raises(SignalingUnavailable):
        await connection.emit("trigger", b"")


async def test_connection_when_closed_at_once_then_what_was_sent_arrives(
    server: SignalingServer,
) -> None:
    address = Address(url=server.url, token=Secret(TOKEN))
    connection = Connection(address, Ears(lambda *_: None, lambda _: None, str))
    try:
        await connection.open()
        await connection.emit("trigger", b"last words")
    finally:
        await connection.aclose()
    await server.peers[0].closed.wait()
    assert [sent.octets for sent in server.peers[0].sent] == [b"last words"]


async def test_logs_when_all_is_logged_then_no_secret_is_in_them(
    server: SignalingServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names = ["socketio.client", "engineio.client", *logging.root.manager.loggerDict]
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        asyncio.get_running_loop().set_debug(True)
        async with Watched(options(server.url)) as watched:
            await watched.viewer.wait_ready(WAIT_S)
            peer = server.peers[0]
            await peer.emit_text("error", f"{TOKEN} and {JWT} are wrong")
            await peer.say(f'42["{TOKEN}",1,2]', f'42["{TOKEN}"', b"x")
            await watched.viewer.take_snapshot()
            await server.event("trigger")
            server.acknowledgement = (TOKEN,)
            await peer.close()
            await watched.reason("with str")
            told = [str(watched.viewer.report()), *map(str, watched.states)]
    finally:
        for name in names:
            logging.getLogger(name).setLevel(logging.NOTSET)
    lines = [
        f"{record.name} {record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
    ]
    assert any("signaling.session" in line for line in lines)
    for text in (*lines, *told):
        assert TOKEN not in text
        assert JWT not in text


async def test_error_when_it_reaches_a_caller_often_then_it_does_not_grow(
    server: SignalingServer,
) -> None:
    server.acknowledgement = (5,)
    async with Watched(options(server.url)) as watched:
        await watched.until(lambda: watched.viewer.state is SessionState.REFUSED)
        lengths = []
        for _ in range(3):
            with pytest.raises(SignalingRefused) as told:
                await watched.viewer.take_snapshot()
            lengths.append(len(told.traceback))
    assert len(set(lengths)) == 1


def test_malformed_ack_when_caught_then_it_is_no_refusal() -> None:
    assert not issubclass(MessageMalformed, SignalingRefused)
