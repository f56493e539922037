# Pictures into segments, with every ffmpeg there is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A segment has as many frames as were asked for, whatever the files hold."""

from __future__ import annotations

import asyncio
import io
import os
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video import (
    Caption,
    EncodeSettings,
    FFmpeg,
    hold_segment,
    seal,
)
from moonraker_prusacam.video.caption import clean
from moonraker_prusacam.video.picture import inspect
from tests.support import jpeg
from tests.support.video import (
    files_in,
    frames,
    is_alive,
    pictures_of,
    pixels_of,
    programs,
    script,
    store,
    track_of,
)

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = EncodeSettings()


@pytest.fixture(params=programs())
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    return FFmpeg(request.param)


def in_mode(mode: str) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(jpeg.picture(64, 48))) as image:
        image.convert(mode).save(out, "JPEG")
    return out.getvalue()


def garbled(picture: bytes) -> bytes:
    """A JPEG with an end, half of whose picture is missing."""
    return picture[: len(picture) // 2] + jpeg.EOI


A, B, C = (jpeg.picture(64, 48, seed=seed) for seed in range(3))


@pytest.mark.parametrize("count", [1, 2, 25])
async def test_seal_then_every_frame_is_in_it(
    ffmpeg: FFmpeg, tmp_path: Path, count: int
) -> None:
    made = await seal(
        ffmpeg, frames(tmp_path / "job", count), tmp_path / "s.mp4", SETTINGS
    )
    assert (made.frames, made.size, made.replaced) == (count, (160, 120), ())
    assert made.size_bytes == made.path.stat().st_size
    assert made.usage.cpu_s > 0
    assert made.usage.peak_bytes > 10 << 20
    track = await track_of(made.path)
    assert (track.frames, track.fps) == (count, Fraction(25))
    assert await ffmpeg.count(made.path) == count
    assert await ffmpeg.count_decoded(made.path) == count
    assert files_in(tmp_path) == {"job", "s.mp4"}


@pytest.mark.parametrize(
    ("pictures", "replaced"),
    [
        ([A, b"", C], {1}),
        ([b"", b"", C], {0, 1}),
        ([A, B, b""], {2}),
        ([A, B[: len(B) // 2], C], {1}),
        ([A, b"<html>404 Not Found</html>", C], {1}),
        ([A, b"\xff\xd8\xff\xd9", C], {1}),
        ([A, b"ffconcat version 1.0\nfile 'frame-000001.jpg'\n", C], {1}),
        ([A, garbled(B), C], {1}),
        ([garbled(A), garbled(B), C, b""], {0, 1, 3}),
        ([A, None, C], {1}),
    ],
    ids=[
        "zero bytes",
        "first two",
        "last",
        "truncated",
        "HTML",
        "no picture",
        "playlist",
        "garbled",
        "more than one way",
        "gone",
    ],
)
async def test_seal_when_frames_are_damaged_then_neighbours_are_shown(
    ffmpeg: FFmpeg, tmp_path: Path, pictures: list[bytes | None], replaced: set[int]
) -> None:
    paths = store(tmp_path / "job", [picture or b"" for picture in pictures])
    for path, picture in zip(paths, pictures, strict=True):
        if picture is None:
            path.unlink()
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS)
    assert made.frames == len(pictures)
    assert await ffmpeg.count_decoded(made.path) == len(pictures)
    assert {paths.index(path) for path in made.replaced} == replaced


async def test_seal_when_all_are_torn_then_they_are_shown_as_they_are(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    paths = store(tmp_path / "job", [A[:2000], B[:2000]])
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS)
    assert (made.size, made.replaced) == ((64, 48), ())
    assert await ffmpeg.count_decoded(made.path) == 2


async def test_seal_when_nothing_is_a_picture_then_error_or_the_substitute(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    paths = store(tmp_path / "job", [b"", b"<html>"])
    with pytest.raises(RenderError, match="none of 2 frames"):
        await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS)
    assert not (tmp_path / "s.mp4").exists()
    good = store(tmp_path / "good", [A])[0]
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS, substitute=good)
    assert await ffmpeg.count_decoded(made.path) == 2
    assert made.replaced == tuple(paths)


async def test_seal_when_a_file_repeats_then_the_gap_is_filled(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    first, last = store(tmp_path / "job", [A, C])
    made = await seal(ffmpeg, [first, first, first, last], tmp_path / "s.mp4", SETTINGS)
    assert await ffmpeg.count_decoded(made.path) == 4


@pytest.mark.parametrize(
    "pictures",
    [
        [jpeg.picture(63, 47), jpeg.picture(63, 47, seed=1)],
        [A, jpeg.picture(32, 48), jpeg.picture(123, 77), C],
        [jpeg.picture(64, 48, seed=n, subsampling=n % 3) for n in range(6)],
        [jpeg.picture(64, 48, progressive=True), A],
        [in_mode("L"), A, in_mode("L")],
        [in_mode("CMYK"), in_mode("CMYK")],
        [A, in_mode("CMYK")],
        [jpeg.picture(64, 48, comment=b"\xff\xd9 end?"), A],
        [jpeg.without_dht(A), jpeg.without_dht(B)],
        [A + bytes(500), B + b"\r\n--boundary"],
        jpeg.webcam_frames(),
    ],
    ids=[
        "odd size",
        "sizes change",
        "subsampling changes",
        "progressive",
        "grey",
        "CMYK",
        "CMYK in between",
        "FFD9 in COM",
        "without DHT",
        "trailing bytes",
        "webcam",
    ],
)
async def test_seal_when_pictures_are_unusual_then_none_is_lost(
    ffmpeg: FFmpeg, tmp_path: Path, pictures: list[bytes]
) -> None:
    made = await seal(
        ffmpeg, store(tmp_path / "job", pictures), tmp_path / "s.mp4", SETTINGS
    )
    assert made.replaced == ()
    assert not made.size[0] % 2
    assert not made.size[1] % 2
    assert await ffmpeg.count_decoded(made.path) == len(pictures)


async def test_seal_when_size_is_given_then_all_have_it(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    settings = EncodeSettings(size=(160, 120))
    paths = store(tmp_path / "job", [A, jpeg.picture(200, 31)])
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", settings)
    track = await track_of(made.path)
    assert (track.width, track.height) == made.size == (160, 120)


@pytest.mark.parametrize(
    "name",
    ["it's", 'a "b"', "100%d", "-v", "new\nline", "düse \U0001f5a8", "a:b|c", "[x];y"],
)
async def test_seal_when_paths_are_hostile_then_they_are_only_names(
    ffmpeg: FFmpeg, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    paths = frames(folder, 2)
    odd = [path.rename(folder / f"{name}{path.name}") for path in paths]
    made = await seal(ffmpeg, odd, folder / f"{name}.mp4", SETTINGS)
    assert await ffmpeg.count_decoded(made.path) == 2


async def test_seal_when_asked_for_nothing_then_error(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    with pytest.raises(RenderError):
        await seal(ffmpeg, [], tmp_path / "s.mp4", SETTINGS)


@pytest.mark.parametrize(
    ("settings", "bright"),
    [
        (EncodeSettings(), (0, 0)),
        (EncodeSettings(flip_horizontal=True), (0, 1)),
        (EncodeSettings(flip_vertical=True), (1, 0)),
        (EncodeSettings(rotation=90), (0, 1)),
        (EncodeSettings(rotation=180), (1, 1)),
        (EncodeSettings(rotation=270), (1, 0)),
        (EncodeSettings(flip_horizontal=True, rotation=90), (1, 1)),
    ],
)
async def test_seal_when_flipped_or_rotated_then_the_corner_moves(
    ffmpeg: FFmpeg, tmp_path: Path, settings: EncodeSettings, bright: tuple[int, int]
) -> None:
    out = io.BytesIO()
    image = Image.new("RGB", (64, 48))
    image.paste((255, 255, 255), (0, 0, 16, 16))
    image.save(out, "JPEG")
    paths = store(tmp_path / "job", [out.getvalue()])
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", settings)
    width, height = (48, 64) if settings.rotation in (90, 270) else (64, 48)
    pixels = await pixels_of(ffmpeg, made.path, 0, tmp_path)
    row, column = bright[0] * (height - 1), bright[1] * (width - 1)
    assert len(pixels) == width * height
    assert pixels[row * width + column] > 200
    assert pixels[(height - 1 - row) * width + width - 1 - column] < 50


async def test_seal_then_black_is_black_and_white_is_white(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    out = io.BytesIO()
    image = Image.new("RGB", (64, 48))
    image.paste((255, 255, 255), (0, 0, 32, 48))
    image.save(out, "JPEG")
    paths = store(tmp_path / "job", [out.getvalue()])
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS)
    raw = tmp_path / "y"
    arguments = ["-i", str(made.path), "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    await ffmpeg.run([*arguments, str(raw)], timeout_s=20)
    luma = raw.read_bytes()[: 64 * 48]
    # The limited range of values, which every player expects.
    assert min(luma) == pytest.approx(16, abs=3)
    assert max(luma) == pytest.approx(235, abs=3)


async def test_seal_when_captions_are_given_then_they_are_drawn(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (160, 120), (90, 90, 90)).save(out, "JPEG")
    paths = store(tmp_path / "job", [out.getvalue()]) * 5
    hostile = "it's 100% %{pts} :x=0,drawbox \\ [a];\n\0 \ud800"
    captions = [Caption(), Caption(hostile), Caption(), Caption("", 0.5), Caption()]
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS, captions=captions)
    if not made.has_captions:
        pytest.skip("this ffmpeg finds no font or has no drawtext")
    shown = [await pixels_of(ffmpeg, made.path, n, tmp_path) for n in range(5)]
    changed = [
        sum(abs(a - b) > 20 for a, b in zip(shown[0], picture, strict=True))
        for picture in shown
    ]
    assert changed[1] > 100
    assert changed[3] >= 40
    assert max(changed[2], changed[4]) < 20


async def test_seal_when_captions_and_sizes_change_then_each_has_its_own(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    pictures = [jpeg.picture(160, 120), jpeg.picture(80, 60), jpeg.picture(160, 120)]
    captions = [Caption("", 0.1), Caption("", 0.5), Caption("", 1.0)]
    paths = store(tmp_path / "job", pictures)
    made = await seal(
        ffmpeg, paths, tmp_path / "s.mp4", SETTINGS, captions=captions, held=4
    )
    assert await ffmpeg.count_decoded(made.path) == 7
    if made.has_captions:
        last = [await pixels_of(ffmpeg, made.path, n, tmp_path) for n in (2, 6)]
        bars = [picture[-160:] for picture in last]
        assert all(abs(a - b) < 40 for a, b in zip(*bars, strict=True))


async def test_seal_when_text_cannot_be_drawn_then_the_video_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    real = programs()[0]
    without = script(
        tmp_path / "ffmpeg",
        f'case "$*" in *drawtext*) echo "No such filter" >&2; exit 1;; esac\n'
        f"exec '{real}' \"$@\"",
    )
    paths = frames(tmp_path / "job", 2)
    captions = [Caption("one"), Caption("two")]
    made = await seal(without, paths, tmp_path / "s.mp4", SETTINGS, captions=captions)
    assert not made.has_captions
    assert made.frames == 2
    assert "No such filter" in caplog.text


async def test_hold_segment_then_all_frames_are_the_same(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    frame = frames(tmp_path / "job", 1)[0]
    made = await hold_segment(ffmpeg, frame, 60, tmp_path / "s.mp4", SETTINGS)
    assert made.frames == 60
    assert await ffmpeg.count_decoded(made.path) == 60
    moving = await seal(
        ffmpeg, frames(tmp_path / "b", 10), tmp_path / "b.mp4", SETTINGS
    )
    assert made.size_bytes < moving.size_bytes


async def test_seal_when_killed_then_error_and_the_old_segment_stays(
    tmp_path: Path,
) -> None:
    # The last argument is "file:" and the path.
    killed = script(
        tmp_path / "ffmpeg",
        'for last; do :; done; echo half > "${last#file:}"; kill -9 $$',
    )
    segment = tmp_path / "s.mp4"
    segment.write_text("the old one")
    with pytest.raises(RenderError):
        await seal(killed, frames(tmp_path / "job", 3), segment, SETTINGS)
    assert segment.read_text() == "the old one"
    assert files_in(tmp_path) == {"ffmpeg", "job", "s.mp4"}


async def test_seal_when_real_ffmpeg_is_killed_then_error_and_no_file(
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    told = script(
        tmp_path / "ffmpeg",
        f"case \"$*\" in *libx264*) echo $$ > '{fifo}';; esac\n"
        f"exec '{programs()[0]}' \"$@\"",
    )
    paths = frames(tmp_path / "job", 25) * 8
    task = asyncio.create_task(seal(told, paths, tmp_path / "s.mp4", SETTINGS))
    os.kill(int(await asyncio.to_thread(fifo.read_text)), 9)
    with pytest.raises(RenderError, match="-9"):
        await task
    assert files_in(tmp_path) == {"ffmpeg", "job", "pid"}


async def test_seal_when_cancelled_then_nothing_is_left(tmp_path: Path) -> None:
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    sleeper = script(
        tmp_path / "ffmpeg",
        'for last; do :; done; echo half > "${last#file:}"\n'
        f"echo $$ > '{fifo}'; exec sleep 1000",
    )
    paths = frames(tmp_path / "job", 2)
    task = asyncio.create_task(seal(sleeper, paths, tmp_path / "s.mp4", SETTINGS))
    pid = int(await asyncio.to_thread(fifo.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)
    assert files_in(tmp_path) == {"ffmpeg", "job", "pid"}


async def test_seal_when_there_is_no_room_then_error_and_no_file(
    tmp_path: Path,
) -> None:
    # A limit on the size of a file stands in for a full disk.
    cramped = script(
        tmp_path / "ffmpeg", f"trap '' XFSZ; ulimit -f 8; exec '{programs()[0]}' \"$@\""
    )
    paths = frames(tmp_path / "job", 25)
    with pytest.raises(RenderError):
        await seal(cramped, paths, tmp_path / "s.mp4", SETTINGS)
    assert files_in(tmp_path) == {"ffmpeg", "job"}


async def test_seal_when_the_folder_is_gone_then_error(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    with pytest.raises(RenderError):
        await seal(
            ffmpeg, frames(tmp_path / "job", 1), tmp_path / "gone" / "s.mp4", SETTINGS
        )


async def test_seal_when_memory_is_short_then_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.video.picture.MEMORY_LIMIT_BYTES", 8 << 20)
    with pytest.raises(RenderError):
        await seal(
            FFmpeg(programs()[0]),
            frames(tmp_path / "job", 2),
            tmp_path / "s.mp4",
            SETTINGS,
        )


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160)])
async def test_seal_when_pictures_are_large_then_the_memory_limit_allows_it(
    ffmpeg: FFmpeg, tmp_path: Path, size: tuple[int, int]
) -> None:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, "JPEG")
    paths = store(tmp_path / "job", [out.getvalue()]) * 6
    made = await seal(ffmpeg, paths, tmp_path / "s.mp4", SETTINGS)
    assert (made.frames, made.size) == (6, size)


async def test_segments_then_their_headers_are_the_same(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    still = store(tmp_path / "a", [jpeg.picture(160, 120)]) * 25
    moving = frames(tmp_path / "b", 3)
    headers = []
    for number, paths in enumerate((still, moving)):
        made = await seal(ffmpeg, paths, tmp_path / f"{number}.mp4", SETTINGS)
        data = made.path.read_bytes()
        begin = data.index(b"avcC") - 4
        size = int.from_bytes(data[begin : begin + 4])
        headers.append(data[begin : begin + size])
    assert headers[0] == headers[1]


async def test_pictures_then_they_begin_with_a_key_frame_and_differ(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    made = await seal(ffmpeg, frames(tmp_path / "job", 5), tmp_path / "s.mp4", SETTINGS)
    assert len(set(await pictures_of(ffmpeg, made.path))) == 5


@pytest.mark.parametrize(
    ("data", "size", "is_whole"),
    [
        (A, (64, 48), True),
        (A[:1000], (64, 48), False),
        (A[:30], None, False),
        (b"", None, False),
        (b"\xff\xd8", None, False),
        (b"\xff\xd8\xff", None, False),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x00", None, False),
        (b"\xff\xd8" + b"\xff\xe0\x00\x00" * 40, None, False),
        (b"<html>", None, False),
    ],
)
def test_inspect_then_size_and_wholeness(
    tmp_path: Path, data: bytes, size: tuple[int, int] | None, is_whole: bool
) -> None:
    picture = inspect(store(tmp_path, [data])[0])
    assert (picture.size, picture.is_whole) == (size, is_whole)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\t c\0", "a b c"),
        ("\x1b[31mred", "[31mred"),
        ("x" * 300, "x" * 200),
        ("", ""),
    ],
)
def test_clean_then_one_line_that_can_be_drawn(text: str, shown: str) -> None:
    assert clean(text) == shown
