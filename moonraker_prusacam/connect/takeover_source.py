# Another uploader's camera, as a source of ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the address or the command of an existing uploader to what ``source:`` says.

Its commands take one picture and end; a source goes on. So a command is not taken over,
but what it reads: the address in it, a USB camera, the Raspberry Pi's camera.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from itertools import pairwise
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

import attrs

from moonraker_prusacam.secret import Secret
from moonraker_prusacam.source_url import source_url

# For each program that takes one picture, the one beside it that goes on; and how that
# one is told which camera.
NEW_FEED = "{}-vid -t 0 -n --codec mjpeg --width 1280 --height 720 --framerate 15 -o -"
OLD_FEED = "raspivid -t 0 -n -cd MJPEG -w 1280 -h 720 -fps 15 -o -"
FEEDS = {
    "rpicam-still": (NEW_FEED.format("rpicam"), "--camera"),
    "libcamera-still": (NEW_FEED.format("libcamera"), "--camera"),
    "raspistill": (OLD_FEED, "-cs"),
}
# They read what the setting CAMERA_DEVICE names.
DEVICE_COMMANDS = (*FEEDS, "fswebcam")
FFMPEG = "ffmpeg -loglevel error -i {} -an -c:v mjpeg -q:v 4 -f mjpeg -"
LINK = re.compile(r"(?:https?|rtsps?|tcp)://[^\s'\"]+")
# What ffmpeg reads over HTTP, and is no MJPEG.
VIDEOS = (".m3u8", ".mpd", ".mp4", ".flv", ".ts", ".webm")
PICTURES = (".jpg", ".jpeg")
# What stands in a query and is no secret.
HARMLESS = {"action", "src"}
CURL_USER = ("-u", "--user")
DEFAULT_DEVICE = "/dev/video0"


@attrs.frozen
class Found:
    """What belongs behind ``source:``, and how people are shown it."""

    text: Secret
    shown: str

    @property
    def is_masked(self) -> bool:
        """Whether people are shown less than what it is."""
        return self.shown != self.text.reveal()


def of_address(address: str, *, gives_one_picture: bool) -> Found:
    """The source of an address; raises ValueError, without the address."""
    is_polled = gives_one_picture and split(address).scheme in ("http", "https")
    return _found(f"snapshot+{address}" if is_polled else address)


def of_command(command: str, parameters: str, device: str) -> Found:
    """The source of a command that takes a picture; ValueError: why there is none.

    ``parameters`` are the rest of its line, ``device`` is which camera of this host.
    """
    if command in FEEDS:
        return _found(f"exec:{_feed(command, device)}")
    if command == "fswebcam":
        return _found(f"v4l2:{device or DEFAULT_DEVICE}")
    try:
        words = shlex.split(parameters)
    except ValueError:
        raise ValueError("has a quote that is not closed") from None
    if "v4l2" in words and (named := _after(words, "-i")):
        return _found(f"v4l2:{named}")
    link = next(filter(LINK.fullmatch, words), None)
    if link is None:
        raise ValueError("takes one picture and ends, while a source goes on")
    if command != "ffmpeg":
        user = next(filter(None, (_after(words, name) for name in CURL_USER)), "")
        return of_address(_with_user(link, user), gives_one_picture=True)
    path = split(link).path.lower()
    if path.endswith(VIDEOS):
        if _has_secret(link):
            raise ValueError("needs a command that shows a password to others here")
        return _found(f"exec:{FFMPEG.format(shlex.quote(link))}")
    return of_address(link, gives_one_picture=path.endswith(PICTURES))


def split(address: str) -> SplitResult:
    """The parts of an address; nothing in them where it is none."""
    with contextlib.suppress(ValueError):
        return urlsplit(address)
    return urlsplit("")


def _found(text: str) -> Found:
    source = source_url(text)
    return Found(Secret(text), str(source) if _has_secret(text) else text)


def _has_secret(text: str) -> bool:
    link = LINK.search(text)
    parts = split(link[0] if link else "")
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return parts.username is not None or not names <= HARMLESS


def _feed(command: str, device: str) -> str:
    """The command that goes on; a camera is told by the number in its device's name."""
    feed, option = FEEDS[command]
    number = re.search(r"\d+", device)
    if number is None or int(number[0]) == 0:
        return feed
    return f"{feed} {option} {int(number[0])}"


def _after(words: list[str], option: str) -> str:
    """What follows ``option``, or ""."""
    return dict(pairwise(words)).get(option, "")


def _with_user(link: str, user: str) -> str:
    scheme, _, rest = link.partition("://")
    if not user or split(link).username is not None:
        return link
    pair = ":".join(quote(part, safe="") for part in user.split(":", 1))
    return f"{scheme}://{pair}@{rest}"
