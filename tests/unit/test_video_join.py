# Segments into videos, with every ffmpeg there is.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining changes when pictures are shown and which way up, never the pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.video import (
    EncodeSettings,
    FFmpeg,
    Tags,
    Timing,
    hold_segment,
    join,
    seal,
)
from tests.support.video import (
    files_in,
    frames,
    pictures_of,
    pixels_of,
    programs,
    script,
    track_of,
)

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = EncodeSettings()


@pytest.fixture(params=programs())
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    return FFmpeg(request.param)


async def seal_some(ffmpeg: FFmpeg, folder: Path, *counts: int) -> list[Path]:
    paths = frames(folder / "job", sum(counts))
    segments = []
    for number, count in enumerate(counts):
        piece, paths = paths[:count], paths[count:]
        segment = folder / f"it's {number}%d\n.mp4"
        segments.append((await seal(ffmpeg, piece, segment, SETTINGS)).path)
    return segments


async def test_join_then_pictures_are_bit_for_bit_the_same(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 25, 25, 1, 2, 7)
    before = [hash_ for path in segments for hash_ in await pictures_of(ffmpeg, path)]
    made = await join(ffmpeg, segments, tmp_path / "v.mp4", Timing(fps=30))
    assert await pictures_of(ffmpeg, made.path) == before
    assert (made.frames, made.fps, made.duration_s) == (60, Fraction(30), 2.0)
    assert made.size_bytes == made.path.stat().st_size
    track = await track_of(made.path)
    assert (track.frames, track.fps) == (60, Fraction(30))
    assert track.duration_s == 2
    assert track.is_fast_start
    assert await ffmpeg.count(made.path) == 60
    for fps in (12.345, 59.94, 1):
        again = await join(ffmpeg, [made.path], tmp_path / "w.mp4", Timing(fps=fps))
        assert await pictures_of(ffmpeg, again.path) == before
        assert again.fps == pytest.approx(fps, rel=1e-5)
    assert not any(name.startswith(".") for name in files_in(tmp_path))


@pytest.mark.parametrize(
    ("timing", "fps"),
    [
        (Timing(fps=30), Fraction(30)),
        (Timing(fps=60), Fraction(60)),
        (Timing(fps=12.5), Fraction(25, 2)),
        (Timing(fps=29.97), Fraction(30000, 1001)),
        (Timing(fps=1000), Fraction(240)),
        (Timing(fps=0), Fraction(1, 10)),
        (Timing(target_length_s=2.4), Fraction(25, 2)),
        (Timing(target_length_s=3.7), Fraction(300, 37)),
        (Timing(target_length_s=0.1), Fraction(60)),
        (Timing(target_length_s=0), Fraction(60)),
        (Timing(target_length_s=1000, min_fps=7.5), Fraction(15, 2)),
    ],
)
async def test_join_when_timed_then_the_frame_rate_is_exact(
    ffmpeg: FFmpeg, tmp_path: Path, timing: Timing, fps: Fraction
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 25, 5)
    made = await join(ffmpeg, segments, tmp_path / "v.mp4", timing)
    track = await track_of(made.path)
    # Half a tick of 1/1200000 s a frame is what remains.
    assert 1 / track.fps == pytest.approx(1 / fps, abs=5e-7) if track.fps else False
    assert float(track.duration_s) == pytest.approx(30 / float(fps), abs=30 * 5e-7)


async def test_join_when_the_end_is_held_then_it_does_not_count_for_the_length(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 20)
    timing = Timing(target_length_s=2)
    held = timing.held_frames(20, 1.5)
    assert held == 15
    last = tmp_path / "job" / max(files_in(tmp_path / "job"))
    hold = await hold_segment(ffmpeg, last, held, tmp_path / "h.mp4", SETTINGS)
    made = await join(
        ffmpeg, [*segments, hold.path], tmp_path / "v.mp4", timing, held=held
    )
    assert (made.frames, made.fps, made.duration_s) == (35, Fraction(10), 3.5)
    assert await ffmpeg.count_decoded(made.path) == 35


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
async def test_join_when_rotated_then_players_turn_it(
    ffmpeg: FFmpeg, tmp_path: Path, rotation: int
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 3)
    video = tmp_path / "v.mp4"
    await join(ffmpeg, segments, video, Timing(), rotation=rotation)
    track = await track_of(video)
    assert (track.rotation, track.width, track.height) == (rotation, 160, 120)
    settings = EncodeSettings(rotation=rotation)
    turned = await seal(
        ffmpeg, sorted((tmp_path / "job").iterdir()), tmp_path / "t.mp4", settings
    )
    shown = await pixels_of(ffmpeg, video, 0, tmp_path)
    wanted = await pixels_of(ffmpeg, turned.path, 0, tmp_path)
    difference = sum(abs(a - b) for a, b in zip(shown, wanted, strict=True))
    assert difference / len(shown) < 12


async def test_join_when_retimed_with_a_rotation_then_it_is_the_new_one(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 3)
    video = tmp_path / "v.mp4"
    await join(ffmpeg, segments, video, Timing(), rotation=90)
    for rotation in (90, 0, 180):
        await join(ffmpeg, [video], video, Timing(fps=10), rotation=rotation)
        assert (await track_of(video)).rotation == rotation


async def test_join_when_tagged_then_players_tell(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 2)
    tags = Tags("it's\n a=b;#\\ ü", "--comment\0 \ud800" + "x" * 5000, 86400.0)
    video = tmp_path / "v.mp4"
    await join(ffmpeg, segments, video, Timing(), tags=tags)
    told = await ffmpeg.run(["-i", str(video), "-f", "ffmetadata", "-"], timeout_s=20)
    assert "title=it's\\\n a\\=b\\;\\#\\\\ ü" in told.stdout
    assert "comment=--comment ?" in told.stdout
    assert "creation_time=1970-01-02T00:00:00" in video_times(video, told.stdout)


def video_times(video: Path, told: str) -> str:
    """What ffmpeg tells, and the time in the header (since 1904) in its words."""
    data = video.read_bytes()
    begin = data.index(b"mvhd") + 8
    created = int.from_bytes(data[begin : begin + 4]) - 2_082_844_800
    return told + ("creation_time=1970-01-02T00:00:00" if created == 86400 else "")


@pytest.mark.parametrize("rotation", [1, 45, 360, -90])
async def test_join_when_rotation_is_no_quarter_then_error(
    tmp_path: Path, rotation: int
) -> None:
    with pytest.raises(RenderError, match="rotated"):
        await join(
            FFmpeg("ffmpeg"),
            [tmp_path / "a"],
            tmp_path / "v.mp4",
            Timing(),
            rotation=rotation,
        )


async def test_join_when_a_segment_does_not_fit_then_error(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 2)
    other = await seal(
        ffmpeg, frames(tmp_path / "o", 2, 64, 48), tmp_path / "o.mp4", SETTINGS
    )
    with pytest.raises(RenderError, match="another size"):
        await join(ffmpeg, [*segments, other.path], tmp_path / "v.mp4", Timing())
    retimed = await join(ffmpeg, segments, tmp_path / "r.mp4", Timing(fps=7))
    with pytest.raises(RenderError, match="timed"):
        await join(ffmpeg, [*segments, retimed.path], tmp_path / "v.mp4", Timing())
    assert not (tmp_path / "v.mp4").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"\0\0\0\x08moov",
        b"\xff\xff\xff\xffmoov",
        b"\0\0\0\x01moov",
        b"\0\0\0\x04moov" * 9,
        bytes(64),
    ],
)
async def test_join_when_a_segment_is_no_mp4_then_error(
    tmp_path: Path, data: bytes
) -> None:
    segment = tmp_path / "s.mp4"
    segment.write_bytes(data)
    with pytest.raises(RenderError):
        await join(FFmpeg("ffmpeg"), [segment], tmp_path / "v.mp4", Timing())


async def test_join_when_a_segment_is_cut_or_gone_then_error(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 3, 3)
    data = segments[1].read_bytes()
    segments[1].write_bytes(data[: len(data) // 2])
    with pytest.raises(RenderError):
        await join(ffmpeg, segments, tmp_path / "v.mp4", Timing())
    segments[1].unlink()
    with pytest.raises(RenderError):
        await join(ffmpeg, segments, tmp_path / "v.mp4", Timing())
    with pytest.raises(RenderError, match="nothing"):
        await join(ffmpeg, [], tmp_path / "v.mp4", Timing())


async def test_join_when_ffmpeg_drops_frames_then_error_and_the_old_video_stays(
    ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    segments = await seal_some(ffmpeg, tmp_path, 5, 5)
    lossy = script(
        tmp_path / "ffmpeg",
        "for last; do :; done\n"
        f'case "$last" in file:*) cp \'{tmp_path}\'/it*0* "${{last#file:}}";;\n'
        f" *) exec '{ffmpeg.program}' \"$@\";; esac",
    )
    video = tmp_path / "v.mp4"
    video.write_text("the old one")
    with pytest.raises(RenderError, match="5 of 10 frames"):
        await join(lossy, segments, video, Timing())
    assert video.read_text() == "the old one"
    assert not any(name.startswith(".") for name in files_in(tmp_path))
