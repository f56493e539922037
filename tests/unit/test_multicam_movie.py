# The file of a recording.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""It is an MP4 with the frames' true times, wherever writing it is cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam import mp4
from moonraker_prusacam.errors import RecordingNotFound, VideoDamaged
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.multicam.device import movie as movie_module
from moonraker_prusacam.multicam.device.movie import Movie
from moonraker_prusacam.multicam.device.recordings import Recordings
from moonraker_prusacam.multicam.device.ring import RingFrame
from tests.support import jpeg

if TYPE_CHECKING:
    from pathlib import Path

DEVICE = "Prusa-1A2B3C4D"
BEGIN_S = 1_729_000_003.5
# Milliseconds from one frame to the next: as uneven as a camera's in the dark.
GAPS_MS = [40, 40, 0, 80, 41, 500, 33, 33, 34, 40]
PICTURES = [jpeg.picture(16, 16, seed=seed) for seed in range(4)]


def frames_of(gaps_ms: list[int], begin_ns: int = 10**9) -> list[RingFrame]:
    frames, at_ns = [], begin_ns
    for number, gap_ms in enumerate([*gaps_ms, 0]):
        passed_s = (at_ns - begin_ns) / 1e9
        data = PICTURES[number % len(PICTURES)]
        frames.append(RingFrame(number, data, at_ns, BEGIN_S + passed_s, 16, 16))
        at_ns += gap_ms * 1_000_000
    return frames


def shown(path: Path) -> list[tuple[int, int]]:
    """Time in ticks of 1/90000 s and size of each frame, as ffmpeg reads them."""
    read = [str(find_ffmpeg(None)), "-v", "error", "-i", str(path), "-c", "copy"]
    done = subprocess.run(
        [*read, "-copyts", "-f", "framecrc", "-"], capture_output=True, timeout=30
    )
    assert not done.stderr, done.stderr
    lines = [line for line in done.stdout.decode().splitlines() if line[0] != "#"]
    rows = [line.split(",") for line in lines]
    return [(int(row[2]), int(row[4])) for row in rows]


def expected(frames: list[RingFrame]) -> list[tuple[int, int]]:
    times: list[int] = []
    for frame in frames:
        ticks = (frame.first_ns - frames[0].first_ns) * 9 // 100_000
        times.append(max(ticks, times[-1] + 1) if times else 0)
    return [(at, len(each.data)) for at, each in zip(times, frames, strict=True)]


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_movie_when_finished_then_frames_have_their_true_times(
    tmp_path: Path, at_once: int
) -> None:
    frames, path = frames_of(GAPS_MS), tmp_path / "a.mp4"
    movie = Movie.create(path, frames[0])
    for begin in range(0, len(frames), at_once):
        movie.add(frames[begin : begin + at_once])
    assert movie.frames == len(frames)
    assert movie.finish() == path.stat().st_size
    mp4.check_whole(path)
    track = mp4.read_track(path)
    assert (track.frames, track.width, track.height) == (len(frames), 16, 16)
    assert shown(path) == expected(frames)


def test_movie_when_one_frame_only_then_is_shown_for_a_while(tmp_path: Path) -> None:
    (frame,) = frames_of([])
    path = tmp_path / "a.mp4"
    movie = Movie.create(path, frame)
    movie.add([frame])
    movie.finish()
    assert mp4.read_track(path).duration_s > 0
    assert shown(path) == [(0, len(frame.data))]


def test_movie_when_it_grows_then_the_page_cache_keeps_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "os.posix_fadvise", lambda _, begin, size, __: told.append((begin, size))
    )
    frames = frames_of(GAPS_MS)
    path = tmp_path / "a.mp4"
    movie = Movie.create(path, frames[0])
    head = path.stat().st_size
    for frame in frames:
        movie.add([frame])
    ends = [begin + size for begin, size in told]
    assert [begin for begin, _ in told] == [head, *ends[:-1]]
    assert ends[-1] == movie.size_bytes == path.stat().st_size
    movie.finish()


def test_movie_when_more_frames_than_one_write_takes_then_all_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movie_module, "MAX_FRAGMENT_FRAMES", 4)
    frames, path = frames_of(GAPS_MS), tmp_path / "a.mp4"
    movie = Movie.create(path, frames[0])
    movie.add(frames)
    movie.finish()
    assert shown(path) == expected(frames)


def test_movie_when_cut_off_at_any_octet_then_whole_fragments_are_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    frames, whole = frames_of(GAPS_MS[:5]), tmp_path / "whole"
    movie = Movie.create(whole, frames[0])
    ends = [whole.stat().st_size]
    for begin in range(0, len(frames), 2):
        movie.add(frames[begin : begin + 2])
        ends.append(whole.stat().st_size)
    grown = whole.read_bytes()
    movie.finish()
    octets = whole.read_bytes()
    assert octets[: len(grown)] != grown  # 16 octets at the begin turn it around
    part, pieces = tmp_path / "part", {0: 0, 1: 1, 2: 3, 3: 5}
    step = 7
    for size in [*range(ends[0], len(grown), step), len(grown)]:
        part.write_bytes(grown[:size])
        fragments = sum(end <= size for end in ends) - 1
        found = Movie.reopen(part)
        assert found.frames == pieces[fragments], size
        if found.frames:
            found.finish()
            mp4.check_whole(part)
            assert mp4.read_track(part).frames == pieces[fragments]
        found.close()
    # The table is there, in part or whole, and the 16 octets are not.
    for size in range(len(grown), len(octets) + 1, step):
        part.write_bytes(grown + octets[len(grown) : size])
        found = Movie.reopen(part)
        found.finish()
        assert mp4.read_track(part).frames >= pieces[3]
    # All is there but the name.
    part.write_bytes(octets)
    found = Movie.reopen(part)
    assert found.is_whole
    found.finish()
    assert part.read_bytes() == octets


@pytest.mark.parametrize("kept", [0, 1, 8, 40, 50, 200, 500])
def test_movie_when_not_even_the_head_is_whole_then_is_damaged(
    tmp_path: Path, kept: int
) -> None:
    path = tmp_path / "a"
    movie = Movie.create(path, frames_of([])[0])
    movie.close()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(VideoDamaged):
        Movie.reopen(path)


def test_movie_when_last_pictures_are_zeros_then_they_are_left_out(
    tmp_path: Path,
) -> None:
    frames, path = frames_of(GAPS_MS), tmp_path / "a"
    movie = Movie.create(path, frames[0])
    movie.add(frames[:4])
    sure = path.stat().st_size
    movie.add(frames[4:])
    movie.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(sure + 300)  # after a power cut: the length, and no content
        file.truncate(size)
    found = Movie.reopen(path)
    assert found.frames == 3
    found.finish()
    assert shown(path) == expected(frames)[:3]


def test_movie_when_disk_refuses_then_what_was_there_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, path = frames_of(GAPS_MS), tmp_path / "a"
    movie = Movie.create(path, frames[0])
    movie.add(frames[:4])
    writev, calls = os.writev, []

    def full(descriptor: int, parts: list[bytes]) -> int:
        calls.append(len(parts))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return writev(descriptor, parts[:2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        with pytest.raises(OSError, match="No space"):
            movie.add(frames[4:])
    assert len(calls) == 2
    movie.finish()
    assert shown(path) == expected(frames)[:4]


KILLED = """
import sys
from pathlib import Path
from tests.unit.test_multicam_movie import DEVICE, frames_of
from moonraker_prusacam.multicam.device.movie import Movie
from moonraker_prusacam.multicam.device.recordings import Recordings

frames = frames_of([40] * 100)
recordings = Recordings(Path(sys.argv[1]), DEVICE)
recordings.recover()
movie = Movie.create(recordings.part(frames[0].unix_s), frames[0])
for begin in range(0, len(frames), 10):
    movie.add(frames[begin : begin + 10])
    print(movie.frames, flush=True)
while True:
    pass
"""


@pytest.mark.parametrize("lines", [1, 4])
def test_recordings_when_process_was_killed_then_file_is_recovered(
    tmp_path: Path, lines: int
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(lines)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(timeout=10)
    writer.stdout.close()
    recordings = Recordings(tmp_path, DEVICE)
    (found,) = recordings.recover()
    assert found.file_name == f"{DEVICE}_1729000003500.mp4"
    assert found.begin_s == BEGIN_S
    mp4.check_whole(found.path)
    # All but the frame whose duration nobody knew.
    assert mp4.read_track(found.path).frames >= told[-1] - 1
    assert recordings.all() == [found]
    assert recordings.recover() == []


def test_recordings_when_nothing_of_a_part_is_whole_then_it_goes(
    tmp_path: Path,
) -> None:
    (tmp_path / f"{DEVICE}_1000.mp4.part").write_bytes(b"\0" * 100)
    movie = Movie.create(tmp_path / f"{DEVICE}_2000.mp4.part", frames_of([])[0])
    movie.close()
    stranger = tmp_path / "notes.mp4.part"
    stranger.write_bytes(b"mine")
    assert Recordings(tmp_path, DEVICE).recover() == []
    assert list(tmp_path.iterdir()) == [stranger]


def test_recordings_when_one_cannot_be_finished_then_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = frames_of(GAPS_MS)
    for number in (1000, 2000):
        movie = Movie.create(tmp_path / f"{DEVICE}_{number}.mp4.part", frames[0])
        movie.add(frames)
        movie.close()
    fdatasync, calls = os.fdatasync, []

    def fail_once(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fail_once)
    recordings = Recordings(tmp_path, DEVICE)
    assert [each.file_id for each in recordings.recover()] == [f"{DEVICE}_2000"]
    assert [each.file_id for each in recordings.recover()] == [f"{DEVICE}_1000"]
    assert len(recordings.all()) == 2


def test_recordings_when_two_begin_in_one_millisecond_then_names_differ(
    tmp_path: Path,
) -> None:
    recordings = Recordings(tmp_path, DEVICE)
    names = []
    for _ in range(3):
        part = recordings.part(BEGIN_S)
        part.touch()
        names.append(recordings.publish(part).file_id)
    assert names == [f"{DEVICE}_172900000350{digit}" for digit in "012"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../bed.id",
        "/etc/passwd",
        "x/../Prusa-1A2B3C4D_1000.mp4",
        "./Prusa-1A2B3C4D_1000.mp4",
        "Prusa-1A2B3C4D_1000.mp4\0",
        "Prusa-1A2B3C4D_1000.MP4",
        "Prusa-1A2B3C4D_2000",
        "Prusa-1A2B3C4D_3000",
        "Prusa-1A2B3C4D_4000.mp4",
        "%2e%2e/bed.id",
        "*",
    ],
)
def test_recordings_when_key_is_hostile_then_nothing_is_found(
    tmp_path: Path, key: str
) -> None:
    folder = tmp_path / "bed"
    folder.mkdir()
    (tmp_path / "bed.id").write_text("secret")
    (folder / f"{DEVICE}_1000.mp4").touch()
    (folder / f"{DEVICE}_2000.mp4").symlink_to("/etc/passwd")
    (folder / f"{DEVICE}_3000.mp4").mkdir()
    (folder / f"{DEVICE}_4000.mp4.part").touch()
    recordings = Recordings(folder, DEVICE)
    with pytest.raises(RecordingNotFound):
        recordings.find(key, key)
    assert recordings.find(None, f"{DEVICE}_1000.mp4").file_id == f"{DEVICE}_1000"
    assert recordings.find(f"{DEVICE}_1000", None).file_name == f"{DEVICE}_1000.mp4"
