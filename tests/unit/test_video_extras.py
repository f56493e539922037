# Posters, archives, and the choice of an encoder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with a video; hardware encoders are played by scripts."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from typing import TYPE_CHECKING

import attrs
import pytest
from PIL import Image

from moonraker_prusacam.errors import RenderError, TimelapseError
from moonraker_prusacam.video.archive import write_archive
from moonraker_prusacam.video.codec import HARDWARE, LIBX264, Codec
from moonraker_prusacam.video.ffmpeg import FFmpeg
from moonraker_prusacam.video.hardware import Trial, choose_codec
from moonraker_prusacam.video.poster import make_poster, make_video_poster
from tests.support.video import files_in, frames, programs, script, store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=programs())
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    return FFmpeg(request.param)


def with_corner(width: int, height: int) -> bytes:
    """Black, with white at the upper left."""
    out = io.BytesIO()
    image = Image.new("L", (width, height))
    image.paste(255, (0, 0, width // 4, height // 4))
    image.save(out, "JPEG")
    return out.getvalue()


def solid(width: int, height: int, brightness: int) -> bytes:
    """One grey."""
    out = io.BytesIO()
    Image.new("L", (width, height), brightness).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("horizontal", "vertical", "rotation", "size", "corner"),
    [
        (True, False, 0, (64, 48), (1, 0)),
        (False, True, 0, (64, 48), (0, 1)),
        (False, False, 90, (48, 64), (1, 0)),
        (False, False, 180, (64, 48), (1, 1)),
        (False, False, 270, (48, 64), (0, 1)),
        (True, False, 90, (48, 64), (1, 1)),
    ],
)
async def test_poster_when_turned_then_the_corner_moves(
    ffmpeg: FFmpeg,
    tmp_path: Path,
    horizontal: bool,
    vertical: bool,
    rotation: int,
    size: tuple[int, int],
    corner: tuple[int, int],
) -> None:
    poster = tmp_path / "it's 100%d.jpg"
    await make_poster(
        ffmpeg,
        store(tmp_path / "job", [with_corner(64, 48)])[0],
        poster,
        flip_horizontal=horizontal,
        flip_vertical=vertical,
        rotation=rotation,
    )
    with Image.open(io.BytesIO(await asyncio.to_thread(poster.read_bytes))) as image:
        assert image.size == size
        grey = image.convert("L")
    place = corner[0] * (size[0] - 1), corner[1] * (size[1] - 1)
    opposite = size[0] - 1 - place[0], size[1] - 1 - place[1]
    pixels, width = grey.tobytes(), size[0]
    assert pixels[place[1] * width + place[0]] > 200
    assert pixels[opposite[1] * width + opposite[0]] < 50


async def test_poster_when_nothing_is_turned_then_it_is_the_frame(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    frame = frames(tmp_path / "job", 1)[0]
    await make_poster(ffmpeg, frame, tmp_path / "p.jpg")
    same = await asyncio.to_thread((tmp_path / "p.jpg").read_bytes)
    assert same == await asyncio.to_thread(frame.read_bytes)


async def test_poster_when_a_width_is_given_then_it_is_the_most(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    for wide, width in ((80, 80), (1000, 160)):
        poster = tmp_path / "p.jpg"
        await make_poster(
            ffmpeg, frames(tmp_path / "job", 1)[0], poster, max_width=wide
        )
        data = await asyncio.to_thread(poster.read_bytes)
        with Image.open(io.BytesIO(data)) as image:
            assert image.width == width


@pytest.mark.parametrize("data", [b"", b"<html>", None])
@pytest.mark.parametrize("rotation", [0, 90])
async def test_poster_when_the_frame_is_no_picture_then_error_and_no_file(
    ffmpeg: FFmpeg, tmp_path: Path, data: bytes | None, rotation: int
) -> None:
    frame = store(tmp_path / "job", [data or b""])[0]
    if data is None:
        frame.unlink()
    with pytest.raises(RenderError):
        await make_poster(ffmpeg, frame, tmp_path / "p.jpg", rotation=rotation)
    assert files_in(tmp_path) == {"job"}


async def test_archive_then_it_holds_the_files_as_they_are(tmp_path: Path) -> None:
    paths = frames(tmp_path / "job", 3)
    os.utime(paths[0], (0, 0))
    names = ["it's 1.jpg", "ü\n2.jpg", "-3.jpg"]
    archive = tmp_path / "a%d.zip"
    files = [*zip(names, paths, strict=True), ("gone.jpg", tmp_path / "gone")]
    size_bytes = await write_archive(files, archive, min_free_bytes=0)
    data = await asyncio.to_thread(archive.read_bytes)
    assert len(data) == size_bytes
    with zipfile.ZipFile(io.BytesIO(data)) as stored:
        assert stored.testzip() is None
        assert stored.namelist() == names
        assert {entry.compress_type for entry in stored.infolist()} == {
            zipfile.ZIP_STORED
        }
        for name, path in zip(names, paths, strict=True):
            assert stored.read(name) == await asyncio.to_thread(path.read_bytes)
    assert files_in(tmp_path) == {"job", "a%d.zip"}


async def test_archive_when_cancelled_then_nothing_is_left(tmp_path: Path) -> None:
    fifo = tmp_path / "frame"
    os.mkfifo(fifo)
    work = asyncio.create_task(
        write_archive([("f", fifo)] * 2, tmp_path / "a.zip", min_free_bytes=0)
    )
    # Opens when the thread reads, which then waits for more.
    pipe = await asyncio.to_thread(os.open, fifo, os.O_WRONLY)
    work.cancel()
    done, _ = await asyncio.wait([work], timeout=0.05)
    assert not done
    os.close(pipe)
    with pytest.raises(asyncio.CancelledError):
        await work
    assert files_in(tmp_path) == {"frame"}


async def test_archive_when_room_is_short_then_error_and_the_old_one_stays(
    tmp_path: Path,
) -> None:
    archive = store(tmp_path, [b"the old one"])[0]
    files = [("f", frames(tmp_path / "job", 1)[0])]
    with pytest.raises(TimelapseError, match="MiB are free"):
        await write_archive(files, archive, min_free_bytes=1 << 60)
    assert await asyncio.to_thread(archive.read_bytes) == b"the old one"
    assert files_in(tmp_path) == {"job", archive.name}


async def test_archive_when_the_folder_is_gone_then_error(tmp_path: Path) -> None:
    files = [("f", frames(tmp_path / "job", 1)[0])]
    with pytest.raises(TimelapseError):
        await write_archive(files, tmp_path / "gone" / "a.zip")


def played(folder: Path, **hardware: str) -> FFmpeg:
    """An ffmpeg whose encoders are shell commands, ``$out`` being the video.

    Others are done by the real one; encoding with libx264 takes half a second more.
    """
    real = programs()[0]
    listed = "; ".join(f"echo ' V..... {name} played'" for name in hardware)
    cases = "".join(
        f' *"-c:v {name} "*) {command};;\n' for name, command in hardware.items()
    )
    return script(
        folder / "ffmpeg",
        f"real='{real}'\n"
        'for last; do :; done; out="${last#file:}"\n'
        'case "$*" in\n'
        f" *-encoders*) {listed};;\n"
        f"{cases}"
        ' *"-c:v libx264 "*) sleep 0.5; exec "$real" "$@";;\n'
        ' *) exec "$real" "$@";;\n'
        "esac",
    )


PICTURES = "-v error -f lavfi -i testsrc2=s=64x48:r=25 -frames:v 25 -pix_fmt yuv420p"
GOOD = f'"$real" {PICTURES} -c:v libx264 -preset ultrafast -y "$out"'
GREEN = f'"$real" {PICTURES} -vf drawbox=c=green:t=fill -c:v libx264 -y "$out"'
SHORT = GOOD.replace("-frames:v 25", "-frames:v 24")
BUSY = "echo 'Device or resource busy' >&2; exit 1"
JUNK = 'echo junk > "$out"'
SLOW = f"sleep 1.5; {GOOD}"


async def test_poster_of_a_video_when_made_then_it_is_the_last_picture(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    bright = [
        solid(64, 48, brightness) for brightness in (20, 20, 20, 20, 20, 20, 20, 235)
    ]
    folder = tmp_path / "it's 100%d"
    store(folder, bright)
    arguments = ["-framerate", "2", "-i", "frame-%06d.jpg", "-pix_fmt", "yuv420p"]
    await ffmpeg.run([*arguments, "video.part.mp4"], timeout_s=30, folder=folder)
    await asyncio.to_thread((folder / "video.part.mp4").rename, folder / "video.part")
    await make_video_poster(ffmpeg, folder / "video.part", folder / "p.jpg")
    poster = io.BytesIO(await asyncio.to_thread((folder / "p.jpg").read_bytes))
    with Image.open(poster) as image:
        assert image.size == (64, 48)
        assert min(image.convert("L").tobytes()) > 200


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"ffconcat version 1.0\nfile '/etc/passwd'\n"]
)
async def test_poster_of_a_video_when_that_is_none_then_an_error_and_no_file(
    ffmpeg: FFmpeg, tmp_path: Path, content: bytes
) -> None:
    await asyncio.to_thread((tmp_path / "video.part").write_bytes, content)
    with pytest.raises(RenderError):
        await make_video_poster(ffmpeg, tmp_path / "video.part", tmp_path / "p.jpg")
    assert files_in(tmp_path) == {"video.part"}


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (GOOD, None),
        (GREEN, "its pictures are wrong"),
        (SHORT, "24 of 25 frames"),
        (BUSY, "busy"),
        (JUNK, "ffmpeg failed"),
        ("true", "ffmpeg failed"),
        (SLOW, "it takes"),
        ("kill -9 $$", "status -9"),
    ],
    ids=["good", "green", "short", "busy", "junk", "nothing", "slow", "killed"],
)
async def test_choose_codec_then_only_what_works_is_used(
    tmp_path: Path, command: str, reason: str | None
) -> None:
    ffmpeg = played(tmp_path, h264_v4l2m2m=command)
    choice = await choose_codec(ffmpeg, width=64, height=48)
    trials = {trial.codec: trial for trial in choice.trials}
    assert choice.codec.name == ("h264_v4l2m2m" if reason is None else "libx264")
    assert trials["h264_v4l2m2m"].is_usable == (reason is None)
    assert (reason or "it works") in trials["h264_v4l2m2m"].reason
    assert trials["h264_nvenc"].reason == "ffmpeg was built without it"


async def test_choose_codec_when_two_work_then_the_first(tmp_path: Path) -> None:
    ffmpeg = played(tmp_path, h264_nvenc=BUSY, h264_qsv=GOOD, h264_vaapi=GOOD)
    choice = await choose_codec(ffmpeg, width=64, height=48)
    assert choice.codec.name == "h264_qsv"
    assert [trial.is_usable for trial in choice.trials] == [False, True]


async def test_choose_codec_when_the_width_is_odd_for_it_then_it_is_not_tried(
    tmp_path: Path,
) -> None:
    ffmpeg = played(tmp_path, h264_v4l2m2m=GOOD)
    choice = await choose_codec(ffmpeg, width=70, height=48)
    assert choice.codec is LIBX264
    assert "multiple of 32" in choice.trials[-1].reason


async def test_choose_codec_when_asked_for_real_then_it_answers(
    ffmpeg: FFmpeg,
) -> None:
    choice = await choose_codec(ffmpeg, width=64, height=48)
    assert choice.codec in (LIBX264, *HARDWARE)
    assert all(trial.reason for trial in choice.trials)


async def test_choose_codec_when_libx264_is_quicker_than_itself_then_it_is_used(
    ffmpeg: FFmpeg,
) -> None:
    def quick(crf: float, keyint: int, pixels_per_s: float) -> list[str]:
        return ["-preset", "ultrafast"]

    candidate = Codec("libx264", quick)
    choice = await choose_codec(ffmpeg, width=1280, height=720, candidates=[candidate])
    trial = attrs.evolve(choice.trials[0], wall_s=None, cpu_s=None, ssim=None)
    assert trial == Trial("libx264", True, "it works")
    assert choice.trials[0].ssim is not None
    assert choice.trials[0].ssim > 0.95


def test_by_bitrate_then_six_steps_of_crf_are_twice_the_bits() -> None:
    nvenc = HARDWARE[0]
    rates = [int(nvenc.options(crf, 25, 1e6)[1]) for crf in (23, 29, 17)]
    assert rates == [120000, 60000, 240000]
