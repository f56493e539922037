# Faults around the timelapse: kills, late signals, broken frames, full disks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What costs one print its frames, its options or its only video, and must not."""

from __future__ import annotations

import asyncio
import errno
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.timelapse import Job, JobState
from tests.support import jpeg
from tests.support.timelapse import Host, Printer, frame_names, videos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NO_PICTURE = jpeg.minimal(65500, 65500)  # more than any decoder takes


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


async def made_job(host: Host, state: JobState, frames: int) -> Job:
    """A job of an earlier run, all of them made in the same second."""
    return await asyncio.to_thread(_make_job, host, state, frames)


def _make_job(host: Host, state: JobState, frames: int) -> Job:
    job = Job.create(host.jobs_path, camera="front", trigger="auto")
    job.record.filename, job.record.outcome = "cube.gcode", "complete"
    job.record.state, job.record.created = state, 1.7e9
    job.save()
    for number in range(1, frames + 1):
        job.add_frame(jpeg.picture(64, 48, seed=number), number, number)
    return job


def of_the_begin(kind: str, began_ns: int, *, is_late: bool = True) -> PrintEvent:
    """What is told after the macros of a print, which came after it.

    With the time at which it was, or the time of now.
    """
    at_ns = began_ns if is_late else time.monotonic_ns()
    running_s = 0.2 + (at_ns - began_ns) / 1e9
    state = PrintState("printing", "cube.gcode", running_s, None, None)
    return PrintEvent(PrintEventKind(kind), state, at_ns)


async def test_start_macro_when_it_is_told_before_the_selected_file_then_it_holds(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    began_ns = time.monotonic_ns()
    assert await timelapse.start_job({"ENABLE": "0"}) is None
    await timelapse.handle(of_the_begin("selected", began_ns))
    await printer.tell("started", "printing")
    await printer.print_layers(1, 2)
    assert timelapse.active is None
    await printer.tell("complete", "complete")
    await printer.begin()
    assert timelapse.active is not None  # ENABLE=0 was for the print before


@pytest.mark.parametrize(
    ("kind", "is_late"),
    [("selected", True), ("complete", True), ("selected", False)],
)
async def test_frame_when_it_is_told_before_what_came_before_it_then_one_video(
    host: Host, kind: str, is_late: bool
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    began_ns = time.monotonic_ns()
    await timelapse.start_job({"TRIGGER": "macro"})
    await printer.call_macro(1)
    await timelapse.handle(of_the_begin(kind, began_ns, is_late=is_late))
    await printer.tell("started", "printing")
    await printer.call_macro(2)
    await host.frames(2)
    (job,) = timelapse.jobs
    assert job.record.trigger == "macro"
    await printer.tell("complete", "complete")
    assert (await host.rendered())["frames"] == 2


async def test_start_macro_when_the_end_of_the_last_print_is_late_then_both_hold(
    host: Host,
) -> None:
    timelapse = await host.boot()
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    end = PrintEvent(PrintEventKind.COMPLETE, None, time.monotonic_ns())
    await timelapse.start_job({"TRIGGER": "layer"})
    await timelapse.handle(end)
    first = await host.rendered()
    assert (first["outcome"], first["frames"]) == ("complete", 2)
    assert timelapse.active is not None
    assert timelapse.active.record.trigger == "layer"


async def test_start_macro_when_the_engine_is_killed_after_it_then_trigger_holds(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.timelapse.start_job({"TRIGGER": "macro"})
    again = await host.boot()
    assert again.active is not None
    assert again.active.record.trigger == "macro"


async def test_frame_when_an_engine_started_late_hears_of_it_first_then_one_video(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    printer.started_ns -= 600 * 10**9
    await printer.call_macro(7)
    await printer.tell("sync", "printing")
    await printer.call_macro(8)
    await host.frames(2)
    await printer.tell("complete", "complete")
    assert (await host.rendered())["frames"] == 2


async def test_engine_when_killed_after_an_early_render_then_no_second_video(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.timelapse.render()
    job = await host.rendered()
    printer.timelapse = await host.boot()
    await printer.tell("sync")
    await printer.tell("layer")
    assert printer.timelapse.active is None
    await printer.tell("complete", "complete")
    assert videos(host.videos_path) == [job["video"]]


async def test_render_when_a_frame_is_no_picture_then_its_neighbour_is_shown(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 5)
    await host.frames(5)
    assert printer.timelapse.active is not None
    folder = printer.timelapse.active.path
    (folder / "frame-000003-layer-3.jpg").write_bytes(NO_PICTURE)
    await printer.tell("complete", "complete")
    job = await host.rendered()
    assert (job["frames"], job["gaps"]) == (5, 1)
    assert await host.frames_in(job["video"]) == 5


async def test_render_when_asked_twice_for_a_failed_job_then_it_is_done_once(
    host: Host,
) -> None:
    job = await made_job(host, JobState.FAILED, 2)
    timelapse = await host.boot()
    (known,) = timelapse.jobs
    assert await timelapse.render() is known
    with pytest.raises(Exception, match="nothing to render"):
        await timelapse.render()
    await host.rendered()
    assert known.record.state is JobState.DONE
    assert [path.name for path in job.path.iterdir()] == ["job.json"]


async def test_render_when_two_jobs_have_one_name_then_two_videos(host: Host) -> None:
    await made_job(host, JobState.FAILED, 3)
    await made_job(host, JobState.RENDERING, 3)
    timelapse = await host.boot()
    await host.rendered()
    await timelapse.render()
    await host.events.until(
        lambda: len(host.events.of("render", status="success")) == 2
    )
    assert len(videos(host.videos_path)) == 2


async def test_engine_when_many_jobs_wait_to_be_rendered_then_it_starts(
    host: Host, tmp_path: Path
) -> None:
    for _ in range(100):
        await made_job(host, JobState.RENDERING, 0)
    timelapse = await host.boot(ffmpeg=tmp_path / "absent")
    assert len(timelapse.jobs) == 100


async def test_engine_when_killed_amid_writes_then_nothing_is_left_of_them(
    host: Host,
) -> None:
    done = await made_job(host, JobState.DONE, 3)
    (done.path / ".frame-000004-layer-4.jpg.x1y2").write_bytes(b"half")
    stillborn = host.jobs_path / "20260101-000000-deadbeef"
    stillborn.mkdir()
    (stillborn / ".job.json.x1y2").write_bytes(b"{")
    foreign = host.jobs_path / "20260101-000000-deadbee0"
    foreign.mkdir()
    (foreign / "frame-000001-layer-1.jpg").write_bytes(b"not ours to throw away")
    await host.boot()
    assert [path.name for path in done.path.iterdir()] == ["job.json"]
    assert not stillborn.exists()
    assert len(frame_names(Job(foreign, done.record))) == 1


async def test_job_when_its_folder_is_removed_then_it_fails_and_the_next_is_made(
    host: Host,
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    assert printer.timelapse.active is not None
    await asyncio.to_thread(shutil.rmtree, printer.timelapse.active.path)
    await printer.tell("complete", "complete")
    assert "No such file" in (await host.rendered("error"))["error"]
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(4)
    await printer.tell("complete", "complete")
    assert (await host.rendered())["frames"] == 2


async def test_aclose_when_the_disk_takes_no_record_then_all_is_closed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    printer = Printer(await host.boot())
    await printer.begin()

    def full(_: Job) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Job, "save", full)
    await printer.timelapse.aclose()


async def test_publish_when_the_other_disk_is_full_then_no_part_is_left_there(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, copyfile = Path.rename, shutil.copyfile

    def rename_across(source: Path, target: Path) -> Path:
        if host.jobs_path in source.parents and host.jobs_path not in target.parents:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(source, target)

    def copy_until_full(source: Path, target: Path) -> Path:
        copyfile(source, target)
        if host.videos_path in target.parents:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return target

    monkeypatch.setattr(Path, "rename", rename_across)
    monkeypatch.setattr(shutil, "copyfile", copy_until_full)
    printer = Printer(await host.boot())
    await printer.begin()
    await printer.print_layers(1, 2)
    await host.frames(2)
    await printer.tell("complete", "complete")
    assert "No space left" in (await host.rendered("error"))["error"]
    assert list(host.videos_path.iterdir()) == []
