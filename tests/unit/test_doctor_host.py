# Tests of the doctor's look at the host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks by tables of mounts and of room, ffmpeg by programs that say what they say."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.config import loads
from moonraker_prusacam.doctor import Finding, State, host
from moonraker_prusacam.doctor.host import (
    Mount,
    examine_disks,
    examine_ffmpeg,
    mount_of,
)
from moonraker_prusacam.errors import FfmpegMissing
from tests.support.video import programs

if TYPE_CHECKING:
    from moonraker_prusacam.config import Config

GB = 10**9
MB = 1 << 20
TABLE = r"""
22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
30 22 8:1 / /mnt/usb\040disk rw,relatime shared:7 - vfat /dev/sda1 rw
31 22 8:17 / /mnt/card ro,relatime - ext4 /dev/sdb1 rw
32 22 8:18 / /mnt/broken rw,relatime - ext4 /dev/sdb2 ro,errors=remount-ro
33 22 0:50 / /mnt/usb\040disk/tmp rw - tmpfs tmpfs rw
34 22 0:51 / /mnt/twice rw - ext4 /dev/sdc1 rw
35 34 0:52 / /mnt/twice rw - nfs4 nas:/x rw
a line of nonsense - x
"""


def config(folder: Path, timelapse: str = "[timelapse]\n") -> Config:
    return loads(
        f"[engine]\ndata_path: {folder}\n[camera front]\nsource: tcp://127.0.0.1:9\n"
        + timelapse
    )


@attrs.frozen
class Room:
    free: int
    total: int = 100 * GB
    used: int = 0


MOUNTS = [
    ("/home/pi/printer_data", Mount(Path("/"), "ext4", "/dev/mmcblk0p2", False)),
    ("/mnt/usb disk/x", Mount(Path("/mnt/usb disk"), "vfat", "/dev/sda1", False)),
    ("/mnt/usb disk/tmp", Mount(Path("/mnt/usb disk/tmp"), "tmpfs", "tmpfs", False)),
    ("/mnt/usb disks", Mount(Path("/"), "ext4", "/dev/mmcblk0p2", False)),
    ("/mnt/card/a/b", Mount(Path("/mnt/card"), "ext4", "/dev/sdb1", True)),
    ("/mnt/broken", Mount(Path("/mnt/broken"), "ext4", "/dev/sdb2", True)),
    ("/mnt/twice", Mount(Path("/mnt/twice"), "nfs4", "nas:/x", False)),
]


@pytest.mark.parametrize(("path", "mount"), MOUNTS)
def test_mount_when_looked_up_then_the_one_that_is_seen(
    path: str, mount: Mount
) -> None:
    assert mount_of(Path(path), TABLE) == mount


@pytest.mark.parametrize("table", ["", "\n", "1 2 3", " - ", "a - b c d"])
def test_mount_when_the_table_is_nonsense_then_none(table: str) -> None:
    assert mount_of(Path("/"), table) is None


async def examined_disks(made: Config) -> list[Finding]:
    findings = list(await examine_disks(made))
    assert all(finding.name == "disk" for finding in findings)
    return findings


async def test_disk_when_there_is_room_then_ok_for_frames_and_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(50 * GB))
    frames, videos = await examined_disks(config(tmp_path))
    assert (frames.state, frames.subject) == (State.OK, "frames")
    assert f"{tmp_path}/prusacam/jobs: 50.0 GB free" in frames.found
    assert (videos.state, videos.subject) == (State.OK, "videos")


async def test_disk_when_there_is_no_timelapse_then_the_state_only(
    tmp_path: Path,
) -> None:
    (state,) = await examined_disks(config(tmp_path, ""))
    assert (state.state, state.subject) == (State.OK, "state")


ROOMS = [
    (Room(200 * MB), "", State.FAILED, "too little to store frames"),
    (Room(3 * GB), "", State.WARNING, "every other frame is left out"),
    (Room(5 * 10**9 - MB), "", State.WARNING, "little room"),
    (Room(600 * MB), "reserve_mb: 500\n", State.OK, "GB free"),
    (Room(450 * MB), "reserve_mb: 500\n", State.WARNING, "500 MB are to stay free"),
]


@pytest.mark.parametrize(("room", "option", "state", "found"), ROOMS)
async def test_disk_when_room_is_short_then_told_what_is_done_about_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: Room,
    option: str,
    state: State,
    found: str,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    finding = (await examined_disks(config(tmp_path, f"[timelapse]\n{option}")))[0]
    assert finding.state is state
    assert found in finding.found
    if state is not State.OK:
        assert "keep_days" in str(finding.remedy)


async def test_disk_when_nothing_can_be_kept_then_failed_without_timelapse_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(MB))
    (finding,) = await examined_disks(config(tmp_path, ""))
    assert finding.state is State.FAILED


KINDS = [
    ("rw - ext4 /dev/sda1 rw", State.OK, "ext4", None),
    ("rw - ext4 /dev/mmcblk0p2 rw", State.OK, "SD card", "spares the card"),
    ("rw - vfat /dev/sda1 rw", State.WARNING, "FAT", "ext4"),
    ("rw - tmpfs tmpfs rw", State.WARNING, "in memory", "ext4"),
    ("rw - cifs //nas/x rw", State.WARNING, "on the network", "ext4"),
    ("ro - ext4 /dev/sda1 rw", State.FAILED, "can only be read", "dmesg"),
    ("rw - ext4 /dev/sda1 ro", State.FAILED, "can only be read", "dmesg"),
]


@pytest.mark.parametrize(("mount", "state", "found", "remedy"), KINDS)
async def test_disk_when_mounted_then_judged_by_its_file_system(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mount: str,
    state: State,
    found: str,
    remedy: str | None,
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 2 8:1 / {tmp_path} {mount}\n")
    monkeypatch.setattr(host, "MOUNTS", table)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(50 * GB))
    finding = (await examined_disks(config(tmp_path)))[0]
    assert finding.state is state
    assert found in finding.found
    assert (remedy or "") in str(finding.remedy)


async def test_disk_when_frames_and_videos_are_apart_then_failed(
    tmp_path: Path,
) -> None:
    elsewhere = "/dev/shm"
    here = await asyncio.to_thread(tmp_path.stat)
    if here.st_dev == (await asyncio.to_thread(Path(elsewhere).stat)).st_dev:
        pytest.skip("both are on one file system here")
    made = config(tmp_path, f"[timelapse]\noutput_path: {elsewhere}/prusacam-test\n")
    found = (await examined_disks(made))[-1]
    assert found.state is State.FAILED
    assert "two file systems" in found.found


async def test_disk_when_the_folder_is_anothers_then_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = (await examined_disks(config(tmp_path)))[0]
    assert finding.state is State.FAILED
    assert "chown" in str(finding.remedy)


async def examined_ffmpeg(made: Config) -> Finding:
    (finding,) = await examine_ffmpeg(made)
    assert finding.name == "ffmpeg"
    return finding


async def test_ffmpeg_when_nothing_is_recorded_then_skipped(tmp_path: Path) -> None:
    finding = await examined_ffmpeg(config(tmp_path, ""))
    assert finding.state is State.SKIPPED


@pytest.mark.parametrize(
    ("sections", "state"),
    [
        ("[multicam]\n", State.SKIPPED),
        ("[multicam]\nvideo: side_by_side\n", State.FAILED),
        ("[multicam]\n[multicam_camera front]\n", State.FAILED),
        ("[multicam]\nencode: False\n[multicam_camera front]\n", State.SKIPPED),
        ("[multicam_camera front]\n", State.SKIPPED),
    ],
)
async def test_ffmpeg_when_multicam_needs_it_then_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sections: str, state: State
) -> None:
    def find(_: Path | None) -> str:
        raise FfmpegMissing("there is none")

    monkeypatch.setattr(host, "find_ffmpeg", find)
    finding = await examined_ffmpeg(config(tmp_path, sections))
    assert finding.state is state


@pytest.mark.parametrize("program", programs())
async def test_ffmpeg_when_it_is_able_then_ok_with_its_version(
    tmp_path: Path, program: str
) -> None:
    made = config(tmp_path, f"[timelapse]\nffmpeg: {program}\ncaption: x\n")
    finding = await examined_ffmpeg(made)
    assert finding.state is State.OK
    assert ", version " in finding.found


def script(folder: Path, body: str) -> Path:
    file = folder / "ffmpeg"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


SCRIPTS = [
    ("exit 3", "", State.FAILED, "status 3"),
    ("echo 'ffmpeg version 5.1'", "", State.FAILED, "has no libx264"),
    (
        "echo 'ffmpeg version 5.1'; echo ' V..... libx264 x'",
        "caption: x\n",
        State.WARNING,
        "no drawtext",
    ),
    (
        "echo 'ffmpeg version 5.1'; echo ' V..... libx264 x'",
        "",
        State.OK,
        "version 5.1",
    ),
]


@pytest.mark.parametrize(("body", "option", "state", "found"), SCRIPTS)
async def test_ffmpeg_when_it_says_what_it_can_then_judged_by_that(
    tmp_path: Path, body: str, option: str, state: State, found: str
) -> None:
    file = script(tmp_path, body)
    made = config(tmp_path, f"[timelapse]\nffmpeg: {file}\n{option}")
    finding = await examined_ffmpeg(made)
    assert finding.state is state
    assert found in finding.found
    assert (finding.remedy is None) == (state is State.OK)


async def test_ffmpeg_when_there_is_none_then_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    finding = await examined_ffmpeg(config(tmp_path))
    assert finding.state is State.FAILED
    assert finding.remedy == "sudo apt install ffmpeg"
    made = config(tmp_path, f"[timelapse]\nffmpeg: {tmp_path}/none\n")
    assert "cannot be run" in (await examined_ffmpeg(made)).found
