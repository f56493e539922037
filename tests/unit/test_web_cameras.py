# Tests of the routes that name their camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stream, stop, snapshot and test of one camera, in both spellings of their paths."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from moonraker_prusacam.camera import Camera, examination
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import RequestError, SourceUnavailable
from moonraker_prusacam.web import StreamPump, WebServer
from moonraker_prusacam.web.feed import snapshot_headers
from moonraker_prusacam.web.routes import find_route, stream_fps, viewer_name
from tests.support import jpeg
from tests.support.staged_source import PICTURE, NeedsFfmpeg, StagedSource
from tests.support.viewers import WAIT_S, Answer, HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.camera import Frame

NAME = "Nozzle cam.2"
ROOTS = [f"/cameras/{quote(NAME)}", f"/printers/{quote(NAME)}/camera"]
ACTIONS = ("stream", "stop", "snapshot", "test")
NEVER_S = 3600.0
AWAY = SourceUnavailable("nothing listens at bedcam", advice="is its feed running?")
BIG = jpeg.minimal(64, 48, entropy=b"\x55" * (4 << 20))


class Site:
    """Cameras with the sources that a test gives, by their names, and a web server."""

    def __init__(self, sources: dict[str, StagedSource]) -> None:
        self.sources = sources
        self.cameras = {
            name: Camera(
                CameraConfig(name, source="tcp://bedcam", stale_after_s=NEVER_S),
                source,
            )
            for name, source in sources.items()
        }
        self.pump = StreamPump(16)
        cameras = list(self.cameras.values())
        self.web = WebServer("127.0.0.1", 0, cameras, self.pump, dict)

    def client(self, **options: Any) -> HttpClient:
        return HttpClient("127.0.0.1", self.web.port, **options)

    async def answer(self, target: str, method: str = "GET") -> Answer:
        async with self.client() as client:
            return await client.read_answer(target, method)

    async def ask(self, target: str, method: str = "GET") -> Any:
        answer = await self.answer(target, method)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        return json.loads(answer.body)

    @asynccontextmanager
    async def viewing(
        self, target: str, **options: Any
    ) -> AsyncIterator[tuple[HttpClient, StrictParser]]:
        async with self.client(**options) as client:
            head = await client.ask(target)
            assert head.status == 200
            yield client, StrictParser(head.content_type)


@asynccontextmanager
async def serving(*more: StagedSource, **named: StagedSource) -> AsyncIterator[Site]:
    """A site whose first camera is called NAME."""
    first, *_ = more or (StagedSource(PICTURE),)
    site = Site({NAME: first, **named})
    try:
        await site.web.start()
        for camera in site.cameras.values():
            camera.start()
        for source in site.sources.values():
            if not isinstance(source, NeedsFfmpeg):
                await source.running(1)
        yield site
    finally:
        await site.web.aclose()
        for camera in site.cameras.values():
            await camera.aclose()


async def failed(camera: Camera) -> None:
    async with asyncio.timeout(WAIT_S):
        while camera.status.state != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def assert_refused(answer: Answer, status: int, detail: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    refusal = json.loads(answer.body)
    assert set(refusal) == {"error", "detail"}
    assert detail in refusal["detail"]


# The table


@pytest.mark.parametrize(
    ("path", "action", "camera"),
    [
        ("/stream.mjpg", "stream", None),
        ("/cameras/bed/stream", "stream", "bed"),
        ("/printers/bed/camera/stream", "stream", "bed"),
        ("/cameras/a b.c-d_e/snapshot", "snapshot", "a b.c-d_e"),
        ("/printers/1/camera/test", "test", "1"),
        ("/cameras/stop/stop", "stop", "stop"),
    ],
)
def test_route_when_there_is_one_then_it_is_found(
    path: str, action: str, camera: str | None
) -> None:
    route = find_route(path)
    assert route is not None
    assert (route.answer, route.camera) == (action, camera)


@pytest.mark.parametrize(
    "path",
    [
        "/cameras",
        "/cameras/",
        "/cameras/bed",
        "/cameras/bed/",
        "/cameras//stream",
        "/cameras/bed/stream/",
        "/cameras/bed/camera/stream",
        "/cameras/a/b/stream",
        "/cameras/bed/Stream",
        "/cameras/bed/status",
        "/printers/bed/stream",
        "/printers//camera/stream",
        "/x/cameras/bed/stream",
        "/cameras/bed/stream\n",
    ],
)
def test_route_when_there_is_none_then_none_is_found(path: str) -> None:
    assert find_route(path) is None


@pytest.mark.parametrize(
    ("asked", "fps"),
    [
        (None, 10),
        ("10", 10),
        ("12.5", 12.5),
        ("0", 1),
        ("0.5", 1),
        ("-3", 1),
        ("-inf", 1),
        ("30", 30),
        ("31", 30),
        ("1e9", 30),
        ("inf", 30),
    ],
)
def test_fps_when_the_path_is_long_then_from_1_to_30_and_10_if_not_given(
    asked: str | None, fps: float
) -> None:
    query = {} if asked is None else {"fps": asked}
    assert stream_fps(query, is_long=True) == fps


@pytest.mark.parametrize("asked", ["", "x", "nan", "1,5", "10fps"])
@pytest.mark.parametrize("is_long", [False, True])
def test_fps_when_it_is_no_number_then_it_is_refused(asked: str, is_long: bool) -> None:
    with pytest.raises(RequestError, match="fps is not a number"):
        stream_fps({"fps": asked}, is_long=is_long)


@pytest.mark.parametrize("name", ["a", "wall 1", "~!@#$%^&*()", "x" * 40])
def test_viewer_when_its_name_is_short_and_printable_then_it_is_taken(
    name: str,
) -> None:
    assert viewer_name({"viewer": name}) == name


@pytest.mark.parametrize("name", ["", "x" * 41, "a\n", "\0", "é", "\u202e", "\x7f"])
def test_viewer_when_its_name_is_anything_else_then_it_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="viewer is not a name"):
        viewer_name({"viewer": name})


# All actions


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("root", ["/cameras/{}", "/printers/{}/camera"])
@pytest.mark.parametrize("name", ["bed", "Nozzle%20Cam.2", "%00", "%ff", "0"])
async def test_camera_when_there_is_none_of_that_name_then_it_is_404(
    action: str, root: str, name: str
) -> None:
    async with serving() as site:
        target = f"{root.format(name)}/{action}?placeholder=1&camera={quote(NAME)}"
        assert_refused(await site.answer(target), 404, f"there is: {NAME}")


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_method_when_it_is_another_then_it_is_405_with_those_there_are(
    root: str, action: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 0.0)
    methods = ("GET", "POST") if action == "stop" else ("GET", "HEAD")
    async with serving() as site:
        answer = await site.answer(f"{root}/{action}", method)
        if method in methods:
            assert answer.status == 200
        else:
            assert answer.status == 405
            assert answer.headers["Allow"] == ", ".join(methods)
        assert site.pump.stats.opened == 0


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("action", ["stream", "snapshot"])
async def test_camera_when_it_has_failed_then_it_is_503_with_reason_and_advice(
    root: str, action: str
) -> None:
    async with serving(StagedSource(AWAY)) as site:
        await failed(site.cameras[NAME])
        answer = await site.answer(f"{root}/{action}")
        detail = "nothing listens at bedcam: is its feed running?"
        assert_refused(answer, 503, detail)
        assert int(answer.headers["Retry-After"]) > 0
        assert site.pump.stats.opened == 0


@pytest.mark.parametrize("action", ["stream", "snapshot"])
async def test_camera_when_its_ffmpeg_is_missing_then_it_is_503_with_clear_words(
    action: str,
) -> None:
    async with serving(NeedsFfmpeg()) as site:
        await failed(site.cameras[NAME])
        answer = await site.answer(f"{ROOTS[1]}/{action}")
        assert_refused(answer, 503, "ffmpeg: /nowhere/ffmpeg cannot be run")
        told = await site.ask(f"{ROOTS[1]}/test")
        assert told["success"] is False
        assert "/nowhere/ffmpeg cannot be run" in told["error"]


# Stream


@pytest.mark.parametrize("root", ROOTS)
async def test_stream_when_opened_then_its_head_is_as_clients_of_old_know_it(
    root: str,
) -> None:
    async with serving() as site, site.client() as client:
        head = await client.ask(f"{root}/stream?fps=5&t=1&viewer=a%20wall")
        assert head.status == 200
        assert head.content_type.startswith("multipart/x-mixed-replace; boundary=")
        directives = set(head.headers["Cache-Control"].split(", "))
        assert directives == {"no-cache", "no-store", "must-revalidate"}
        assert (head.headers["Pragma"], head.headers["Expires"]) == ("no-cache", "0")
        parser = StrictParser(head.content_type)
        assert await client.read_frames(parser, 1) == [PICTURE]
        (viewer,) = site.web.feed(site.cameras[NAME]).list_viewers()
        assert (viewer.label, viewer.name) == ("127.0.0.1", "a wall")


async def test_stream_when_asked_by_head_then_no_stream_is_opened() -> None:
    async with serving() as site:
        head = await site.answer(f"{ROOTS[0]}/stream", "HEAD")
        assert head.status == 200
        assert "multipart/x-mixed-replace" in head.headers["Content-Type"]
        assert site.pump.stats.opened == 0


async def test_stream_when_it_asks_for_few_frames_then_it_gets_one_a_second() -> None:
    async with serving() as site:
        begun = time.monotonic()
        async with site.viewing(f"{ROOTS[0]}/stream?fps=0.01") as (client, parser):
            await client.read_frames(parser, 1)
            site.sources[NAME].send()
            await client.read_frames(parser, 1)
        assert 0.9 < time.monotonic() - begun < WAIT_S


@pytest.mark.parametrize("viewer", ["", "%00", "x" * 41, "%C3%A9"])
@pytest.mark.parametrize("target", [f"{ROOTS[0]}/stream", "/stream.mjpg", "stop"])
async def test_viewer_when_its_name_makes_no_sense_then_it_is_400(
    target: str, viewer: str
) -> None:
    target = f"{ROOTS[0]}/stop" if target == "stop" else target
    async with serving() as site:
        answer = await site.answer(f"{target}?viewer={viewer}")
        assert_refused(answer, 400, "viewer is not a name of 1 to 40")
        assert site.pump.stats.opened == 0


# Stop


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_stop_when_a_viewer_is_named_then_only_its_streams_end(
    root: str, method: str
) -> None:
    async with serving(side=StagedSource(PICTURE)) as site, AsyncExitStack() as stack:

        async def open_stream(target: str) -> tuple[HttpClient, StrictParser]:
            return await stack.enter_async_context(site.viewing(target))

        ours = [await open_stream(f"{root}/stream?viewer=wall") for _ in range(2)]
        # With the placeholder it is a stream of the same camera, too.
        ours.append(await open_stream("/stream.mjpg?placeholder=1&viewer=wall"))
        others = [
            await open_stream(target)
            for target in (
                f"{root}/stream?viewer=walls",
                "/stream.mjpg",
                "/cameras/side/stream?viewer=wall",
            )
        ]
        for client, parser in (*ours, *others):
            assert await client.read_frames(parser, 1) == [PICTURE]
        assert await site.ask(f"{root}/stop?viewer=wall", method) == {"stopped": 3}
        for client, _ in ours:
            assert await client.read_to_end() == b""
        assert await site.ask(f"{root}/stop?viewer=wall", method) == {"stopped": 0}
        for source in site.sources.values():
            source.send()
        for client, parser in others:
            assert await client.read_frames(parser, 1) == [PICTURE]
        assert site.pump.stats.viewers == 3


@pytest.mark.parametrize("root", ROOTS)
async def test_stop_when_nobody_is_named_then_all_of_the_camera_end_and_it_goes_on(
    root: str,
) -> None:
    async with serving(side=StagedSource(PICTURE)) as site, AsyncExitStack() as stack:
        taken: list[Frame] = []
        camera = site.cameras[NAME]
        camera.subscribe(taken.append)
        stack.enter_context(camera.hold())
        targets = [f"{root}/stream", f"{root}/stream?viewer=a", "/stream.mjpg"]
        ours = [
            await stack.enter_async_context(site.viewing(target)) for target in targets
        ]
        other, parser = await stack.enter_async_context(
            site.viewing("/stream.mjpg?camera=side")
        )
        assert await other.read_frames(parser, 1) == [PICTURE]
        assert await site.ask(f"{root}/stop?cacheBust=1") == {"stopped": 3}
        for client, _ in ours:
            await client.read_to_end()
        site.sources["side"].send()
        assert await other.read_frames(parser, 1) == [PICTURE]
        assert len(taken) == 0
        site.sources[NAME].send()
        assert len(taken) == 1
        assert camera.demand.consumers == 1
        assert (await site.answer(f"{root}/snapshot")).status == 200
        assert site.sources[NAME].runs == 1


async def test_stop_when_a_viewer_does_not_read_then_its_socket_is_closed_as_well() -> (
    None
):
    async with (
        serving(StagedSource(BIG)) as site,
        site.viewing(f"{ROOTS[0]}/stream", receive_bytes=4096) as (client, _),
    ):
        assert await site.ask(f"{ROOTS[0]}/stop") == {"stopped": 1}
        async with asyncio.timeout(WAIT_S):
            while site.pump.stats.viewers:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        rest = await client.read_to_end()
        assert len(rest) < len(BIG)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 65536\r\n",
        "Content-Type: application/json\r\nContent-Length: 65536\r\n",
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 65536\r\n",
    ],
)
async def test_stop_when_a_beacon_is_sent_then_its_body_is_ignored(head: str) -> None:
    async with serving() as site, site.client() as client:
        for _ in range(3):
            request = f"POST {ROOTS[0]}/stop HTTP/1.1\r\nHost: printer\r\n{head}\r\n"
            await client.send(request.encode() + b"\xff" * 65536)
            answer = await client.read_head()
            assert answer.status == 200
            body = await client.read_exactly(int(answer.headers["Content-Length"]))
            assert json.loads(body) == {"stopped": 0}


async def test_stop_when_a_body_is_promised_that_never_comes_then_it_is_answered() -> (
    None
):
    async with serving() as site, site.client() as client:
        request = (
            f"POST {ROOTS[0]}/stop HTTP/1.1\r\nHost: a\r\nContent-Length: {10**10}"
        )
        await client.send(request.encode() + b"\r\n\r\nabc")
        assert (await client.read_head()).status == 200


# Snapshot


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_snapshot_when_live_then_it_is_the_frame_that_is_there_with_its_name(
    root: str, method: str
) -> None:
    async with serving() as site:
        answer = await site.answer(f"{root}/snapshot?x=1", method)
        assert answer.status == 200
        assert answer.body == (PICTURE if method == "GET" else b"")
        assert answer.headers["Content-Type"] == "image/jpeg"
        disposition = f'inline; filename="snapshot_{NAME}.jpg"'
        assert answer.headers["Content-Disposition"] == disposition
        assert "no-store" in answer.headers["Cache-Control"]
        assert site.sources[NAME].runs == 1


@pytest.mark.parametrize("target", ["/snapshot.jpg", f"/snapshot.jpg?camera={NAME}"])
async def test_snapshot_when_the_path_is_short_then_it_has_a_name_as_well(
    target: str,
) -> None:
    async with serving() as site:
        answer = await site.answer(target.replace(" ", "%20"))
        assert (
            f'filename="snapshot_{NAME}.jpg"' in (answer.headers["Content-Disposition"])
        )


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a b.c", "snapshot_a b.c.jpg"),
        ('a"; filename="x', "snapshot_a__ filename__x.jpg"),
        ("a\r\nSet-Cookie: b", "snapshot_a__Set-Cookie_ b.jpg"),
        ("Düse/..\\é", "snapshot_D_se_..__.jpg"),
    ],
)
def test_disposition_when_the_name_is_odd_then_it_stays_one_quoted_word(
    name: str, file: str
) -> None:
    class Told:
        wall_time, seq = 1.0, 1

    headers = snapshot_headers(name, Told())  # type: ignore[arg-type]
    assert headers["Content-Disposition"] == f'inline; filename="{file}"'


# Test


@pytest.mark.parametrize("root", ROOTS)
async def test_test_when_asked_then_the_stages_are_told(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "MEASURE_S", 0.05)
    error = SourceUnavailable("it wants another password", advice="compare it")
    away = StagedSource(Stage.REACHABLE, error)
    async with serving(StagedSource(PICTURE, 0.02, PICTURE), side=away) as site:
        told = await site.ask(f"{root}/test?x=1")
        assert told["success"] is True
        assert told["message"].startswith("64x48, ")
        assert [stage["status"] for stage in told["stages"]] == ["ok"] * 5
        assert all(stage["duration_ms"] >= 0 for stage in told["stages"])
        assert site.sources[NAME].runs == 1
        told = await site.ask("/cameras/side/test")
        assert told["success"] is False
        assert told["error"] == "it wants another password"
        assert told["stages"][1] == {
            "name": "authenticated",
            "status": "failed",
            "duration_ms": told["stages"][1]["duration_ms"],
            "found": "it wants another password",
            "advice": "compare it",
        }


async def test_test_when_another_is_under_way_then_it_is_409() -> None:
    go_on = asyncio.Event()
    async with serving(StagedSource(go_on, PICTURE, PICTURE)) as site:
        asking = asyncio.create_task(site.ask(f"{ROOTS[0]}/test"))
        async with asyncio.timeout(WAIT_S):
            while not site.cameras[NAME].demand.consumers:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        answer = await site.answer(f"{ROOTS[0]}/test")
        assert_refused(answer, 409, "is being tested already")
        go_on.set()
        assert (await asking)["success"] is True
