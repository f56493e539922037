# Tests of the relay between a camera and its decoder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may connect, and what is passed on in either direction, without an ffmpeg."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from moonraker_prusacam.camera.rtsp import client as client_module
from moonraker_prusacam.camera.rtsp import relay as relay_module
from moonraker_prusacam.camera.rtsp.client import RtspClient
from moonraker_prusacam.camera.rtsp.describing import describe
from moonraker_prusacam.camera.rtsp.message import (
    Headers,
    Request,
    Response,
    Splitter,
)
from moonraker_prusacam.camera.rtsp.relay import Relay
from moonraker_prusacam.camera_options import Credentials
from moonraker_prusacam.errors import SourceStalled, SourceUnfit
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.tasks import TaskOwner
from tests.support.rtsp_camera import Recording, RtspCamera, packets_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0
SHORT_S = 0.1
TRANSPORT = ("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")
DESCRIPTION = b"""v=0\r
o=- 1 1 IN IP4 0.0.0.0\r
s=x\r
t=0 0\r
m=audio 0 RTP/AVP 8\r
a=control:streamid=1\r
m=video 0 RTP/AVP 96\r
a=rtpmap:96 H264/90000\r
a=control:streamid=0\r
"""


def rtp(number: int) -> bytes:
    """A packet of H.264 that tells its number; every 25th is a keyframe."""
    kind = b"\x61" if number % 25 else b"\x65"
    body = b"\x80\x60" + bytes(10) + kind + number.to_bytes(4, "big") * 300
    return b"$\0" + len(body).to_bytes(2, "big") + body


RECORDING = Recording(
    DESCRIPTION, tuple((number / 500, rtp(number)) for number in range(500)), 1.0, 500
)


class Player:
    """A client of the relay, as ffmpeg is one."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._url = url
        self._splitter = Splitter()
        self._number = 0
        self.pieces: list[Request | Response | bytes] = []

    async def ask(
        self, method: str, url: str = "", *headers: tuple[str, str]
    ) -> Response:
        """The answer; packets before it are a fault."""
        self._number += 1
        pairs = (("CSeq", str(self._number)), *headers)
        request = Request(method, url or self._url, Headers(pairs))
        self._writer.write(request.encode())
        piece = await self.next()
        assert isinstance(piece, Response), "packets came before the answer"
        assert piece.headers.get("CSeq") == str(self._number)
        return piece

    async def next(self) -> Request | Response | bytes:
        async with asyncio.timeout(WAIT_S):
            while not self.pieces:
                data = await self._reader.read(1 << 16)
                if not data:
                    raise EOFError
                self.pieces += self._splitter.feed(data)
        return self.pieces.pop(0)

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def player(url: str) -> AsyncIterator[Player]:
    port = urlsplit(url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Player(reader, writer, url)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def relayed(
    camera: RtspCamera,
) -> AsyncIterator[tuple[Relay, RtspClient, asyncio.Task[None]]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    credentials = Credentials("bed", Secret("hunter2"))
    client = RtspClient(reader, writer, "the camera", credentials)
    tasks = TaskOwner("test")
    try:
        serving = tasks.start("client", client.serve())
        found = await describe(client, camera.url, lambda: None)
        async with Relay(client, found) as relay:
            yield relay, client, serving
    finally:
        client.leave()
        await tasks.aclose()
        writer.transport.abort()


async def test_player_when_it_plays_then_packets_pass_untouched_both_ways() -> None:
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, client, _),
        player(relay.url) as one,
    ):
        options = await one.ask("OPTIONS")
        assert "GET_PARAMETER" in options.headers.get("Public")
        described = await one.ask("DESCRIBE")
        assert b"m=video" in described.body
        assert b"m=audio" not in described.body
        assert described.headers.get("Content-Base") == f"{relay.url}/"
        set_up = await one.ask("SETUP", f"{relay.url}/video", TRANSPORT)
        assert "interleaved=0-1" in set_up.headers.get("Transport")
        session = set_up.headers.get("Session")
        assert ";timeout=60" in session
        played = await one.ask("PLAY", "", ("Session", session), ("Range", "npt=0-"))
        assert not played.headers.get("RTP-Info")
        assert client.is_playing
        run = b""
        while len(run) < 100 * len(rtp(0)):
            piece = await one.next()
            assert isinstance(piece, bytes)
            run += piece
        expected = b"".join(rtp(number)[16:] for number in range(100))
        assert b"".join(p[16:] for p in packets_of(run))[: len(expected)] == expected
        one.send(b"$\x01\x00\x04abcd" * 3)
        one.send(b"TEARDOWN rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n")
        while not isinstance(await one.next(), Response):
            pass
    assert camera.packets_back == 3
    assert [request.url for request in camera.asked("SETUP")] == [
        f"{camera.url}/streamid=0"
    ]
    assert [request.headers.get("Range") for request in camera.asked("PLAY")] == [
        "npt=0-"
    ]
    assert len(camera.asked("TEARDOWN")) == 1
    assert camera.connections == 1


@pytest.mark.parametrize("path", ["", "/", "/live", f"/{'0' * 32}"])
async def test_stranger_when_it_does_not_know_the_path_then_it_is_refused(
    path: str,
) -> None:
    async with RtspCamera(RECORDING) as camera, relayed(camera) as (relay, _, _):
        parts = urlsplit(relay.url)
        assert parts.hostname == "127.0.0.1"
        assert len(parts.path) == 33
        async with player(f"rtsp://127.0.0.1:{parts.port}{path}") as stranger:
            stranger.send(f"DESCRIBE rtsp://127.0.0.1{path} RTSP/1.0\r\n\r\n".encode())
            answer = await stranger.next()
            assert isinstance(answer, Response)
            assert answer.status == 404
            with pytest.raises(EOFError):
                await stranger.next()
        # It kept nobody away.
        async with player(relay.url) as one:
            assert (await one.ask("OPTIONS")).status == 200


async def test_stranger_when_it_is_silent_then_it_keeps_nobody_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_REQUEST_TIMEOUT_S", SHORT_S)
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, _, _),
        player(relay.url) as silent,
        player(relay.url) as one,
    ):
        assert (await one.ask("OPTIONS")).status == 200
        with pytest.raises((EOFError, ConnectionError)):
            await silent.next()
        assert (await one.ask("DESCRIBE")).status == 200


async def test_second_player_when_one_plays_then_there_is_no_door() -> None:
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, _, _),
        player(relay.url) as one,
    ):
        assert (await one.ask("OPTIONS")).status == 200
        with pytest.raises(ConnectionError):
            async with player(relay.url):
                pass


async def playing(one: Player, relay: Relay) -> None:
    await one.ask("OPTIONS")
    await one.ask("DESCRIBE")
    set_up = await one.ask("SETUP", f"{relay.url}/video", TRANSPORT)
    assert set_up.status == 200
    assert (await one.ask("PLAY")).status == 200


async def test_packets_when_they_come_before_the_answer_then_they_wait_for_it() -> None:
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, _, _),
        player(relay.url) as one,
    ):
        camera.behaviour.play_first = 40
        await playing(one, relay)
        run = await one.next()
        assert isinstance(run, bytes)
        assert packets_of(run)[0] == rtp(0)


async def test_decoder_when_it_is_slow_then_it_goes_on_with_a_new_keyframe(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay_module, "MOST_LAG_S", 0.05)
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, client, _),
        player(relay.url) as one,
    ):
        camera.behaviour.speed = 4
        await playing(one, relay)
        # Far more than fits into the buffers of sockets and streams.
        await camera.until_sent(4000)
        seen: list[int] = []
        while True:
            run = await one.next()
            assert isinstance(run, bytes)
            for packet in packets_of(run):
                number = int.from_bytes(packet[17:21], "big")
                if seen and number != (seen[-1] + 1) % 500:
                    assert number % 25 == 0
                    assert camera.frames_sent >= 4000
                    assert client.error is None
                    assert "smaller stream" in caplog.text
                    return
                seen.append(number)


@pytest.mark.parametrize("answers", [True, False])
async def test_keep_alive_when_the_camera_answers_or_not_then_it_plays_on(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", 1.0)
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, client, _),
        player(relay.url) as one,
    ):
        camera.behaviour.answers_keep_alives = answers
        await playing(one, relay)
        for _ in range(3):
            one.send(b"GET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n")
            while not isinstance(await one.next(), Response):
                pass
        await camera.until_asked("GET_PARAMETER")
        assert isinstance(await one.next(), bytes)
        assert client.error is None
        assert {request.url for request in camera.asked("GET_PARAMETER")} == {
            f"{camera.url}/"
        }


@pytest.mark.parametrize("says_stale", [True, False])
async def test_nonce_when_it_wears_out_then_requests_go_on(says_stale: bool) -> None:
    async with RtspCamera(RECORDING) as camera:
        behaviour = camera.behaviour
        behaviour.user, behaviour.password = "bed", "hunter2"
        behaviour.requests_a_nonce, behaviour.says_stale = 1, says_stale
        async with relayed(camera) as (relay, client, _), player(relay.url) as one:
            await playing(one, relay)
            for _ in range(3):
                await client.request("GET_PARAMETER", f"{camera.url}/")
            assert client.error is None
    assert len(camera.asked("SETUP")) == 2


async def test_camera_when_it_refuses_to_set_up_then_the_relay_says_why() -> None:
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, _, _),
        player(relay.url) as one,
    ):
        await one.ask("OPTIONS")
        udp = ("Transport", "RTP/AVP;unicast;client_port=5000-5001")
        assert (await one.ask("SETUP", f"{relay.url}/video", udp)).status == 461
        assert isinstance(relay.refusal, SourceUnfit)
        assert "does not send over TCP" in str(relay.refusal)


async def test_camera_when_it_is_silent_after_playing_then_the_client_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client_module, "READ_TIMEOUT_S", SHORT_S)
    async with (
        RtspCamera(RECORDING) as camera,
        relayed(camera) as (relay, client, serving),
        player(relay.url) as one,
    ):
        camera.behaviour.frames = 5
        await playing(one, relay)
        await asyncio.wait([serving], timeout=WAIT_S)
        assert isinstance(client.error, SourceStalled)
        assert "has sent nothing for 0.1 s" in str(client.error)


async def test_camera_when_it_asks_then_it_gets_an_answer_and_no_harm_is_done() -> None:
    async with RtspCamera(RECORDING) as camera:
        question = b"SET_PARAMETER rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: PLAY\r\n\r\n"
        camera.behaviour.instead["OPTIONS"] = question + answer
        async with relayed(camera) as (_, client, _):
            assert client.error is None


async def test_camera_when_it_leaves_out_numbers_then_answers_are_in_order() -> None:
    async with RtspCamera(RECORDING) as camera:
        camera.behaviour.sends_numbers = False
        async with relayed(camera) as (relay, _, _), player(relay.url) as one:
            await playing(one, relay)


async def test_decoder_when_it_leaves_then_packets_are_dropped_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with RtspCamera(RECORDING) as camera, relayed(camera) as (relay, client, _):
        async with player(relay.url) as one:
            await playing(one, relay)
            await one.next()
        sent = camera.frames_sent
        await camera.until_sent(sent + 100)
        assert client.error is None
    assert not [record for record in caplog.records if record.levelno > 10]
