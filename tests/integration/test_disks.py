# Tests of disks that are full, apart, read-only or gone.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small file systems in memory, which are really filled; and ffmpegs that fail."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from tests.support.timelapse import Host, Printer, StubCamera, frame_names, videos
from tests.support.video import script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Mount = Callable[[Path, int], None]

TOOL_TIMEOUT_S = 10.0
MIB = 1 << 20
# The last that is left to the printer, here.
RESERVE_BYTES = 2 * MIB
DISK_MIB = 12
FRAME_BYTES = 100_000


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts file systems of so many MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    mounted: list[Path] = []

    def mount_at(path: Path, size_mib: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        options = f"size={size_mib}m"
        command = ["mount", "-t", "tmpfs", "-o", options, "prusacam-test", str(path)]
        try:
            subprocess.run(
                command, check=True, capture_output=True, timeout=TOOL_TIMEOUT_S
            )
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"a tmpfs cannot be mounted here: {error}")
        mounted.append(path)

    yield mount_at
    for path in reversed(mounted):
        subprocess.run(["umount", "--lazy", path], check=True, timeout=TOOL_TIMEOUT_S)


class LargeCamera(StubCamera):
    """Gives frames of FRAME_BYTES: pictures with something behind the end."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        frame = await super().wait_newer(than_ns, timeout_s)
        return Frame(
            data=bytes(frame.data).ljust(FRAME_BYTES, b"\0"),
            seq=frame.seq,
            width=frame.width,
            height=frame.height,
            has_dht=frame.has_dht,
            first_ns=frame.first_ns,
            last_ns=frame.last_ns,
            wall_time=frame.wall_time,
        )


class Watch:
    """How little was ever free on a disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.least_bytes = self.free()

    def free(self) -> int:
        return shutil.disk_usage(self.path).free

    def fill(self, but_bytes: int) -> None:
        """Leave only ``but_bytes``."""
        with (self.path / "ballast").open("ab") as file:
            file.write(bytes(max(0, self.free() - but_bytes)))

    def clear(self) -> None:
        (self.path / "ballast").unlink()


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    opened = Host(tmp_path / "data")
    yield opened
    await opened.aclose()


@pytest.fixture
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonraker_prusacam.disk.MIN_FREE_BYTES", RESERVE_BYTES)
    place = "moonraker_prusacam.video.archive.MIN_FREE_BYTES"
    monkeypatch.setattr(place, RESERVE_BYTES)


async def print_layers(host: Host, printer: Printer, first: int, last: int) -> None:
    for layer in range(first, last + 1):
        told = len(host.events.of("frame"))
        await printer.print_layers(layer, layer)
        await host.frames(told + 1)


async def begin(host: Host, **options: Any) -> Printer:
    printer = Printer(await host.boot(reserve_mb=1, **options))
    await printer.begin()
    return printer


@pytest.mark.usefixtures("small_reserve")
async def test_frames_when_the_disk_fills_then_the_reserve_stays_and_it_goes_on(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.path, DISK_MIB)
    host.camera = LargeCamera()
    printer = await begin(host, ffmpeg=host.path / "absent")
    watch = Watch(host.path)
    for layer in range(1, 151):
        await print_layers(host, printer, layer, layer)
        watch.least_bytes = min(watch.least_bytes, watch.free())
    job = printer.timelapse.active
    assert job is not None
    stored = len(frame_names(job))
    missed = len(host.events.of("frame", status="error"))
    assert stored + missed == 150
    assert missed > 20
    assert watch.least_bytes > RESERVE_BYTES - 2 * FRAME_BYTES
    await printer.timelapse.aclose()
    # ffmpeg is there again, and seals what there is: from then on there is room.
    printer.timelapse = await host.boot(reserve_mb=1)
    await host.aclose()
    printer.timelapse = await host.boot(reserve_mb=1)
    await printer.tell("complete", "complete")
    made = await host.rendered()
    assert made["frames"] == await host.frames_in(made["video"]) == 150
    assert made["gaps"] == missed
    assert made["error"] is None


@pytest.mark.usefixtures("small_reserve")
async def test_video_when_there_is_no_room_for_it_then_it_is_made_later(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.path, DISK_MIB)
    printer = await begin(host)
    await print_layers(host, printer, 1, 30)
    job = printer.timelapse.active
    assert job is not None
    watch = Watch(host.path)
    await asyncio.to_thread(watch.fill, RESERVE_BYTES // 2)
    await printer.tell("complete", "complete")
    failed = await host.rendered("error")
    assert "MiB are free" in failed["error"]
    assert watch.free() >= RESERVE_BYTES // 2  # not a byte of what is left
    assert videos(host.videos_path) == []
    assert not [path for path in job.path.iterdir() if ".tmp." in path.name]
    await asyncio.to_thread(watch.clear)
    await printer.timelapse.render()
    made = await host.rendered()
    assert made["frames"] == await host.frames_in(made["video"]) == 30


@pytest.mark.usefixtures("small_reserve")
@pytest.mark.parametrize("free_bytes", [0, 4096, 20_000])
async def test_job_when_the_disk_is_full_to_the_last_byte_then_nothing_is_lost(
    host: Host, mount: Mount, free_bytes: int
) -> None:
    await asyncio.to_thread(mount, host.path, DISK_MIB)
    printer = await begin(host)
    await print_layers(host, printer, 1, 24)
    watch = Watch(host.path)
    await asyncio.to_thread(watch.fill, free_bytes)  # somebody else did that
    await print_layers(host, printer, 25, 27)
    assert len(host.events.of("frame", status="error")) == 3
    await printer.tell("complete", "complete")
    await host.rendered("error")
    # Two engines would take each other's frames away: it may still seal some.
    await printer.timelapse.aclose()
    await asyncio.to_thread(watch.clear)
    again = await host.boot(reserve_mb=1)
    await again.render()
    made = await host.rendered()
    assert await host.frames_in(made["video"]) == made["frames"]
    assert made["frames"] in (24, 27)  # with the gaps, if their number was written


@pytest.mark.usefixtures("small_reserve")
async def test_archive_when_there_is_no_room_for_it_then_the_video_is_made(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.path, DISK_MIB)
    host.camera = LargeCamera()
    printer = await begin(host, save_frames=True)
    await print_layers(host, printer, 1, 50)  # 5 MB, and as much again for the ZIP
    watch = Watch(host.path)
    await printer.tell("complete", "complete")
    made = await host.rendered()
    assert await host.frames_in(made["video"]) == 50
    assert not list(host.videos_path.glob("*.zip"))
    assert watch.free() > RESERVE_BYTES


@pytest.mark.usefixtures("small_reserve")
async def test_videos_when_on_a_disk_of_their_own_then_all_is_there(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.videos_path, DISK_MIB)
    printer = await begin(host, save_frames=True)
    await print_layers(host, printer, 1, 30)
    await printer.tell("complete", "complete")
    made = await host.rendered()
    stem = Path(made["video"]).stem
    assert {path.name for path in host.videos_path.iterdir()} == {
        f"{stem}.mp4",
        f"{stem}.jpg",
        f"{stem}.zip",
        f".{stem}.json",
    }
    assert await host.frames_in(made["video"]) == 30
    with zipfile.ZipFile(host.videos_path / f"{stem}.zip") as stored:
        assert len(stored.namelist()) == 30


@pytest.mark.usefixtures("small_reserve")
async def test_videos_when_their_own_disk_is_full_then_no_part_and_later_all(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.videos_path, DISK_MIB)
    watch = Watch(host.videos_path)
    await asyncio.to_thread(watch.fill, RESERVE_BYTES + 20_000)
    printer = await begin(host)
    await print_layers(host, printer, 1, 30)
    await printer.tell("complete", "complete")
    assert "MiB are free" in (await host.rendered("error"))["error"]
    assert [path.name for path in host.videos_path.iterdir()] == ["ballast"]
    assert watch.free() >= RESERVE_BYTES
    await asyncio.to_thread(watch.clear)
    await printer.timelapse.render()
    made = await host.rendered()
    assert await host.frames_in(made["video"]) == 30


async def test_videos_when_their_disk_is_read_only_then_it_is_told_and_made_later(
    host: Host, mount: Mount
) -> None:
    await asyncio.to_thread(mount, host.videos_path, DISK_MIB)

    def remount(how: str) -> None:
        subprocess.run(
            ["mount", "-o", f"remount,{how}", host.videos_path],
            check=True,
            timeout=TOOL_TIMEOUT_S,
        )

    await asyncio.to_thread(remount, "ro")
    printer = await begin(host, save_frames=True)
    await print_layers(host, printer, 1, 3)
    await printer.tell("complete", "complete")
    assert "Read-only" in (await host.rendered("error"))["error"]
    await asyncio.to_thread(remount, f"rw,size={DISK_MIB + 400}m")
    await printer.timelapse.render()
    assert await host.frames_in((await host.rendered())["video"]) == 3


async def test_videos_when_their_folder_is_removed_in_a_print_then_it_is_made_again(
    host: Host,
) -> None:
    host.videos_path.mkdir(parents=True)
    printer = await begin(host)
    await print_layers(host, printer, 1, 2)
    await asyncio.to_thread(host.videos_path.rmdir)
    await print_layers(host, printer, 3, 3)
    await printer.tell("complete", "complete")
    assert await host.frames_in((await host.rendered())["video"]) == 3


# What is wrong with an ffmpeg, as a script; and what is told of it.
BROKEN = {
    "fails": ("exit 1", "status 1"),
    "crashes": ("kill -SEGV $$", "status -11"),
    "is killed": ("kill -KILL $$", "status -9"),
    "hangs": ("exec sleep 600", "longer than"),
    "says nothing, and makes nothing": ("exit 0", "did not count"),
    "writes garbage": (
        'for last; do :; done; echo garbage > "${last#file:}"',
        "did not count",
    ),
    "is no program": ("", "status 127"),
}


@pytest.mark.parametrize(("body", "told"), BROKEN.values(), ids=BROKEN)
async def test_ffmpeg_when_it_is_broken_then_frames_stay_and_another_makes_the_video(
    host: Host,
    tmp_path: Path,
    body: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = "moonraker_prusacam.video"
    for name in ("segment.START_TIMEOUT_S", "segment.FRAME_TIMEOUT_S"):
        monkeypatch.setattr(f"{module}.{name}", 0.1)
    monkeypatch.setattr(f"{module}.picture.CHECK_TIMEOUT_S", 0.1)
    broken = await asyncio.to_thread(script, tmp_path / "ffmpeg", body)
    if not body:
        await asyncio.to_thread((tmp_path / "ffmpeg").write_bytes, b"\x7fELFno")
    printer = await begin(host, ffmpeg=Path(broken.program))
    await print_layers(host, printer, 1, 3)
    job = printer.timelapse.active
    assert job is not None
    await printer.tell("complete", "complete")
    assert told in (await host.rendered("error"))["error"]
    assert len(frame_names(job)) == 3
    assert not [path for path in job.path.iterdir() if path.name.endswith(".part")]
    await printer.timelapse.aclose()
    monkeypatch.undo()
    again = await host.boot(reserve_mb=1)
    await again.render()
    assert await host.frames_in((await host.rendered())["video"]) == 3


async def test_ffmpeg_when_it_vanishes_in_a_print_then_frames_stay(
    host: Host, tmp_path: Path
) -> None:
    program = tmp_path / "ffmpeg"
    real = await asyncio.to_thread(find_ffmpeg, None)
    program.symlink_to(real)
    printer = await begin(host, ffmpeg=program)
    await print_layers(host, printer, 1, 25)
    program.unlink()
    await print_layers(host, printer, 26, 30)
    await printer.tell("complete", "complete")
    await host.rendered("error")
    program.symlink_to(real)
    await printer.timelapse.render()
    assert await host.frames_in((await host.rendered())["video"]) == 30
