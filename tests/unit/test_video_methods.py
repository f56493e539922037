# Tests of what the control socket does with finished videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole engine with videos and jobs, asked as Moonraker and the command line ask."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import loads
from moonraker_prusacam.control import Peer, connect
from moonraker_prusacam.control.protocol import INVALID_PARAMS
from moonraker_prusacam.errors import RpcError
from tests.support.control import Notes
from tests.support.library import keep, names, of
from tests.support.timelapse import Host, Printer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FRAMES = 3
CONFIG = """
[engine]
data_path: {folder}
port: 0
[camera front]
source: tcp://127.0.0.1:9
"""
TIMELAPSE = "[timelapse]\nkeep_videos: 2\nkeep_failed: always\n"
UNKNOWN_JOB = "20260101-000000-aaaaaaaa"


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Where the engine finds a video of a print, and a print that waits."""
    host = Host(tmp_path)
    host.jobs_path = tmp_path / "prusacam" / "jobs"
    try:
        timelapse = await host.boot(save_frames=True, render_on_cancel="keep")
        for outcome, event in (
            ("complete", {"event": "render", "status": "success"}),
            ("cancelled", {"event": "unrendered"}),
        ):
            printer = Printer(timelapse)
            await printer.begin()
            await printer.print_layers(1, FRAMES)
            await host.frames(FRAMES)
            await printer.tell(outcome, outcome)
            await host.events.until(partial(told, host, event))
            host.events.all.clear()
    finally:
        await host.aclose()
    return host.videos_path


def told(host: Host, event: dict[str, str]) -> bool:
    return any(event.items() <= heard.items() for heard in host.events.all)


@pytest.fixture
async def heard() -> Notes:
    return Notes()


@pytest.fixture
async def client(tmp_path: Path, folder: Path, heard: Notes) -> AsyncIterator[Peer]:
    assert folder.parent == tmp_path

    async def hear(event: dict[str, Any]) -> None:
        heard.note(event)

    config = loads(CONFIG.format(folder=tmp_path) + TIMELAPSE)
    async with (
        Engine(config),
        connect(config.engine.socket_path, {"timelapse.event": hear}) as opened,
    ):
        yield opened


async def refusal(client: Peer, method: str, **params: Any) -> RpcError:
    with pytest.raises(RpcError, match=r".") as caught:
        await client.call(method, params)
    return caught.value


async def the_video(client: Peer) -> dict[str, Any]:
    (video,) = (await client.call("timelapse.videos"))["videos"]
    assert isinstance(video, dict)
    return video


async def test_videos_when_pinned_retimed_and_removed_then_each_answer_shows_it(
    client: Peer, folder: Path
) -> None:
    video = await the_video(client)
    name = video["video"]
    assert (video["frames"], video["fps"], video["pinned"]) == (FRAMES, 30.0, False)
    answer = await client.call("timelapse.pin", {"video": name})
    assert answer["video"] == video | {
        "pinned": True,
        "size_bytes": answer["video"]["size_bytes"],
    }
    retimed = await client.call("timelapse.retime", {"video": name, "fps": 6})
    assert (retimed["video"]["fps"], retimed["video"]["pinned"]) == (6.0, True)
    assert await the_video(client) == retimed["video"]
    pinned = await refusal(client, "timelapse.remove", video=name)
    assert (pinned.http_status, "unpin it first" in str(pinned)) == (409, True)
    await client.call("timelapse.pin", {"video": name, "pinned": False})
    gone = await client.call("timelapse.remove", {"video": name})
    assert gone["video"]["video"] == name
    assert names(folder) == []


async def test_rerender_when_asked_then_a_job_and_its_events(
    client: Peer, heard: Notes
) -> None:
    name = (await the_video(client))["video"]
    answer = await client.call(
        "timelapse.rerender", {"video": name, "crf": 40, "fps": 5, "rotation": 180}
    )
    assert answer["job"]["state"] == "rendering"
    await heard.until(lambda: any(event.get("status") == "success" for event in heard))
    assert (await the_video(client))["fps"] == 5.0


async def test_queue_when_a_job_waits_then_it_is_rendered_or_discarded(
    client: Peer, heard: Notes, folder: Path
) -> None:
    (job,) = (await client.call("timelapse.queue"))["jobs"]
    assert (job["state"], job["outcome"]) == ("unrendered", "cancelled")
    answer = await client.call("timelapse.render", {"job": job["id"]})
    assert answer["job"]["id"] == job["id"]
    await heard.until(lambda: any(event.get("status") == "success" for event in heard))
    assert (await client.call("timelapse.queue")) == {"jobs": []}
    assert len(list(await asyncio.to_thread(names, folder))) == 7
    done = await refusal(client, "timelapse.discard", job=job["id"])
    assert (done.http_status, "has been rendered" in str(done)) == (409, True)


async def test_discard_when_a_job_waits_then_it_is_gone(client: Peer) -> None:
    (job,) = (await client.call("timelapse.queue"))["jobs"]
    answer = await client.call("timelapse.discard", {"job": job["id"]})
    assert answer["job"]["id"] == job["id"]
    assert (await client.call("timelapse.queue")) == {"jobs": []}
    error = await refusal(client, "timelapse.discard", job=job["id"])
    assert error.http_status == 404


async def test_retention_when_dry_then_told_and_when_wet_then_done(
    client: Peer, folder: Path
) -> None:
    for stem, days, outcome in (
        ("a", 3, "complete"),
        ("b", 2, "complete"),
        ("c", 9, "error"),
    ):
        await asyncio.to_thread(keep, folder, stem, days + 10_000, outcome=outcome)
    before = names(folder)
    dry = await client.call("timelapse.retention")
    assert [gone["video"] for gone in dry["removed"]] == ["a.mp4"]
    assert dry["removed"][0]["reason"] == "more than 2 videos"
    assert (dry["dry_run"], dry["kept"]) == (True, 3)
    assert dry["limits"]["keep_videos"] == 2
    assert names(folder) == before
    wet = await client.call("timelapse.retention", {"dry_run": False})
    assert wet == dry | {"dry_run": False}
    assert set(names(folder)) == set(before) - of("a")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("videos", {"folder": "/"}, "there is no parameter 'folder'"),
    ("queue", {"x" * 99: 1}, f"there is no parameter '{'x' * 40}'"),
    ("retention", {"dryrun": True}, "no parameter 'dryrun'; there is: dry_run"),
    ("retention", {"dry_run": "yes"}, "'dry_run' is neither true nor false"),
    ("render", {"job": ""}, "'job' is missing"),
    ("render", {"job": None}, "'job' is missing"),
    ("render", {"job": "../jobs"}, "'job' is not the id of a job"),
    ("discard", {}, "'job' is missing"),
    ("discard", {"job": 7}, "'job' is missing, or no text"),
    ("pin", {}, "'video' is missing"),
    ("pin", {"video": ["a.mp4"]}, "'video' is missing, or no text"),
    ("pin", {"video": "a.mp4", "pinned": 1}, "'pinned' is neither true nor false"),
    ("pin", {"video": "../a.mp4"}, "is not the name of a video"),
    ("remove", {"video": ".a.json"}, "is not the name of a video"),
    ("remove", {"video": "a/../b.mp4"}, "is not the name of a video"),
    ("retime", {"video": "a.mp4"}, "give the fps, the target length or the hold"),
    ("retime", {"video": "a.mp4", "fps": 0.5}, "'fps' is not a number from 1 to 120"),
    ("retime", {"video": "a.mp4", "fps": "30"}, "'fps' is not a number"),
    ("retime", {"video": "a.mp4", "fps": True}, "'fps' is not a number"),
    ("retime", {"video": "a.mp4", "fps": 1e999}, "'fps' is not a number"),
    ("retime", {"video": "a.mp4", "hold": -1}, "'hold' is not a number from 0 to 60"),
    ("retime", {"video": "a.mp4", "target_length": 0}, "from 0.1 to 3600"),
    ("retime", {"video": "a.mp4", "fps": 9, "target_length": 9}, "not both"),
    ("retime", {"video": "a.mp4", "fps": 9, "copy": "no"}, "'copy' is neither"),
    ("retime", {"video": "a.mp4", "crf": 9}, "there is no parameter 'crf'"),
    ("rerender", {"video": "a.mp4", "crf": 52}, "'crf' is not a number from 0 to 51"),
    ("rerender", {"video": "a.mp4", "rotation": 45}, "not one of: 0, 90, 180, 270"),
    ("rerender", {"video": "a.mp4", "rotation": False}, "not one of: 0, 90, 180"),
    ("rerender", {"video": "a.mp4", "rotation": [90]}, "not one of: 0, 90, 180"),
    ("rerender", {"video": "a.mp4", "flip_vertical": 2}, "'flip_vertical' is neither"),
]


async def test_methods_when_given_wrong_parameters_then_400_with_the_reason(
    client: Peer, folder: Path
) -> None:
    before = names(folder)
    for method, params, told in WRONG:
        error = await refusal(client, f"timelapse.{method}", **params)
        assert (error.http_status, told in str(error)) == (400, True), (params, error)
        assert len(str(error)) < 300
    assert names(folder) == before


async def test_methods_when_there_is_no_such_thing_then_404(client: Peer) -> None:
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("render", {"job": UNKNOWN_JOB}),
        ("discard", {"job": UNKNOWN_JOB}),
        ("pin", {"video": "no.mp4"}),
        ("remove", {"video": "no.mp4"}),
        ("retime", {"video": "no.mp4", "fps": 5}),
        ("rerender", {"video": "no.mp4"}),
    )
    for method, params in calls:
        error = await refusal(client, f"timelapse.{method}", **params)
        assert (error.http_status, "there is no" in str(error)) == (404, True), error


async def test_methods_when_there_is_no_section_then_told_so(tmp_path: Path) -> None:
    config = loads(CONFIG.format(folder=tmp_path))
    async with Engine(config), connect(config.engine.socket_path) as client:
        for method in ("videos", "queue", "retention"):
            error = await refusal(client, f"timelapse.{method}")
            assert error.http_status == 409
            assert str(error) == "there is no [timelapse] section"
        error = await refusal(client, "timelapse.pin", video="a.mp4", pin=True)
        assert error.code == INVALID_PARAMS
