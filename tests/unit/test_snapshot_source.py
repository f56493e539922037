# Tests of pictures that are asked for one by one.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a picture is asked for, what makes it a new one, and what else may come."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict

from moonraker_prusacam.camera import Camera, CameraState
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.http import client as http_client
from moonraker_prusacam.camera.sources import open_source, snapshot
from moonraker_prusacam.camera.sources.snapshot import SnapshotSource, next_due_s
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.secret import Secret
from tests.support import jpeg
from tests.support.http_camera import (
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
from tests.support.sources import NOWHERE, Received, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.http_camera import Answer

WAIT_S = 10.0
SHORT_S = 0.05
PAUSE_S = 0.3
PICTURES = [jpeg.picture(64, 48, seed=seed) for seed in range(6)]


@asynccontextmanager
async def polled(
    answer: Answer, target: str = "/shot.jpg", **options: Any
) -> AsyncIterator[tuple[HttpCamera, Received, asyncio.Task[None]]]:
    """A camera, and a source that asks it until the end of the block."""
    options = {"interval_s": 0.1, "stale_after_s": 60.0, **options}
    async with HttpCamera(answer) as camera:
        received = Received()
        source = source_of(camera.url(target, "snapshot+http"), **options)
        task = asyncio.create_task(source.run(received))
        try:
            yield camera, received, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await camera.left()


async def trouble(answer: Answer, **options: Any) -> SourceError:
    """What the source says of an answer."""
    async with polled(answer, **options) as (_, _, task):
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(SourceError) as caught:
                await task
        return caught.value


def newest(received: Received) -> bytes:
    assert received.newest is not None
    return bytes(received.newest)


async def test_run_when_pictures_change_then_each_is_a_frame_on_one_connection() -> (
    None
):
    async with polled(giving(*map(whole, PICTURES))) as (camera, received, _):
        await received.frames(6)
        assert newest(received) == PICTURES[5]
        assert camera.connections == 1
        assert received.scanner.stats.dropped_bytes == 0
        reached = received.attempt.durations_s
        assert list(reached) == [Stage.REACHABLE, Stage.AUTHENTICATED]


@pytest.mark.parametrize(
    "answer",
    [
        whole(PICTURES[0], "application/octet-stream"),
        whole(PICTURES[0], "text/html"),
        whole(b"\r\n" + PICTURES[0] + bytes(700)),
        head(Transfer_Encoding="chunked") + chunked(PICTURES[0], 100) + b"0\r\n\r\n",
    ],
)
async def test_run_when_an_answer_is_sloppy_then_its_picture_comes(
    answer: bytes,
) -> None:
    async with polled(giving(answer)) as (_, received, _):
        await received.frames(1)
        assert newest(received) == PICTURES[0]


async def test_run_when_the_camera_closes_each_connection_then_it_goes_on() -> None:
    """Without a length, and without saying that it closes, as ESP32-CAMs do."""
    answers = [head() + picture for picture in PICTURES]
    async with polled(giving(*answers, closes=True)) as (camera, received, _):
        await received.frames(6)
        assert camera.connections == 6


async def test_run_when_a_kept_connection_is_closed_then_asked_on_another() -> None:
    async with polled(giving(*map(whole, PICTURES), closes=True)) as (_, received, _):
        await received.frames(6)


async def test_run_when_a_login_is_needed_then_answered_once() -> None:
    async def answer(request: Request, reply: Reply) -> None:
        if "authorization" in request.headers:
            await reply.send(whole(next(pictures)))
        else:
            challenge = 'Digest realm="c", nonce="n", qop="auth"'
            await reply.send(head(401, WWW_Authenticate=challenge, Content_Length=0))

    pictures = itertools.cycle(PICTURES)
    login: dict[str, Any] = {"username": "me", "password": Secret("hunter2")}
    async with polled(answer, **login) as (camera, received, _):
        await received.frames(3)
        assert len(camera.requests) <= 5
        assert camera.connections == 1
        counts = [
            request.headers["authorization"].partition("nc=")[2][:8]
            for request in camera.requests[1:]
        ]
        assert counts[:3] == ["00000001", "00000002", "00000003"]


# When pictures are asked for.


@pytest.mark.parametrize(
    ("due_s", "now_s", "expected_s"),
    [
        (0.0, 0.0, 1.0),
        (0.0, 0.3, 1.0),
        (0.0, 0.999, 1.0),
        (0.0, 1.0, 1.0),
        (0.0, 1.2, 2.0),
        (0.0, 7.5, 8.0),
        (5.0, 5.0, 6.0),
    ],
)
def test_next_due_when_a_picture_took_so_long_then_the_next_on_the_grid(
    due_s: float, now_s: float, expected_s: float
) -> None:
    assert next_due_s(due_s, now_s, 1.0) == expected_s


async def test_polls_when_counted_then_on_a_grid_without_drift() -> None:
    times_s: list[float] = []
    pictures = itertools.cycle(PICTURES)

    async def answer(_: Request, reply: Reply) -> None:
        times_s.append(time.monotonic())
        await asyncio.sleep(0.03)
        await reply.send(whole(next(pictures)))

    async with polled(answer, interval_s=0.1) as (camera, _, _):
        await camera.asked(11)
    assert times_s[10] - times_s[0] > 0.9
    # What a busy host holds up comes late, and what follows is on the grid again.
    in_time = [
        sum((each - first_s) % 0.1 < 0.03 for each in times_s[:11])
        for first_s in times_s[:11]
    ]
    assert max(in_time) > 6  # 4 with a pause after each


async def test_polls_when_a_picture_takes_longer_then_one_at_a_time() -> None:
    pictures = itertools.cycle(PICTURES)
    busy = 0

    async def answer(_: Request, reply: Reply) -> None:
        nonlocal busy
        busy += 1
        assert busy == 1
        await asyncio.sleep(0.15)
        busy -= 1
        await reply.send(whole(next(pictures)))

    async with polled(answer, interval_s=0.1) as (camera, received, _):
        begin_s = time.monotonic()
        await received.frames(4)
        # Every second point of the grid.
        assert time.monotonic() - begin_s > 0.7  # 0.6 without a pause
        assert camera.connections == 1


# When the frame began.


async def test_frame_when_it_comes_slowly_then_its_times_are_those_of_its_bytes() -> (
    None
):
    times_ns: list[int] = []

    async def answer(_: Request, reply: Reply) -> None:
        content = whole(PICTURES[len(times_ns) % 2])
        times_ns.append(time.monotonic_ns())
        cut = len(content) - 500
        await reply.send(content[:cut])
        await asyncio.sleep(PAUSE_S)
        await reply.send(content[cut:])

    async with polled(answer) as (_, received, _):
        await received.frames(2)
        frame = received.newest
        assert frame is not None
        begin_ns = times_ns[1]
        assert begin_ns < frame.first_ns < begin_ns + PAUSE_S / 2 * 1e9
        assert frame.last_ns - frame.first_ns > PAUSE_S / 2 * 1e9


# What makes a picture a new one.


async def test_unchanged_when_the_bytes_are_the_same_then_no_frame() -> None:
    answers = [whole(PICTURES[0])] * 3 + [whole(PICTURES[1])]
    async with polled(giving(*answers)) as (camera, received, _):
        await received.frames(2)
        assert newest(received) == PICTURES[1]
        assert received.newest is not None
        assert received.newest.seq == 2
        assert len(camera.requests) == 4
        await camera.asked(6)
        assert received.scanner.stats.frames == 2


class Caching:
    """A camera that says 304 while its picture is the one that was asked about."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = 0
        self.conditions: list[str | None] = []

    async def __call__(self, request: Request, reply: Reply) -> None:
        condition = {"ETag": "if-none-match", "Last-Modified": "if-modified-since"}
        mark = f'"v{self.version}"'
        asked = request.headers.get(condition[self.name])
        self.conditions.append(asked)
        if asked == mark:
            await reply.send(head(304, ETag=mark))
        else:
            picture = PICTURES[self.version % len(PICTURES)]
            marks = {self.name: mark}
            await reply.send(whole(picture, "image/jpeg", 200, **marks))


async def test_unchanged_when_the_camera_says_so_then_no_frame() -> None:
    answer = Caching("ETag")
    async with polled(answer) as (camera, received, _):
        await received.frames(1)
        await camera.asked(3)
        assert answer.conditions[:3] == [None, '"v0"', '"v0"']
        answer.version = 1
        await received.frames(2)
        assert newest(received) == PICTURES[1]
        assert camera.connections == 1


@pytest.mark.parametrize(("interval_s", "is_asked"), [(1.0, True), (0.5, False)])
def test_last_modified_when_it_is_too_coarse_then_not_asked_about(
    interval_s: float, is_asked: bool
) -> None:
    source = source_of("snapshot+http://h/", interval_s=interval_s)
    assert isinstance(source, SnapshotSource)
    headers = CIMultiDict({"last-modified": "Sat, 21 Nov 2026 16:57:00 GMT"})
    assert ("If-Modified-Since" in source._conditions(headers)) == is_asked
    headers["ETag"] = 'W/"1"'
    assert source._conditions(headers) == {"If-None-Match": 'W/"1"'}
    headers = CIMultiDict({"ETag": "é", "Last-Modified": "\udcff"})
    assert source._conditions(headers) == {}


@pytest.mark.parametrize("says_so", [True, False])
async def test_frozen_when_the_picture_stays_then_stalled_and_asked_no_more_often(
    says_so: bool,
) -> None:
    answer = Caching("ETag") if says_so else giving(whole(PICTURES[0]))
    error = await trouble(answer, interval_s=0.1, stale_after_s=0.4)
    assert isinstance(error, SourceStalled)
    assert "answers, but its picture has not changed for 0.4 s" in str(error)
    assert "stale_after" in error.advice
    assert error.least_delay_s == 0.1


async def test_frozen_when_only_the_etag_is_then_it_is_not_believed_any_more() -> None:
    pictures = iter(PICTURES)
    conditions: list[str | None] = []

    async def answer(request: Request, reply: Reply) -> None:
        conditions.append(request.headers.get("if-none-match"))
        if conditions[-1]:
            await reply.send(head(304, ETag='"same"'))
        else:
            await reply.send(whole(next(pictures), ETag='"same"'))

    async with polled(answer, stale_after_s=0.3) as (_, received, _):
        await received.frames(5)
    told = [bool(condition) for condition in conditions]
    # Once to find out, and never again.
    assert told[:4] == [False, True, True, False]
    assert not any(told[3:])


async def test_frozen_when_read_again_then_the_same_picture_is_still_no_frame() -> None:
    async with HttpCamera(giving(whole(PICTURES[0]))) as camera:
        url = camera.url("/shot.jpg", "snapshot+http")
        source = source_of(url, interval_s=0.1, stale_after_s=0.3)
        received = Received()
        for _ in range(3):
            with pytest.raises(SourceStalled):
                await source.run(received)
            received.begin(0)
        assert received.scanner.stats.frames == 1
        camera.answer = giving(*map(whole, PICTURES[1:]))
        task = asyncio.create_task(source.run(received))
        await received.frames(3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_camera_when_its_picture_freezes_then_it_says_so_once() -> None:
    async with HttpCamera(giving(whole(PICTURES[0]))) as camera:
        url = camera.url("/shot.jpg", "snapshot+http")
        config = CameraConfig("bed", source=url, interval_s=0.1, stale_after_s=0.5)
        of = Camera(config, open_source(config, NOWHERE))
        told: list[tuple[CameraState, str]] = []
        of.on_status.append(
            lambda one: told.append((one.status.state, str(one.status)))
        )
        of.start()
        try:
            await camera.asked(8)
            assert [state for state, _ in told] == [
                CameraState.LIVE,
                CameraState.FAILED,
            ]
            assert "has not changed for 0.5 s" in told[-1][1]
            camera.answer = giving(whole(PICTURES[1]))
            begin_ns = time.monotonic_ns()
            await of.wait_newer(begin_ns, WAIT_S)
            assert told[-1][0] is CameraState.LIVE
        finally:
            await of.aclose()


# What else may come.

UNFIT = {
    "a page": (whole(b"<html>", "text/html"), "a web page (text/html), and no JPEG"),
    "a PNG": (whole(b"\x89PNG\r\n\x1a\n" + bytes(99)), "a PNG picture (called image/"),
    "WebP": (whole(b"RIFF....WEBP" + bytes(99), "image/webp"), "a WebP picture"),
    "GIF": (whole(b"GIF89a" + bytes(99), "image/gif"), "a GIF picture"),
    "JSON": (whole(b'{"a": 1}', "application/json"), "JSON (application/json)"),
    "two pictures": (whole(PICTURES[0] + PICTURES[1]), "2 pictures in one answer"),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_run_when_it_is_no_jpeg_then_refused_by_name(name: str) -> None:
    answer, words = UNFIT[name]
    async with polled(giving(answer)) as (_, received, task):
        with pytest.raises(SourceUnfit) as caught:
            await task
        assert words in str(caught.value)
        assert caught.value.advice
        assert received.newest is None


async def test_run_when_it_is_a_stream_then_told_how_to_read_it() -> None:
    for start in (MULTIPART, head(Content_Type="image/jpeg")):
        answer = streaming(part(PICTURES[0]), start=start)
        error = await trouble(answer, target="/video?password=hunter2")
        assert isinstance(error, SourceUnfit)
        assert "sends a stream" in str(error)
        assert "write source: http://127.0.0.1" in error.advice
        assert "/video?***" in error.advice


BROKEN = {
    "nothing": (whole(b""), "an empty answer"),
    "cut off": (head() + PICTURES[0][:-100], "breaks off after"),
    "cut off by its length": (whole(PICTURES[0])[:-100], "broke off in the middle"),
    "whole, but cut off": (whole(PICTURES[0][:-100]), "breaks off after"),
    "damaged": (whole(PICTURES[0][:30] + bytes(500)), "is damaged"),
    "anything": (whole(b"anything at all, and more", ""), "is damaged"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_run_when_a_picture_is_not_whole_then_no_frame_and_told(
    name: str,
) -> None:
    answer, words = BROKEN[name]
    async with polled(giving(answer, closes=True)) as (_, received, task):
        with pytest.raises(SourceUnavailable) as caught:
            await task
        assert words in str(caught.value)
        assert received.newest is None
        received.begin(0)
        stats = received.scanner.stats
        assert stats.bytes_in == stats.junk_bytes + stats.dropped_bytes


@pytest.mark.parametrize("lengthy", [True, False])
async def test_run_when_a_picture_is_too_large_then_refused_before_it_has_come(
    lengthy: bool,
) -> None:
    sent = 0

    async def answer(_: Request, reply: Reply) -> None:
        nonlocal sent
        length = {"Content_Length": 10 << 30} if lengthy else {}
        await reply.send(head(Content_Type="image/jpeg", **length))
        while True:
            await reply.send(PICTURES[0] if not sent else bytes(50_000))
            sent += 50_000

    error = await trouble(answer, max_frame_bytes=100_000)
    assert isinstance(error, SourceUnfit)
    assert "more than 100000 bytes" in str(error)
    assert "max_frame_bytes" in error.advice
    assert sent < 20_000_000


async def test_run_when_a_picture_trickles_then_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshot, "PICTURE_TIMEOUT_S", 0.2)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.slowly(whole(PICTURES[0]), 0.001)

    error = await trouble(answer)
    assert isinstance(error, SourceStalled)
    assert "bytes of a picture in 0.2 s" in str(error)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", head(), head() + PICTURES[0]])
async def test_run_when_a_camera_falls_silent_then_stalled(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "READ_TIMEOUT_S", SHORT_S)
    error = await trouble(streaming(start=sent))
    assert isinstance(error, SourceStalled)
    assert "has sent nothing for 0.05 s" in str(error)


async def test_run_when_reset_at_any_byte_then_unavailable_and_no_frame() -> None:
    content = whole(PICTURES[0])
    for place in (0, 5, 40, len(content) - 3, *range(100, len(content), 397)):

        async def answer(_: Request, reply: Reply, place: int = place) -> None:
            await reply.send(content[:place])
            reply.reset()

        async with HttpCamera(answer) as camera:
            received = Received()
            with pytest.raises(SourceUnavailable):
                await source_of(camera.url("/", "snapshot+http")).run(received)
            await camera.left()
            assert camera.connections == 1
            assert received.newest is None


async def test_run_when_refused_or_busy_then_as_for_streams() -> None:
    refused = await trouble(giving(whole(b"", "text/html", 401)))
    assert isinstance(refused, SourceRefused)
    busy = await trouble(giving(whole(b"", "text/html", 503)))
    assert isinstance(busy, SourceUnavailable)
    missing = await trouble(giving(whole(b"", "text/html", 404)))
    assert "/?action=snapshot" in missing.advice


async def test_redirect_when_for_ever_then_followed_once() -> None:
    pictures = itertools.cycle(PICTURES)
    for status, count in ((301, 1), (302, 3)):

        async def answer(request: Request, reply: Reply, status: int = status) -> None:
            if request.target == "/shot.jpg":
                await reply.send(head(status, Location="/new.jpg", Content_Length=0))
            else:
                await reply.send(whole(next(pictures)))

        async with polled(answer) as (camera, received, _):
            await received.frames(3)
            targets = [request.target for request in camera.requests[: 3 + count]]
            assert targets.count("/shot.jpg") == count


@pytest.mark.parametrize("error", [TimeoutError, ConnectionError, ValueError])
async def test_run_when_a_consumer_fails_then_its_error_is_not_the_cameras(
    error: type[Exception],
) -> None:
    async with HttpCamera(giving(whole(PICTURES[0]))) as camera:
        source = source_of(camera.url("/", "snapshot+http"))
        with pytest.raises(error, match="in the consumer"):
            await source.run(Received(error("in the consumer")))
        await camera.left()


def test_open_source_when_the_scheme_says_snapshot_then_it_is_polled() -> None:
    for scheme in ("snapshot+http", "snapshot+https"):
        assert isinstance(source_of(f"{scheme}://127.0.0.1/"), SnapshotSource)


def test_timeouts_when_read_then_they_are_what_users_are_told() -> None:
    assert (http_client.READ_TIMEOUT_S, snapshot.PICTURE_TIMEOUT_S) == (10.0, 60.0)
