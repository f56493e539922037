# The host that the engine runs on.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks that frames and videos go to, and the ffmpeg that makes videos of them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.disk import MIN_FREE_BYTES, DiskGuard, DiskStage
from moonraker_prusacam.errors import FfmpegMissing, RenderError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.video import FFmpeg

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.config import Config

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")
STATE_BYTES = 16 << 20  # identities and the like; pictures are counted apart
GB = 1e9
MB = 1 << 20
NOT_DURABLE = {
    "tmpfs": "in memory: all of it is lost when the host restarts",
    "ramfs": "in memory: all of it is lost when the host restarts",
    "vfat": "FAT: a power cut can damage it, and everybody can read the files",
    "exfat": "exFAT: a power cut can damage it, and everybody can read the files",
    "ntfs": "NTFS: a power cut can damage it",
    "ntfs3": "NTFS: a power cut can damage it",
    "fuseblk": "a foreign file system: a power cut can damage it",
    "nfs": "on the network: a print is not recorded while that is away",
    "nfs4": "on the network: a print is not recorded while that is away",
    "cifs": "on the network: a print is not recorded while that is away",
}
SD_CARD = re.compile(r"/dev/mmcblk\d")
REPLACE_CARD = (
    "a card that fails is switched to read-only: look at 'dmesg', copy what you need, "
    "and replace it"
)


@attrs.frozen
class Mount:
    """A line of mountinfo (proc_pid_mountinfo(5)), as far as it matters here."""

    point: Path
    kind: str
    device: str
    is_read_only: bool


def mount_of(path: Path, table: str) -> Mount | None:
    """What ``path``, resolved, lies on; None where the table does not tell."""
    found: Mount | None = None
    for line in table.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if not separator or len(fields) < 6 or len(kind) < 2:
            continue
        point = Path(_unescaped(fields[4]))
        # Of several at one place the last one is seen.
        if path.is_relative_to(point) and (
            found is None or len(point.parts) >= len(found.point.parts)
        ):
            options = (*fields[5].split(","), *kind[-1].split(","))
            found = Mount(point, kind[0], _unescaped(kind[1]), "ro" in options)
    return found


async def examine_disks(config: Config) -> Sequence[Finding]:
    """Room, file system and rights of each folder that is written to."""
    return await asyncio.to_thread(_look_at_disks, config)


async def examine_ffmpeg(config: Config) -> Sequence[Finding]:
    """Whether videos can be made."""
    state, found, remedy = await _look_at_ffmpeg(config)
    return [Finding("ffmpeg", state, found, remedy)]


def _look_at_disks(config: Config) -> list[Finding]:
    table = MOUNTS.read_text(errors="replace")
    if config.timelapse is None:
        return [_look_at_folder(config, "state", config.engine.state_path, table)]
    folders = {"frames": config.jobs_path, "videos": config.videos_path}
    findings = [
        _look_at_folder(config, what, folder, table) for what, folder in folders.items()
    ]
    jobs, videos = (existing(path) for path in (config.jobs_path, config.videos_path))
    if jobs.stat().st_dev != videos.stat().st_dev:
        findings.append(
            Finding(
                "disk",
                State.FAILED,
                f"{config.jobs_path} and {config.videos_path} are on two file systems: "
                "a video cannot be put in its place in one step",
                "set [timelapse] jobs_path to a folder beside output_path",
            )
        )
    return findings


def _look_at_folder(config: Config, what: str, folder: Path, table: str) -> Finding:
    state, found, remedy = _judge_folder(config, folder, table)
    return Finding("disk", state, f"{folder}: {found}", remedy, what)


def _judge_folder(
    config: Config, folder: Path, table: str
) -> tuple[State, str, str | None]:
    place = existing(folder)
    mount = mount_of(place.resolve(), table)
    if mount is not None and mount.is_read_only:
        return (
            State.FAILED,
            f"{mount.point}, which holds it, can only be read",
            REPLACE_CARD,
        )
    if not os.access(place, os.W_OK | os.X_OK):
        remedy = f"sudo chown -R USER {place}, with the user of the engine"
        return State.FAILED, "this user cannot write there", remedy
    usage = shutil.disk_usage(place)
    inodes = os.statvfs(place)
    if inodes.f_files and not inodes.f_favail:
        return State.FAILED, "there is no room for one more file", _make_room(place)
    scarce = _judge_room(config, place, usage.free, usage.total)
    if scarce is not None:
        return *scarce, _make_room(place)
    room = f"{usage.free / GB:.1f} GB free of {usage.total / GB:.1f} GB"
    if mount is None:
        return State.OK, room, None
    if reason := NOT_DURABLE.get(mount.kind):
        remedy = "use a folder on the host's own disk, with ext4"
        return State.WARNING, f"{room}; {reason}", remedy
    if SD_CARD.match(mount.device) and config.timelapse is not None:
        remedy = (
            "nothing has to be done; a USB disk for [timelapse] jobs_path and "
            "output_path spares the card"
        )
        return State.OK, f"{room}, {mount.kind} on an SD card", remedy
    return State.OK, f"{room}, {mount.kind}", None


def _judge_room(
    config: Config, place: Path, free_bytes: int, total_bytes: int
) -> tuple[State, str] | None:
    """What is scarce, None where there is plenty."""
    free = f"{free_bytes / MB:.0f} MB free"
    if config.timelapse is None:
        short = free_bytes < STATE_BYTES
        return (State.FAILED, f"{free}: nothing can be kept") if short else None
    if free_bytes < MIN_FREE_BYTES:
        return State.FAILED, f"{free}: too little to store frames and videos"
    guard = DiskGuard(place, config.timelapse.reserve_mb * MB)
    stage = guard.stage()
    if stage is DiskStage.PLENTY:
        return None
    kept = f"{guard.reserve(total_bytes) / MB:.0f} MB are to stay free"
    what = "every other frame is left out" if stage is DiskStage.THIN else "little room"
    return State.WARNING, f"{free}, {kept}: {what}"


def _make_room(folder: Path) -> str:
    return (
        f"remove what is not needed, old videos first ('du -xh {folder} | sort -h'); "
        "keep_days or keep_mb in [timelapse] remove videos by themselves"
    )


async def _look_at_ffmpeg(config: Config) -> tuple[State, str, str | None]:
    tracks = () if config.timelapse is None else (config.timelapse, *config.tracks)
    together = config.multicam.multicam
    joins = together is not None and together.video != "off"
    recodes = together is not None and together.encode and config.multicam.cameras
    if not (tracks or joins or recodes):
        return State.SKIPPED, "no videos are made", None
    install = "sudo apt install ffmpeg"
    try:
        program = await asyncio.to_thread(find_ffmpeg, config.ffmpeg)
    except FfmpegMissing as error:
        if config.ffmpeg is not None:
            return State.FAILED, str(error), "name an ffmpeg there, or leave it out"
        return State.FAILED, "there is none: no video can be made", install
    try:
        features = await FFmpeg(program).features()
    except RenderError as error:
        return State.FAILED, f"{program}: {error}", f"install it anew: {install}"
    if "libx264" not in features.encoders:
        return State.FAILED, f"{program} has no libx264, which makes videos", install
    version = ".".join(map(str, features.version))
    is_captioned = any(track.caption or track.progress_bar for track in tracks)
    is_named = together is not None and joins and together.video_names
    if (is_captioned or is_named) and "drawtext" not in features.filters:
        found = f"{program} cannot write captions: it has no drawtext"
        return State.WARNING, found, install
    return State.OK, f"{program}, version {version}", None


def existing(path: Path) -> Path:
    """``path``, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _unescaped(text: str) -> str:
    return ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
