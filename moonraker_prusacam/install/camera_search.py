# Cameras that this host has.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``source:`` could say: found without opening anything, the likeliest first.

A camera that a streamer has already is read from the streamer: most can be opened once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .settings import Settings, read_settings

if TYPE_CHECKING:
    from .host import Host

FEED_PORT = 9000
STREAMER_PORT = 8080
PI_SENSORS = ("unicam", "rp1-cfe")
PI_PROGRAMS = ("rpicam-vid", "libcamera-vid")
PI_OPTIONS = "-t 0 -n --codec mjpeg --width 1280 --height 720 --framerate 15"
LISTEN = "0A"


@dataclass(frozen=True)
class Found:
    """A source, and what people know it by."""

    source: str
    what: str


def find_cameras(host: Host, config_path: Path) -> list[Found]:
    """Streamers, the Raspberry Pi's camera, USB cameras."""
    crowsnest = read_settings(config_path / "crowsnest.conf")
    ports = listening_ports(host)
    found = [*_of_crowsnest(crowsnest)]
    taken = {_device(host, one.get("device", "")) for one in crowsnest.values()}
    known = {one.source for one in found}
    if FEED_PORT in ports:
        found.append(Found(f"tcp://127.0.0.1:{FEED_PORT}", "a feed on port 9000"))
    stream = f"http://127.0.0.1:{STREAMER_PORT}/?action=stream"
    if STREAMER_PORT in ports and not any(f":{STREAMER_PORT}/" in one for one in known):
        found.append(Found(stream, "a streamer on port 8080"))
    program = pi_program(host)
    if program and _has_pi_camera(host) and not _has_pi_mode(crowsnest):
        source = f"exec:{program} {PI_OPTIONS} -o -"
        found.append(Found(source, "the camera of the Raspberry Pi"))
    for link in sorted(host.at("/dev/v4l/by-id").glob("*-video-index0")):
        if link.resolve() not in taken:
            name = link.name.removesuffix("-video-index0").removeprefix("usb-")
            source = f"v4l2:/dev/v4l/by-id/{link.name}"
            found.append(Found(source, f"USB camera {name.replace('_', ' ')}"))
    return found


def listening_ports(host: Host) -> set[int]:
    """TCP ports that somebody listens on."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = host.at(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 3 and fields[3] == LISTEN:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found


def pi_program(host: Host) -> str:
    """The program that reads the Raspberry Pi's camera, or ""."""
    places = (host.at(f"/usr/bin/{name}") for name in PI_PROGRAMS)
    return next((place.name for place in places if place.exists()), "")


def _of_crowsnest(settings: Settings) -> list[Found]:
    """What crowsnest.conf has cameras of: ``[cam NAME]`` with port and mode."""
    found = []
    for name, options in settings.items():
        port = options.get("port", "")
        if not name.startswith("cam ") or not port.isdecimal():
            continue
        mode = options.get("mode", "ustreamer")
        path = "stream" if mode == "camera-streamer" else "?action=stream"
        source = f"http://127.0.0.1:{port}/{path}"
        what = f"crowsnest's camera {name.removeprefix('cam ')} ({mode})"
        found.append(Found(source, what))
    return found


def _has_pi_mode(settings: Settings) -> bool:
    return any(
        one.get("mode") == "camera-streamer" or "/base/" in one.get("device", "")
        for one in settings.values()
    )


def _has_pi_camera(host: Host) -> bool:
    for file in host.at("/sys/class/video4linux").glob("video*/name"):
        try:
            if file.read_text().startswith(PI_SENSORS):
                return True
        except OSError:
            continue
    return False


def _device(host: Host, written: str) -> Path:
    return host.at(written).resolve() if written.startswith("/") else Path(written)
