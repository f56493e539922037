# What is wrong with a V4L2 device, in words.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the number of a failed call to what a person can do about it.

The kernel has few numbers: ENOSPC is said of a USB bus on which no room is left, and
EBUSY of a camera that another program watches. So the words come from what was asked
and from what else this host knows.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from linuxpy.video import raw

from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceUnavailable,
    SourceUnfit,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .device import CallFailed, Identity
    from .modes import Format

BY_ID = Path("/dev/v4l/by-id")
PROCESSES = Path("/proc")
PICTURES = "-video-index0"
MOST_CAMERAS_TOLD = 5

ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
NO_RIGHT = (errno.EACCES, errno.EPERM)
# Said of requests that only a camera knows.
NO_CAMERA = (errno.ENOTTY, errno.EINVAL, errno.EISDIR)
SILENT = (errno.EIO, errno.EPROTO, errno.ETIMEDOUT, errno.EPIPE, errno.EILSEQ)

OTHER_CAMERA = "USB cameras with MJPG, YUYV or H264 work; most have the first"
_PLUG = "unplug it and plug it in again; does it have a good cable, and enough power?"
_BOARD = "if it is a camera on the board's ribbon cable, use source: exec:rpicam-vid …"
_VIDEO = raw.Capability


def explain(error: CallFailed, path: str) -> SourceError:
    """Why the device at ``path`` cannot be used; it looks at files, which may block."""
    if error.call == "open":
        if error.errno in ABSENT:
            return SourceUnavailable(f"{path} is not there", advice=_other_cameras())
        if error.errno in NO_RIGHT:
            return SourceRefused(
                f"the engine has no right to open {path}", advice=_group(path)
            )
    if error.errno in NO_CAMERA and error.call in ("open", "QUERYCAP"):
        return SourceUnfit(f"{path} is no video device", advice=_other_cameras())
    if error.is_gone:
        return SourceUnavailable(
            f"{path} was unplugged",
            advice="it goes on by itself when the camera is back; did the printer's "
            "motors or heaters switch just then?",
        )
    if error.errno == errno.EBUSY:
        return busy(path)
    if error.errno == errno.ENOSPC:
        return crowded(path)
    if error.errno in SILENT:
        return SourceUnavailable(
            f"{path} does not answer ({os.strerror(error.errno)})", advice=_PLUG
        )
    if error.errno == errno.ENOMEM:
        return SourceUnavailable(
            f"this host has no memory left for the pictures of {path}",
            advice="choose a lower resolution",
        )
    return SourceUnavailable(f"{path}: {error}", advice=_PLUG)


def check(identity: Identity, path: str) -> None:
    """Raise SourceUnfit unless the node gives pictures."""
    if identity.can(_VIDEO.VIDEO_CAPTURE) and identity.can(_VIDEO.STREAMING):
        return
    if identity.can(_VIDEO.META_CAPTURE):
        raise SourceUnfit(
            f"{path} gives the camera's metadata, not its pictures",
            advice=_node_of_pictures(path),
        )
    if identity.can(_VIDEO.VIDEO_CAPTURE_MPLANE):
        raise SourceUnfit(
            f"{path} is a part of the board ({identity.driver}), not a USB camera",
            advice=_BOARD,
        )
    raise SourceUnfit(
        f"{path} is no camera, but {identity.card or identity.driver}",
        advice=_other_cameras(),
    )


def unreadable(identity: Identity, formats: Iterable[Format], path: str) -> SourceUnfit:
    """No format that the camera has can be made JPEGs of."""
    there = ", ".join(offered.name for offered in formats) or "no pictures"
    return SourceUnfit(
        f"{path} gives {there}: nothing that can be read",
        advice=OTHER_CAMERA if identity.bus.startswith("usb") else _BOARD,
    )


def busy(path: str) -> SourceUnavailable:
    """Another program has the camera: which, and how to share it."""
    who = ", ".join(holders(path)) or "another program"
    return SourceUnavailable(
        f"{who} has {path}",
        advice="a camera gives its pictures to one program only: stop that one "
        "(crowsnest: take the camera out of crowsnest.conf), or read it instead, with "
        "source: http://127.0.0.1:8080/?action=stream",
    )


def crowded(path: str) -> SourceUnavailable:
    """The bus has no bandwidth left."""
    return SourceUnavailable(
        f"USB has no room left for the pictures of {path}",
        advice="plug the cameras into different ports, without a hub between; or "
        "choose a lower resolution or fps",
    )


def holders(path: str) -> list[str]:
    """Programs that have the node open, as far as this user may know."""
    node = Path(path).resolve()
    found = []
    for process in PROCESSES.iterdir():
        # Processes end, and others' cannot be looked into.
        with suppress(OSError):
            if not process.name.isdigit():
                continue
            count = sum(link.readlink() == node for link in (process / "fd").iterdir())
            if process.name == str(os.getpid()):
                if count > 1:
                    found.append("another [camera] section")
            elif count:
                name = (process / "comm").read_text().strip()
                found.append(f"{name} (process {process.name})")
    return sorted(found)


def cameras() -> list[str]:
    """The nodes of this host's USB cameras, by names that stay."""
    with suppress(OSError):
        return sorted(
            str(node) for node in BY_ID.iterdir() if node.name.endswith(PICTURES)
        )
    return []


def _other_cameras() -> str:
    there = cameras()
    if not there:
        return "is the camera plugged in? There is no USB camera at all"
    return f"is the camera plugged in? There is {', '.join(there[:MOST_CAMERAS_TOLD])}"


def _node_of_pictures(path: str) -> str:
    name, index, _ = path.rpartition("-video-index")
    if index and path != f"{name}{PICTURES}":
        return f"use {name}{PICTURES}"
    there = ", ".join(cameras()[:MOST_CAMERAS_TOLD])
    return f"use {there}" if there else "use the camera's first node"


def _group(path: str) -> str:
    group = "video"
    with suppress(OSError, KeyError):
        group = grp.getgrgid(os.stat(path).st_gid).gr_name  # noqa: PTH116
    user = str(os.geteuid())
    with suppress(KeyError):
        user = pwd.getpwuid(os.geteuid()).pw_name
    return f"sudo usermod -aG {group} {user}, and restart the engine"
