# Tests of the web server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, streams and refusals by the byte, for good viewers and hostile ones."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera, CameraState
from moonraker_prusacam.camera.sources import Host, open_source
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.emulator.camera import SyntheticCamera, read_tag
from moonraker_prusacam.errors import PrusacamError
from moonraker_prusacam.web import (
    StreamPump,
    WebServer,
    camera_answers,
    connection,
    front,
)
from tests.support import jpeg
from tests.support.pushed_source import PushedSource, picture
from tests.support.viewers import (
    WAIT_S,
    Answer,
    FluiddParser,
    HttpClient,
    MainsailParser,
    MobilerakerParser,
    Parser,
    StrictParser,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


STALE_S = 1.0  # a frame has to be looked at before it is that old
STREAMS = ("/stream.mjpg", "/?action=stream")
SNAPSHOTS = ("/snapshot.jpg", "/?action=snapshot")
PLACEHOLDER = "X-Prusacam-Placeholder"
BIG_BYTES = 4 << 20
NEVER_S = 3600.0
VIEWERS: dict[str, Callable[[str], Parser]] = {
    "mainsail": MainsailParser,
    "fluidd": FluiddParser,
    "mobileraker": MobilerakerParser,
    "strict": StrictParser,
}


def big_picture(number: int = 0) -> bytes:
    return jpeg.minimal(64, 48, entropy=bytes([number % 200]) * BIG_BYTES)


class Site:
    """An engine's cameras and web server, without the rest."""

    def __init__(
        self,
        *names: str,
        host: str = "127.0.0.1",
        port: int = 0,
        max_viewers: int = 64,
        stale_after_s: float = NEVER_S,
    ) -> None:
        self.host = host
        self.sources = [PushedSource() for _ in names]
        self.cameras = [
            Camera(
                CameraConfig(
                    name=name, source="tcp://bedcam", stale_after_s=stale_after_s
                ),
                source,
            )
            for name, source in zip(names, self.sources, strict=True)
        ]
        self.pump = StreamPump(max_viewers)
        self.web = WebServer(host, port, self.cameras, self.pump, self.status)
        self.stale = asyncio.Event()

    def status(self) -> dict[str, Any]:
        viewers = {of.name: self.web.feed(of).viewers for of in self.cameras}
        return {"viewers": viewers}

    def send(self, data: bytes, camera: int = 0) -> None:
        self.sources[camera].send(data)

    def client(self, **options: Any) -> HttpClient:
        return HttpClient(self.host, self.web.port, **options)

    async def answer(self, target: str, method: str = "GET") -> Answer:
        async with self.client() as client:
            return await client.read_answer(target, method)

    async def no_viewers(self) -> None:
        """Wait until the server has noticed that all viewers left."""
        async with asyncio.timeout(WAIT_S):
            while self.pump.stats.viewers:
                await self.answer("/status.json")

    async def asked_for_newer(self) -> None:
        """Wait until somebody waits for the first camera's next frame."""
        async with asyncio.timeout(WAIT_S):
            while self.cameras[0]._next is None:
                await self.answer("/status.json")

    def _state_changed(self, camera: Camera) -> None:
        if camera.status.state is not CameraState.LIVE:
            self.stale.set()


@asynccontextmanager
async def serving(*names: str, **options: Any) -> AsyncIterator[Site]:
    site = Site(*(names or ("bed",)), **options)
    try:
        await site.web.start()
        for camera in site.cameras:
            camera.on_state.append(site._state_changed)
            camera.start()
        await asyncio.sleep(0)
        yield site
    finally:
        await site.web.aclose()
        for camera in site.cameras:
            await camera.aclose()


def task_names() -> set[str]:
    return {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]


def assert_refused(answer: Answer, status: int, detail: str = "") -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    refusal = json.loads(answer.body)
    assert set(refusal) == {"error", "detail"}
    assert detail in refusal["detail"]


# Snapshots


@pytest.mark.parametrize("target", SNAPSHOTS)
async def test_snapshot_when_the_camera_is_live_then_it_is_the_newest_frame(
    target: str,
) -> None:
    async with serving() as site:
        for number in range(3):
            site.send(picture(number))
            answer = await site.answer(target)
            assert answer.status == 200
            assert answer.body == picture(number)
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["X-Frame-Seq"] == str(number + 1)
            assert float(answer.headers["X-Timestamp"]) <= time.time()
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "no-store" in answer.headers["Cache-Control"]
            assert answer.headers["Server"] == "prusacam"
            parsedate_to_datetime(answer.headers["Date"])
            assert PLACEHOLDER not in answer.headers
            assert "Transfer-Encoding" not in answer.headers


@pytest.mark.parametrize("target", [*SNAPSHOTS, *STREAMS])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_picture_when_no_frame_came_yet_then_it_is_503(
    target: str, method: str
) -> None:
    async with serving() as site:
        answer = await site.answer(target, method)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        if method == "GET":
            assert_refused(answer, 503, "camera 'bed': waiting for the first frame")


@pytest.mark.parametrize("target", [*SNAPSHOTS, *STREAMS])
async def test_picture_when_the_newest_frame_is_old_then_it_is_503(target: str) -> None:
    async with serving(stale_after_s=STALE_S) as site:
        site.send(picture())
        assert (await site.answer("/snapshot.jpg")).status == 200
        await site.stale.wait()
        answer = await site.answer(target)
        assert_refused(answer, 503, "frozen")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("target", ["/snapshot.jpg?placeholder=1", "/?placeholder=1&"])
async def test_snapshot_when_a_placeholder_is_wanted_then_it_is_marked(
    target: str,
) -> None:
    target += "&action=snapshot"
    async with serving(stale_after_s=STALE_S) as site:
        answer = await site.answer(target)
        assert answer.status == 200
        assert answer.headers[PLACEHOLDER] == "connecting"
        assert jpeg.pixels(answer.body)
        site.send(picture())
        live = await site.answer(target)
        assert live.body == picture()
        assert PLACEHOLDER not in live.headers
        await site.stale.wait()
        stale = await site.answer(target)
        assert stale.headers[PLACEHOLDER] == "stalled"
        assert stale.body not in (picture(), answer.body)
        assert (await site.answer(target)).body == stale.body


@pytest.mark.parametrize("value", ["0", ""])
async def test_snapshot_when_a_placeholder_is_not_wanted_then_it_is_503(
    value: str,
) -> None:
    async with serving() as site:
        answer = await site.answer(f"/snapshot.jpg?placeholder={value}")
        assert_refused(answer, 503)


async def test_snapshot_when_a_new_one_is_asked_for_then_it_is_waited_for() -> None:
    async with serving() as site:
        site.send(picture(1))
        asking = asyncio.create_task(site.answer("/snapshot.jpg?max_age=0"))
        await site.asked_for_newer()
        site.send(picture(2))
        assert (await asking).body == picture(2)
        assert (await site.answer("/snapshot.jpg?max_age=60")).body == picture(2)


async def test_snapshot_when_no_new_one_comes_then_it_is_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_answers, "NEWER_TIMEOUT_S", 0.01)
    async with serving() as site:
        site.send(picture(1))
        answer = await site.answer("/snapshot.jpg?max_age=0")
        assert answer.status == 503
        assert b"gave no new frame within 0.01 s" in answer.body


@pytest.mark.parametrize("value", ["", "-1", "nan", "inf", "x", "3601"])
async def test_snapshot_when_the_age_makes_no_sense_then_it_is_400(value: str) -> None:
    async with serving() as site:
        site.send(picture(1))
        answer = await site.answer(f"/snapshot.jpg?max_age={value}")
        assert answer.status == 400
        assert b"max_age is not a number from 0 to 3600" in answer.body


async def test_snapshot_when_asked_by_head_then_only_the_head_comes() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        for _ in range(3):
            head = await client.ask("/snapshot.jpg", "HEAD")
            assert head.status == 200
            assert head.headers["Content-Length"] == str(len(picture()))
        # Were there a body, it would be taken for the next answer.
        assert (await client.read_answer("/snapshot.jpg")).body == picture()


async def test_snapshot_when_the_connection_is_kept_then_it_serves_again() -> None:
    async with serving() as site, site.client() as client:
        for number in range(20):
            site.send(picture(number))
            assert (await client.read_answer("/snapshot.jpg")).body == picture(number)
        assert (await client.read_answer("/nothing")).status == 404
        assert (await client.read_answer("/snapshot.jpg")).body == picture(19)


async def test_snapshot_when_the_client_speaks_http_1_0_then_the_connection_ends() -> (
    None
):
    async with serving() as site, site.client() as client:
        site.send(picture())
        head = await client.ask("/snapshot.jpg", version="1.0")
        assert head.status == 200
        assert "Transfer-Encoding" not in head.headers
        assert await client.read_to_end() == picture()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /snapshot.jpg HTTP/1.1\r\nHost: a\r\n\r\n"],
        [b"GET /snap", b"shot.jpg HTTP/1.1\r\nHo", b"st: a\r\n\r", b"\n"],
        [bytes([b]) for b in b"GET /snapshot.jpg?x=1 HTTP/1.1\r\n\r\n"],
    ],
    ids=["whole", "in pieces", "by bytes"],
)
async def test_snapshot_when_the_head_comes_in_pieces_then_it_is_answered(
    pieces: list[bytes],
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(3))
        for _ in range(3):  # on one connection
            for piece in pieces:
                await client.send(piece)
            head = await client.read_head()
            assert head.status == 200
            size = int(head.headers["Content-Length"])
            assert await client.read_exactly(size) == picture(3)


async def test_snapshot_then_both_ways_to_answer_tell_the_same() -> None:
    """Straight from memory, and by aiohttp, which answers what names a camera."""
    async with serving() as site, site.client() as client:
        site.send(picture(3))
        straight = await client.ask("/snapshot.jpg")
        await client.read_exactly(int(straight.headers["Content-Length"]))
        through = await client.ask("/snapshot.jpg?camera=bed")
        ours, theirs = dict(straight.headers), dict(through.headers)
        assert ours.pop("Date")
        assert theirs.pop("Date")
        assert ours == theirs


async def test_connection_when_it_asks_several_things_then_all_are_answered() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(3))
        for target in ("/snapshot.jpg", "/status.json", "/snapshot.jpg", "/nothing"):
            head = await client.ask(target)
            assert head.status == (404 if target == "/nothing" else 200)
            await client.read_exactly(int(head.headers["Content-Length"]))


async def test_connection_when_it_says_nothing_then_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(front, "IDLE_TIMEOUT_S", 0.3)
    async with serving() as site:
        site.send(picture(3))
        async with site.client() as silent:
            assert await silent.read_to_end() == b""
        async with site.client() as slow:
            await slow.send(b"GET /snapshot.jpg HT")
            assert await slow.read_to_end() == b""
        # A busy host is slow, and not silent.
        monkeypatch.setattr(front, "HEAD_TIMEOUT_S", WAIT_S)
        async with site.client() as idle:
            head = await idle.ask("/snapshot.jpg")
            size = int(head.headers["Content-Length"])
            assert await idle.read_to_end() == picture(3)[:size]


async def test_snapshot_when_its_reader_stalls_then_the_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = asyncio.Event()

    class Watched(front.Front):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    monkeypatch.setattr(front, "STALL_TIMEOUT_S", 0.3)
    monkeypatch.setattr(connection, "Front", Watched)
    async with serving() as site, site.client(receive_bytes=4096) as client:
        site.send(big_picture())
        await client.send(b"GET /snapshot.jpg HTTP/1.1\r\nHost: printer\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            await lost.wait()
        data = await client.read_to_end()
        assert 0 < len(data) < BIG_BYTES


# Streams


@pytest.mark.parametrize("target", STREAMS)
async def test_stream_when_opened_then_every_byte_is_as_viewers_need_it(
    target: str,
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(1))
        head = await client.ask(target)
        assert (head.version, head.status) == ("HTTP/1.1", 200)
        assert head.content_type == "multipart/x-mixed-replace; boundary=prusacamframe"
        assert head.headers["Connection"] == "close"
        assert head.headers["Access-Control-Allow-Origin"] == "*"
        assert head.headers["X-Accel-Buffering"] == "no"
        assert "no-store" in head.headers["Cache-Control"]
        assert not {"Transfer-Encoding", "Content-Length"} & set(head.headers)
        frame = site.cameras[0].latest()
        first = (
            b"--prusacamframe\r\n"
            b"Content-Type: image/jpeg\r\n"
            b"Content-Length: %d\r\n"
            b"X-Timestamp: %.6f\r\n\r\n"
            b"%b\r\n--prusacamframe\r\n"
        ) % (len(picture(1)), frame.wall_time, picture(1))
        assert await client.read_exactly(len(first)) == first
        site.send(picture(2))
        frame = site.cameras[0].latest()
        second = (
            b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n"
            b"X-Timestamp: %.6f\r\n\r\n%b\r\n--prusacamframe\r\n"
        ) % (len(picture(2)), frame.wall_time, picture(2))
        assert await client.read_exactly(len(second)) == second


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_stream_when_read_by_a_known_viewer_then_each_frame_is_shown_at_once(
    viewer: str,
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(0))
        head = await client.ask("/stream.mjpg?timestamp=1&cacheBust=2&bypassCache=3&x")
        parser = VIEWERS[viewer](head.content_type)
        for number in range(20):
            (frame,) = await client.read_frames(parser, 1)
            assert frame.removesuffix(b"\r\n") == picture(number)
            site.send(picture(number + 1))


@pytest.mark.parametrize("viewer", VIEWERS)
async def test_stream_when_frames_have_thumbnails_then_viewers_see_the_frames(
    viewer: str,
) -> None:
    def with_thumbnail(number: int) -> bytes:
        exif = jpeg.segment(0xE1, b"Exif\0\0" + jpeg.picture(16, 12, seed=number))
        return picture(number)[:2] + exif + picture(number)[2:]

    async with serving() as site, site.client() as client:
        site.send(with_thumbnail(0))
        head = await client.ask("/stream.mjpg")
        parser = VIEWERS[viewer](head.content_type)
        for number in range(5):
            (frame,) = await client.read_frames(parser, 1)
            assert frame.removesuffix(b"\r\n") == picture(number)
            site.send(with_thumbnail(number + 1))
        # Those who search for FF D8 do it in snapshots as well.
        assert (await site.answer("/snapshot.jpg")).body == picture(5)


async def test_stream_when_asked_by_head_then_no_stream_is_opened() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        head = await client.ask("/stream.mjpg", "HEAD")
        assert head.status == 200
        assert head.content_type == "multipart/x-mixed-replace; boundary=prusacamframe"
        assert "Content-Length" not in head.headers
        assert site.pump.stats.opened == 0
        assert (await client.read_answer("/snapshot.jpg")).status == 200


async def test_stream_when_the_client_speaks_http_1_0_then_it_is_served() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        head = await client.ask("/stream.mjpg", version="1.0")
        assert head.status == 200
        assert await client.read_frames(StrictParser(head.content_type), 1)


@pytest.mark.parametrize("target", STREAMS)
async def test_stream_when_the_newest_frame_gets_old_then_the_stream_ends(
    target: str,
) -> None:
    async with serving(stale_after_s=STALE_S) as site, site.client() as client:
        site.send(picture())
        head = await client.ask(target)
        parser = StrictParser(head.content_type)
        frames = parser.feed(await client.read_to_end())
        assert frames == [picture()]
        assert parser.is_between_parts
        assert site.stale.is_set()
        await site.no_viewers()


async def test_stream_when_a_placeholder_is_wanted_then_it_outlives_every_outage() -> (
    None
):
    async with serving(stale_after_s=STALE_S) as site, site.client() as client:
        head = await client.ask("/stream.mjpg?placeholder=1")
        assert head.status == 200
        parser = StrictParser(head.content_type)
        await client.read_frames(parser, 1)
        assert parser.parts[-1].headers[PLACEHOLDER] == "connecting"
        for number in range(1, 3):
            site.stale.clear()
            site.send(picture(number))
            (frame,) = await client.read_frames(parser, 1)
            assert frame == picture(number)
            assert PLACEHOLDER not in parser.parts[-1].headers
            (frame,) = await client.read_frames(parser, 1)
            assert site.stale.is_set()
            assert parser.parts[-1].headers[PLACEHOLDER] == "stalled"
            assert jpeg.pixels(frame)


async def test_stream_when_all_places_are_taken_then_it_is_503_until_one_leaves() -> (
    None
):
    async with serving(max_viewers=2) as site:
        site.send(picture())
        async with site.client() as first, site.client() as second:
            for client in (first, second):
                assert (await client.ask("/stream.mjpg")).status == 200
            for target in (*STREAMS, "/stream.mjpg?placeholder=1"):
                answer = await site.answer(target)
                assert_refused(answer, 503, "max_viewers")
                assert "Retry-After" in answer.headers
            assert (await site.answer("/snapshot.jpg")).status == 200
        await site.no_viewers()
        async with site.client() as client:
            assert (await client.ask("/stream.mjpg")).status == 200


async def test_stream_when_the_viewer_sends_bytes_then_it_goes_on() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(0))
        parser = StrictParser((await client.ask("/stream.mjpg")).content_type)
        assert await client.read_frames(parser, 1)
        await client.send(b"GET /snapshot.jpg HTTP/1.1\r\n\r\n" + b"\0\xff" * 500_000)
        site.send(picture(1))
        assert await client.read_frames(parser, 1) == [picture(1)]


async def test_stream_when_another_request_is_pipelined_then_it_is_ignored() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture(0))
        await client.send(
            b"GET /stream.mjpg HTTP/1.1\r\nHost: printer\r\n\r\n"
            b"GET /snapshot.jpg HTTP/1.1\r\nHost: printer\r\n\r\n"
        )
        parser = StrictParser((await client.read_head()).content_type)
        site.send(picture(1))
        assert (await client.read_frames(parser, 2))[-1] == picture(1)


async def test_stream_when_garbage_is_pipelined_then_nobody_else_is_harmed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        await client.send(b"GET /stream.mjpg HTTP/1.1\r\n\r\n\0\xff GARBAGE\r\n\r\n")
        await client.read_to_end()
        await site.no_viewers()
        assert (await site.answer("/snapshot.jpg")).status == 200
    assert not caplog.records


async def test_stream_when_it_follows_an_unread_answer_then_no_byte_is_lost() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        answer = site.web._answers["stream"]
        unread = b"the end of another answer" * (BIG_BYTES // 10)

        async def behind(request: Any, route: Any) -> Any:
            request.transport.write(unread)
            return await answer(request, route)

        site.web._answers["stream"] = behind
        await client.send(b"GET /stream.mjpg HTTP/1.1\r\nHost: printer\r\n\r\n")
        assert await client.read_exactly(len(unread)) == unread
        head = await client.read_head()
        body = await client.read_exactly(int(head.headers["Content-Length"]))
        refusal = Answer(head.status, head.headers, body)
        assert_refused(refusal, 400, "still being sent")
        assert site.pump.stats.opened == 0


@pytest.mark.parametrize("body", [b"", b"ab"])
async def test_stream_when_the_request_promises_a_body_then_no_task_waits_for_it(
    body: bytes,
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        await client.send(
            b"GET /stream.mjpg HTTP/1.1\r\nHost: printer\r\nContent-Length: 10\r\n\r\n"
        )
        await client.send(body)
        assert (await client.read_head()).status == 200
        async with asyncio.timeout(WAIT_S):
            while "RequestHandler.start" in task_names():  # noqa: ASYNC110
                await asyncio.sleep(0)


@pytest.mark.parametrize("target", [STREAMS[0], SNAPSHOTS[0]])
async def test_viewer_when_it_half_closes_then_nothing_is_left(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        await client.send(f"GET {target} HTTP/1.1\r\nHost: printer\r\n\r\n".encode())
        client.socket.shutdown(socket.SHUT_WR)
        await client.read_to_end()
        await site.no_viewers()
    assert not caplog.records


async def test_viewers_when_they_leave_while_they_are_accepted_then_all_is_quiet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The socket may be gone before, in and after the hand-over to the pump."""
    async with serving() as site:
        site.send(picture())
        for target in (*STREAMS, *SNAPSHOTS, "/stream.mjpg?placeholder=1"):
            for turns in range(12):
                async with site.client() as client:
                    request = f"GET {target} HTTP/1.1\r\nHost: printer\r\n\r\n"
                    await client.send(request.encode())
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    client.reset()
        await site.no_viewers()
        assert (await site.answer("/snapshot.jpg")).status == 200
    assert not caplog.records


async def test_hand_over_when_the_transport_is_closing_then_nothing_is_added() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        answer = site.web._answers["stream"]

        async def closing(request: Any, route: Any) -> Any:
            request.transport.close()
            return await answer(request, route)

        site.web._answers["stream"] = closing
        await client.send(b"GET /stream.mjpg HTTP/1.1\r\nHost: printer\r\n\r\n")
        assert await client.read_to_end() == b""
        assert site.pump.stats.opened == 0


async def test_viewers_when_they_come_and_go_then_all_see_whole_frames() -> None:
    """Seeded chaos through the front door, with the slow, the rude and the lost."""
    seed = random.Random(7)
    frames_seen = 0

    async def view(site: Site, rng: random.Random) -> None:
        nonlocal frames_seen
        receive_bytes = rng.choice((0, 4096))
        target = rng.choice((*STREAMS, "/stream.mjpg?placeholder=1"))
        async with site.client(receive_bytes=receive_bytes) as client:
            head = await client.ask(target)
            assert head.status == 200
            parser = StrictParser(head.content_type)
            numbers = []
            for _ in range(rng.randint(0, 25)):
                chunk = await client.read(rng.choice((10, 3000, 1 << 20)))
                numbers += [frame[-3] for frame in parser.feed(chunk)]
                await asyncio.sleep(rng.choice((0, 0, 0.002, 0.02)))
            if rng.random() < 0.1:
                await client.send(rng.randbytes(9000))
            if rng.random() < 0.5:
                client.reset()
            assert numbers == sorted(numbers)
            frames_seen += len(numbers)

    async with serving(max_viewers=1000) as site:
        async with asyncio.timeout(3 * WAIT_S), asyncio.TaskGroup() as viewers:
            for number in range(200):
                entropy = bytes([number]) * seed.choice((100, 10_000, 200_000))
                site.send(jpeg.minimal(64, 48, entropy))
                viewers.create_task(view(site, random.Random(seed.random())))
                await asyncio.sleep(0.005)
            for number in range(200, 250):
                site.send(jpeg.minimal(64, 48, bytes([number]) * 1000))
                await asyncio.sleep(0.01)
        await site.no_viewers()
        assert site.pump.stats.opened == 200
        assert frames_seen > 200


# Cameras, status, page


async def test_cameras_when_there_are_two_then_each_has_its_pictures() -> None:
    async with serving("bed", "Nozzle cam") as site:
        site.send(picture(1), camera=0)
        site.send(picture(2), camera=1)
        assert (await site.answer("/snapshot.jpg")).body == picture(1)
        for name, number in (("bed", 1), ("Nozzle%20cam", 2)):
            answer = await site.answer(f"/snapshot.jpg?camera={name}")
            assert answer.body == picture(number)
            async with site.client() as client:
                head = await client.ask(f"/?action=stream&camera={name}")
                parser = StrictParser(head.content_type)
                assert await client.read_frames(parser, 1) == [picture(number)]
                status = json.loads((await site.answer("/status.json")).body)
                assert sum(status["viewers"].values()) == 1
            await site.no_viewers()
        assert (await site.answer("/snapshot.jpg?camera=Bed")).status == 404


@pytest.mark.parametrize("name", ["chamber", "", "%00", "%ff", "bed%20"])
@pytest.mark.parametrize("target", [*SNAPSHOTS, *STREAMS])
async def test_camera_when_there_is_none_of_that_name_then_it_is_404(
    name: str, target: str
) -> None:
    async with serving() as site:
        target += f"{'&' if '?' in target else '?'}camera={name}&placeholder=1"
        assert_refused(await site.answer(target), 404, "there is: bed")


async def test_status_when_asked_then_it_is_json_for_all_origins() -> None:
    async with serving() as site:
        answer = await site.answer("/status.json?cacheBust=1")
        assert json.loads(answer.body) == {"viewers": {"bed": 0}}
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        head = await site.answer("/status.json", "HEAD")
        assert head.headers["Content-Length"] == str(len(answer.body))


async def test_page_when_asked_then_it_is_html() -> None:
    async with serving() as site:
        answer = await site.answer("/?anything=1")
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.body.startswith(b"<!doctype html>")


# Refusals


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/snapshot.jpg/",
        "//snapshot.jpg",
        "/Snapshot.jpg",
        "/../etc/passwd",
        "/page/index.html",
        "/%00",
        "/?action=",
        "/?action=stop",
        "/?action=Stream",
    ],
)
async def test_path_when_there_is_nothing_then_it_is_404(target: str) -> None:
    async with serving() as site:
        site.send(picture())
        assert_refused(await site.answer(target), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("target", ["/", *SNAPSHOTS, *STREAMS, "/status.json"])
async def test_method_when_it_is_another_then_it_is_405(
    method: str, target: str
) -> None:
    async with serving() as site:
        site.send(picture())
        answer = await site.answer(target, method)
        assert_refused(answer, 405, "GET and HEAD")
        assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"\0\xff\xfe\r\n\r\n", id="binary"),
        pytest.param(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n", id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="version"),
        pytest.param(b"BREW / HTTP/1.1\r\n\r\n", id="method"),
        pytest.param(b"GET http://[::1 HTTP/1.1\r\n\r\n", id="URL"),
        pytest.param(b"GET /?\xff\x80 HTTP/1.1\r\n\r\n", id="query"),
        pytest.param(b"GET / HTTP/1.1\r\nX\r\n\r\n", id="no colon"),
        pytest.param(b"GET / HTTP/1.1\r\n : \r\n\r\n", id="no name"),
        pytest.param(
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nX: " + b"a" * 10240 + b"\r\n\r\n", id="10 KB header"
        ),
        pytest.param(
            b"GET /?" + b"a" * 10240 + b" HTTP/1.1\r\n\r\n", id="10 KB target"
        ),
    ],
)
async def test_request_when_it_is_malformed_then_it_is_400_in_json_and_not_logged(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as site:
        site.send(picture())
        for _ in range(2):
            async with site.client() as client:
                await client.send(request_bytes)
                head = await client.read_head()
                body = await client.read_to_end()
                assert_refused(Answer(head.status, head.headers, body), 400)
        assert (await site.answer("/snapshot.jpg")).status == 200
    assert not caplog.records


async def test_request_when_it_is_never_finished_then_shutdown_does_not_wait() -> None:
    async with serving() as site, site.client() as client:
        await client.send(b"GET / HTTP/1.1\r\nX: ")
        async with asyncio.timeout(WAIT_S / 2):
            await site.web.aclose()
        assert await client.read_to_end() == b""


async def test_defect_when_a_request_meets_one_then_it_is_500_in_json_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as site:

        def fail() -> dict[str, Any]:
            raise ZeroDivisionError("a defect")

        site.web._status = fail
        assert_refused(await site.answer("/status.json"), 500, "log")
        (record,) = caplog.records
        assert record.message == "GET /status.json failed"
        caplog.clear()


# Lifetime


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_start_when_the_port_is_taken_then_it_says_which_and_what_to_do(
    host: str,
) -> None:
    async with serving(host=host) as site:
        site.send(picture())
        other = Site("bed", host=host, port=site.web.port)
        with pytest.raises(PrusacamError, match=rf"{site.web.port}: .*\[engine\] port"):
            await other.web.start()
        await other.web.aclose()
        assert (await site.answer("/snapshot.jpg")).status == 200
        async with site.client() as client:
            assert (await client.ask("/stream.mjpg")).status == 200


async def test_aclose_when_viewers_watch_then_their_streams_end() -> None:
    async with serving() as site:
        site.send(picture())
        async with site.client() as viewer, site.client() as idle:
            parser = StrictParser((await viewer.ask("/stream.mjpg")).content_type)
            await idle.read_answer("/snapshot.jpg")
            assert await viewer.read_frames(parser, 1) == [picture()]
            await site.web.aclose()
            assert parser.feed(await viewer.read_to_end()) == []
            assert await idle.read_to_end() == b""
        await site.web.aclose()


async def test_aclose_when_a_stream_opens_meanwhile_then_it_is_closed_as_well() -> None:
    async with serving() as site, site.client() as client:
        site.send(picture())
        answer = site.web._answers["stream"]
        asked = asyncio.Event()

        async def slow(request: Any, route: Any) -> Any:
            asked.set()
            await asyncio.sleep(0.05)
            return await answer(request, route)

        site.web._answers["stream"] = slow
        await client.send(b"GET /stream.mjpg HTTP/1.1\r\nHost: printer\r\n\r\n")
        await asked.wait()
        await site.web.aclose()
        assert site.pump.stats.viewers == 0
        await client.read_to_end()


async def test_aclose_when_a_snapshot_is_stuck_then_it_does_not_wait_for_long() -> None:
    async with serving() as site, site.client(receive_bytes=4096) as client:
        site.send(big_picture())
        await client.ask("/snapshot.jpg")
        async with asyncio.timeout(WAIT_S / 2):
            await site.web.aclose()


async def test_connections_when_there_are_too_many_then_the_oldest_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 3)
    async with serving() as site, AsyncExitStack() as stack:
        site.send(picture())
        viewer = await stack.enter_async_context(site.client())
        parser = StrictParser((await viewer.ask("/stream.mjpg")).content_type)
        assert await viewer.read_frames(parser, 1) == [picture()]
        idle = [await stack.enter_async_context(site.client()) for _ in range(5)]
        newest = await stack.enter_async_context(site.client())
        assert (await newest.read_answer("/snapshot.jpg")).status == 200
        for oldest in idle[:3]:
            assert await oldest.read_to_end() == b""
        for kept in idle[3:]:
            assert (await kept.read_answer("/snapshot.jpg")).status == 200
        site.send(picture(1))
        assert await viewer.read_frames(parser, 1) == [picture(1)]  # it is none of them


# Without a camera


@pytest.mark.parametrize(
    "page", ["/snapshot.jpg", "/stream.mjpg", "/?action=snapshot", "/cameras/x/test"]
)
async def test_web_when_there_is_no_camera_then_404_says_so(page: str) -> None:
    web = WebServer("127.0.0.1", 0, [], StreamPump(4), dict)
    await web.start()
    try:
        async with HttpClient("127.0.0.1", web.port) as client:
            answer = await client.read_answer(page)
            assert answer.status == 404
            assert b"there is no [camera NAME]" in answer.body
    finally:
        await web.aclose()


# From the feed to the viewer


async def test_stream_when_fed_by_a_camera_over_tcp_then_its_frames_arrive() -> None:
    feed = SyntheticCamera(width=160, height=120, fps=100)
    await feed.start()
    url = f"tcp://127.0.0.1:{feed.port}"
    config = CameraConfig(name="bed", source=url)
    camera = Camera(config, open_source(config, Host(Path("/nowhere"))))
    web = WebServer("127.0.0.1", 0, [camera], StreamPump(4), dict)
    try:
        await web.start()
        camera.start()
        async with HttpClient("127.0.0.1", web.port) as client:
            head = await client.ask("/stream.mjpg?placeholder=1")
            parser = StrictParser(head.content_type)
            live: list[int] = []
            while len(live) < 10:
                for frame in await client.read_frames(parser, 1):
                    tag = read_tag(frame)
                    live += [] if tag is None else [tag.seq]
            assert live == sorted(set(live))
    finally:
        await web.aclose()
        await camera.aclose()
        await feed.aclose()
