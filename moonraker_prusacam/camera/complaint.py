# What a child process complained about, for people.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the end of a program's stderr to one line that may be shown, and what to do.

Programs repeat their arguments when something is wrong with them, and in a command
those may hold passwords. So what stands in the arguments is masked, but for options and
the paths of files and devices.
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MASK = "***"
MOST_CHARACTERS = 160
LEAST_SECRET_CHARACTERS = 3

_TROUBLE = re.compile(
    r"error|fail|unable|cannot|can't|could not|couldn't|invalid|denied|refused|busy"
    r"|not found|no such|no camera|in use|unknown|unrecogni[sz]ed|unsupported|\*\*\*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/]*@)?([^\s?'\"]*)(\?[^\s'\"]*)?")
_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*://([^\s/]*)@")
# The time and the thread, which libcamera writes before what it has to say.
_STAMP = re.compile(r"^(?:\[[\d:.]+\] )?\[\d+\] +")

_CABLE = (
    "is the ribbon cable in firmly, at both ends? rpicam-hello --list-cameras shows "
    "the cameras that the host sees"
)
_IN_USE = (
    "another program has the camera: stop crowsnest, camera-streamer, motion or a "
    "second rpicam-vid"
)
_CLAIMED = (
    "another program has the camera: stop gvfs-gphoto2-volume-monitor, and whatever "
    "has opened it as a drive"
)
_NOT_DETECTED = (
    "is the camera switched on and its cable in? gphoto2 --auto-detect shows what "
    "there is"
)
_GROUP = (
    "let the engine's user have the camera: sudo usermod -aG video USER, and restart "
    "the engine"
)
_OPTION = (
    "this version of the program does not know one of its options: compare them with "
    "its --help"
)
_ENCODER = "this build of ffmpeg has no such encoder: for MJPEG it is -c:v mjpeg"
_ADDRESS = "is the camera switched on, and is that still its address?"

# What programs are known to say, and what helps then. Messages: libcamera and
# rpicam-apps, libgphoto2, ffmpeg, strerror(3).
_ADVICE = (
    ("no cameras available", _CABLE),
    ("in use by another process|failed to acquire camera", _IN_USE),
    ("could not claim the usb device", _CLAIMED),
    ("no camera found|could not detect any camera", _NOT_DETECTED),
    ("device or resource busy", _IN_USE),
    ("permission denied|operation not permitted", _GROUP),
    ("no such device|no such file or directory", "is the camera plugged in?"),
    ("unrecogni[sz]ed option|option not found|(invalid|unknown) option", _OPTION),
    ("unknown encoder|encoder not found", _ENCODER),
    ("connection (refused|timed out)|no route to host|network is unreach", _ADDRESS),
    ("401|unauthori[sz]ed", "compare user and password in the command"),
)


def complaint(stderr: str, arguments: Sequence[str] = ()) -> str:
    """The line of ``stderr`` that tells most, or ""; nothing secret is in it."""
    lines = [_STAMP.sub("", _plain(line)) for line in stderr.splitlines()]
    lines = [line for line in lines if any(map(str.isalnum, line))]
    if not lines:
        return ""
    trouble = (
        line for line in lines if _TROUBLE.search(line) and len(_WORD.findall(line)) > 1
    )
    told = _masked(next(trouble, lines[-1]), arguments)
    return told if len(told) <= MOST_CHARACTERS else told[: MOST_CHARACTERS - 1] + "…"


def advice(stderr: str) -> str:
    """What is known to help against what ``stderr`` says, or ""."""
    told = stderr.lower()
    return next((text for known, text in _ADVICE if re.search(known, told)), "")


def ending(returncode: int | None) -> str:
    """How a process ended, in words."""
    if returncode is None:
        return "was given up"
    if returncode >= 0:
        return f"ended with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"was ended by {name}"


def _plain(line: str) -> str:
    line = _ESCAPE.sub("", line)
    return "".join(filter(str.isprintable, line.replace("\t", " "))).strip()


def _masked(line: str, arguments: Sequence[str]) -> str:
    line = _URL.sub(lambda url: url[1] + url[2] + (f"?{MASK}" if url[3] else ""), line)
    words = {word for argument in arguments for word in _secrets(argument)}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= LEAST_SECRET_CHARACTERS:
            line = line.replace(word, MASK)
    return line


def _secrets(argument: str) -> Iterator[str]:
    """What of an argument may be secret: it may be a script of many words."""
    for word in re.split(r"[\s'\"]+", argument):
        if word.startswith("-"):
            yield word.partition("=")[2]
        elif userinfo := _USERINFO.match(word):
            yield userinfo[1].partition(":")[2]
        elif not word.startswith("/"):
            yield word
            yield word.partition(":")[2]
