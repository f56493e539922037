# Tests of finished videos that are made anew.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished video gets another speed by itself, and other pictures from its frames."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.errors import (
    FramesNotFound,
    TimelapseError,
    TimelapseOptionError,
    VideoNotFound,
)
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.sidecar import sidecar_path
from moonraker_prusacam.timelapse import Timelapse, retiming
from moonraker_prusacam.timelapse.remake import Remake
from moonraker_prusacam.timelapse.retiming import WORK_PREFIX, Retiming
from moonraker_prusacam.timelapse.sealer import Sealer
from moonraker_prusacam.video import FFmpeg, retime
from tests.support import jpeg
from tests.support.library import names
from tests.support.timelapse import Host, Printer, videos
from tests.support.video import pictures_of, track_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

FRAMES = 4


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path)
    yield opened
    await opened.aclose()


async def printed(host: Host, **options: Any) -> tuple[Timelapse, Path]:
    """A timelapse and the video of its only print."""
    timelapse = await host.boot(**options)
    printer = Printer(timelapse)
    await printer.begin()
    await printer.print_layers(1, FRAMES)
    await host.frames(FRAMES)
    await printer.tell("complete", "complete")
    done = await host.rendered()
    host.events.all.clear()
    return timelapse, host.videos_path / done["video"]


async def an_ffmpeg() -> FFmpeg:
    return FFmpeg(await asyncio.to_thread(find_ffmpeg, None))


async def pictures(video: Path) -> list[str]:
    return await pictures_of(await an_ffmpeg(), video)


def told(video: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sidecar_path(video).read_bytes())
    return content


# --- retiming ------------------------------------------------------------------------


async def test_retime_when_in_place_then_name_pin_and_pictures_stay(host: Host) -> None:
    timelapse, video = await printed(host, hold_s=0.2)
    await timelapse.library.pin(video.name, pinned=True)
    before, shown = told(video), await pictures(video)
    made = await timelapse.remaker.retime(video.name, Retiming(fps=10), copy=False)
    assert (made.name, made.is_pinned, made.fps) == (video.name, True, 10.0)
    after = told(video)
    assert after.pop("video") == {
        "codec": "h264",
        "frames": FRAMES + 2,
        "held": 2,
        "fps": 10.0,
        "duration_s": 0.6,
        "bytes": video.stat().st_size,
    }
    assert before.pop("video")["held"] == 6
    assert after == before
    assert (await pictures(video))[:FRAMES] == shown[:FRAMES]
    assert len(names(host.videos_path)) == 3
    assert [path.name for path in host.jobs_path.iterdir()] == [
        timelapse.jobs[0].record.id
    ]
    assert timelapse.jobs[0].record.video_bytes == video.stat().st_size


async def test_retime_when_a_copy_is_wanted_then_the_first_stays_as_it_is(
    host: Host,
) -> None:
    timelapse, video = await printed(host)
    await timelapse.library.pin(video.name, pinned=True)
    before = (video.read_bytes(), told(video))
    for number in ("", "_2"):
        made = await timelapse.remaker.retime(
            video.name, Retiming(target_length_s=0.1), copy=True
        )
        assert made.name == f"{video.stem}_retimed{number}.mp4"
        assert (made.is_pinned, made.fps, made.job_id) == (
            False,
            40.0,
            timelapse.jobs[0].record.id,
        )
        assert made.path.with_suffix(".jpg").exists()
    assert (video.read_bytes(), told(video)) == before
    assert len(await timelapse.library.videos()) == 3


async def test_retime_when_the_sidecar_is_a_moment_too_old_then_the_video_is_believed(
    host: Host,
) -> None:
    timelapse, video = await printed(host, hold_s=0.2)
    stale = told(video)
    await timelapse.remaker.retime(video.name, Retiming(fps=10), copy=False)
    sidecar_path(video).write_text(json.dumps(stale))  # a kill came between
    made = await timelapse.remaker.retime(video.name, Retiming(hold_s=0), copy=False)
    assert (made.frames, made.shown, made.fps) == (FRAMES, FRAMES, 10.0)


async def test_retime_when_tags_were_there_then_they_still_are(host: Host) -> None:
    timelapse, video = await printed(host)
    ffmpeg = await an_ffmpeg()

    async def tags() -> str:
        arguments = ["-i", str(video), "-f", "ffmetadata", "-"]
        return (await ffmpeg.run(arguments, timeout_s=30)).stdout

    before = await tags()
    assert "title=cube" in before
    await timelapse.remaker.retime(video.name, Retiming(fps=10), copy=False)
    assert await tags() == before


async def test_retime_when_nothing_is_to_change_then_error(host: Host) -> None:
    timelapse = await host.boot()
    with pytest.raises(TimelapseOptionError, match="give the fps"):
        await timelapse.remaker.retime("any.mp4", Retiming(), copy=False)


async def test_retime_when_it_fails_then_nothing_has_changed(
    host: Host, tmp_path: Path
) -> None:
    await printed(host)
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no space left >&2; exit 1\n")
    broken.chmod(0o755)
    timelapse = await host.boot(ffmpeg=broken)
    (name,) = videos(host.videos_path)
    before = names(host.videos_path), told(host.videos_path / name)
    with pytest.raises(TimelapseError, match="no space left"):
        await timelapse.remaker.retime(name, Retiming(fps=10), copy=False)
    assert (names(host.videos_path), told(host.videos_path / name)) == before
    assert len(list(host.jobs_path.iterdir())) == 1


async def test_retime_when_the_video_goes_meanwhile_then_it_does_not_come_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    timelapse, video = await printed(host)

    async def retime_late(*arguments: Any, **options: Any) -> Any:
        made = await retime(*arguments, **options)
        await timelapse.library.remove(video.name)
        return made

    monkeypatch.setattr(retiming, "retime", retime_late)
    with pytest.raises(VideoNotFound):
        await timelapse.remaker.retime(video.name, Retiming(fps=10), copy=False)
    assert names(host.videos_path) == []


async def test_retime_when_it_was_killed_then_the_next_start_tidies_up(
    host: Host,
) -> None:
    left = host.jobs_path / f"{WORK_PREFIX}abcd"
    left.mkdir(parents=True)
    (left / "new.mp4").write_bytes(b"half")
    await host.boot()
    assert list(host.jobs_path.iterdir()) == []


# --- rendering again -----------------------------------------------------------------


async def test_rerender_when_frames_were_saved_then_in_place_with_what_was_asked(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True, hold_s=0.2)
    await timelapse.library.pin(video.name, pinned=True)
    before, archive = told(video), video.with_suffix(".zip").read_bytes()
    assert before["video"]["frames"] == FRAMES + 6
    preview = video.with_suffix(".jpg").read_bytes()
    remake = Remake(
        video=video.name,
        in_place=True,
        crf=40.0,
        fps=10.0,
        rotation=90,
        flip_horizontal=True,
        hold_s=0.0,
    )
    job = await timelapse.remaker.rerender(remake)
    done = await host.rendered()
    assert (done["id"], done["video"]) == (job.record.id, video.name)
    track = await track_of(video)
    assert (track.frames, track.fps) == (FRAMES, Fraction(10))
    assert track.rotation == 90
    after = told(video)
    for name in ("job", "track", "pinned", "made"):
        assert after[name] == before[name]
    assert (after["frames"]["shown"], after["video"]["held"]) == (FRAMES, 0)
    assert video.with_suffix(".zip").read_bytes() == archive
    assert video.with_suffix(".jpg").read_bytes() != preview
    assert len(names(host.videos_path)) == 4
    assert [path.name for path in job.path.iterdir()] == ["job.json"]


async def test_save_frames_when_an_older_video_is_rendered_again_then_of_the_print(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    await timelapse.remaker.rerender(Remake(video=video.name, in_place=False))
    # The archive of the job that renders again is not unpacked yet.
    assert await timelapse.save_frames() == video.with_suffix(".zip").name
    await host.rendered()


async def test_rerender_when_a_copy_is_wanted_then_the_first_stays_as_it_is(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    before = (video.read_bytes(), told(video))
    await timelapse.remaker.rerender(Remake(video=video.name, in_place=False))
    done = await host.rendered()
    assert done["video"] == f"{video.stem}_rerendered.mp4"
    copy = host.videos_path / done["video"]
    assert await pictures(copy) == await pictures(video)
    assert told(copy)["job"] == before[1]["job"]
    assert (video.read_bytes(), told(video)) == before


async def test_rerender_when_there_are_captions_then_frames_have_their_dates(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    reached = asyncio.Event()

    async def stop(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Sealer, "seal_rest", stop)
    job = await timelapse.remaker.rerender(Remake(video=video.name, in_place=True))
    await reached.wait()
    taken_s = [path.stat().st_mtime for path in job.path.glob("frame-*")]
    assert len(taken_s) == FRAMES
    assert all(abs(taken - job.record.created) < 60 for taken in taken_s)
    assert job.record.created == told(video)["job"]["start"]


@pytest.mark.parametrize("unpacked", [True, False])
async def test_rerender_when_the_engine_is_killed_then_the_next_one_goes_on(
    host: Host, monkeypatch: pytest.MonkeyPatch, unpacked: bool
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    before = video.read_bytes()
    reached = asyncio.Event()

    async def stop(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(Sealer, "seal_rest", stop)
        job = await timelapse.remaker.rerender(
            Remake(video=video.name, in_place=True, crf=40.0)
        )
        await reached.wait()
        await timelapse.aclose()
    assert video.read_bytes() == before
    assert job.record.remake is not None
    if not unpacked:
        job.record.remake.is_unpacked = False
        await asyncio.to_thread(job.save)
        for frame in sorted(job.path.glob("frame-*"))[1:]:
            frame.write_bytes(b"half")
    await host.boot()
    assert (await host.rendered())["video"] == video.name
    assert await host.frames_in(video.name) == FRAMES
    assert video.read_bytes() != before


async def test_rerender_when_it_is_asked_twice_then_the_second_is_refused(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    remake = Remake(video=video.name, in_place=True)
    job = await timelapse.remaker.rerender(remake)
    with pytest.raises(TimelapseError, match=f"{job.record.id} renders"):
        await timelapse.remaker.rerender(remake)
    await host.rendered()


async def test_rerender_when_the_camera_is_gone_then_frames_are_all_it_takes(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    content = told(video)
    content["track"]["camera"] = "sold"
    sidecar_path(video).write_text(json.dumps(content))
    await timelapse.remaker.rerender(
        Remake(video=video.name, in_place=True, rotation=180)
    )
    await host.rendered()
    assert (await track_of(video)).rotation == 180


def no_archive(archive: Path) -> None:
    archive.unlink()


def no_zip(archive: Path) -> None:
    archive.write_bytes(b"PK no zip")


def empty(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w"):
        pass


def too_few(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("frame-000001-layer-1.jpg", jpeg.picture(64, 48))


def others(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(9):
            zipped.writestr(f"../frame-00000{number}.jpg", b"x")
            zipped.writestr(f"/etc/frame-00000{number}.jpg", b"x")
            zipped.writestr(f"frame-sealed-000001-000{number}.jpg", b"x")


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (no_archive, FramesNotFound, "save_frames: True"),
        (no_zip, TimelapseError, "is damaged"),
        (empty, FramesNotFound, "0 of the 4 frames"),
        (too_few, FramesNotFound, "1 of the 4 frames"),
        (others, FramesNotFound, "0 of the 4 frames"),
    ],
)
async def test_rerender_when_the_archive_will_not_do_then_error_says_so_at_once(
    host: Host,
    damage: Callable[[Path], None],
    error: type[TimelapseError],
    said: str,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    damage(video.with_suffix(".zip"))
    with pytest.raises(error, match=said):
        await timelapse.remaker.rerender(Remake(video=video.name, in_place=True))
    assert len(timelapse.jobs) == len(list(host.jobs_path.iterdir())) == 1


def torn(archive: Path) -> None:
    """Bytes in the middle are others than they were."""
    content = bytearray(archive.read_bytes())
    content[200:260] = bytes(60)
    archive.write_bytes(content)


def hostile(archive: Path) -> None:
    """Others' files are beside the frames."""
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr("job.json", "{}")
        zipped.writestr("../../escaped", "x")
        zipped.writestr("segment-000001-000025-frames-25.mp4", b"x")


async def test_rerender_when_the_archive_is_torn_then_the_video_stays_as_it_is(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    before = video.read_bytes()
    torn(video.with_suffix(".zip"))
    await timelapse.remaker.rerender(Remake(video=video.name, in_place=True))
    assert "damaged" in (await host.rendered("error"))["error"]
    assert video.read_bytes() == before


async def test_rerender_when_the_archive_holds_more_then_frames_alone_are_taken(
    host: Host,
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    hostile(video.with_suffix(".zip"))
    await timelapse.remaker.rerender(Remake(video=video.name, in_place=True))
    await host.rendered()
    assert await host.frames_in(video.name) == FRAMES
    assert "escaped" not in names(host.path) + names(host.jobs_path)


async def test_rerender_when_there_is_no_room_for_the_frames_then_error_says_so(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    timelapse, video = await printed(host, save_frames=True)
    usage = shutil.disk_usage(host.path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    await timelapse.remaker.rerender(Remake(video=video.name, in_place=True))
    assert "too little are free" in (await host.rendered("error"))["error"]
