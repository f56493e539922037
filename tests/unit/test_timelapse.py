# The timelapse of each print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals in any order give one video a print, with one frame a layer.

A crash is simulated by leaving a Timelapse as it is and starting another one on the
same folders.
"""

from __future__ import annotations

import asyncio
import errno
import json
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import TimelapseError, TimelapseOptionError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.timelapse import Job, JobState, summary
from moonraker_prusacam.video import FFmpeg
from tests.support.timelapse import Host, Printer, frame_names, videos
from tests.support.video import pictures_of, track_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


async def test_print_when_layers_are_reported_then_one_frame_a_layer(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse, 'sub/galile0\'s "cube".gcode')
    await printer.begin()
    await printer.print_layers(0, 5)
    await host.frames(5)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert (job["frames"], job["gaps"], job["outcome"]) == (5, 0, "complete")
    assert videos(host.videos_path) == [job["video"]]
    assert job["video"].startswith("galile0_s _cube_")
    assert (host.videos_path / job["video"]).with_suffix(".jpg").exists()
    assert await host.frames_in(job["video"]) == 5
    assert job["seconds_from_last_frame"] >= 0
    assert sorted(path.name for path in host.videos_path.iterdir()) == sorted(
        [
            job["video"],
            job["video"].replace(".mp4", ".jpg"),
            "." + job["video"].replace(".mp4", ".json"),
        ]
    )


async def test_print_when_the_date_leaps_at_its_end_then_what_its_video_took_is_right(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - 7200.0)
    await printer.tell("complete", "complete")
    assert 0 <= (await host.rendered())["seconds_from_last_frame"] < 3600


async def test_print_when_job_is_done_then_only_its_record_is_kept(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell("complete", "complete")
    await host.rendered()
    (job,) = timelapse.jobs
    assert [path.name for path in job.path.iterdir()] == ["job.json"]


async def test_print_when_it_is_recorded_then_its_camera_is_held(host: Host) -> None:
    timelapse = await host.boot()
    assert host.camera.holds == 0
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    assert host.camera.holds == 1
    await printer.tell("complete", "complete")
    await host.rendered()
    assert host.camera.holds == 0


async def test_layer_when_it_is_reported_again_then_no_second_frame(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    for kind in ("layer", "layer", "paused", "resumed", "sync"):
        printer.layer = 1
        await printer.tell(kind)
    await host.frames(1)
    assert timelapse.active is not None
    assert frame_names(timelapse.active) == ["frame-000001-layer-1.jpg"]


async def test_macro_when_it_comes_140_ms_before_started_then_the_job_is_one(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.tell("selected", "standby")
    await timelapse.start_job({"ENABLE": 1, "TRIGGER": "macro"})
    assert await printer.call_macro(1)
    await printer.tell("started", "printing")
    printer.layer = 1
    await printer.tell("layer")
    assert await printer.call_macro(2)
    await host.frames(2)
    (job,) = timelapse.jobs
    assert job.record.filename == "cube.gcode"
    assert len(frame_names(job)) == 2


async def test_restart_when_macros_tell_no_layer_then_they_still_have_the_say(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    for layer in (1, 2, 3):
        # As moonraker-timelapse's macro, by which the head is parked then only.
        assert await printer.call_macro(None)
        await host.frames(layer)
        await printer.print_layers(layer, layer)
    again = printer.timelapse = await host.boot()
    await printer.tell("sync")
    await printer.print_layers(4, 4)
    assert await printer.call_macro(None)
    await host.frames(1)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert job["frames"] == 4
    assert again.jobs[0].record.gaps == 0


@pytest.mark.parametrize("first", ["status", "macro"])
async def test_auto_when_status_and_macro_tell_of_a_layer_then_one_frame_is_kept(
    host: Host, first: str
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    for layer in (1, 2, 3):
        printer.layer = layer
        if first == "status":
            await printer.tell("layer")
            await printer.call_macro(layer)
        else:
            await printer.call_macro(layer)
            await printer.tell("layer")
    expected = 4 if first == "status" else 3  # the first one is taken twice
    await host.frames(expected)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert job["frames"] == 3
    assert await host.frames_in(job["video"]) == 3


async def test_trigger_layer_when_macros_call_then_they_are_not_heard(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="layer")
    printer = Printer(timelapse)
    await printer.begin()
    assert not await printer.call_macro(1)
    await printer.print_layers(1, 2)
    await host.frames(2)


async def test_trigger_macro_when_layers_are_reported_then_they_take_no_frame(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="macro")
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 3)
    await printer.call_macro(3)
    await host.frames(1)
    assert host.events.of("frame")[0]["layer"] == 3


@pytest.mark.parametrize(
    ("kind", "state", "outcome", "ending"),
    [
        ("complete", "complete", "complete", "0.mp4"),
        ("cancelled", "cancelled", "cancelled", "_cancelled.mp4"),
        ("error", "error", "error", "_error.mp4"),
        ("shutdown", "printing", "error", "_error.mp4"),
        ("disconnected", "printing", "interrupted", "_interrupted.mp4"),
        ("standby", "standby", "interrupted", "_interrupted.mp4"),
        ("selected", "standby", "interrupted", "_interrupted.mp4"),
        ("finished", "cancelled", "cancelled", "_cancelled.mp4"),
        ("sync", "complete", "complete", "0.mp4"),
        ("sync", "standby", "interrupted", "_interrupted.mp4"),
    ],
)
async def test_print_when_it_ends_in_any_way_then_it_is_rendered(
    host: Host, kind: str, state: str, outcome: str, ending: str
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell(kind, state)
    job = await host.rendered()
    assert job["outcome"] == outcome
    assert job["video"].endswith(ending) or outcome == "complete"
    assert job["video"].count("_") == (2 if outcome == "complete" else 3)


async def test_emergency_stop_when_paused_follows_then_no_new_job_begins(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell("shutdown", "printing")
    await printer.tell("paused", "paused")
    await printer.tell("disconnected", nothing=True)
    await printer.tell("sync", nothing=True)
    await host.rendered()
    assert timelapse.active is None
    assert len(timelapse.jobs) == 1


async def test_end_when_it_is_told_several_times_then_it_is_rendered_once(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 1)
    await host.frames(1)
    for kind in ("complete", "finished", "sync", "standby"):
        await printer.tell(kind, "complete")
    await host.rendered()
    assert len(host.events.of("render", status="started")) == 1


async def test_print_when_it_is_cancelled_in_heat_up_then_nothing_is_left(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.tell("cancelled", "cancelled")
    await printer.begin()
    await printer.print_layers(1, 1)
    await host.frames(1)
    await printer.tell("complete", "complete")
    await host.rendered()
    assert len(timelapse.jobs) == 1
    assert len(list(host.jobs_path.iterdir())) == 1


async def test_two_prints_then_their_frames_are_not_mixed(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    for layers in (3, 2):
        await printer.begin()
        await printer.print_layers(1, layers)
        await printer.tell("complete", "complete")
    await host.events.until(lambda: len(host.events.of("render", status="success")) > 1)
    assert [job.record.frames for job in timelapse.jobs] == [3, 2]
    names = videos(host.videos_path)
    assert len(names) == 2
    assert sorted([await host.frames_in(name) for name in names]) == [2, 3]


async def test_print_when_another_file_runs_without_an_end_then_a_new_job(
    host: Host,
) -> None:
    timelapse = await host.boot()
    first = Printer(timelapse, "first.gcode")
    await first.begin()
    await first.print_layers(1, 2)
    await host.frames(2)
    second = Printer(timelapse, "second.gcode")
    second.state = "printing"
    await second.print_layers(1, 1)
    job = await host.rendered()
    assert (job["filename"], job["outcome"]) == ("first.gcode", "interrupted")
    assert timelapse.active is not None
    assert timelapse.active.record.filename == "second.gcode"


async def test_disabled_then_nothing_is_recorded_until_the_macro_says_so(
    host: Host,
) -> None:
    timelapse = await host.boot(enabled=False)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    assert timelapse.active is None
    await timelapse.start_job({})
    await printer.print_layers(3, 4)
    await host.frames(2)


async def test_start_macro_when_it_switches_off_then_this_print_is_not_recorded(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    assert await timelapse.start_job({"ENABLE": "0"}) is None
    await printer.print_layers(3, 4)
    assert not await printer.call_macro(4)
    assert timelapse.active is None
    assert list(host.jobs_path.iterdir()) == []
    await printer.tell("complete", "complete")
    await printer.begin()
    await printer.print_layers(1, 1)
    assert timelapse.active is not None


async def test_restart_when_the_print_was_refused_then_it_is_still_not_recorded(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.tell("selected", "standby")
    await printer.timelapse.start_job({"ENABLE": 0})
    await printer.tell("started", "printing")
    again = printer.timelapse = await host.boot()
    await printer.tell("sync")
    await printer.print_layers(1, 2)
    assert not await printer.call_macro(2)
    assert again.jobs == []
    # A person who changes their mind, or the next print.
    await again.start_job({"ENABLE": 1})
    assert again.active is not None
    last = printer.timelapse = await host.boot()
    await printer.tell("sync")
    assert last.active is not None


async def test_start_when_frames_come_by_time_then_the_macro_is_no_mistake(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="interval", interval_s=0.5)
    job = await timelapse.start_job({"ENABLE": 1, "TRIGGER": ""})
    assert job is not None
    assert job.record.trigger == "interval"
    assert await timelapse.start_job({"ENABLE": 0, "TRIGGER": ""}) is None
    assert timelapse.active is None


@pytest.mark.parametrize(
    "options", [{"TRIGGER": "never"}, {"ENABLE": "maybe"}, {"PARK": "1"}]
)
async def test_start_macro_when_options_are_wrong_then_error(
    host: Host, options: dict[str, str]
) -> None:
    timelapse = await host.boot()
    with pytest.raises(TimelapseOptionError, match=f"(?i){next(iter(options))}"):
        await timelapse.start_job(options)
    assert timelapse.jobs == []


async def test_frame_macro_when_print_is_over_then_it_opens_no_job(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 1)
    await printer.tell("complete", "complete")
    assert not await printer.call_macro(2)
    assert timelapse.active is None


async def test_render_macro_when_print_goes_on_then_no_second_job_begins(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await timelapse.render()
    await printer.print_layers(3, 4)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert job["frames"] == 2
    assert len(timelapse.jobs) == 1


async def test_render_when_there_is_nothing_then_error_says_so(host: Host) -> None:
    timelapse = await host.boot()
    with pytest.raises(TimelapseError, match="nothing to render"):
        await timelapse.render()


@pytest.mark.parametrize(("hold", "held"), [(0.0, 0), (0.5, 0), (0.5, 7)])
async def test_render_when_the_video_is_there_then_another_with_the_same_pictures(
    host: Host, hold: float, held: int
) -> None:
    timelapse = await host.boot(hold_s=hold)
    printer = Printer(timelapse)
    await printer.begin()
    for layer in range(1, 30 + 1):
        await printer.print_layers(layer, layer)
        await host.frames(layer)
    await printer.tell("complete", "complete")
    first = await host.rendered()
    # As after an evening: another engine, another rate chosen in a panel.
    again = await host.boot()
    await again.configure({"output_framerate": 10, "duplicatelastframe": held})
    (job,) = again.jobs
    assert await again.render() is job
    second = await host.rendered()
    assert second["frames"] == first["frames"] == 30
    assert second["video"] != first["video"]
    assert [path.name for path in job.path.iterdir()] == ["job.json"]
    assert videos(host.videos_path) == sorted([first["video"], second["video"]])
    ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    of = [
        await pictures_of(ffmpeg, host.videos_path / v["video"])
        for v in (first, second)
    ]
    assert of[1][:30] == of[0][:30]
    track = await track_of(host.videos_path / second["video"])
    assert track.frames == 30 + held
    assert track.fps == 10


async def test_render_when_the_video_was_deleted_then_there_is_nothing(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await printer.tell("complete", "complete")
    (host.videos_path / (await host.rendered())["video"]).unlink()
    with pytest.raises(TimelapseError, match="nothing to render"):
        await timelapse.render()
    with pytest.raises(TimelapseError, match="no frames to save"):
        await timelapse.save_frames()


@pytest.mark.parametrize("kept", [True, False])
async def test_saved_frames_when_the_print_is_rendered_then_all_are_in_the_archive(
    host: Host, kept: bool
) -> None:
    timelapse = await host.boot(hold_s=0.2, save_frames=kept)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 4)
    await printer.tell("complete", "complete")
    await host.rendered()
    name = await timelapse.save_frames()
    with zipfile.ZipFile(host.videos_path / name) as archive:
        assert len(archive.namelist()) == 4
        assert archive.testzip() is None
    assert len(list(host.videos_path.glob("*.zip"))) == 1


@pytest.mark.parametrize(("gaps", "shown"), [("repeat", 5), ("skip", 3)])
async def test_camera_when_it_is_gone_for_a_while_then_gaps_are_counted(
    host: Host, gaps: str, shown: int
) -> None:
    timelapse = await host.boot(gaps=gaps)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    host.camera.gone = True
    await printer.print_layers(3, 4)
    await host.camera.until_asked(4)
    host.camera.gone = False
    await printer.print_layers(5, 5)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert (job["frames"], job["gaps"]) == (shown, 2)
    assert await host.frames_in(job["video"]) == shown


async def test_triggers_when_too_many_wait_then_they_are_gaps_and_no_growth(
    host: Host,
) -> None:
    timelapse = await host.boot(trigger="macro")
    printer = Printer(timelapse)
    await printer.begin()
    taken = [await printer.call_macro(None) for _ in range(100)]
    await host.frames(taken.count(True))
    job = timelapse.active
    assert job is not None
    assert job.record.gaps == taken.count(False) > 0
    assert len(frame_names(job)) == taken.count(True)


# --- crashes -------------------------------------------------------------------------


async def test_engine_when_it_is_killed_in_a_print_then_the_video_goes_on(
    host: Host,
) -> None:
    first = await host.boot()
    printer = Printer(first)
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    printer.timelapse = second = await host.boot()
    await printer.tell("sync", "printing")
    await printer.print_layers(4, 6)
    await host.frames(3)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert job["frames"] == 6
    assert await host.frames_in(job["video"]) == 6
    assert len(second.jobs) == 1


async def test_engine_when_print_ended_while_it_was_dead_then_it_is_rendered(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    printer.timelapse = await host.boot()
    await printer.tell("sync", "complete")
    job = await host.rendered()
    assert (job["frames"], job["outcome"]) == (3, "complete")


async def test_engine_when_another_print_runs_after_the_crash_then_two_jobs(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    again = await host.boot()
    other = Printer(again, printer.filename)  # the same file, printed once more
    other.layer = 1
    await other.tell("sync", "printing", total_duration_s=2000.0)
    job = await host.rendered()
    assert (job["frames"], job["outcome"]) == (3, "interrupted")
    assert again.active is not None


async def test_engine_when_killed_while_rendering_then_it_renders_once_more(
    host: Host, tmp_path: Path
) -> None:
    sleeper = tmp_path / "ffmpeg"
    sleeper.write_text("#!/bin/sh\nexec sleep 1000\n")
    sleeper.chmod(0o755)
    printer = Printer(await host.boot(ffmpeg=sleeper))
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    await printer.tell("complete", "complete")
    await host.rendered("started")
    await host.boot()
    job = await host.rendered()
    assert job["frames"] == 3
    assert videos(host.videos_path) == [job["video"]]


async def test_engine_when_killed_after_the_rename_then_there_is_one_video(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    job = printer.timelapse.active
    assert job is not None
    frames = {
        path: path.read_bytes() for path in map(job.path.__truediv__, frame_names(job))
    }
    await printer.tell("complete", "complete")
    await host.rendered()
    (name,) = videos(host.videos_path)
    # As if the last save and the unlinking had not happened.
    job.record.state = JobState.RENDERING
    await asyncio.to_thread(job.save)
    for path, data in frames.items():
        path.write_bytes(data)
    made = (host.videos_path / name).stat().st_ino
    await host.boot()
    await host.rendered()
    assert videos(host.videos_path) == [name]
    assert (host.videos_path / name).stat().st_ino == made


async def test_render_when_ffmpeg_fails_then_frames_stay_and_it_can_be_tried_again(
    host: Host, tmp_path: Path
) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no space left >&2; exit 1\n")
    broken.chmod(0o755)
    printer = Printer(await host.boot(ffmpeg=broken))
    await printer.begin()
    await printer.print_layers(1, 3)
    await host.frames(3)
    await printer.tell("complete", "complete")
    failed = await host.rendered("error")
    assert "no space left" in failed["error"]
    assert videos(host.videos_path) == []
    again = await host.boot()
    (job,) = again.jobs
    assert len(frame_names(job)) == 3
    await again.render()
    assert (await host.rendered())["frames"] == 3


async def test_publish_when_folders_are_on_two_file_systems_then_video_still_appears(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def rename_across(source: Path, target: Path) -> Path:
        if host.jobs_path in source.parents and host.jobs_path not in target.parents:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", rename_across)
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert await host.frames_in(job["video"]) == 2
    assert not list(host.videos_path.glob(".*.part"))


def damage_record(job: Job) -> None:
    (job.path / "job.json").write_bytes(b"{")


def remove_record(job: Job) -> None:
    (job.path / "job.json").unlink()


def leave_half_frame(job: Job) -> None:
    (job.path / ".frame-000003-layer-3.jpg.x.tmp").write_bytes(b"\xff\xd8half")


@pytest.mark.parametrize(
    "damage", [damage_record, remove_record, leave_half_frame], ids=lambda f: f.__name__
)
async def test_engine_when_a_job_directory_is_damaged_then_it_starts_all_the_same(
    host: Host, damage: Callable[[Job], None]
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    assert printer.timelapse.active is not None
    damage(printer.timelapse.active)
    printer.timelapse = await host.boot()
    await printer.tell("sync", "printing")
    await printer.print_layers(3, 3)
    await host.frames(1)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert await host.frames_in(job["video"]) == job["frames"]


async def test_engine_when_the_camera_was_renamed_then_the_old_job_is_rendered(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    job = printer.timelapse.active
    assert job is not None
    job.record.camera = "old name"
    await asyncio.to_thread(job.save)
    await host.boot()
    assert (await host.rendered())["outcome"] == "interrupted"


async def test_start_when_jobs_folder_is_a_file_then_error_names_it(host: Host) -> None:
    host.jobs_path.write_text("")
    with pytest.raises(TimelapseError, match="jobs"):
        await host.boot()


async def test_print_when_job_cannot_be_made_then_the_engine_goes_on(
    host: Host,
) -> None:
    timelapse = await host.boot()
    host.jobs_path.rmdir()
    host.jobs_path.write_text("")
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    assert timelapse.active is None
    host.jobs_path.unlink()
    await printer.tell("complete", "complete")
    await printer.begin()
    assert timelapse.active is not None


async def test_summary_then_it_is_plain_json(host: Host) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse, "🚀\n.gcode")
    await printer.begin()
    await printer.print_layers(1, 1)
    await host.frames(1)
    assert timelapse.active is not None
    assert json.loads(json.dumps(summary(timelapse.active)))["frames"] == 1
