# Tests of segments, tracks and the disk under a timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames become segments while the print goes on, and none is lost or shown twice."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from moonraker_prusacam.config import TimelapseConfig, TrackConfig
from moonraker_prusacam.disk import DiskGuard, DiskStage
from moonraker_prusacam.errors import FramesNotFound
from moonraker_prusacam.sidecar import sidecar_path
from moonraker_prusacam.timelapse import Job, JobState, panel_settings
from moonraker_prusacam.timelapse.panel import SPELLINGS, Panel
from tests.support import jpeg
from tests.support.timelapse import Host, Printer, frame_names, until, videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.timelapse import Timelapse

GIB = 1 << 30


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


def segments(job: Job) -> list[tuple[int, int]]:
    return [(one.first, one.last) for one in job.contents().segments]


def active(timelapse: Timelapse) -> Job:
    assert timelapse.active is not None
    return timelapse.active


async def print_some(host: Host, printer: Printer, first: int, last: int) -> None:
    """Layers one after the other, none of them before the last one is stored."""
    before = len(host.events.of("frame"))
    for number in range(first, last + 1):
        await printer.print_layers(number, number)
        await host.frames(before + number - first + 1)


async def test_print_when_it_is_long_then_segments_are_sealed_meanwhile(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 60)
    job = active(timelapse)
    await until(lambda: segments(job) == [(1, 25), (26, 50)])
    await until(lambda: len(frame_names(job)) == 10)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert (done["frames"], done["gaps"]) == (60, 0)
    assert await host.frames_in(done["video"]) == 60
    assert [path.name for path in job.path.iterdir()] == ["job.json"]


async def test_engine_when_it_is_killed_between_segment_and_unlink_then_none_is_twice(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 27)
    job = active(timelapse)
    await until(lambda: segments(job) == [(1, 25)])
    await timelapse.aclose()
    for number in (3, 25):
        await asyncio.to_thread(job.add_frame, jpeg.picture(64, 48), number, number)
    (job.path / ".segment-000026-000050-frames-25.abc.part").write_bytes(b"half")
    again = await host.boot()
    assert frame_names(job) == [
        "frame-000026-layer-26.jpg",
        "frame-000027-layer-27.jpg",
    ]
    assert not list(job.path.glob(".*"))
    printer.timelapse = again
    await printer.tell("sync")
    await print_some(host, printer, 28, 30)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert done["frames"] == 30
    assert await host.frames_in(done["video"]) == 30


async def test_sealing_when_the_host_is_busy_then_it_waits_and_nothing_is_lost(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.timelapse.sealer.BUSY_RETRY_S", 0.01)
    busy = True
    monkeypatch.setattr(
        "moonraker_prusacam.timelapse.sealer.Sealer.is_busy", property(lambda _: busy)
    )
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 30)
    job = active(timelapse)
    assert await asyncio.to_thread(segments, job) == []
    assert len(frame_names(job)) == 30
    busy = False
    await until(lambda: segments(job) == [(1, 25)])


async def test_frames_when_the_camera_changes_its_size_then_one_video(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 26)
    job = active(timelapse)
    await until(lambda: segments(job) == [(1, 25)])
    await printer.print_layers(27, 27)
    await host.frames(27)
    await asyncio.to_thread(job.add_frame, jpeg.picture(128, 96), 27, 27)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert await host.frames_in(done["video"]) == 27


async def test_save_frames_when_it_is_on_then_they_are_beside_the_video(
    host: Host,
) -> None:
    timelapse = await host.boot(save_frames=True)
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 28)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    archive = (host.videos_path / done["video"]).with_suffix(".zip")
    with zipfile.ZipFile(archive) as stored:
        names = stored.namelist()
    assert names == [f"frame-{n:06d}-layer-{n}.jpg" for n in range(1, 29)]


async def test_hold_and_target_length_then_the_video_lasts_as_asked(host: Host) -> None:
    timelapse = await host.boot(target_length_s=1.0, hold_s=0.5, min_fps=1)
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 8)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert done["frames"] == 8
    assert await host.frames_in(done["video"]) == 8 + 4
    told = json.loads(sidecar_path(host.videos_path / done["video"]).read_bytes())
    assert told["video"]["fps"] == pytest.approx(8.0)
    assert told["video"]["duration_s"] == pytest.approx(1.5)


async def test_tracks_when_there_are_two_then_each_makes_a_video(host: Host) -> None:
    side = TrackConfig(name="side", trigger="interval", interval_s=0.5, style="plain")
    timelapse = await host.boot(side)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 3)
    jobs = timelapse.jobs
    assert [job.record.track for job in jobs] == ["", "side"]
    await until(lambda: len(frame_names(jobs[1])) >= 2)
    await printer.tell("paused", "paused")
    await printer.tell("complete", "complete")
    await host.events.until(
        lambda: len(host.events.of("render", status="success")) == 2
    )
    names = videos(host.videos_path)
    assert len(names) == 2
    assert sum("_side" in name for name in names) == 1


async def test_tracks_when_the_engine_is_restarted_then_all_of_them_go_on(
    host: Host,
) -> None:
    side = TrackConfig(name="side", trigger="layer", style="plain")
    timelapse = await host.boot(side)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(4)
    await timelapse.aclose()
    again = await host.boot(side)
    printer.timelapse = again
    await printer.tell("sync")
    await printer.print_layers(3, 3)
    await host.frames(2)
    assert [len(frame_names(job)) for job in again.jobs] == [3, 3]
    assert all(job.record.state is JobState.RECORDING for job in again.jobs)


@pytest.mark.parametrize(
    ("free", "stage"),
    [
        (2 * GIB, DiskStage.PLENTY),
        (501 << 20, DiskStage.PLENTY),
        (499 << 20, DiskStage.SEAL),
        (370 << 20, DiskStage.THIN),
    ],
)
def test_disk_stage_then_it_follows_what_is_free(
    free: int, stage: DiskStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: DiskUsage(8 * GIB, 0, free))
    assert DiskGuard(tmp_path).stage() is stage


def test_disk_reserve_then_it_is_the_larger_or_what_is_configured(
    tmp_path: Path,
) -> None:
    assert DiskGuard(tmp_path).reserve(8 * GIB) == 500 << 20
    assert DiskGuard(tmp_path).reserve(100 * GIB) == 5 * GIB
    assert DiskGuard(tmp_path, 7).reserve(100 * GIB) == 7


def test_disk_when_a_print_needs_more_than_there_is_then_so_much_is_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: DiskUsage(8 * GIB, 0, GIB))
    guard = DiskGuard(tmp_path)
    assert guard.lacking_bytes(1000, 200_000) == 0
    assert guard.lacking_bytes(10_000, 200_000) > 0


async def test_disk_when_it_is_nearly_full_then_frames_are_thinned_and_sealed_early(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(host.path)
    nearly = DiskUsage(usage.total, 0, 300 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly)
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 14)
    job = active(timelapse)
    await until(lambda: bool(segments(job)))
    await printer.tell("complete", "complete")
    done = await host.rendered()
    assert done["gaps"] == 6
    assert done["frames"] == 14


def test_panel_when_prints_follow_then_no_name_comes_again_soon(tmp_path: Path) -> None:
    seen = set()
    for number in range(len(SPELLINGS)):
        panel = Panel(tmp_path / "lastframe")  # the engine is started anew
        panel.open()
        job = Job.create(tmp_path / "jobs", camera="front", trigger="auto")
        job.add_frame(jpeg.picture(64, 48, seed=number), 1, 1)
        for count in (1, 2):
            panel.show(job, count)
            assert (panel.frame_count, panel.frame_file[:11]) == (
                count,
                f"frame{count:06d}",
            )
        assert [path.name for path in panel.folder.iterdir()] == [panel.frame_file]
        assert (panel.folder / panel.frame_file).read_bytes() == job.newest.read_bytes()
        seen.add(panel.frame_file)
    assert len(seen) == len(SPELLINGS)
    assert all(name.lower().endswith((".jpg", ".jpeg", ".jpe")) for name in seen)


SETTINGS: dict[str, Any] = {
    "enabled": True,
    "mode": "hyperlapse",
    "camera": "front",
    "hyperlapse_cycle": 7,
    "output_framerate": 25,
    "variable_fps": True,
    "targetlength": 12,
    "variable_fps_min": 4,
    "variable_fps_max": 50,
    "duplicatelastframe": 50,
    "constant_rate_factor": 20,
    "stream_delay_compensation": 0.25,
    "autorender": False,
    "saveframes": True,
}


def test_panel_settings_then_they_win_over_the_file() -> None:
    made = panel_settings.apply(TimelapseConfig(), SETTINGS, {"front"})
    assert (made.trigger, made.interval_s, made.camera) == ("interval", 7.0, "front")
    assert (made.fps, made.target_length_s) == (25.0, 12.0)
    assert (made.min_fps, made.max_fps, made.hold_s) == (4.0, 50.0, 2.0)
    assert (made.crf, made.frame_delay_s) == (20.0, 0.25)
    assert (made.auto_render, made.save_frames) == (False, True)


def test_panel_settings_when_moonraker_names_a_folder_then_own_one_wins() -> None:
    told = {"output_path": "/films"}
    made = panel_settings.apply(TimelapseConfig(), told, {"front"})
    assert made.output_path == Path("/films")
    own = TimelapseConfig(output_path=Path("/mine"))
    assert panel_settings.apply(own, told, {"front"}).output_path == Path("/mine")
    for odd in ("films", "", None, 7):
        made = panel_settings.apply(TimelapseConfig(), {"output_path": odd}, ())
        assert made.output_path is None


def test_panel_settings_when_a_hyperlapse_parks_then_the_macro_keeps_the_time() -> None:
    made = panel_settings.apply(
        TimelapseConfig(), {**SETTINGS, "parkhead": True}, {"front"}
    )
    assert made.trigger == "macro"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"enabled": "yes", "camera": "nowhere", "mode": 3, "output_framerate": "x"},
        {"output_framerate": -1, "duplicatelastframe": True, "hyperlapse_cycle": None},
        {"camera": ""},
    ],
)
def test_panel_settings_when_they_are_odd_then_the_file_holds(
    settings: dict[str, Any],
) -> None:
    config = TimelapseConfig(camera="front", fps=12.0)
    assert panel_settings.apply(config, settings, {"front"}) == config


async def test_configure_when_the_engine_is_restarted_then_settings_are_known(
    host: Host,
) -> None:
    timelapse = await host.boot()
    await timelapse.configure({"enabled": False})
    printer = Printer(timelapse)
    await printer.begin()
    assert timelapse.active is None
    await timelapse.aclose()
    again = await host.boot()
    printer.timelapse = again
    await printer.tell("sync", "printing")
    assert again.active is None
    await again.configure({"enabled": True})
    await printer.print_layers(1, 1)
    await host.frames(1)


async def test_auto_render_when_it_is_off_then_it_waits_to_be_asked(host: Host) -> None:
    timelapse = await host.boot()
    await timelapse.configure({"autorender": False})
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 3)
    await printer.tell("complete", "complete")
    (job,) = timelapse.jobs
    await until(lambda: Job.load(job.path).record.state is JobState.UNRENDERED)
    await timelapse.aclose()
    again = await host.boot()
    await again.render()
    assert (await host.rendered())["frames"] == 3


async def test_auto_render_when_it_is_off_and_asked_in_a_print_then_it_is_rendered(
    host: Host,
) -> None:
    timelapse = await host.boot()
    await timelapse.configure({"autorender": False})
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 3)
    await timelapse.render()
    assert (await host.rendered())["frames"] == 3


async def test_save_frames_when_asked_in_a_print_then_all_are_in_the_archive(
    host: Host,
) -> None:
    timelapse = await host.boot()
    with pytest.raises(FramesNotFound):
        await timelapse.save_frames()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 27)
    job = active(timelapse)
    await until(lambda: segments(job) == [(1, 25)])
    await until(lambda: len(frame_names(job)) == 2)
    name = await timelapse.save_frames()
    with zipfile.ZipFile(host.videos_path / name) as stored:
        assert len(stored.namelist()) == 27
    await printer.tell("complete", "complete")
    assert (await host.rendered())["frames"] == 27


async def test_save_frames_when_it_is_chosen_amid_a_print_then_all_are_in_the_archive(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await print_some(host, printer, 1, 27)
    job = active(timelapse)
    await until(lambda: len(frame_names(job)) == 2)
    await timelapse.configure({"saveframes": True})
    await print_some(host, printer, 28, 52)
    await until(lambda: segments(job) == [(1, 25), (26, 50)])
    name = await timelapse.save_frames()
    with zipfile.ZipFile(host.videos_path / name) as stored:
        assert len(stored.namelist()) == 52
    await printer.tell("complete", "complete")
    video = (await host.rendered())["video"]
    with zipfile.ZipFile((host.videos_path / video).with_suffix(".zip")) as stored:
        assert len(stored.namelist()) == 52


async def test_print_when_it_needs_more_room_than_there_is_then_it_is_told_early(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: DiskUsage(8 * GIB, 0, 600 << 20))
    timelapse = await host.boot()
    printer = Printer(timelapse)
    printer.total_layers = 20_000
    await printer.begin()
    (told,) = await host.events.until(lambda: host.events.of("space"))
    assert told["lacking_bytes"] > 1 << 30
