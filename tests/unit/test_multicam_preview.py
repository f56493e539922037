# Tests of the pictures beside collected videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UIs have a picture for each video of a device; without one it is as good."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import attrs
import pytest
from PIL import Image

from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.multicam.controller.rendering import (
    workshop as workshop_module,
)
from moonraker_prusacam.multicam.controller.rendering.work import Work, WorkState
from moonraker_prusacam.multicam.controller.session import Phase, Session, TakeState
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.video import FFmpeg
from moonraker_prusacam.video.encoders import Encoders
from moonraker_prusacam.video.ffmpeg import file_url
from tests.support.angles import (
    CONFIG,
    SPAN_S,
    Collected,
    Studio,
    film,
    session_of,
    studio,
)

if TYPE_CHECKING:
    from pathlib import Path

NO_VIDEO = attrs.evolve(CONFIG, video="off")
LENGTH_S = 4.0
PRINTING = PrintState("printing", "next.gcode", 0.0, None, None)


async def collected(folder: Path, *videos: Path) -> Session:
    """A session that is about to be over; all its videos are there."""
    angles = [Collected(video, 0.0, video.stem) for video in videos]
    session = await session_of(folder / "sessions", folder / "videos", angles, LENGTH_S)
    session.record.phase = Phase.COLLECTING
    await asyncio.to_thread(session.save)
    return session


def preview_of(folder: Path, session: Session, number: int = 0) -> Path:
    video = folder / "videos" / str(session.record.takes[number].video)
    return video.with_suffix(".jpg")


def held(made: Studio) -> Session:
    """What the controller knows of it."""
    return made.controller._sessions.known[-1]


async def idle(made: Studio) -> None:
    """Wait until nothing more is to be made."""
    session = held(made)
    await made.until(
        lambda: session.record.phase is Phase.DONE and not session.is_in_work
    )


async def quicktime(video: Path) -> Path:
    """The same pictures as iPhones pack them, under the name that they get here."""
    packed = video.with_name("iphone.mp4")
    ffmpeg = FFmpeg(await asyncio.to_thread(find_ffmpeg, None))
    arguments = ["-i", file_url(video), "-c", "copy", "-f", "mov", str(packed)]
    await ffmpeg.run(arguments, timeout_s=30)
    return packed


async def test_video_when_collected_then_its_last_picture_is_beside_it(
    tmp_path: Path,
) -> None:
    phone = await film(tmp_path / "phone.mp4", 0.0, LENGTH_S, rotation=90)
    iphone = await quicktime(await film(tmp_path / "other.mp4", 0.0, LENGTH_S))
    begin = await asyncio.to_thread(iphone.read_bytes)
    assert begin[8:12] == b"qt  "
    session = await collected(tmp_path, phone, iphone)
    async with studio(tmp_path, NO_VIDEO) as made:
        await idle(made)
    for number, size in enumerate([(320, 180), (320, 180)]):
        with Image.open(preview_of(tmp_path, session, number)) as picture:
            assert picture.size == size
            middle = picture.convert("L").crop((0, 90, 320, 91)).tobytes()
        # The bar of the last frames, which is as long as the time.
        bright = sum(octet > 128 for octet in middle)
        assert bright / 320 * SPAN_S == pytest.approx(LENGTH_S, abs=0.2)
    assert not list(session.path.glob("*.jpg"))


async def test_preview_when_there_is_one_or_no_video_then_nothing_is_made(
    tmp_path: Path,
) -> None:
    phone = await film(tmp_path / "phone.mp4", 0.0, 1.0)
    packed, gone = tmp_path / "oak.zip", tmp_path / "gone.mp4"
    await asyncio.to_thread(packed.write_bytes, b"PK\x03\x04")
    await asyncio.to_thread(gone.write_bytes, b"")
    session = await collected(tmp_path, phone, packed, gone)
    await asyncio.to_thread(preview_of(tmp_path, session).write_bytes, b"mine")
    await asyncio.to_thread(preview_of(tmp_path, session, 2).with_suffix(".mp4").unlink)
    async with studio(tmp_path, NO_VIDEO) as made:
        await idle(made)
        assert not any(take.preview for take in held(made).record.takes)
    assert await asyncio.to_thread(preview_of(tmp_path, session).read_bytes) == b"mine"
    assert len(list((tmp_path / "videos").glob("*.jpg"))) == 1


@pytest.mark.parametrize("body", ["exit 3", None])
async def test_preview_when_ffmpeg_fails_then_the_video_is_as_good(
    tmp_path: Path, body: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    phone = await film(tmp_path / "phone.mp4", 0.0, 1.0)
    session = await collected(tmp_path, phone)
    program = tmp_path / "ffmpeg"
    if body is not None:
        await asyncio.to_thread(program.write_text, f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    encoders = Encoders(program, tmp_path / "work")
    with caplog.at_level(logging.INFO):
        async with studio(tmp_path, NO_VIDEO, encoders=encoders) as made:
            await idle(made)
    assert not preview_of(tmp_path, session).exists()
    assert preview_of(tmp_path, session).with_suffix(".mp4").exists()
    (told,) = [line for line in caplog.messages if "has no preview" in line]
    assert "phone" in told
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_preview_when_a_print_runs_then_it_waits_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshop_module, "LOOK_S", 0.05)
    phone = await film(tmp_path / "phone.mp4", 0.0, 1.0)
    session = await collected(tmp_path, phone)
    async with studio(tmp_path, NO_VIDEO) as made:
        await made.controller.handle(
            PrintEvent(PrintEventKind.STARTED, PRINTING, 10**9)
        )

        def reason() -> str:
            work = held(made).record.takes[0].preview
            return work.reason if work else ""

        await made.until(reason)
        assert reason() == "it waits for the end of the print"
        assert not preview_of(tmp_path, session).exists()
        over = attrs.evolve(PRINTING, state="complete")
        await made.controller.handle(
            PrintEvent(PrintEventKind.COMPLETE, over, 2 * 10**9)
        )
        await idle(made)
    assert preview_of(tmp_path, session).exists()


async def test_preview_when_killed_amid_it_then_the_next_engine_makes_it(
    tmp_path: Path,
) -> None:
    phone = await film(tmp_path / "phone.mp4", 0.0, 1.0)
    session = await collected(tmp_path, phone)
    record = session.record
    assert record.takes[0].state is TakeState.COLLECTED
    record.phase = Phase.DONE
    record.takes[0].preview = Work(state=WorkState.RENDERING, attempts=1)
    await asyncio.to_thread(session.save)
    async with studio(tmp_path, NO_VIDEO) as made:
        await idle(made)
    assert preview_of(tmp_path, session).exists()
