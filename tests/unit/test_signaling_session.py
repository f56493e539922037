# Tests of the session with the signalling server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connecting, authenticating, refusals, and beginning again, in every state."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.connect.signaling import connection as connection_module
from moonraker_prusacam.connect.signaling.messages import ClientAuthentication, Trigger
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.connect.signaling.viewer import ViewerOptions
from moonraker_prusacam.errors import (
    SignalingRefused,
    SignalingUnavailable,
)
from moonraker_prusacam.secret import Secret
from tests.support import certificates, watched_viewer
from tests.support.scripted_signaling import ENGINE_SID, SID, Peer, signaling
from tests.support.watched_viewer import JWT, TOKEN, WAIT_S, Watched, options
from tests.support.web_server import answer, answering

if TYPE_CHECKING:
    from tests.support.scripted_signaling import SignalingServer


begin_again_soon = pytest.fixture(autouse=True)(watched_viewer.begin_again_soon)
server = pytest.fixture(watched_viewer.server)


async def test_session_when_the_server_lets_us_in_then_it_is_told_who_we_are(
    server: SignalingServer,
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        assert watched.viewer.state is SessionState.READY
        assert watched.viewer.reason == ""
    peer = server.peers[0]
    assert peer.auth == {"token": TOKEN}
    first = peer.sent[0]
    assert (first.name, first.ack) == ("client_authentication", 1)
    said = server.codec.decode(ClientAuthentication, first.octets)
    assert said == ClientAuthentication(
        camera_token=Secret(TOKEN), client_type="client", jwt=Secret(JWT)
    )
    query, headers = server.queries[0], server.headers[0]
    assert (query["EIO"], query["transport"]) == ("4", "websocket")
    assert headers["User-Agent"].startswith("moonraker-prusacam/")
    assert "Origin" not in headers
    assert TOKEN not in str(query) + str(headers)
    assert watched.states[-1] == (SessionState.CLOSED, "")


async def test_session_when_an_origin_is_given_then_it_is_sent(
    server: SignalingServer,
) -> None:
    origin = "https://connect.prusa3d.com"
    async with Watched(options(server.url, origin=origin)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
    assert server.headers[0]["Origin"] == origin


async def test_session_when_no_address_is_given_then_connect_is_asked() -> None:
    page = "window.CAMERA_SIGNALING_SERVER = 'http://127.0.0.1:PORT'"
    async with signaling(environment=page) as server:
        made = ViewerOptions(name="x", camera_token=Secret(TOKEN), server=server.url)
        async with Watched(made) as watched:
            await watched.viewer.wait_ready(WAIT_S)
            assert watched.viewer.report()["server"] == server.url


async def test_session_when_connect_names_no_server_then_reason_and_advice_tell() -> (
    None
):
    async with signaling() as server:
        made = ViewerOptions(name="x", camera_token=Secret(TOKEN), server=server.url)
        async with Watched(made) as watched:
            await watched.reason("HTTP 404")
            assert "signaling_url" in watched.viewer.advice


async def test_session_when_the_ids_differ_then_the_namespace_s_is_used(
    server: SignalingServer,
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        sent = await server.event("trigger")
    assert server.codec.decode(Trigger, sent.octets).request_id == SID != ENGINE_SID


async def test_session_when_not_acknowledged_yet_then_nothing_else_is_sent(
    server: SignalingServer,
) -> None:
    server.acknowledgement = None
    async with Watched(options(server.url)) as watched:
        await server.event("client_authentication")
        with pytest.raises(SignalingUnavailable):
            await watched.viewer.take_snapshot()
        with pytest.raises(SignalingUnavailable):
            await watched.viewer.status()
        assert watched.viewer.state is SessionState.CONNECTING
        peer = server.peers[0]
        await peer.acknowledge(peer.sent[0], 0)
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        await server.event("trigger")
    assert [sent.name for sent in peer.sent] == ["client_authentication", "trigger"]


async def test_session_when_something_else_than_authenticating_then_no_ack_is_asked(
    server: SignalingServer,
) -> None:
    async with Watched(options(server.url)) as watched:
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        await watched.viewer.set_job_name("cube")
        await server.event("configuration")
    assert [sent.ack for sent in server.peers[0].sent] == [1, None, None]


REFUSED = {
    1: "do not go together",
    2: "could not open",
    3: "token is missing",
    4: "could not read",
    5: "not registered",
    6: "not known",
    1001: "not known",
    -1: "not known",
    10**30: "not known",
}


@pytest.mark.parametrize("code", REFUSED)
async def test_session_when_the_number_is_not_0_then_refused_in_words_with_a_remedy(
    server: SignalingServer, code: int
) -> None:
    server.acknowledgement = (code,)
    async with Watched(options(server.url)) as watched:
        with pytest.raises(SignalingRefused, match=REFUSED[code]) as told:
            await watched.viewer.wait_ready(WAIT_S)
        assert told.value.code == code
        assert told.value.advice
        assert watched.viewer.state is SessionState.REFUSED
        assert str(code)[:5] in watched.viewer.reason
        with pytest.raises(SignalingRefused):
            await watched.viewer.take_snapshot()


@pytest.mark.parametrize(
    "values",
    [("0",), ([0],), ({},), (None,), (), (0, 0), (0.0,), (True,), (False,), ("ok",)],
)
async def test_session_when_the_ack_is_no_number_then_that_is_told_and_tried_again(
    server: SignalingServer, values: tuple[object, ...]
) -> None:
    server.acknowledgement = values
    async with Watched(options(server.url)) as watched:
        await watched.reason("acknowledged client_authentication with")
        assert watched.viewer.state is SessionState.CONNECTING
        server.acknowledgement = (0,)
        await watched.viewer.wait_ready(WAIT_S)


async def test_session_when_the_ack_has_octets_then_it_is_no_number(
    server: SignalingServer,
) -> None:
    server.acknowledgement = None
    async with Watched(options(server.url)) as watched:
        await server.event("client_authentication")
        await server.peers[0].say('461-1[{"_placeholder":true,"num":0}]', b"\0")
        await watched.reason("with bytes")


async def test_session_when_the_ack_is_lost_then_tried_again_after_its_timeout(
    server: SignalingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "ACKNOWLEDGEMENT_TIMEOUT_S", 0.05)
    server.acknowledgement = None
    async with Watched(options(server.url)) as watched:
        await watched.reason("did not acknowledge client_authentication")
        server.acknowledgement = (0,)
        await watched.viewer.wait_ready(WAIT_S)
    assert len(server.peers) > 1


async def test_session_when_an_ack_is_of_another_number_or_comes_twice_then_no_harm(
    server: SignalingServer,
) -> None:
    server.acknowledgement = None
    async with Watched(options(server.url)) as watched:
        await server.event("client_authentication")
        peer = server.peers[0]
        await peer.say("437[0]", "43[0]", '43["x"]', "431[0]", "431[5]", "430[0]")
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        await server.event("trigger")


async def test_session_when_connect_is_refused_then_the_server_s_words_are_shown(
    server: SignalingServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(peer: Peer) -> None:
        words = f"no camera \x1b[31m{TOKEN}\n here " + "x" * 1000
        await peer.say("44" + json.dumps({"message": words}))

    server.on_connect = refuse
    async with Watched(options(server.url)) as watched:
        with pytest.raises(SignalingRefused, match="no camera") as told:
            await watched.viewer.wait_ready(WAIT_S)
    assert "***" in str(told.value)
    assert TOKEN not in str(told.value) + caplog.text
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 300


@pytest.mark.parametrize("packet", ["44", "44null", "44[]", '44{"message":5}', "44{}"])
async def test_session_when_connect_is_refused_without_words_then_refused(
    server: SignalingServer, packet: str
) -> None:
    server.on_connect = lambda peer: peer.say(packet)
    async with Watched(options(server.url)) as watched:
        with pytest.raises(SignalingRefused, match="does not let us in"):
            await watched.viewer.wait_ready(WAIT_S)


@pytest.mark.parametrize("status", [401, 403])
async def test_session_when_the_upgrade_is_forbidden_then_refused_with_advice(
    server: SignalingServer, status: int
) -> None:
    server.status = status
    async with Watched(options(server.url)) as watched:
        with pytest.raises(SignalingRefused, match=f"HTTP {status}") as told:
            await watched.viewer.wait_ready(WAIT_S)
    assert "origin" in told.value.advice


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 502, 503])
async def test_session_when_the_upgrade_is_refused_then_tried_again(
    server: SignalingServer, status: int
) -> None:
    server.status = status
    async with Watched(options(server.url)) as watched:
        await watched.reason(f"HTTP {status}")
        server.status = 101
        await watched.viewer.wait_ready(WAIT_S)


async def test_session_when_the_server_points_elsewhere_then_the_token_stays(
    server: SignalingServer,
) -> None:
    async with signaling() as other:
        server.redirect = f"{other.url}/socket.io/?EIO=4&transport=websocket"
        async with Watched(options(server.url)) as watched:
            await watched.reason("points to another address")
        assert not other.headers


@pytest.mark.parametrize(
    "opening",
    [
        {},
        [],
        "x",
        5,
        None,
        {"sid": "x"},
        {"sid": None, "upgrades": [], "pingInterval": 1, "pingTimeout": "x"},
        {"sid": "x", "upgrades": [], "pingInterval": None, "pingTimeout": 1},
        {"sid": "x", "upgrades": [], "pingInterval": float("inf"), "pingTimeout": 1},
    ],
)
async def test_session_when_the_opening_is_none_then_that_is_told(
    server: SignalingServer, opening: object
) -> None:
    server.opening = opening
    async with Watched(options(server.url)) as watched:
        await watched.reason("no Socket.IO server")


@pytest.mark.parametrize("packet", ["40", "40null", "40[]", '40{"sid":5}', '40{"x":1}'])
async def test_session_when_the_server_is_older_then_that_is_told(
    server: SignalingServer, packet: str
) -> None:
    # Engine.IO 3 opens alike; its Socket.IO gives a namespace no id of its own.
    server.on_connect = lambda peer: peer.say(packet)
    async with Watched(options(server.url)) as watched:
        await watched.reason("older Socket.IO")


@pytest.mark.parametrize("silent", ["upgrade", "opening", "connect"])
async def test_session_when_the_server_says_nothing_then_the_wait_ends(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_TIMEOUT_S", 0.1)

    async def nothing(_peer: Peer) -> None:
        pass

    async with signaling() as server, answering(b"") as mute:
        server.on_connect = nothing
        if silent == "opening":
            monkeypatch.setattr(Peer, "say", lambda *_: asyncio.sleep(0))
        url = f"http://127.0.0.1:{mute}" if silent == "upgrade" else server.url
        async with Watched(options(url)) as watched:
            await watched.reason("did not let us in within 0.1 s")


async def test_session_when_nobody_listens_then_tried_again_for_ever() -> None:
    async with signaling() as server:
        url = server.url
    async with Watched(options(url)) as watched:
        await watched.reason("refused")
        await watched.until(lambda: len(watched.states) > 3)
        with pytest.raises(SignalingUnavailable, match=r"within 0\.01 s: .*refused"):
            await watched.viewer.wait_ready(0.01)


async def test_session_when_what_answers_is_no_web_server_then_that_is_told() -> None:
    html = answer(200, "text/html", b"<html></html>")
    for reply, words in ((b"SSH-2.0-x\r\n", "exchange failed"), (html, "HTTP 200")):
        async with (
            answering(reply) as port,
            Watched(options(f"http://127.0.0.1:{port}")) as watched,
        ):
            await watched.reason(words)


@pytest.mark.parametrize("quality", certificates.FAULTY)
async def test_session_when_the_certificate_is_bad_then_no_token_is_sent(
    quality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(quality)
    async with (
        signaling(context=context) as server,
        Watched(options(server.url.replace("http:", "https:"))) as watched,
    ):
        await watched.reason("certificate")
        assert not server.headers


async def test_session_when_the_certificate_is_good_then_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    async with (
        signaling(context=context) as server,
        Watched(options(server.url.replace("http:", "wss:"))) as watched,
    ):
        await watched.viewer.wait_ready(WAIT_S)
        await watched.viewer.take_snapshot()
        await server.event("trigger")
