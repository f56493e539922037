# Frames into videos, with real ffmpeg.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every frame comes out, or the encoder says why not."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.timelapse.encoder import Encoder, find_ffmpeg
from tests.support import jpeg


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(find_ffmpeg(None), fps=30, crf=23)


def store(folder: Path, pictures: list[bytes]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, picture in enumerate(pictures, 1):
        path = folder / f"frame-{number:06d}.jpg"
        path.write_bytes(picture)
        paths.append(path)
    return paths


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("count", [1, 2, 26])
async def test_encode_then_every_frame_can_be_decoded(
    tmp_path: Path, encoder: Encoder, count: int
) -> None:
    folder = tmp_path / 'it\'s a "folder" 100%'
    pictures = [jpeg.picture(64, 48, seed=seed) for seed in range(count)]
    video = tmp_path / "v.mp4"
    await encoder.encode(store(folder, pictures), video)
    assert await encoder.count(video) == count
    assert await encoder.count_decoded(video) == count
    assert [path.suffix for path in folder.iterdir()].count(".ffconcat") == 0


@pytest.mark.parametrize(
    "pictures",
    [
        [jpeg.picture(63, 47), jpeg.picture(63, 47, seed=1)],
        [jpeg.picture(64, 48), jpeg.picture(32, 24), jpeg.picture(64, 48, seed=2)],
        [
            *(jpeg.picture(64, 48, seed=n) for n in range(4)),
            *[jpeg.picture(32, 24)] * 3,
        ],
        [*(jpeg.picture(64, 48, seed=n, subsampling=n % 3) for n in range(9))],
        [jpeg.picture(64, 48, progressive=True), jpeg.picture(64, 48, subsampling=0)],
        [jpeg.picture(64, 48, comment=b"\xff\xd9 end?"), jpeg.picture(64, 48)],
        [jpeg.webcam_frames()[0], jpeg.webcam_frames()[1]],
    ],
    ids=[
        "odd size",
        "sizes change",
        "another size from the middle on",
        "colours change",
        "progressive and 4:4:4",
        "FFD9 in COM",
        "webcam",
    ],
)
async def test_encode_when_pictures_are_unusual_then_none_is_lost(
    tmp_path: Path, encoder: Encoder, pictures: list[bytes]
) -> None:
    video = tmp_path / "v.mp4"
    await encoder.encode(store(tmp_path / "job", pictures), video)
    assert await encoder.count_decoded(video) == len(pictures)


@pytest.mark.parametrize("damage", [b"", b"<html>404</html>", b"\xff\xd8\xff\xd9"])
async def test_encode_when_a_frame_is_no_picture_then_error_and_no_video(
    tmp_path: Path, encoder: Encoder, damage: bytes
) -> None:
    pictures = [jpeg.picture(64, 48, seed=seed) for seed in range(5)]
    frames = store(tmp_path / "job", pictures)
    frames[2].write_bytes(damage)
    video = tmp_path / "v.mp4"
    with pytest.raises(RenderError):
        await encoder.encode(frames, video)
    assert not video.exists()


async def test_encode_when_ffmpeg_fails_then_error_holds_its_last_line(
    tmp_path: Path,
) -> None:
    broken = script(tmp_path / "ffmpeg", "echo 'Unknown encoder' >&2; exit 3")
    frames = store(tmp_path / "job", [jpeg.picture()])
    with pytest.raises(RenderError, match="Unknown encoder") as caught:
        await Encoder(str(broken), fps=30, crf=23).encode(frames, tmp_path / "v.mp4")
    assert caught.value.returncode == 3


async def test_encode_when_cancelled_then_ffmpeg_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    sleeper = script(tmp_path / "ffmpeg", f"echo $$ > '{pid_file}'; exec sleep 1000")
    frames = store(tmp_path / "job", [jpeg.picture()])
    encoder = Encoder(str(sleeper), fps=30, crf=23)
    task = asyncio.create_task(encoder.encode(frames, tmp_path / "v.mp4"))
    pid = int(await asyncio.to_thread(pid_file.read_text))
    assert is_alive(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


async def test_encode_then_ffmpeg_runs_with_the_lowest_priority(tmp_path: Path) -> None:
    report = tmp_path / "report"
    spy = script(
        tmp_path / "ffmpeg",
        f"(chrt -p $$; ionice -p $$) > '{report}' 2>&1; exit 1",
    )
    frames = store(tmp_path / "job", [jpeg.picture()])
    with pytest.raises(RenderError):
        await Encoder(str(spy), fps=30, crf=23).encode(frames, tmp_path / "v.mp4")
    said = report.read_text()
    assert "SCHED_IDLE" in said
    assert "idle" in said.splitlines()[-1]


def test_find_ffmpeg_when_configured_one_cannot_run_then_error_names_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(RenderError, match="nowhere"):
        find_ffmpeg(tmp_path / "nowhere")


def test_find_ffmpeg_when_one_is_on_path_then_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = script(tmp_path / "ffmpeg", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg(None) == str(own)


def test_find_ffmpeg_when_none_is_on_path_then_the_wheel_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "imageio_ffmpeg" in find_ffmpeg(None)


def test_find_ffmpeg_when_there_is_none_then_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(RenderError, match="apt install ffmpeg"):
        find_ffmpeg(None)
