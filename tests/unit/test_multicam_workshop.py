# When videos of a session are made, and what may come between.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints, kills, full disks, broken encoders: the recordings are there afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pytest

from moonraker_prusacam.mp4 import JPEG, read_times, read_track
from moonraker_prusacam.multicam.controller.rendering import (
    encoding as encoding_module,
)
from moonraker_prusacam.multicam.controller.rendering import plan as plan_module
from moonraker_prusacam.multicam.controller.rendering import (
    side_by_side as side_by_side_module,
)
from moonraker_prusacam.multicam.controller.rendering import (
    workshop as workshop_module,
)
from moonraker_prusacam.multicam.controller.rendering.publication import publish_video
from moonraker_prusacam.multicam.controller.session import Session
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.sidecar import read_sidecar, save_sidecar
from moonraker_prusacam.video.codec import HARDWARE, LIBX264
from moonraker_prusacam.video.encoders import Encoders
from tests.support.angles import (
    CONFIG,
    TIMEOUT_S,
    Collected,
    Studio,
    film,
    record,
    session_of,
    studio,
    uneven,
)
from tests.support.processes import children
from tests.support.video import script

if TYPE_CHECKING:
    from moonraker_prusacam.mp4 import FrameTimes
    from moonraker_prusacam.video.codec import Codec
    from moonraker_prusacam.video.picture import Size

ONLY_ENCODE = attrs.evolve(CONFIG, video="off")
ONLY_VIDEO = attrs.evolve(CONFIG, encode=False)
PRINTING = PrintState("printing", "next.gcode", 0.0, None, None)
ENGINE = """
import asyncio, pathlib, sys
from moonraker_prusacam.multicam.controller.rendering import encoding, plan
from tests.support.angles import studio
plan.PIECE_S, encoding.PART_FRAMES = 1, 20
held = []
def occupied_by():
    # It must not be done before it is killed.
    is_far = held and held[0].session["video"]["progress"] > 0.6
    return "hold" if is_far else ""
async def main():
    async with studio(pathlib.Path(sys.argv[1]), occupied_by=occupied_by) as made:
        await made.controller.render()
        held.append(made)
        await made.over()
asyncio.run(main())
"""


class Room(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "PIECE_S", 1)
    monkeypatch.setattr(encoding_module, "PART_FRAMES", 20)
    monkeypatch.setattr(workshop_module, "RETRY_S", 0.01)
    monkeypatch.setattr(workshop_module, "LOOK_S", 0.05)


async def own(
    folder: Path, length_s: float = 2.0, *, must_encode: bool = False
) -> Session:
    """A session with a recording of a camera of ours."""
    path = await asyncio.to_thread(
        record, folder / "own.mp4", uneven(0.0, length_s), (160, 120)
    )
    angles = [Collected(path, 0.0, "bed", must_encode=must_encode)]
    return await session_of(folder / "sessions", folder / "videos", angles, length_s)


async def times_of(video: Path) -> FrameTimes:
    return await asyncio.to_thread(read_times, video)


async def test_recording_when_encoded_then_browsers_play_it_and_times_are_the_same(
    tmp_path: Path,
) -> None:
    session = await own(tmp_path, must_encode=True)
    video = tmp_path / "videos" / str(session.record.takes[0].video)
    before = await times_of(video)
    recorded = await asyncio.to_thread(video.read_bytes)
    content = await asyncio.to_thread(read_sidecar, video)
    await asyncio.to_thread(save_sidecar, video, content | {"pinned": True})
    async with studio(tmp_path, ONLY_ENCODE) as made:
        await made.over()
        assert made.session["devices"][0]["encoding"]["state"] == "done"
        assert made.controller.sessions[-1]["video"] is None
    after = await times_of(video)
    assert (before.codec, after.codec) == (JPEG, "avc1")
    assert after.begins == before.begins
    data = await asyncio.to_thread(video.read_bytes)
    content = await asyncio.to_thread(read_sidecar, video)
    told = content["multicam"]
    assert content["pinned"] is True
    assert (told["bytes"], told["sha256"]) == (
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    assert (told["recorded_bytes"], told["recorded_sha256"]) == (
        len(recorded),
        "of the recording",
    )
    assert content["encoding"]["encoder"] == LIBX264.name
    assert video.with_suffix(".jpg").exists()
    loaded = await asyncio.to_thread(Session.load, session.path)
    assert loaded.record.takes[0].sha256 == told["sha256"]
    assert not list(session.path.glob("h264-*"))


async def test_recording_when_ffmpeg_fails_then_it_stays_as_it_is(
    tmp_path: Path,
) -> None:
    session = await own(tmp_path, must_encode=True)
    video = tmp_path / "videos" / str(session.record.takes[0].video)
    before = await asyncio.to_thread(video.read_bytes)
    broken = await asyncio.to_thread(
        script, tmp_path / "ffmpeg", "echo oh dear >&2; exit 3"
    )
    encoders = Encoders(tmp_path / "ffmpeg", tmp_path / "work")
    assert broken.program == str(tmp_path / "ffmpeg")
    async with studio(tmp_path, ONLY_ENCODE, encoders=encoders) as made:
        await made.over()
        work = made.session["devices"][0]["encoding"]
    assert work["state"] == "failed"
    assert "oh dear" in work["reason"]
    assert await asyncio.to_thread(video.read_bytes) == before
    assert [path.name for path in video.parent.iterdir() if path.suffix == ".mp4"] == [
        video.name
    ]


async def test_recording_when_the_kill_came_after_the_rename_then_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await own(tmp_path, must_encode=True)
    video = tmp_path / "videos" / str(session.record.takes[0].video)

    def killed(_: encoding_module.Encoding) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(encoding_module.Encoding, "_tell", killed)
        async with studio(tmp_path, ONLY_ENCODE) as made:
            async with asyncio.timeout(TIMEOUT_S):
                while (await times_of(video)).codec == JPEG:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    async with studio(tmp_path, ONLY_ENCODE) as made:
        await made.over()
        assert made.session["devices"][0]["encoding"]["state"] == "done"
    data = await asyncio.to_thread(video.read_bytes)
    told = (await asyncio.to_thread(read_sidecar, video))["multicam"]
    assert told["sha256"] == hashlib.sha256(data).hexdigest()


async def test_video_when_killed_then_the_next_engine_goes_on_with_its_pieces(
    tmp_path: Path,
) -> None:
    session = await own(tmp_path, 4.0)
    pieces = session.path / "video"
    arguments = (sys.executable, "-c", ENGINE, str(tmp_path))
    process = await asyncio.create_subprocess_exec(*arguments, start_new_session=True)

    def made_so_far() -> list[Path]:
        return sorted(pieces.glob("piece-*.mp4"))

    async with asyncio.timeout(TIMEOUT_S):
        while len(await asyncio.to_thread(made_so_far)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    written_ns = [piece.stat().st_mtime_ns for piece in made_so_far()[:2]]
    held: list[Studio] = []

    def occupied_by() -> str:
        is_far = bool(held) and held[0].session["video"]["progress"] > 0.6
        return "hold" if is_far else ""

    async with studio(tmp_path, occupied_by=occupied_by) as made:
        held.append(made)
        await made.until(lambda: made.session["video"]["reason"] == "hold")
        assert [piece.stat().st_mtime_ns for piece in made_so_far()[:2]] == written_ns
        held.clear()
        await made.over()
        assert made.session["video"]["state"] == "done", made.session
        track = await asyncio.to_thread(read_track, made.video)
    assert track.frames == round(4.0 * CONFIG.video_fps)
    device = made.session["devices"][0]
    assert device["encoding"]["state"] == "done"
    assert len(list((tmp_path / "videos").glob("*.mp4"))) == 2


async def test_video_when_killed_at_its_publication_then_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own(tmp_path, 1.5)

    ends: list[str] = []

    def killed(*arguments: Any) -> None:
        publish_video(*arguments)
        ends.append("killed")
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(side_by_side_module, "publish_video", killed)
        async with studio(tmp_path, ONLY_VIDEO) as made:
            await made.controller.render()
            async with asyncio.timeout(TIMEOUT_S):
                while not ends:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    async with studio(tmp_path, ONLY_VIDEO) as made:
        await made.over()
        assert made.session["video"]["state"] == "done"
    assert len(list((tmp_path / "videos").glob("*_multicam*.mp4"))) == 1


async def test_video_when_it_never_gets_on_then_it_is_given_up(
    tmp_path: Path,
) -> None:
    session = await own(tmp_path, 1.5)
    async with studio(tmp_path, ONLY_VIDEO, occupied_by=lambda: "wait") as made:
        await made.controller.render()
        await made.until(lambda: made.session["video"]["reason"] == "wait")
    loaded = await asyncio.to_thread(Session.load, session.path)
    assert loaded.record.video is not None
    assert loaded.record.video.attempts == 0  # who waits has not tried
    loaded.record.video.attempts = workshop_module.MOST_ATTEMPTS
    await asyncio.to_thread(loaded.save)
    async with studio(tmp_path, ONLY_VIDEO) as made:
        await made.over()
        assert made.session["video"]["state"] == "failed"
        await made.controller.render()
        await made.over()
        assert made.session["video"]["state"] == "done"


@pytest.mark.parametrize("end", ["complete", "shutdown"])
async def test_video_when_a_print_begins_then_its_piece_ends_and_waits(
    tmp_path: Path, end: str
) -> None:
    await own(tmp_path, 4.0)
    async with studio(tmp_path, ONLY_VIDEO) as made:

        async def event(kind: PrintEventKind, state: str) -> None:
            told = attrs.evolve(PRINTING, state=state)
            await made.controller.handle(PrintEvent(kind, told, time.monotonic_ns()))

        await made.controller.render()
        await made.until(lambda: made.session["video"]["progress"] > 0)
        await event(PrintEventKind.STARTED, "printing")
        await made.until(lambda: made.session["video"]["state"] == "waiting")
        work = made.session["video"]
        assert work["reason"] == "it waits for the end of the print"
        assert made.controller.status()["sessions"] == [made.session]
        assert await asyncio.to_thread(_ffmpegs) == []
        # After a shutdown Klipper tells nothing new of the print.
        state = "complete" if end == "complete" else "printing"
        await event(PrintEventKind(end), state)
        await event(PrintEventKind.FINISHED, state)
        await made.over()
        assert made.session["video"]["state"] == "done"


def _ffmpegs() -> list[str]:
    """The ffmpegs that are alive and of this process."""
    commands = []
    for pid in children():
        with suppress(FileNotFoundError, ProcessLookupError):
            command = Path(f"/proc/{pid}/cmdline").read_text()
            commands.append(command.replace("\0", " "))
    return [command for command in commands if "ffmpeg" in command]


async def test_video_when_the_disk_is_full_then_it_waits_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own(tmp_path, 1.5)
    room = [Room(1 << 40, 0, 1 << 20)]
    monkeypatch.setattr("shutil.disk_usage", lambda _: room[0])
    async with studio(tmp_path, ONLY_VIDEO) as made:
        await made.controller.render()
        await made.until(
            lambda: "too little are free at" in made.session["video"]["reason"]
        )
        assert made.session["video"]["state"] == "waiting"
        room[0] = Room(1 << 40, 0, 1 << 39)
        await made.over()
        assert made.session["video"]["state"] == "done"


async def test_video_when_the_disk_was_full_amid_a_wait_then_it_is_made_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own(tmp_path, 1.5)
    room, occupied = [Room(1 << 40, 0, 1 << 39)], ["a timelapse"]
    looks: list[int] = []

    def usage(_: Path) -> Room:
        looks.append(room[0].free)
        return room[0]

    monkeypatch.setattr("shutil.disk_usage", usage)
    config = attrs.evolve(ONLY_VIDEO, collect_timeout_s=0.1)
    async with studio(tmp_path, config, occupied_by=lambda: occupied[0]) as made:
        await made.controller.render()
        await made.until(lambda: made.session["video"]["reason"] == "a timelapse")
        await asyncio.sleep(2 * config.collect_timeout_s)
        room[0], before = Room(1 << 40, 0, 0), len(looks)
        async with asyncio.timeout(TIMEOUT_S):
            while len(looks) < before + 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        room[0], occupied[0] = Room(1 << 40, 0, 1 << 39), ""
        await made.over()
        assert made.session["video"]["state"] == "done", made.session


async def test_video_when_the_disk_stays_full_then_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own(tmp_path, 1.5)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Room(1 << 40, 0, 1 << 20))
    config = attrs.evolve(ONLY_VIDEO, collect_timeout_s=0.1)
    async with studio(tmp_path, config) as made:
        await made.controller.render()
        await made.over()
        work = made.session["video"]
    assert work["state"] == "failed"
    assert work["reason"].startswith("its time was over: ")
    assert not list((tmp_path / "sessions").glob("*/video/piece*"))


async def test_videos_when_the_hardware_fails_then_libx264_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own(tmp_path, 1.5)
    broken: list[bool] = []

    async def choose(_: Encoders, size: Size, wanted: str) -> Codec:
        assert wanted == "auto"
        return LIBX264 if broken else HARDWARE[0]

    monkeypatch.setattr(Encoders, "choose", choose)
    monkeypatch.setattr(Encoders, "distrust", lambda _: broken.append(True))
    async with studio(tmp_path, CONFIG, encoder="auto") as made:
        await made.controller.render()
        await made.over()
        assert made.session["devices"][0]["encoding"]["state"] == "done"
        assert made.session["video"]["state"] == "done"
        assert broken
        assert (await made.sidecar())["encoding"]["encoder"] == LIBX264.name


async def test_render_when_the_files_are_gone_then_it_says_so(tmp_path: Path) -> None:
    path = await film(tmp_path / "phone.mp4", 0.0, 1.0)
    angles = [Collected(path, 0.0, "phone")]
    await session_of(tmp_path / "sessions", tmp_path / "videos", angles, 1)
    for video in (tmp_path / "videos").glob("*.mp4"):
        video.unlink()
    async with studio(tmp_path) as made:
        await made.controller.render()
        await made.over()
        work = made.session["video"]
    assert work["state"] == "failed"
    assert "phone: its video is no longer there" in work["reason"]
