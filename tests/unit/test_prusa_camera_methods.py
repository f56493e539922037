# Tests of an engine with a Prusa camera, by its control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Moonraker, macros and the command line can do with such a camera."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.config import loads
from moonraker_prusacam.connect.prusa_camera import viewer_opener
from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    Direction,
    FileState,
    VideoQuality,
)
from moonraker_prusacam.control import connect
from moonraker_prusacam.errors import RpcError, SignalingOptionError
from moonraker_prusacam.secret import Secret
from tests.support.control import Notes
from tests.support.prusa_camera import TOKEN, VIDEO, hurry
from tests.support.prusa_engine import print_event, running_engine
from tests.support.scripted_viewer import ScriptedCamera
from tests.support.video_server import Turn, VideoServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.app import Engine
    from moonraker_prusacam.control import Peer

UNKNOWN_JOB = "20260101-000000-aaaaaaaa"


class Bench:
    """An engine, who asks it, and what it told."""

    def __init__(
        self,
        engine: Engine,
        client: Peer,
        camera: ScriptedCamera,
        server: VideoServer,
        events: Notes,
    ) -> None:
        self.engine = engine
        self.client = client
        self.camera = camera
        self.server = server
        self.events = events

    async def ask(self, method: str, **params: Any) -> Any:
        return await self.client.call(f"prusa_camera.{method}", params)

    async def refused(self, method: str, **params: Any) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await self.ask(method, **params)
        return caught.value

    async def until_prepared(self) -> None:
        """Wait for a notification that the camera records a job."""
        await self.events.until(
            lambda: any(
                event["job"]["prepared"]
                for event in self.events
                if event["event"] == "job"
            )
        )

    async def until_told(self, status: str) -> dict[str, Any]:
        """Wait for a notification that a job is so; the job."""

        def found() -> list[Any]:
            return [event for event in self.events if event.get("status") == status]

        await self.events.until(lambda: bool(found()))
        job: dict[str, Any] = found()[-1]["job"]
        return job


@asynccontextmanager
async def opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "", profile: str = "wire"
) -> AsyncIterator[Bench]:
    hurry(monkeypatch)
    camera = ScriptedCamera(profile)
    async with (
        VideoServer(VIDEO).run() as server,
        running_engine(folder, camera, server.url, monkeypatch, more) as (engine, _),
    ):
        events = Notes()

        async def noted(params: dict[str, Any]) -> None:
            events.note(params)

        async with connect(
            engine.config.engine.socket_path, {"prusa_camera.event": noted}
        ) as client:
            yield Bench(engine, client, camera, server, events)


@pytest.fixture
async def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    async with opened(tmp_path, monkeypatch) as made:
        yield made


async def test_status_when_asked_then_what_is_known_and_no_secret(
    bench: Bench,
) -> None:
    (known,) = (await bench.ask("status"))["cameras"]
    assert (known["name"], known["state"], known["status"]) == ("buddy", "ready", None)
    (asked,) = (await bench.ask("status", ask=True, camera="buddy"))["cameras"]
    assert asked["features"] == {"firmware": "3.1.6"}
    whole = await bench.client.call("engine.status")
    assert whole["prusa_cameras"][0]["name"] == "buddy"
    # Which anybody may see who sees the pictures.
    assert "status" not in whole["prusa_cameras"][0]
    assert TOKEN not in str(whole)


async def test_status_when_the_camera_is_away_then_told_and_no_error(
    bench: Bench,
) -> None:
    bench.camera.take_away()
    (told,) = (await bench.ask("status", ask=True))["cameras"]
    assert told["state"] == "connecting"
    assert "did not answer" in told["reason"]
    assert told["advice"] == "look for the camera"


@pytest.mark.parametrize(
    ("method", "params", "call"),
    [
        ("snapshot", {}, ("snapshot", None)),
        (
            "move",
            {"direction": "left", "angle": 10},
            ("rotate", (Direction.LEFT, 10)),
        ),
        ("set", {"light": True}, ("light", True)),
        ("set", {"snapshots": False}, ("snapshots", False)),
        ("set", {"timelapse": True}, ("timelapse", True)),
        ("set", {"rtsp_server": True}, ("rtsp", True)),
        ("set", {"exposure": 3}, ("exposure", 3)),
        ("set", {"snapshot_interval": 30}, ("snapshot_interval", 30)),
        ("set", {"timelapse_interval": 5}, ("timelapse_interval", 5)),
        ("set", {"timelapse_fps": 25}, ("fps", 25)),
        ("set", {"volume": 50.0}, ("volume", 50)),
        ("set", {"contrast": -5}, ("contrast", -5)),
        ("set", {"brightness": 1}, ("brightness", 1)),
        ("set", {"saturation": 2}, ("saturation", 2)),
        ("set", {"mode": "night"}, ("mode", CameraMode.NIGHT)),
        ("set", {"quality": "FHD"}, ("quality", VideoQuality.FHD)),
        ("reboot", {"confirmed": True}, ("reboot", True)),
        ("reboot", {}, ("reboot", False)),
        ("update_firmware", {"confirmed": True}, ("update", True)),
    ],
)
async def test_camera_when_told_then_so(
    bench: Bench, method: str, params: dict[str, Any], call: tuple[str, Any]
) -> None:
    answer = await bench.ask(method, **params)
    assert answer["camera"] == "buddy"
    assert bench.camera.calls == [call]


async def test_set_when_several_then_all_are_told(bench: Bench) -> None:
    answer = await bench.ask("set", light=False, volume=9, mode="day", quality="sd")
    assert answer["set"] == {
        "light": False,
        "volume": 9,
        "mode": "day",
        "quality": "sd",
    }


@pytest.mark.parametrize(
    ("method", "params", "status", "words"),
    [
        ("snapshot", {"camera": "front"}, 404, "no Prusa camera 'front'"),
        ("snapshot", {"camera": 7}, 400, "'camera' is missing, or no text"),
        ("move", {}, 400, "are needed"),
        ("move", {"direction": "left"}, 400, "are needed"),
        ("move", {"direction": "north", "angle": 1}, 400, "left, right, up, down"),
        ("move", {"direction": "left", "angle": 1.5}, 400, "not a whole number"),
        ("set", {}, 400, "give one or more of: light"),
        ("set", {"light": "on"}, 400, "neither true nor false"),
        ("set", {"volume": "loud"}, 400, "is not a number"),
        ("set", {"volume": 1e99}, 400, "is not a number from"),
        ("set", {"mode": "blind"}, 400, "auto, day, night"),
        ("set", {"lihgt": True}, 400, "no parameter 'lihgt'"),
        ("timelapse.render", {"job": "../x"}, 400, "not the id of a job"),
        ("timelapse.render", {"job": UNKNOWN_JOB}, 404, "there is no job"),
        ("timelapse.render", {}, 404, "there is no job"),
        ("timelapse.download", {}, 404, "there is no job"),
        ("timelapse.download", {"name": "a/b"}, 400, "cannot be the name"),
        (
            "timelapse.download",
            {"name": "a", "job": UNKNOWN_JOB},
            400,
            "either 'job' or 'name'",
        ),
    ],
)
async def test_request_when_it_makes_no_sense_then_refused_in_words(
    bench: Bench, method: str, params: dict[str, Any], status: int, words: str
) -> None:
    error = await bench.refused(method, **params)
    assert error.http_status == status
    assert words in str(error)
    assert bench.camera.calls == []


async def test_camera_when_away_then_told_with_what_helps(bench: Bench) -> None:
    bench.camera.take_away()
    error = await bench.refused("snapshot")
    assert error.http_status == 503
    assert str(error).endswith("; look for the camera")


async def test_value_when_out_of_range_then_400(bench: Bench) -> None:
    bench.camera.fails["volume"] = SignalingOptionError("the volume is 5 to 100")
    error = await bench.refused("set", volume=1)
    assert (error.http_status, str(error)) == (400, "the volume is 5 to 100")


async def test_list_when_the_camera_has_files_then_they_are_told(
    bench: Bench,
) -> None:
    bench.camera.files = {"cube.avi": FileState.IN_PROGRESS}
    answer = await bench.ask("timelapse.list", files=True)
    assert answer["jobs"] == []
    assert answer["files"] == [
        {"camera": "buddy", "name": "cube.avi", "state": "IN_PROGRESS"}
    ]


async def test_list_when_the_profile_has_no_files_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch, profile="seed") as bench:
        error = await bench.refused("timelapse.list", files=True)
        assert error.http_status == 400
        assert (await bench.ask("timelapse.list"))["jobs"] == []


async def test_print_when_told_by_events_then_its_video_is_listed(
    bench: Bench,
) -> None:
    await print_event(bench.client, "started", "printing", 0.0)
    await bench.until_prepared()
    await print_event(bench.client, "complete", "complete", 1.0)
    job = await bench.until_told("done")
    assert job["outcome"] == "complete"
    answer = await bench.ask("timelapse.list", camera="buddy")
    assert [each["video"] for each in answer["jobs"]] == [job["video"]]
    video = bench.engine.config.videos_path / job["video"]
    assert await asyncio.to_thread(video.read_bytes) == VIDEO


async def test_job_when_by_hand_then_recorded_rendered_and_downloaded(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(status=404)]
    started = await bench.ask("timelapse.start")
    assert started["job"]["state"] == "recording"
    await bench.until_prepared()
    rendered = await bench.ask("timelapse.render")
    assert rendered["job"]["state"] == "rendering"
    await bench.until_told("downloading")
    downloaded = await bench.ask("timelapse.download", job=started["job"]["id"])
    name = downloaded["job"]["job_name"]
    assert downloaded["job"]["url"].endswith(f"/c/timelapse/***/{name}.mp4")
    await bench.until_told("done")


async def test_macros_when_there_is_no_timelapse_section_then_the_camera_follows(
    bench: Bench,
) -> None:
    assert await bench.client.call("timelapse.start", {}) == {"job": None}
    await bench.until_prepared()
    assert await bench.client.call("timelapse.render", {}) == {"job": None}
    await bench.until_told("done")
    with pytest.raises(RpcError, match="section"):
        await bench.client.call("timelapse.render", {})
    with pytest.raises(RpcError, match="unknown options"):
        await bench.client.call("timelapse.start", {"colour": "red"})


async def test_print_when_recorded_here_as_well_then_both_have_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = "[timelapse]\ntrigger: macro\n"
    async with opened(tmp_path, monkeypatch, section) as bench:
        identity = await bench.client.call("engine.identify", {})
        assert identity["timelapse_path"] == str(tmp_path / "timelapse")
        await print_event(bench.client, "started", "printing", 0.0)
        status = await bench.client.call("timelapse.status", {})
        assert status["active"]["filename"] == "cube.gcode"
        await bench.until_prepared()
        await print_event(bench.client, "complete", "complete", 1.0)
        job = await bench.until_told("done")
        listed = await bench.client.call("timelapse.videos", {})
        assert [video["video"] for video in listed["videos"]] == [job["video"]]
        pinned = await bench.client.call("timelapse.pin", {"video": job["video"]})
        assert pinned["video"]["pinned"]


async def test_engine_when_it_has_no_prusa_camera_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as bench:
        bench.engine.prusa_cameras.clear()
        assert await bench.ask("status") == {"cameras": []}
        error = await bench.refused("snapshot")
        assert error.http_status == 404
        assert "no [prusa_camera NAME] section" in str(error)


async def test_viewer_when_opened_by_the_configuration_then_with_its_options(
    tmp_path: Path,
) -> None:
    (section,) = loads(
        f"[camera front]\nsource: tcp://h:1\n[prusa_camera buddy]\ntoken: {TOKEN}\n"
        "timelapse: no\nsignaling_url: wss://h\nprofile: seed\n"
    ).prusa_cameras
    viewer = viewer_opener(section)(Secret("jwt"))
    assert viewer.state == "connecting"
    await viewer.aclose()
    assert TOKEN not in repr(viewer)
