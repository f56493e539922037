# Tests of the engine by its control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole engine with a local feed, asked as Moonraker and the command line ask."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
import time
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import app, methods, uploads
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.control import Peer, connect
from moonraker_prusacam.control.protocol import INVALID_PARAMS
from moonraker_prusacam.errors import ClosedError, EngineUnavailable, RpcError
from moonraker_prusacam.version import __version__
from tests.support.control import Notes
from tests.support.feeder import Feeder
from tests.support.jpeg import picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 10.0
QUICK_S = 2.0
TOKEN = "aZ09_-aZ09_-aZ09_-aZ"
JPEG = picture(64, 48)
# Nothing listens there: uploads fail, and are told so.
NO_SERVER = "http://127.0.0.1:9"

CAMERA = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: {url}
stale_after: 600
"""
TIMELAPSE = "[timelapse]\nenabled: no\n"
SECOND = "[camera side cam]\nsource: tcp://127.0.0.1:9\nrotation: 90\n"
CONNECT = (
    f"[connect front]\ntoken: {TOKEN}\nserver: {NO_SERVER}\ntrigger_scheme: MANUAL\n"
)


@pytest.fixture(autouse=True)
def the_first_upload_need_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the gap to an upload of an engine before."""
    hurried = partial(SnapshotUploader, min_gap_s=0.05)
    monkeypatch.setattr(uploads, "SnapshotUploader", hurried)


@asynccontextmanager
async def running(
    folder: Path, feed: Feeder, more: str = "", *, is_live: bool = True
) -> AsyncIterator[Peer]:
    """A control connection to an engine that has the frame JPEG."""
    config = loads(CAMERA.format(folder=folder, url=feed.url) + more)
    before = len(feed.arrivals)  # of an engine before this one, which has gone
    async with Engine(config) as engine:
        await feed.arrived(before + 1)
        if is_live:
            await feed.send(JPEG)
            await engine.cameras["front"].wait_newer(0, WAIT_S)
        async with connect(config.engine.socket_path) as client:
            yield client


@pytest.fixture
async def feed() -> AsyncIterator[Feeder]:
    async with Feeder() as feeder:
        yield feeder


@pytest.fixture
async def client(tmp_path: Path, feed: Feeder) -> AsyncIterator[Peer]:
    """Of an engine with one camera, and nothing else."""
    async with running(tmp_path, feed) as opened:
        yield opened


@pytest.fixture
async def full(tmp_path: Path, feed: Feeder) -> AsyncIterator[Peer]:
    """Of an engine with everything."""
    async with running(tmp_path, feed, SECOND + TIMELAPSE + CONNECT) as opened:
        yield opened


async def refusal(client: Peer, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError, match=r".") as caught:
        await client.call(method, params)
    return caught.value


async def test_identify_when_asked_then_who_the_engine_is(
    tmp_path: Path, feed: Feeder
) -> None:
    async with running(tmp_path, feed) as client:
        lean = await client.call("engine.identify", {"client": "cli", "version": "0"})
        again = await client.call("engine.identify")
    async with running(tmp_path, feed, TIMELAPSE) as client:
        rich = await client.call("engine.identify")
    assert (lean["version"], lean["pid"]) == (__version__, os.getpid())
    assert lean["timelapse_path"] is None
    assert rich["timelapse_path"] == str(tmp_path / "timelapse")
    assert lean["instance"] == again["instance"] != rich["instance"]


async def test_status_when_asked_then_complete_and_without_secrets(
    full: Peer, tmp_path: Path
) -> None:
    status = await full.call("engine.status")
    assert [camera["name"] for camera in status["cameras"]] == ["front", "side cam"]
    assert status["cameras"][0]["state"] == "live"
    assert status["uptime_s"] >= 0
    assert status["timelapse"] == {
        "enabled": True,
        "panel": {"framecount": 0, "lastframefile": "", "rendering": False},
        "active": None,
        "last": None,
    }
    assert [upload["camera"] for upload in status["connect"]] == ["front"]
    file = tmp_path / "prusacam" / "connect" / "front.fingerprint"
    fingerprint = (await asyncio.to_thread(file.read_text)).strip()
    assert len(fingerprint) >= 16
    everything = [status]
    for method in ("identify", "status"):
        everything.append(await full.call(f"engine.{method}"))
    for method in ("camera.list", "connect.status", "timelapse.status"):
        everything.append(await full.call(method))
    text = json.dumps(everything)
    assert TOKEN not in text
    assert fingerprint not in text


async def test_cameras_when_listed_then_as_the_contract_says(full: Peer) -> None:
    first, second = (await full.call("camera.list"))["cameras"]
    assert (first["width"], first["height"], first["rotation"]) == (64, 48, 0)
    assert (second["width"], second["height"], second["rotation"]) == (None, None, 90)
    assert second["state"] in ("connecting", "failed")
    assert "camera=side%20cam&" in second["stream_url"]
    for camera in (first, second):
        assert "/stream.mjpg?" in camera["stream_url"]
        assert "/snapshot.jpg?" in camera["snapshot_url"]
        assert isinstance(camera["target_fps"], int)
        assert camera["flip_horizontal"] is camera["flip_vertical"] is False


@pytest.mark.parametrize("params", [{}, {"camera": None}, {"camera": "front"}])
async def test_snapshot_when_live_then_the_bytes_of_the_camera(
    client: Peer, params: dict[str, Any]
) -> None:
    answer = await client.call("camera.snapshot", params)
    assert base64.b64decode(answer["data"], validate=True) == JPEG
    assert answer["camera"] == "front"
    assert answer["content_type"] == "image/jpeg"
    assert answer["seq"] >= 0
    assert 0 <= answer["age_ms"] < WAIT_S * 1e3
    assert answer["wall_time"] > 1e9


async def test_snapshot_when_no_such_camera_then_404_with_those_that_are(
    full: Peer,
) -> None:
    error = await refusal(full, "camera.snapshot", camera="nozzle")
    assert error.http_status == 404
    assert str(error) == "no camera 'nozzle'; there is: front, side cam"


async def test_snapshot_when_no_frame_then_503_with_the_reason(
    tmp_path: Path, feed: Feeder
) -> None:
    async with running(tmp_path, feed, is_live=False) as client:
        error = await refusal(client, "camera.snapshot")
    assert error.http_status == 503
    assert str(error) == "camera 'front': waiting for the first frame"


async def test_snapshot_when_the_feed_is_away_then_503_with_what_to_check(
    full: Peer,
) -> None:
    error = await refusal(full, "camera.snapshot", camera="side cam")
    assert error.http_status == 503
    assert str(error).startswith("camera 'side cam': ")


async def test_snapshot_when_too_large_for_a_reply_then_413(
    client: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "MAX_SNAPSHOT_BYTES", len(JPEG) - 1)
    error = await refusal(client, "camera.snapshot")
    assert error.http_status == 413
    assert "get it from the web address" in str(error)


async def test_snapshot_when_of_the_largest_size_then_fits_into_a_reply() -> None:
    encoded = (methods.MAX_SNAPSHOT_BYTES + 2) // 3 * 4
    assert encoded < (8 << 20) - 4096


WRONG = [
    ("camera.snapshot", {"camera": 7}, "'camera' is not of type str"),
    ("camera.snapshot", {"camera": ["front"]}, "'camera' is not of type str"),
    ("camera.snapshot", {"camera": True}, "'camera' is not of type str"),
    ("timelapse.frame", {"layer": "3"}, "'layer' is not of type int"),
    ("timelapse.frame", {"layer": 1.5}, "'layer' is not of type int"),
    ("timelapse.frame", {"layer": True}, "'layer' is not of type int"),
    ("timelapse.frame", {"layer": -1}, "'layer' is negative"),
    ("timelapse.frame", {"monotonic_ns": "now"}, "'monotonic_ns' is not of type int"),
    ("connect.upload", {"camera": {}}, "'camera' is not of type str"),
    ("job.event", {}, "job.event: KeyError('event') in the parameters"),
    ("job.event", {"event": "sync"}, "job.event: KeyError('monotonic_ns') in the"),
]


@pytest.mark.parametrize(("method", "params", "told"), WRONG)
async def test_method_when_given_wrong_parameters_then_400_with_the_reason(
    full: Peer, method: str, params: dict[str, Any], told: str
) -> None:
    error = await refusal(full, method, **params)
    assert error.http_status == 400
    assert error.code == INVALID_PARAMS
    assert told in str(error)


async def test_timelapse_when_there_is_no_section_then_told_so(client: Peer) -> None:
    for method in ("timelapse.start", "timelapse.render"):
        error = await refusal(client, method)
        assert error.http_status == 409
        assert str(error) == "there is no [timelapse] section"
    frame = await client.call("timelapse.frame", {"layer": 1, "monotonic_ns": 1})
    assert frame == {"accepted": False}
    off = {"enabled": False, "active": None, "last": None}
    assert await client.call("timelapse.status") == off
    assert await client.call("timelapse.list") == {"jobs": []}


async def test_timelapse_when_a_macro_starts_and_drops_it_then_seen_in_all_answers(
    full: Peer,
) -> None:
    job = (await full.call("timelapse.start", {"TRIGGER": "macro"}))["job"]
    assert (job["state"], job["camera"], job["frames"]) == ("recording", "front", 0)
    assert (await full.call("timelapse.status"))["active"]["id"] == job["id"]
    assert [j["id"] for j in (await full.call("timelapse.list"))["jobs"]] == [job["id"]]
    assert await full.call("timelapse.start", {"enable": 0}) == {"job": None}
    assert await full.call("timelapse.list") == {"jobs": []}


@pytest.mark.parametrize(
    "options", [{"trigger": "never"}, {"enable": 2}, {"trigger": ["a"]}, {"x": 1}]
)
async def test_timelapse_start_when_options_are_unfit_then_refused(
    full: Peer, options: dict[str, Any]
) -> None:
    error = await refusal(full, "timelapse.start", **options)
    assert 400 <= error.http_status < 500
    assert (await full.call("timelapse.status"))["active"] is None


async def test_timelapse_render_when_there_is_nothing_then_told_so(full: Peer) -> None:
    error = await refusal(full, "timelapse.render")
    assert (error.http_status, str(error)) == (409, "there is nothing to render")


async def test_job_event_when_notified_then_followed_in_order(full: Peer) -> None:
    print_ = {"state": "printing", "filename": "a.gcode", "total_duration_s": 1.0}
    await full.call("timelapse.start")
    full.notify(
        "job.event", {"event": "started", "print": print_, "monotonic_ns": 10**10}
    )
    active = (await full.call("timelapse.status"))["active"]
    assert active["filename"] == "a.gcode"
    full.notify("job.event", {"event": "bad"})
    await full.call(
        "job.event",
        {"event": "cancelled", "print": None, "monotonic_ns": time.monotonic_ns()},
    )
    assert (await full.call("timelapse.status"))["active"] is None


async def test_upload_when_the_server_is_away_then_told_for_each_camera(
    full: Peer,
) -> None:
    (upload,) = (await full.call("connect.upload", {"camera": "front"}))["uploads"]
    assert upload["camera"] == "front"
    assert upload["accepted"] is False
    assert upload["reason"]
    assert TOKEN not in upload["reason"]
    (status,) = (await full.call("connect.status"))["uploads"]
    assert status["failures"]["network"] >= 1


async def test_upload_when_many_cameras_then_side_by_side(
    tmp_path: Path, feed: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = CONNECT + SECOND + CONNECT.replace("front", "side cam")
    begun: list[str] = []
    all_begun = asyncio.Event()

    async def upload(uploader: Any) -> None:
        begun.append(uploader.camera.name)
        if len(begun) == 2:
            all_begun.set()
        await all_begun.wait()

    monkeypatch.setattr(
        "moonraker_prusacam.connect.uploader.SnapshotUploader.upload", upload
    )
    async with running(tmp_path, feed, both) as client:
        answer = await client.call("connect.upload")
    assert [upload["camera"] for upload in answer["uploads"]] == ["front", "side cam"]
    assert all(upload["accepted"] for upload in answer["uploads"])


async def test_upload_when_not_answered_then_told_after_a_limit(
    tmp_path: Path, feed: Feeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def upload(uploader: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(methods, "UPLOAD_TIMEOUT_S", 0.01)
    monkeypatch.setattr(
        "moonraker_prusacam.connect.uploader.SnapshotUploader.upload", upload
    )
    async with running(tmp_path, feed, CONNECT) as client:
        (answer,) = (await client.call("connect.upload"))["uploads"]
    assert answer["accepted"] is False
    assert answer["reason"].startswith("no answer within ")


async def test_upload_when_nothing_is_configured_for_it_then_404(
    client: Peer, tmp_path: Path
) -> None:
    assert (await refusal(client, "connect.upload")).http_status == 404
    assert (await refusal(client, "connect.upload", camera="front")).http_status == 404
    error = await refusal(client, "connect.upload", camera="nozzle")
    assert (error.http_status, str(error)[:18]) == (404, "no camera 'nozzle'")
    assert await client.call("connect.status") == {"uploads": []}


async def test_camera_when_its_state_changes_then_all_are_notified(
    tmp_path: Path, feed: Feeder
) -> None:
    config = loads(CAMERA.format(folder=tmp_path, url=feed.url))
    heard = Notes()

    async def hear(event: dict[str, Any]) -> None:
        heard.note(event)

    handlers = {"camera.event": hear}
    async with (
        Engine(config),
        connect(config.engine.socket_path, handlers) as client,
    ):
        await client.call("engine.identify")
        await feed.arrived(1)
        await feed.send(JPEG)
        await heard.until(lambda: bool(heard))
    assert heard[0] == {
        "event": "state",
        "camera": "front",
        "state": "live",
        "reason": "frames arrive",
        "advice": "",
    }


async def test_engine_when_closed_with_callers_then_quick_and_they_are_told(
    tmp_path: Path, feed: Feeder
) -> None:
    config = loads(CAMERA.format(folder=tmp_path, url=feed.url) + TIMELAPSE)
    engine = Engine(config)
    async with engine, connect(config.engine.socket_path) as client:
        await client.call("timelapse.start")
        async with asyncio.timeout(QUICK_S):
            await engine.aclose()
            await engine.aclose()
        with pytest.raises((EngineUnavailable, ClosedError), match="closed"):
            await client.call("engine.status")


async def test_engine_when_a_part_does_not_start_then_the_others_are_closed(
    tmp_path: Path, feed: Feeder
) -> None:
    config = loads(CAMERA.format(folder=tmp_path, url=feed.url) + CONNECT)
    folder = tmp_path / "prusacam" / "connect"
    await asyncio.to_thread(folder.mkdir, parents=True)
    file = folder / "front.fingerprint"
    await asyncio.to_thread(file.write_bytes, b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        async with Engine(config):
            pass
    with pytest.raises(EngineUnavailable):
        async with connect(config.engine.socket_path):
            pass


async def test_run_when_name_servers_are_silent_then_the_disk_has_threads_left(
    tmp_path: Path, feed: Feeder
) -> None:
    config = loads(CAMERA.format(folder=tmp_path, url=feed.url))
    task = asyncio.create_task(app.run(config))
    answer = threading.Event()
    look_ups = [asyncio.create_task(asyncio.to_thread(answer.wait)) for _ in range(40)]
    try:
        await feed.arrived(1)
        async with asyncio.timeout(WAIT_S):
            await asyncio.to_thread(os.getpid)
    finally:
        answer.set()
        await asyncio.gather(*look_ups)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
