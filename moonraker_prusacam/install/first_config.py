# The first prusacam.conf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration that works, with comments on what one would want to change.

It is written once. After that it is the user's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import InstallError

if TYPE_CHECKING:
    from collections.abc import Collection

# What nginx forwards on hosts of Mainsail and Fluidd, in the order of preference.
PORTS = (8081, 8082, 8083, 8080)
DEFAULT_CAMERA = "front"
DEFAULT_DATA = "printer_data"
TEST_PICTURE = "test:"
USER_INFO = re.compile(r"//[^/]*@")
# As ini.py reads a value: none of these stays what it is.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]|\s#|^[\s#;]|\s$")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")


@dataclass(frozen=True)
class Answers:
    """What was asked: the camera's name, where its pictures come from, and a token."""

    camera: str
    source: str
    token: bytes | None = field(default=None, repr=False)

    def expect_sound(self) -> None:
        """Refuse what cannot be written down; raises InstallError."""
        if not NAME.fullmatch(self.camera):
            raise InstallError(
                "--name: a name has 1 to 64 letters, digits, blanks, '_', '.' or '-'"
            )
        if ":" not in self.source or UNWRITABLE.search(self.source):
            raise InstallError(
                "--camera: that is no source; docs/cameras.md has examples"
            )
        if USER_INFO.search(self.source):
            raise InstallError(
                "--camera: leave user and password out. Install with --camera test: "
                "and then say 'prusacam camera add NAME -', which asks for the address "
                "and keeps the password in a file of its own"
            )


def token_path(data_path: Path, camera: str) -> Path:
    """Where the token is kept, outside of what Mainsail and Fluidd show."""
    return data_path / "prusacam" / "connect" / f"{camera}.token"


def choose_port(taken: Collection[int]) -> int:
    """The first port that nobody listens on and that browsers reach by nginx."""
    return next((port for port in PORTS if port not in taken), PORTS[0])


def first_config(
    answers: Answers, data_path: Path, port: int, *, has_ffmpeg: bool
) -> bytes:
    """The text of the file."""
    engine = []
    if data_path != Path.home() / DEFAULT_DATA:
        engine.append(f"data_path: {data_path}")
    if port != PORTS[0]:
        engine.append(f"port: {port}")
    lines = [
        "# Configuration of prusacam: every option is in docs/configuration.md.",
        "# 'prusacam check' tells what is wrong in it. What you change holds after a",
        "# restart of the service prusacam, which Mainsail and Fluidd can do.",
        "",
        *(["[engine]", *engine, ""] if engine else []),
        f"[camera {answers.camera}]",
    ]
    if answers.source == TEST_PICTURE:
        lines += [
            "# A test picture, since no camera was found. Yours goes in its place:",
            "#   v4l2:/dev/v4l/by-id/NAME                     a USB camera",
            "#   http://127.0.0.1:8080/?action=stream         what crowsnest serves",
            "#   rtsp://ADDRESS/stream1                       a network camera",
        ]
    lines += [
        f"source: {answers.source}",
        "# rotation: 180                  # how viewers turn it: 0, 90, 180 or 270",
        "# flip_horizontal: True",
        "",
    ]
    lines += _timelapse(has_ffmpeg=has_ffmpeg)
    lines += _connect(answers, data_path)
    return "".join(f"{line}\n" for line in lines).encode()


def _timelapse(*, has_ffmpeg: bool) -> list[str]:
    off = "" if has_ffmpeg else "# "
    lines = [
        "# A video of every print. Without this section there are none.",
        f"{off}[timelapse]",
        "# style: smart                   # frames without parking, by Klipper's moves",
        "",
    ]
    if not has_ffmpeg:
        lines[1:1] = ["# It needs ffmpeg: sudo apt install ffmpeg"]
    return lines


def _connect(answers: Answers, data_path: Path) -> list[str]:
    path = token_path(data_path, answers.camera)
    off = "" if answers.token is not None else "# "
    lines = ["# Snapshots to Prusa Connect."]
    if off:
        lines += [
            '# Add a camera there ("Camera", "Add new other camera"), and put its',
            "# token into that file, which only you can read (chmod 600).",
        ]
    return [*lines, f"{off}[connect {answers.camera}]", f"{off}token_file: {path}"]
