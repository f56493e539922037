# Tests of what a power cut leaves of a timelapse.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ext4 file system in a file, which is copied while a print is recorded.

What has not reached the file is what a power cut loses: the copy is mounted, which
replays the journal, and an engine starts on it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.timelapse import Host, Printer

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE_MB = 48
TOOL_TIMEOUT_S = 30.0


def run(*command: str | Path) -> None:
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S
    )


class Disk:
    """An image and where it is mounted."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image = image
        self.place = place
        place.mkdir()
        run("mount", "-o", "loop", image, place)

    def cut(self, image: Path) -> None:
        """Copy what is on the disk, with everybody who writes standing still."""
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
        writers = [int(pid) for pid in children.read_text().split()]
        for pid in writers:
            os.kill(pid, signal.SIGSTOP)
        try:
            shutil.copyfile(self.image, image)
        finally:
            for pid in writers:
                os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        run("umount", "--lazy", self.place)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    if not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        pytest.skip("there is no mkfs.ext4, or there are no loop devices")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(IMAGE_MB << 20)
    run("mkfs.ext4", "-q", "-F", image)
    try:
        made = Disk(image, tmp_path / "disk")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a loop device cannot be mounted here: {error.stderr.strip()}")
    yield made
    made.close()


@pytest.mark.parametrize("frames", [1, 7, 24, 25, 26, 30, 51])
async def test_power_cut_when_frames_were_stored_then_none_is_lost(
    disk: Disk, tmp_path: Path, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonraker_prusacam.disk.MIN_FREE_BYTES", 0)
    before = Host(disk.place)
    try:
        printer = Printer(await before.boot(reserve_mb=1))
        await printer.begin()
        for number in range(1, frames + 1):
            await printer.print_layers(number, number)
            await before.frames(number)
        # The loop stands still, and with it everything but ffmpeg.
        disk.cut(tmp_path / "cut.img")
    finally:
        await before.aclose()
    left = await asyncio.to_thread(Disk, tmp_path / "cut.img", tmp_path / "left")
    after = Host(left.place)
    try:
        again = await after.boot(reserve_mb=1)
        assert again.active is not None
        printer.timelapse = again
        await printer.tell("sync")
        await printer.tell("complete", "complete")
        job = await after.rendered()
        assert (job["frames"], job["gaps"]) == (frames, 0)
        assert await after.frames_in(job["video"]) == frames
    finally:
        await after.aclose()
        await asyncio.to_thread(left.close)
