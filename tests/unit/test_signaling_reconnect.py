# Tests of what becomes of a session that is lost.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every end in every state, how soon it is begun again, and what a close leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.connect.signaling.viewer import ViewerOptions
from moonraker_prusacam.errors import (
    SignalingRefused,
)
from moonraker_prusacam.secret import Secret
from tests.support import watched_viewer
from tests.support.scripted_signaling import Peer, signaling
from tests.support.watched_viewer import TOKEN, WAIT_S, Watched, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.scripted_signaling import Sent, SignalingServer


begin_again_soon = pytest.fixture(autouse=True)(watched_viewer.begin_again_soon)
server = pytest.fixture(watched_viewer.server)


async def close(peer: Peer) -> None:
    await peer.close()


async def abort(peer: Peer) -> None:
    peer.abort()


async def leave(peer: Peer) -> None:
    await peer.say("41")


async def engine_close(peer: Peer) -> None:
    await peer.say("1")


async def no_packet(peer: Peer) -> None:
    await peer.say("xyz")


async def too_long(peer: Peer) -> None:
    await peer.say(b"\0" * (17 << 20))


async def not_a_member(peer: Peer) -> None:
    await peer.emit_text("error", "ClientIsNotSessionMemberError")


async def not_a_member_in_octets(peer: Peer) -> None:
    await peer.emit("error", b"ClientIsNotSessionMemberError: who are you?")


async def refuse_late(peer: Peer) -> None:
    await peer.say('44{"message":"token revoked"}')


ENDS = [close, abort, leave, engine_close, no_packet, too_long]


@pytest.mark.parametrize("end", [*ENDS, not_a_member, not_a_member_in_octets])
async def test_session_when_it_is_lost_while_ready_then_authenticated_anew(
    server: SignalingServer, end: Callable[[Peer], object]
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        await end(server.peers[0])  # type: ignore[misc]
        await server.peers[0].closed.wait()
        peer = await server.peer(1)
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        await server.event("trigger")
    assert [sent.name for sent in peer.sent] == ["client_authentication", "trigger"]
    assert [sent.ack for sent in peer.sent] == [1, None]


@pytest.mark.parametrize("end", ENDS)
async def test_session_when_it_is_lost_before_the_ack_then_begun_again_at_once(
    server: SignalingServer, end: Callable[[Peer], object]
) -> None:
    server.acknowledgement = None
    async with Watched(options(server.url)) as watched, asyncio.timeout(WAIT_S):
        await server.event("client_authentication")
        await end(server.peers[0])  # type: ignore[misc]
        server.acknowledgement = (0,)
        await watched.viewer.wait_ready(WAIT_S)


@pytest.mark.parametrize("end", ENDS)
async def test_session_when_it_is_lost_while_connecting_then_begun_again_at_once(
    server: SignalingServer, end: Callable[[Peer], object]
) -> None:
    server.on_connect = end  # type: ignore[assignment]
    async with Watched(options(server.url)) as watched:
        await server.peer(1)
        server.on_connect = Peer.join
        await watched.viewer.wait_ready(WAIT_S)


@pytest.mark.parametrize("end", [close, abort, leave, engine_close])
async def test_session_when_it_is_lost_right_after_the_ack_then_begun_again(
    server: SignalingServer, end: Callable[[Peer], object]
) -> None:
    async def acknowledge_and_end(peer: Peer, sent: Sent) -> None:
        if len(server.peers) < 4:
            await peer.acknowledge(sent, 0)
            await end(peer)  # type: ignore[misc]
        else:
            await peer.acknowledge(sent, 0)

    server.acknowledgement = None
    server.on_event = acknowledge_and_end
    async with Watched(options(server.url)) as watched:
        await server.peer(3)
        await server.event("client_authentication", 3)
        await watched.viewer.wait_ready(WAIT_S)


async def test_session_when_the_token_is_revoked_while_connected_then_refused(
    server: SignalingServer,
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        server.acknowledgement = (5,)
        await refuse_late(server.peers[0])
        await watched.until(lambda: watched.viewer.state is SessionState.REFUSED)
        with pytest.raises(SignalingRefused):
            await watched.viewer.take_snapshot()
        assert watched.viewer.advice


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between sessions, of which none is waited for."""
    kept: list[float] = []

    class Recorded(BackOff):
        def next_s(self) -> float:
            kept.append(super().next_s())
            return 0.0

    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 1.0)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 120.0)
    monkeypatch.setattr(session_module, "BackOff", Recorded)
    return kept


def assert_around(waits: list[float], expected: list[float]) -> None:
    for wait_s, around_s in zip(waits, expected, strict=False):
        assert 0.8 * around_s <= wait_s <= 1.2 * around_s
    assert len({wait_s / waits[0] for wait_s in waits}) == len(waits), "no jitter"


async def test_session_when_refused_then_it_is_tried_again_seldom(
    server: SignalingServer, waits: list[float]
) -> None:
    server.acknowledgement = (5,)
    async with Watched(options(server.url)) as watched:
        await watched.until(lambda: len(waits) >= 5)
    assert_around(waits, [300, 600, 1200, 1800, 1800])


async def test_session_when_refused_for_what_may_pass_then_it_is_tried_again_soon(
    server: SignalingServer, waits: list[float]
) -> None:
    server.acknowledgement = (2,)
    async with Watched(options(server.url)) as watched:
        await watched.reason("could not open")
        server.acknowledgement = (0,)
        await watched.until(lambda: watched.viewer.state is SessionState.READY)
    assert_around(waits, [1])


async def test_session_when_thrown_out_again_and_again_then_less_and_less_often(
    server: SignalingServer, waits: list[float]
) -> None:
    async def throw_out(peer: Peer, sent: Sent) -> None:
        await peer.acknowledge(sent, 0)
        await peer.close()

    server.acknowledgement = None
    server.on_event = throw_out
    async with Watched(options(server.url)) as watched:
        await watched.until(lambda: len(waits) >= 9)
        assert watched.viewer.report()["sessions"] >= 9
    assert_around(waits, [1, 2, 4, 8, 16, 32, 64, 120, 120])


async def test_session_when_it_lasted_then_the_next_wait_is_short_again(
    server: SignalingServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "STEADY_S", 0.0)

    async def throw_out(peer: Peer, sent: Sent) -> None:
        await peer.acknowledge(sent, 0)
        await peer.close()

    server.acknowledgement = None
    server.on_event = throw_out
    async with Watched(options(server.url)) as watched:
        await watched.until(lambda: len(waits) >= 5)
    assert_around(waits, [1] * 5)


async def test_session_when_let_in_once_then_refusals_begin_anew(
    server: SignalingServer, waits: list[float]
) -> None:
    answers = iter([5, 5, 0, 5, 5])

    async def answer(peer: Peer, sent: Sent) -> None:
        code = next(answers, 5)
        await peer.acknowledge(sent, code)
        if code == 0:
            await peer.close()

    server.acknowledgement = None
    server.on_event = answer
    async with Watched(options(server.url)) as watched:
        await watched.until(lambda: len(waits) >= 5)
    assert_around(waits, [300, 600, 1, 300, 600])


async def test_session_when_the_server_stops_to_ping_then_begun_again(
    server: SignalingServer,
) -> None:
    assert isinstance(server.opening, dict)
    server.opening |= {"pingInterval": 50, "pingTimeout": 50}
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        await watched.reason("silent")
        await server.peer(1)


async def test_session_when_the_server_pings_then_it_lasts(
    server: SignalingServer,
) -> None:
    assert isinstance(server.opening, dict)
    server.opening |= {"pingInterval": 800, "pingTimeout": 800}
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        peer = server.peers[0]
        for number in range(1, 5):
            await peer.say("2")
            await asyncio.sleep(0.5)  # the pace of a server, not a wait for something
            async with asyncio.timeout(WAIT_S):
                while peer.raw.count("3") < number:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert watched.viewer.state is SessionState.READY
    assert len(server.peers) == 1


async def test_session_when_the_address_does_not_work_then_connect_is_asked_again() -> (
    None
):
    page = "window.CAMERA_SIGNALING_SERVER = 'http://127.0.0.1:PORT'"
    async with signaling(environment=page) as server, signaling() as old:
        made = ViewerOptions(name="x", camera_token=Secret(TOKEN), server=server.url)
        watched = Watched(made)
        watched.viewer._session._url = old.url
        old.status = 404
        async with watched:
            await watched.viewer.wait_ready(WAIT_S)
        assert old.headers
        assert server.peers
