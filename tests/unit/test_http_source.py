# Tests of MJPEG over HTTP.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What web servers of cameras send, what they may do to a connection, and the words."""

from __future__ import annotations

import asyncio
import gzip
import importlib
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import _intake_py, frame_watch, receiver
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.http import client as http_client
from moonraker_prusacam.camera.sources import http
from moonraker_prusacam.camera.sources.http import HttpSource
from moonraker_prusacam.errors import (
    SourceError,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from tests.support import jpeg, sources, twins
from tests.support.http_camera import (
    BOUNDARY,
    MULTIPART,
    HttpCamera,
    Reply,
    Request,
    chunked,
    giving,
    head,
    part,
    streaming,
    whole,
)
from tests.support.sources import Received, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.http_camera import Answer

SHORT_S = 0.05
WAIT_S = 10.0
PICTURES = [jpeg.picture(64, 48, seed=seed) for seed in range(5)]
PARTS = [part(picture) for picture in PICTURES]
CHUNKED = head(
    Content_Type=f"multipart/x-mixed-replace; boundary={BOUNDARY}",
    Transfer_Encoding="chunked",
)
INTAKES: dict[str, Any] = {"python": _intake_py.Intake}
if twins.COMPILED is not None:
    module = importlib.import_module("moonraker_prusacam.camera._intake_c")
    INTAKES["c"] = module.Intake


@pytest.fixture(params=INTAKES)
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the source's bytes be received by each of the twins."""
    name = str(request.param)
    monkeypatch.setattr(receiver, "Intake", INTAKES[name])
    monkeypatch.setattr(sources, "Scanner", twins.TWINS[name])
    return name


@asynccontextmanager
async def watched(
    answer: Answer, target: str = "/?action=stream", **options: Any
) -> AsyncIterator[tuple[HttpCamera, Received, asyncio.Task[None]]]:
    """A camera, and a source that reads it until the end of the block."""
    async with HttpCamera(answer) as camera:
        received = Received()
        source = source_of(camera.url(target), **options)
        task = asyncio.create_task(source.run(received))
        try:
            yield camera, received, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await camera.left()


async def trouble(answer: Answer, **options: Any) -> SourceError:
    """What the source says of an answer."""
    async with watched(answer, **options) as (_, _, task):
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(SourceError) as caught:
                await task
        return caught.value


def sloppy(line: bytes, between: bytes, *headers: bytes) -> list[bytes]:
    lines = line.join((b"--" + BOUNDARY.encode(), *headers, b"", b""))
    return [lines + picture + between for picture in PICTURES]


STREAMS = {
    "as it should be": (MULTIPART, PARTS),
    "chunked": (CHUNKED, [chunked(one) for one in PARTS]),
    "chunked by the byte": (CHUNKED, [chunked(b"".join(PARTS), 1)]),
    "in version 1.0": (MULTIPART.replace(b"1.1", b"1.0"), PARTS),
    "lines end by LF": (
        MULTIPART.replace(b"\r\n", b"\n"),
        sloppy(b"\n", b"\n", b"Content-Type: image/jpeg"),
    ),
    "without Content-Length": (
        MULTIPART,
        sloppy(b"\r\n", b"\r\n", b"Content-Type: image/jpeg"),
    ),
    "too short a length": (MULTIPART, sloppy(b"\r\n", b"\r\n", b"Content-Length: 7")),
    "too long a length": (MULTIPART, sloppy(b"\r\n", b"\r\n", b"content-length:99999")),
    "no line before the delimiter": (MULTIPART, sloppy(b"\r\n", b"")),
    "a delimiter too many": (MULTIPART, [b"--x\r\n" + one for one in PARTS]),
    "padded with zeros": (MULTIPART, sloppy(b"\r\n", b"\0" * 600)),
    "a text part first": (
        MULTIPART,
        [b"--somewhere\r\nContent-Type: text/plain\r\n\r\nwait\r\n", *PARTS],
    ),
    "blank lines first": (MULTIPART, [b"\r\n\r\n", *PARTS]),
    "a quoted boundary": (
        head(Content_Type='multipart/x-mixed-replace;boundary="--other"'),
        PARTS,
    ),
    "called something else": (head(Content_Type="text/html"), PARTS),
    "called nothing": (head(), PARTS),
    "compressed": (
        head(Content_Encoding="gzip"),
        [gzip.compress(b"".join(PARTS))],
    ),
    # The first one is left out: it might have been the only one.
    "back to back": (
        head(Content_Type="video/x-motion-jpeg"),
        [PICTURES[4], *PICTURES],
    ),
    "back to back, by the byte": (
        head(),
        [bytes([octet]) for octet in b"".join((PICTURES[4], *PICTURES))],
    ),
    "a long Content-Length": (
        head(Content_Type="multipart/x-mixed-replace", Content_Length=10 << 30),
        PARTS,
    ),
    "JPEGs with a long Content-Length": (
        head(Content_Type="image/jpeg", Content_Length=10 << 30),
        [b"".join((PICTURES[4], *PICTURES))],
    ),
    "by the byte": (MULTIPART, [bytes([octet]) for octet in b"".join(PARTS[:5])]),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_run_when_a_stream_is_written_so_then_all_frames_come(
    name: str, twin: str
) -> None:
    start, data = STREAMS[name]
    async with watched(streaming(*data, start=start)) as (camera, received, task):
        await received.frames(5)
        assert received.newest is not None
        assert bytes(received.newest) == PICTURES[4]
        assert received.scanner.stats.dropped_bytes == 0
        assert camera.connections == len(camera.requests) == 1
        assert not task.done()


async def test_run_when_frames_come_with_the_header_then_none_is_lost(
    twin: str,
) -> None:
    """aiohttp has read them already when the socket is taken from it."""
    pictures = [jpeg.picture(200, 200, seed=seed) for seed in range(5)]
    data = b"".join(map(part, pictures)) * 8
    answer = streaming(data[-70_000:], start=MULTIPART + data[:-70_000])
    async with watched(answer) as (_, received, _):
        await received.frames(40)
        assert received.newest is not None
        assert bytes(received.newest) == pictures[4]
        assert received.scanner.stats.dropped_bytes == 0


async def test_run_when_the_first_frame_comes_then_its_stages_were_noted() -> None:
    async with watched(streaming(*PARTS)) as (camera, received, _):
        await received.frames(5)
        request = camera.requests[0]
        assert request.target == "/?action=stream"
        assert "authorization" not in request.headers
        assert "cookie" not in request.headers
        reached = received.attempt.durations_s
        assert list(reached) == [Stage.REACHABLE, Stage.AUTHENTICATED]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_run_when_cancelled_then_the_connection_is_closed(
    host: str, twin: str
) -> None:
    async with HttpCamera(streaming(*PARTS), host=host) as camera:
        received = Received()
        task = asyncio.create_task(source_of(camera.url()).run(received))
        await received.frames(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await camera.left()


async def test_run_when_cancelled_before_the_answer_then_the_connection_is_closed() -> (
    None
):
    async with watched(streaming(start=b"")) as (camera, _, task):
        await camera.asked(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await camera.left()


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
@pytest.mark.parametrize("start", [MULTIPART, CHUNKED])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_cameras(
    error: type[Exception], start: bytes
) -> None:
    data = b"".join(PARTS)
    data = chunked(data) if start is CHUNKED else data
    async with HttpCamera(streaming(data, start=start)) as camera:
        source = source_of(camera.url())
        with pytest.raises(error, match="in the consumer"):
            await source.run(Received(error("in the consumer")))
        await camera.left()


async def test_run_when_proxies_are_in_the_environment_then_they_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{sources.closed_port()}")
    async with watched(streaming(*PARTS)) as (_, received, _):
        await received.frames(5)


# What a camera may send in place of MJPEG.

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
WEBP = b"RIFF\x10\0\0\0WEBPVP8 " + bytes(100)
PAGE = b"<!DOCTYPE html><html><body>Login</body></html>"
UNFIT = {
    "page": (whole(PAGE, "text/html; charset=utf-8"), "a web page (text/html)"),
    "page that is called a stream": (
        whole(PAGE, "multipart/x-mixed-replace"),
        "a web page (called multipart/x-mixed-replace)",
    ),
    "page without a type": (whole(b"\n\n<html>" + bytes(90), ""), "a web page"),
    "text": (whole(b"no camera was found here", "text/plain"), "text (text/plain)"),
    "JSON": (whole(b'{"error": "no camera"}', "application/json"), "JSON"),
    "JSON in a list": (whole(b'[{"name": "cam"}]', ""), "JSON"),
    "XML": (whole(b"<?xml version='1.0'?><a/>", "text/xml"), "XML (text/xml)"),
    "PNG": (whole(PNG, "image/png"), "a PNG picture (image/png)"),
    "PNG that is called a JPEG": (whole(PNG), "a PNG picture (called image/jpeg)"),
    "WebP": (whole(WEBP, "image/webp"), "a WebP picture (image/webp)"),
    "GIF": (whole(b"GIF89a" + bytes(50), "image/gif"), "a GIF picture"),
    "SVG": (whole(b"\xef\xbb\xbf<svg/>", "image/svg+xml"), "a picture that is no JPEG"),
    "MP4": (
        whole(b"\0\0\0\x20ftypisom" + bytes(50), "video/mp4"),
        "an MP4 video (video/mp4)",
    ),
    "HLS": (whole(b"#EXTM3U\n#EXT-X-VERSION:3\n", "audio/mpegurl"), "an HLS playlist"),
    "H.264": (head() + b"\0\0\0\x01\x67" + bytes(50), "an H.264 or H.265 video"),
    "sound": (head(Content_Type="audio/aac") + bytes(50), "sound (audio/aac)"),
    "a short page": (whole(b"hi", "text/html"), "a web page (text/html)"),
    "an empty page": (whole(b"", "text/html"), "a web page (text/html)"),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_run_when_it_is_no_mjpeg_then_named_with_the_usual_addresses(
    name: str,
) -> None:
    content, named = UNFIT[name]
    error = await trouble(giving(content, closes=True))
    assert isinstance(error, SourceUnfit)
    assert f"sends {named}" in str(error)
    assert "/?action=stream" in error.advice


SINGLE = {
    "kept": (whole(PICTURES[0]), False),
    "closed": (whole(PICTURES[0]), True),
    "without a length": (head() + PICTURES[0], True),
    "padded": (head() + PICTURES[0] + bytes(512), True),
    "padded, kept": (whole(PICTURES[0] + bytes(512)), False),
    "chunked": (CHUNKED + chunked(PICTURES[0]) + b"0\r\n\r\n", False),
}


@pytest.mark.parametrize("name", SINGLE)
async def test_run_when_it_is_one_picture_then_told_how_to_read_it_and_no_frame(
    name: str,
) -> None:
    content, closes = SINGLE[name]
    target = "/shot.jpg?password=hunter2"
    async with watched(giving(content, closes=closes), target) as (_, received, task):
        with pytest.raises(SourceUnfit) as caught:
            await task
        assert "one picture a request" in str(caught.value)
        assert "source: snapshot+http://127.0.0.1" in caught.value.advice
        assert "/shot.jpg?***" in caught.value.advice
        assert received.newest is None


# What may happen to a connection.


async def test_run_when_nothing_listens_then_the_reason_names_the_place() -> None:
    port = sources.closed_port()
    with pytest.raises(SourceUnavailable, match=f"nothing listens at 127.0.0.1:{port}"):
        await source_of(f"http://127.0.0.1:{port}/").run(Received())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 20", "closed the connection without an answer"),
        (MULTIPART[:-2], "closed the connection"),
        (MULTIPART, "closed the connection before a whole picture"),
        (MULTIPART + PARTS[0][:900], "closed the connection before a whole picture"),
        (MULTIPART + PARTS[0], "closed the connection"),
        (CHUNKED + chunked(PARTS[0]) + b"0\r\n\r\n", "closed the connection"),
        (CHUNKED + chunked(PARTS[0]), "broke off in the middle"),
        (CHUNKED + chunked(PARTS[0]) + b"rubbish\r\n", "does not speak HTTP correctly"),
        (whole(PICTURES[0])[:-9], "broke off in the middle"),
        (head(Content_Encoding="gzip") + PICTURES[0], "broke off in the middle"),
        (PICTURES[0], "does not speak HTTP correctly"),
        (b"RTSP/1.0 400 Bad Request\r\nCSeq: 1\r\n\r\n", "answers 400 (Bad Request)"),
        (b"220 mail.example ESMTP\r\n", "does not speak HTTP correctly"),
        (b"HTTP/1.1 200 " + b"x" * 9000, "a header without end"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 9000, "a header without end"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Many: 1\r\n" * 900, "a header without end"),
    ],
)
async def test_run_when_a_connection_is_closed_then_told_in_words(
    answer: bytes, words: str, twin: str
) -> None:
    error = await trouble(giving(answer, closes=True))
    assert words in str(error)
    assert "127.0.0.1" in str(error)


RESET_AT = sorted(random.Random(6).sample(range(len(MULTIPART + PARTS[0])), 25))


@pytest.mark.parametrize("start", [MULTIPART, CHUNKED])
async def test_run_when_a_connection_is_reset_at_any_byte_then_unavailable(
    start: bytes, twin: str
) -> None:
    sent = start + (PARTS[0] if start is MULTIPART else chunked(PARTS[0]))
    for place in (*RESET_AT, len(sent)):

        async def answer(_: Request, reply: Reply, place: int = place) -> None:
            await reply.send(sent[:place])
            reply.reset()

        async with HttpCamera(answer) as camera:
            with pytest.raises(SourceUnavailable):
                await source_of(camera.url()).run(Received())
            await camera.left()
            assert camera.connections == 1, "asked again by itself"


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200", MULTIPART, MULTIPART + PARTS[0], CHUNKED]
)
async def test_run_when_a_camera_falls_silent_then_stalled_and_let_go(
    sent: bytes, twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT_S", SHORT_S)
    error = await trouble(streaming(start=sent), stale_after_s=SHORT_S)
    assert isinstance(error, SourceStalled)
    assert "has sent nothing for 0.05 s" in str(error)


async def test_run_when_a_camera_is_slow_and_said_to_be_then_its_silence_is_borne(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT_S", SHORT_S)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(MULTIPART, PARTS[0])
        await asyncio.sleep(4 * SHORT_S)
        await reply.send(PARTS[1])
        await reply.silence()

    async with watched(answer, stale_after_s=WAIT_S) as (_, received, _):
        await received.frames(2)


@pytest.mark.parametrize("start", [MULTIPART, CHUNKED])
async def test_run_when_bytes_trickle_then_stalled(
    start: bytes, twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FRAME_TIMEOUT_S", 0.3)
    monkeypatch.setattr(frame_watch, "LOOK_S", 0.02)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(start)
        for octet in PARTS[0]:
            single = bytes([octet])
            await reply.send(chunked(single) if start is CHUNKED else single)
            await asyncio.sleep(0.01)

    error = await trouble(answer, stale_after_s=0.1)
    assert isinstance(error, SourceStalled)
    assert "goes on sending, but no whole JPEG in 0.3 s" in str(error)


async def test_run_when_frames_come_then_the_watch_lets_it_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "FRAME_TIMEOUT_S", 0.2)
    monkeypatch.setattr(frame_watch, "LOOK_S", 0.02)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(MULTIPART)
        for _number in range(10):
            await reply.send(PARTS[0])
            await asyncio.sleep(SHORT_S)
        await reply.silence()

    async with watched(answer, stale_after_s=0.1) as (_, received, task):
        await received.frames(10)
        assert not task.done()


async def test_run_when_the_header_trickles_then_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_client, "ANSWER_TIMEOUT_S", 0.2)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.slowly(MULTIPART, 0.01)

    error = await trouble(answer)
    assert isinstance(error, SourceStalled)
    assert "has not answered within 0.2 s" in str(error)


async def test_run_when_a_camera_sends_junk_for_ever_then_memory_is_bounded() -> None:
    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(MULTIPART)
        for _number in range(400):
            await reply.send(bytes(100_000))
        await reply.silence()

    async with watched(answer) as (_, received, _):
        await received.until(40_000_000)
        assert received.scanner.pool.peak_bytes < 1 << 20


def test_open_source_when_the_scheme_is_http_then_it_is_an_http_source() -> None:
    for scheme in ("http", "https"):
        assert isinstance(source_of(f"{scheme}://127.0.0.1/"), HttpSource)


def test_timeouts_when_read_then_they_are_what_users_are_told() -> None:
    assert (http_client.READ_TIMEOUT_S, frame_watch.FRAME_TIMEOUT_S) == (10.0, 60.0)
