# Tests of the timelapse of a Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a print's first signal to its video, whatever camera, network and host do."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.prusa_camera import dialogue, jobs, turns
from moonraker_prusacam.connect.prusa_camera import downloads as downloads_module
from moonraker_prusacam.connect.prusa_camera.job import OVER, Job, Phase
from moonraker_prusacam.connect.schedule import BackOff
from moonraker_prusacam.connect.signaling.messages import (
    FileState,
    Status,
    Switch,
    VideoState,
)
from moonraker_prusacam.errors import (
    JobNotFound,
    SignalingOptionError,
    TimelapseError,
    TimelapseOptionError,
)
from moonraker_prusacam.print_job import PrintEventKind
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.sidecar import read_sidecar
from moonraker_prusacam.signals import parse_options
from moonraker_prusacam.timelapse.library import find_video, read_videos
from tests.support.mp4 import of_size
from tests.support.prusa_camera import (
    FINGERPRINT,
    TOKEN,
    VIDEO,
    Printer,
    PrusaHost,
    hurry,
    only,
)
from tests.support.timelapse import until
from tests.support.video_server import Turn, VideoServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.connect.prusa_camera.camera import PrusaCamera

RECORDING, RENDERING, DOWNLOADING = Phase.RECORDING, Phase.RENDERING, Phase.DOWNLOADING
DONE, FAILED, MISSED, DISCARDED = (
    Phase.DONE,
    Phase.FAILED,
    Phase.MISSED,
    Phase.DISCARDED,
)


@pytest.fixture(params=["seed", "wire"])
async def host(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PrusaHost]:
    hurry(monkeypatch)
    async with VideoServer(VIDEO).run() as server:
        opened = PrusaHost(tmp_path, server, request.param)
        yield opened
        await opened.aclose()


@pytest.fixture
async def seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PrusaHost]:
    hurry(monkeypatch)
    async with VideoServer(VIDEO).run() as server:
        opened = PrusaHost(tmp_path, server, "seed")
        yield opened
        await opened.aclose()


async def begin(host: PrusaHost, **options: Any) -> tuple[PrusaCamera, Printer]:
    """An engine and a print that the camera was prepared for."""
    camera = await host.boot(**options)
    printer = Printer(camera)
    await printer.begin()
    await prepared(host)
    return camera, printer


async def prepared(host: PrusaHost, count: int = 1) -> None:
    await host.events.until(
        lambda: sum(job["prepared"] for job in host.of(RECORDING)) >= count
    )


async def test_print_when_complete_then_its_video_is_where_the_others_are(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    name = host.camera.told("name")[0]
    assert host.camera.told("timelapse") == [True]
    assert name.startswith("cube_2")
    await printer.end()
    job = await host.until_phase(DONE)
    assert host.camera.told("video") == [name]
    assert host.server.seen[0].path == f"/c/timelapse/{TOKEN}/{name}.mp4"
    video = host.videos_path / job["video"]
    assert job["video"] == f"{name}_buddy.mp4"
    assert await asyncio.to_thread(video.read_bytes) == VIDEO
    assert host.videos == [
        f".{video.stem}.json",
        f"{video.stem}.jpg",
        video.name,
    ]
    assert [path.name for path in only(camera).path.iterdir()] == ["job.json"]


async def test_video_when_there_then_it_is_one_of_the_library(seed: PrusaHost) -> None:
    _, printer = await begin(seed)
    await printer.end("cancelled")
    job = await seed.until_phase(DONE)
    video = await asyncio.to_thread(find_video, seed.videos_path, job["video"])
    assert (video.filename, video.outcome) == ("cube.gcode", "cancelled")
    assert (video.frames, video.fps, video.job_id) == (25, 25.0, job["id"])
    sidecar = await asyncio.to_thread(read_sidecar, video.path)
    assert sidecar["prusa_camera"] == {"name": "buddy", "job_name": job["job_name"]}
    assert sidecar["slicer"] == {"slicer": "PrusaSlicer"}
    assert sidecar["video"]["duration_s"] == 1.0
    assert TOKEN not in json.dumps(sidecar)


async def test_phases_when_a_print_runs_then_each_is_told_once_in_order(
    seed: PrusaHost,
) -> None:
    _, printer = await begin(seed)
    await printer.end()
    await seed.until_phase(DONE)
    told = [event["status"] for event in seed.events.of("job")]
    assert told == [RECORDING, RECORDING, RENDERING, DOWNLOADING, DONE]
    videos = [event["video"] for event in seed.events.of("video")]
    assert videos == ["in_progress", "done"]
    assert seed.events.of("progress")[-1]["received_bytes"] == len(VIDEO)


async def test_options_when_configured_then_the_camera_is_told(
    host: PrusaHost,
) -> None:
    is_seed = host.camera.profile == "seed"
    await begin(host, interval=15, fps=0 if is_seed else 10)
    which = "snapshot_interval" if is_seed else "timelapse_interval"
    assert host.camera.told(which) == [15]
    assert host.camera.told("fps") == ([] if is_seed else [10])


async def test_option_when_the_camera_cannot_have_it_then_a_warning_only(
    seed: PrusaHost,
) -> None:
    seed.camera.fails["snapshot_interval"] = SignalingOptionError("10 to 600 s")
    camera, _ = await begin(seed, interval=15)
    assert only(camera).record.warning == "10 to 600 s"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"storage": Switch.OFF}, dialogue.NO_CARD),
        ({"timelapse": Switch.OFF}, dialogue.NOT_ON),
        ({"timelapse": Switch.ON, "storage": Switch.ON}, ""),
    ],
)
async def test_camera_when_it_cannot_record_then_told(
    host: PrusaHost, status: dict[str, Any], words: str
) -> None:
    host.camera.status = attrs.evolve(host.camera.status, **status)
    camera, _ = await begin(host)
    assert only(camera).record.warning == words


@pytest.mark.parametrize("outcome", ["cancelled", "error"])
async def test_print_when_it_ends_early_and_is_discarded_then_no_video(
    host: PrusaHost, outcome: str
) -> None:
    _, printer = await begin(
        host, render_on_cancel="discard", render_on_error="discard"
    )
    await printer.end(outcome)
    await host.until_phase(DISCARDED)
    await host.camera.until_told("timelapse", 2)
    assert host.camera.told("timelapse") == [True, False]
    assert host.camera.videos == 0


@pytest.mark.parametrize("kind", ["shutdown", "disconnected", "standby"])
async def test_print_when_interrupted_then_it_has_a_video(
    host: PrusaHost, kind: str
) -> None:
    _, printer = await begin(host)
    await printer.tell(kind, nothing=True)
    job = await host.until_phase(DONE)
    assert job["outcome"] in ("error", "interrupted")


async def test_macro_when_it_begins_then_the_name_is_of_the_file(
    host: PrusaHost,
) -> None:
    camera = await host.boot()
    job = await camera.start_job(parse_options({}, "auto"))
    assert job is not None
    printer = Printer(camera)
    await printer.tell("started", "printing")
    await prepared(host)
    assert host.camera.told("name")[0].startswith("cube_2")
    assert len(list(camera.jobs)) == 1


async def test_macro_when_no_event_follows_then_the_print_has_a_name_all_the_same(
    host: PrusaHost,
) -> None:
    camera = await host.boot()
    await camera.start_job(parse_options({}, "auto"))
    await prepared(host)
    assert host.camera.told("name")[0].startswith("print_2")


async def test_macro_when_it_says_no_then_this_print_is_not_recorded(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    assert await camera.start_job(parse_options({"ENABLE": "0"}, "auto")) is None
    await host.until_phase(DISCARDED)
    await host.camera.until_told("timelapse", 2)
    await printer.tell("layer")
    await printer.end()
    assert host.camera.told("timelapse") == [True, False]
    await printer.begin()
    await prepared(host)


async def test_macro_when_it_renders_then_the_rest_of_the_print_is_not_recorded(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    await camera.end_job()
    await host.until_phase(DONE)
    await printer.tell("layer")
    await printer.end()
    assert only(camera).record.outcome == "complete"
    assert host.camera.videos == 1


async def test_timelapse_when_off_then_only_those_that_are_asked_for(
    host: PrusaHost,
) -> None:
    camera = await host.boot(timelapse=False)
    printer = Printer(camera)
    await printer.begin()
    await printer.end()
    assert list(camera.jobs) == []
    await printer.begin()
    await camera.start_job(parse_options({}, "auto"))
    await printer.tell("layer")
    await prepared(host)
    await printer.end()
    await host.until_phase(DONE)


async def test_signals_when_repeated_or_late_then_one_job(host: PrusaHost) -> None:
    camera, printer = await begin(host)
    for _ in range(3):
        await printer.tell("sync")
        await printer.tell("layer")
    await printer.tell("paused", "paused")
    await printer.tell("resumed", "printing")
    await printer.end()
    await printer.tell("finished")
    await printer.tell("standby", "standby")
    await host.until_phase(DONE)
    assert len(list(camera.jobs)) == 1


@pytest.mark.parametrize(("layer", "outcome"), [(20, "complete"), (5, "interrupted")])
async def test_print_when_the_next_one_follows_at_once_then_each_has_its_video(
    host: PrusaHost, layer: int, outcome: str
) -> None:
    camera, printer = await begin(host)
    printer.layer = layer
    await printer.tell("layer")
    printer.filename, printer.layer = "other.gcode", None
    printer.started_ns = time.monotonic_ns()
    await printer.tell("started", "printing")
    await host.until_phase(DONE)
    await prepared(host, 2)
    await printer.end()
    await host.until_phase(DONE, 2)
    first, second = camera.jobs
    assert (first.record.outcome, second.record.outcome) == (outcome, "complete")
    names = host.camera.told("name")
    assert names[0].startswith("cube")
    assert names[-1].startswith("other")
    assert len(set(names)) == 2
    assert len(await asyncio.to_thread(read_videos, host.videos_path)) == 2


async def test_print_when_the_video_before_is_not_there_yet_then_both_come(
    host: PrusaHost,
) -> None:
    host.server.always = Turn(status=404)
    camera, printer = await begin(host)
    await printer.end()
    await host.until_phase(DOWNLOADING)
    await printer.begin()
    await prepared(host, 2)
    await printer.end()
    await host.until_phase(DOWNLOADING, 2)
    assert all(job.phase is DOWNLOADING for job in camera.jobs)
    host.server.always = Turn()
    await host.until_phase(DONE, 2)


async def test_print_when_the_camera_makes_a_video_then_it_is_not_disturbed(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    _, printer = await begin(host)
    await printer.end()
    await host.camera.until_told("video")
    host.camera.say(VideoState.IN_PROGRESS)
    told = len(host.camera.told("name"))
    await printer.begin()
    await host.camera.until_told("status", len(host.camera.told("status")) + 3)
    assert len(host.camera.told("name")) == told
    assert host.camera.told("timelapse") == [True]
    host.camera.say(VideoState.DONE)
    await host.until_phase(DONE)
    await prepared(host, 2)
    assert host.camera.told("timelapse") == [True, True]


async def test_print_when_the_camera_says_nothing_of_the_video_before_then_it_waits_not(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "REACTION_TIMEOUT_S", 0.2)
    host.camera.makes_videos = False
    _, printer = await begin(host)
    await printer.end()
    await host.camera.until_told("video")
    await printer.begin()
    await prepared(host, 2)
    job = await host.until_phase(DONE)
    assert "gave no sign" in job["warning"]


async def test_camera_when_away_for_the_whole_print_then_missed_in_words(
    host: PrusaHost,
) -> None:
    host.camera.take_away()
    camera = await host.boot()
    printer = Printer(camera)
    await printer.begin()
    await host.events.until(lambda: any(job["reason"] for job in host.of(RECORDING)))
    await printer.end()
    job = await host.until_phase(MISSED)
    assert "did not record this print: the camera did not answer" in job["reason"]
    assert job["advice"] == "look for the camera"
    assert ": no video: the camera did not record" in host.events.of("job")[-1]["msg"]
    host.camera.bring_back()
    await printer.begin()
    await prepared(host)
    assert host.camera.told("video") == []


async def test_camera_when_back_during_the_print_then_the_rest_is_recorded(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LATE_S", 0.0)
    host.camera.take_away()
    camera = await host.boot()
    printer = Printer(camera)
    await printer.begin()
    await host.events.until(lambda: any(job["reason"] for job in host.of(RECORDING)))
    host.camera.bring_back()
    await prepared(host)
    await printer.end()
    job = await host.until_phase(DONE)
    assert "there are no frames" in job["warning"]
    assert job["late_s"] >= 0


async def test_camera_when_away_at_the_end_then_asked_when_it_is_back(
    host: PrusaHost,
) -> None:
    _, printer = await begin(host)
    host.camera.take_away()
    await printer.end()
    job = await host.events.until(
        lambda: [job for job in host.of(RENDERING) if job["reason"]]
    )
    assert "did not answer" in job[0]["reason"]
    host.camera.bring_back()
    await host.until_phase(DONE)


async def test_camera_when_away_for_a_day_then_given_up(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "AWAY_TIMEOUT_S", 0.3)
    _, printer = await begin(host)
    host.camera.take_away()
    await printer.end()
    job = await host.until_phase(FAILED)
    assert "away for a day: the camera did not answer" in job["reason"]


async def test_camera_when_it_says_failed_then_told_and_nothing_is_asked_for(
    seed: PrusaHost,
) -> None:
    seed.camera.makes_videos = False
    _, printer = await begin(seed)
    await printer.end()
    await seed.camera.until_told("video")
    seed.camera.say(VideoState.IN_PROGRESS)
    seed.camera.say(VideoState.FAILED)
    job = await seed.until_phase(FAILED)
    assert "says that it could not make the video" in job["reason"]
    assert f"render {job['id']}" in job["advice"]
    assert seed.server.seen == []


async def test_camera_when_it_reports_an_error_then_one_look_all_the_same(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    host.server.always = Turn(status=404)
    _, printer = await begin(host)
    await printer.end()
    await host.camera.until_told("video")
    host.camera.say(None, error_code=2)
    job = await host.until_phase(FAILED)
    assert "reported error 2" in job["reason"]
    assert "tried all the same: Prusa Connect has no video" in job["reason"]
    assert len(host.server.seen) == 1


async def test_camera_when_busy_with_the_video_already_then_waited_for(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    _, printer = await begin(host)
    await printer.end()
    await host.camera.until_told("video")
    host.camera.say(None, error_code=dialogue.BUSY)
    host.camera.say(VideoState.DONE)
    await host.until_phase(DONE)


async def test_done_when_it_never_comes_then_the_download_is_tried_once(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    _, printer = await begin(host, render_timeout_s=0.2)
    await printer.end()
    await host.camera.until_told("video")
    host.camera.say(VideoState.IN_PROGRESS)
    job = await host.until_phase(DONE)
    assert "did not say within 0 s that the video is done" in job["warning"]


async def test_done_when_it_never_comes_and_there_is_no_video_then_told_both(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    host.server.always = Turn(status=404)
    _, printer = await begin(host, render_timeout_s=0.2)
    await printer.end()
    job = await host.until_phase(FAILED)
    assert "gave no sign of making the video" in job["reason"]
    assert "no video of that name" in job["reason"]
    assert f"download {job['id']}" in job["advice"]


async def test_done_when_told_while_we_were_away_then_asked_for(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    _, printer = await begin(host)
    await printer.end()
    await host.camera.until_told("video")
    # As the seed's status says, or the list of files of the other profile.
    if host.camera.profile == "seed":
        host.camera.status = Status(video=VideoState.DONE)
    else:
        host.camera.files = {
            "other.mp4": FileState.DONE,
            f"{host.camera.name}.avi": FileState.DONE,
        }
    await host.until_phase(DONE)


async def test_done_when_it_is_of_the_video_before_then_not_believed(
    seed: PrusaHost,
) -> None:
    seed.camera.makes_videos = False
    seed.camera.status = Status(video=VideoState.DONE)
    camera, printer = await begin(seed)
    await printer.end()
    await seed.camera.until_told("video")
    await seed.camera.until_told("status", len(seed.camera.told("status")) + 3)
    assert only(camera).phase is RENDERING
    seed.camera.status = Status(video=VideoState.IN_PROGRESS)
    await seed.camera.until_told("status", len(seed.camera.told("status")) + 3)
    assert only(camera).phase is RENDERING
    seed.camera.status = Status(video=VideoState.DONE)
    await seed.until_phase(DONE)


async def test_camera_when_at_work_on_another_video_then_asked_after_it(
    seed: PrusaHost,
) -> None:
    _, printer = await begin(seed)
    seed.camera.status = Status(video=VideoState.IN_PROGRESS)
    await printer.end()
    job = await seed.events.until(
        lambda: [job for job in seed.of(RENDERING) if job["reason"]]
    )
    assert "still at work on another video" in job[0]["reason"]
    assert seed.camera.videos == 0
    seed.camera.status = Status(video=VideoState.DONE)
    await seed.until_phase(DONE)


async def test_video_when_not_there_yet_then_asked_for_until_it_is(
    host: PrusaHost,
) -> None:
    host.server.next = [Turn(status=404)] * 5
    _, printer = await begin(host)
    await printer.end()
    await host.until_phase(DONE)
    assert len(host.server.seen) == 6
    told = {job["reason"] for job in host.of(DOWNLOADING)}
    assert any("or not yet" in reason for reason in told)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Turn(status=404), "no video of that name"),
        (Turn(status=403), "does not give the video"),
        (Turn(status=200, body=b"<html>"), "a web page"),
        (Turn(status=200, body=VIDEO[:-1]), "cut off"),
        (Turn(status=503), "out of order"),
        (Turn(status=302, headers={"Location": "https://elsewhere.example/"}), "moved"),
    ],
)
async def test_video_when_it_never_comes_then_given_up_in_words(
    host: PrusaHost, turn: Turn, words: str
) -> None:
    host.server.always = turn
    camera, printer = await begin(host, download_timeout_s=1.0)
    await printer.end()
    job = await host.until_phase(FAILED)
    assert "given up after" in job["reason"]
    assert words in job["reason"]
    assert len(host.server.seen) > 1
    assert host.videos == []
    assert [path.name for path in only(camera).path.iterdir()] == ["job.json"]


async def test_video_when_too_large_then_given_up_at_once(host: PrusaHost) -> None:
    host.server.content = of_size((1 << 20) + 1)
    _, printer = await begin(host, max_download_mb=1)
    await printer.end()
    job = await host.until_phase(FAILED)
    assert "raise max_download_mb" in job["reason"]
    assert len(host.server.seen) == 1
    assert host.videos == []


async def test_video_when_it_breaks_off_again_and_again_then_it_comes_all_the_same(
    host: PrusaHost,
) -> None:
    host.server.always = Turn(cut_after=4096)
    camera, printer = await begin(host, download_timeout_s=0.01)
    await printer.end()
    await host.server.until_seen(10)
    host.server.always = Turn()
    await host.until_phase(DONE)
    assert host.server.sent == len(VIDEO)
    assert only(camera).record.reason == ""


async def test_engine_when_restarted_in_every_phase_then_it_goes_on(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    host.server.always = Turn(status=404)
    camera, printer = await begin(host)
    await camera.aclose()

    camera = printer.camera = await host.boot()
    await printer.tell("sync")
    assert only(camera).phase is RECORDING
    await printer.end()
    await host.camera.until_told("video")
    host.camera.say(VideoState.IN_PROGRESS)
    await camera.aclose()

    camera = await host.boot()
    assert only(camera).phase is RENDERING
    host.camera.say(VideoState.DONE)
    if host.camera.profile == "wire":  # what was said while nobody listened
        host.camera.files = {f"{host.camera.name}.mp4": FileState.DONE}
    await host.until_phase(DOWNLOADING)
    await host.server.until_seen(2)
    await camera.aclose()

    host.server.always = Turn(cut_after=4096)
    camera = await host.boot()
    await host.server.until_seen(len(host.server.seen) + 2)
    await camera.aclose()

    host.server.always = Turn()
    camera = await host.boot()
    await host.until_phase(DONE)
    assert host.camera.videos == 1
    assert host.camera.told("timelapse") == [True]
    assert len(set(host.camera.told("name"))) == 1
    assert len(await asyncio.to_thread(read_videos, host.videos_path)) == 1
    await camera.aclose()

    camera = await host.boot()
    assert only(camera).phase is DONE


async def test_engine_when_away_for_the_end_of_the_print_then_sync_tells(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    await camera.aclose()
    printer.camera = await host.boot()
    await printer.tell("sync", "complete")
    job = await host.until_phase(DONE)
    assert job["outcome"] == "complete"


async def test_engine_when_another_print_runs_by_now_then_both_have_videos(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    await camera.aclose()
    printer.camera = await host.boot()
    printer.filename, printer.started_ns = "other.gcode", time.monotonic_ns()
    await printer.tell("sync", "printing")
    job = await host.until_phase(DONE)
    assert job["outcome"] == "interrupted"
    await prepared(host)


async def test_engine_when_the_video_was_asked_for_before_then_no_second_job(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    await camera.end_job()
    await host.until_phase(DONE)
    await camera.aclose()
    printer.camera = camera = await host.boot()
    await printer.tell("sync")
    assert only(camera).phase is DONE


@pytest.mark.parametrize("has_begun", [True, False])
async def test_engine_when_killed_while_it_asked_then_the_camera_is_not_asked_twice(
    seed: PrusaHost, has_begun: bool
) -> None:
    seed.camera.makes_videos = False
    camera, printer = await begin(seed)
    await printer.end()
    await seed.camera.until_told("video")
    await camera.aclose()
    job = only(camera)
    job.record.is_asked, job.record.is_asking = False, True  # what a kill leaves
    await asyncio.to_thread(job.save)
    state = VideoState.IN_PROGRESS if has_begun else VideoState.IDLE
    seed.camera.status = Status(video=state)
    seed.camera.makes_videos = not has_begun
    await seed.boot()
    if has_begun:
        seed.camera.say(VideoState.IN_PROGRESS)
        seed.camera.status = Status(video=VideoState.DONE)
    await seed.until_phase(DONE)
    assert seed.camera.videos == (1 if has_begun else 2)


async def test_engine_when_killed_after_the_video_was_moved_then_not_asked_for_again(
    host: PrusaHost,
) -> None:
    camera, printer = await begin(host)
    await printer.end()
    await host.until_phase(DONE)
    await camera.aclose()
    job = only(camera)
    job.record.phase = DOWNLOADING  # what a kill leaves
    await asyncio.to_thread(job.save)
    asked = len(host.server.seen)
    await host.boot()
    await host.until_phase(DONE)
    assert len(host.server.seen) == asked
    assert len(await asyncio.to_thread(read_videos, host.videos_path)) == 1


async def test_engine_when_its_files_are_odd_then_they_are_left_alone(
    host: PrusaHost, caplog: pytest.LogCaptureFixture
) -> None:
    folder = host.path / "jobs"

    def spoil() -> None:
        good = "20260101-000000-0000000"
        for number, content in enumerate(
            [b"", b"{", b"[]", b'{"id": 1}', b"\xff", b'{"schema": 2}', b"null"]
        ):
            (folder / f"{good}{number}").mkdir(parents=True)
            (folder / f"{good}{number}" / "job.json").write_bytes(content)
        (folder / f"{good}8").mkdir()  # it never got its record
        (folder / f".removed-{good}9").mkdir()
        (folder / "mine").mkdir()
        (folder / "file").write_bytes(b"")

    await asyncio.to_thread(spoil)
    camera = await host.boot()
    assert list(camera.jobs) == []
    assert len(list(folder.iterdir())) == 9
    assert caplog.text.count("left alone") == 7


async def test_jobs_when_many_are_over_then_the_oldest_go(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "KEPT_JOBS", 2)
    camera = await host.boot()
    host.camera.take_away()
    printer = Printer(camera)
    for _ in range(5):
        await printer.begin()
        await printer.end()
    assert len(list(camera.jobs)) == 3
    assert len(list((host.path / "jobs").iterdir())) == 3


async def test_disk_when_it_takes_no_record_then_the_print_goes_on(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, printer = await begin(host)

    def refuse(job: Job) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Job, "save", refuse)
    await printer.end()
    await host.until_phase(DOWNLOADING)


async def test_disk_when_it_takes_no_job_then_the_printer_is_not_held_up(
    host: PrusaHost, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await host.boot()
    await asyncio.to_thread((host.path / "jobs").rmdir)
    await asyncio.to_thread((host.path / "jobs").write_bytes, b"")
    printer = Printer(camera)
    await printer.begin()
    await printer.end()
    assert list(camera.jobs) == []
    assert "jobs" in caplog.text


async def test_disk_when_the_folder_of_videos_takes_none_then_tried_again(
    host: PrusaHost,
) -> None:
    await asyncio.to_thread(host.videos_path.write_bytes, b"")
    _, printer = await begin(host)
    await printer.end()
    await host.events.until(
        lambda: any("timelapse" in job["reason"] for job in host.of(DOWNLOADING))
    )
    await asyncio.to_thread(host.videos_path.unlink)
    await host.until_phase(DONE)


async def test_preview_when_it_cannot_be_made_then_the_video_is_there_without(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(video: Path, poster: Path) -> None:
        raise TimelapseError("no ffmpeg")

    monkeypatch.setattr(host, "_preview", fail)
    _, printer = await begin(host)
    await printer.end()
    job = await host.until_phase(DONE)
    assert host.videos == [f".{job['job_name']}_buddy.json", job["video"]]


async def test_preview_when_not_wanted_then_none(host: PrusaHost) -> None:
    _, printer = await begin(host, preview_image=False)
    await printer.end()
    await host.until_phase(DONE)
    assert host.previews == []


async def test_render_when_asked_for_a_failed_job_then_the_camera_is_asked_again(
    host: PrusaHost,
) -> None:
    host.camera.makes_videos = False
    host.server.always = Turn(status=404)
    camera, printer = await begin(host, render_timeout_s=0.1)
    await printer.end()
    failed = await host.until_phase(FAILED)
    host.camera.makes_videos, host.server.always = True, Turn()
    job = await camera.render()
    assert job.record.id == failed["id"]
    await host.until_phase(DONE)
    assert host.camera.videos == 2


async def test_name_when_the_camera_knows_it_then_not_told_again(
    host: PrusaHost,
) -> None:
    host.server.always = Turn(status=404)
    camera, printer = await begin(host, download_timeout_s=0.05)
    await printer.end()
    first = await host.until_phase(FAILED)
    await camera.render()
    await host.camera.until_told("video", 2)
    assert host.camera.told("name") == [first["job_name"]]
    await host.until_phase(FAILED)
    await printer.begin()
    await prepared(host, 2)
    await printer.end()
    await host.events.until(lambda: len(host.of(FAILED)) == 2)
    await camera.render(first["id"])
    await host.camera.until_told("video", 4)
    names = [call[1] for call in host.camera.calls if call[0] == "name"]
    assert len(names) == 3
    assert names[0] == names[2] == host.camera.told("video")[-1]


async def test_render_when_asked_for_a_missed_job_then_the_camera_is_asked(
    host: PrusaHost,
) -> None:
    host.camera.take_away()
    camera = await host.boot()
    printer = Printer(camera)
    await printer.begin()
    await printer.end()
    job = await host.until_phase(MISSED)
    host.camera.bring_back()
    await camera.render(job["id"])
    await host.until_phase(DONE)


async def test_render_when_a_print_is_recorded_then_only_that_can_be(
    host: PrusaHost,
) -> None:
    host.camera.take_away()
    camera = await host.boot()
    printer = Printer(camera)
    await printer.begin()
    await printer.end()
    missed = await host.until_phase(MISSED)
    host.camera.bring_back()
    await printer.begin()
    await prepared(host)
    with pytest.raises(TimelapseError, match="records job"):
        await camera.render(missed["id"])
    await camera.render()
    job = await host.until_phase(DONE)
    assert job["id"] != missed["id"]


async def test_render_when_there_is_nothing_then_told(host: PrusaHost) -> None:
    camera = await host.boot()
    with pytest.raises(JobNotFound):
        await camera.render()
    with pytest.raises(JobNotFound, match="no job nobody"):
        await camera.render("nobody")
    await begin_and_finish(host, camera)
    done = only(camera).record.id
    with pytest.raises(TimelapseError, match="is done"):
        await camera.render(done)


async def begin_and_finish(host: PrusaHost, camera: PrusaCamera) -> None:
    printer = Printer(camera)
    await printer.begin()
    await prepared(host)
    await printer.end()
    await host.until_phase(DONE)


async def test_download_when_asked_for_a_failed_job_then_tried_again(
    host: PrusaHost,
) -> None:
    host.server.always = Turn(status=404)
    camera, printer = await begin(host, download_timeout_s=0.05)
    await printer.end()
    await host.until_phase(FAILED)
    host.server.always = Turn()
    await camera.download()
    await host.until_phase(DONE)


async def test_download_when_it_waits_then_asked_for_at_once(
    host: PrusaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(BackOff):
        def next_s(self) -> float:
            return 3600.0

    monkeypatch.setattr(downloads_module, "BackOff", Later)
    host.server.next = [Turn(status=403)]
    camera, printer = await begin(host)
    await printer.end()
    await host.events.until(lambda: any(job["reason"] for job in host.of(DOWNLOADING)))
    (waiting,) = camera.status()["jobs"]
    assert waiting["next_in_s"] > 3000
    await camera.download()
    await host.until_phase(DONE)


async def test_download_when_the_video_was_removed_then_it_comes_again(
    host: PrusaHost,
) -> None:
    camera = await host.boot()
    await begin_and_finish(host, camera)
    job = only(camera)
    assert job.record.video is not None
    await asyncio.to_thread((host.videos_path / job.record.video).unlink)
    await camera.download(job.record.id)
    await host.events.until(lambda: len(host.events.of("job", status=str(DONE))) == 2)
    assert job.record.video in host.videos


async def test_download_when_by_name_then_any_video_of_the_camera(
    host: PrusaHost,
) -> None:
    camera = await host.boot()
    await camera.download(job_name="holiday & co")
    job = await host.until_phase(DONE)
    assert host.server.seen[0].path.endswith("/holiday%20%26%20co.mp4")
    assert job["video"].startswith("holiday _ co_2")


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "a\nb", "x" * 256])
async def test_download_when_the_name_is_none_then_refused(
    seed: PrusaHost, name: str
) -> None:
    camera = await seed.boot()
    with pytest.raises(TimelapseOptionError):
        await camera.download(job_name=name)


async def test_download_when_the_camera_never_heard_of_the_job_then_refused(
    host: PrusaHost,
) -> None:
    host.camera.take_away()
    camera = await host.boot()
    printer = Printer(camera)
    await printer.begin()
    await printer.end()
    job = only(camera)
    job.record.job_name = ""
    with pytest.raises(TimelapseError, match="never heard"):
        await camera.download(job.record.id)


async def test_token_when_renewed_then_the_camera_is_looked_at_with_the_new_one(
    host: PrusaHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moonraker_prusacam.connect.prusa_camera import keeper

    monkeypatch.setattr(keeper, "LOOK_S", 0.02)
    file = tmp_path / "jwt"
    camera = await host.boot(jwt_file=file)
    assert "No such file" in camera.status()["reason"] or camera.status()["state"]
    await asyncio.to_thread(file.write_text, "first.token")
    await until(lambda: len(host.camera.viewers) == 2)
    await asyncio.to_thread(file.write_text, "second.token")
    await until(lambda: len(host.camera.viewers) == 3)
    assert [viewer.jwt for viewer in host.camera.viewers[1:]] == [
        Secret("first.token"),
        Secret("second.token"),
    ]
    await until(lambda: host.camera.viewers[2].is_open)
    assert not any(viewer.is_open for viewer in host.camera.viewers[:2])
    printer = Printer(camera)
    await printer.begin()
    await prepared(host)


async def test_status_when_shown_then_without_secrets(
    host: PrusaHost, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.server.next = [
        Turn(status=403, body=f'{{"message": "{TOKEN} {FINGERPRINT}"}}'.encode())
    ]
    camera, printer = await begin(host)
    await printer.end()
    await host.until_phase(DOWNLOADING)
    seen = json.dumps(camera.status())
    await host.until_phase(DONE)
    seen += json.dumps([*host.events.all, camera.status()]) + caplog.text
    seen += await asyncio.to_thread((only(camera).path / "job.json").read_text)
    assert "***" in seen
    assert TOKEN not in seen
    assert FINGERPRINT not in seen


async def test_events_when_there_is_none_of_a_print_then_nothing_happens(
    host: PrusaHost,
) -> None:
    camera = await host.boot()
    printer = Printer(camera)
    for kind in PrintEventKind:
        await printer.tell(kind, "standby")
        await printer.tell(kind, nothing=True)
    assert list(camera.jobs) == []


async def test_phases_when_over_then_only_a_person_begins_again() -> None:
    assert {DONE, FAILED, MISSED, DISCARDED} == OVER
