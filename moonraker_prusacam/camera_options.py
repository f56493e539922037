# Options of the cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[camera NAME]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - attrs resolves it
from typing import TYPE_CHECKING, cast

import attrs

from .option import boolean, choice, integer, number, option, secret_path, text
from .orientation import Orientation
from .secret import Secret
from .source_url import SourceUrl, source_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .ini import Option

STALE_AFTER_S = 5.0
# A poll that is late or fails once makes nothing stale.
STALE_INTERVALS = 2.5
CONTROL_NAME = re.compile(r"[a-z0-9_]{1,63}")
BAMBU_USER = "bblp"
MAX_SECRET_BYTES = 1024


@attrs.frozen
class Credentials:
    """Who the camera is told that we are."""

    user: str
    password: Secret


def address(value: SourceUrl | str) -> SourceUrl:
    """A parsed source; so a program may write the text that a user would."""
    return value if isinstance(value, SourceUrl) else source_url(value)


def secret_text(value: str) -> Secret:
    """Text of one line."""
    try:
        return Secret(text(value))
    except ValueError as error:
        raise ValueError(str(error)) from None


def resolution(value: str) -> tuple[int, int]:
    """``1280x720``."""
    width, times, height = value.lower().partition("x")
    try:
        size = int(width), int(height)
    except ValueError:
        size = (0, 0)
    if not times or not all(16 <= side <= 16384 for side in size):
        raise ValueError(f"{value!r} is no resolution such as 1280x720")
    return size


def controls(value: str) -> tuple[tuple[str, int], ...]:
    """``name=number`` by commas or line ends."""
    pairs: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in re.split(r"[,\n]", value))):
        name, _, setting = (part.strip() for part in pair.partition("="))
        try:
            number_of = int(setting)
        except ValueError:
            raise ValueError(f"{pair!r} is not of the form name=number") from None
        if not CONTROL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a control, see: v4l2-ctl -l")
        if name in pairs:
            raise ValueError(f"{name} is set twice")
        pairs[name] = number_of
    return tuple(pairs.items())


@attrs.frozen
class CameraConfig:
    """``[camera NAME]``: where a camera's frames come from, how viewers see them."""

    name: str
    source: SourceUrl = attrs.field(
        converter=address,
        kw_only=True,
        metadata={
            "parse": source_url,
            "doc": "Where frames come from, see [cameras.md](cameras.md)",
            "option": "",
            "unset": "",
        },
    )
    username: str | None = option(
        text,
        "Who to log in as, for `http` and `rtsp`; or `http://user:password@host/`",
        default=None,
    )
    password: Secret | None = option(secret_text, "The password for that", default=None)
    password_file: Path | None = option(
        secret_path, "A file that holds the password", default=None
    )
    access_code: Secret | None = option(
        secret_text,
        "The access code of a Bambu Lab printer, from its network settings",
        default=None,
    )
    access_code_file: Path | None = option(
        secret_path, "A file that holds the access code", default=None
    )
    certificate: str = option(
        choice("auto", "verify", "pin"),
        "`verify`: an encrypted camera's certificate must be signed by "
        "somebody that this host trusts; `pin`: it must be the one of the "
        "first time; `auto`: `verify` for `https`, `pin` for `rtsps` and "
        "`bambu`",
        default="auto",
    )
    on_demand: bool = option(
        boolean, "Read the camera only while something wants its frames", default=False
    )
    grace_s: float = option(
        number(1, 3600),
        "Seconds that such a camera goes on after the last one left",
        default=30.0,
        name="grace",
    )
    warmup_frames: int = option(
        integer(0, 120),
        "Frames after each start that are too dark or too green to be shown",
        default=0,
    )
    interval_s: float = option(
        number(0.1, 3600),
        "Seconds between pictures of a `snapshot+http` source",
        default=1.0,
        name="interval",
    )
    fps: float = option(
        number(0, 120),
        "Frames a second: what a `v4l2` or `test` camera is asked for, or "
        "the most that is decoded of `rtsp` and `bambu`; 0: 15 of the "
        "former, 10 of the latter",
        default=0.0,
    )
    resolution: tuple[int, int] | None = option(
        resolution,
        "Size that a `v4l2` or `test` camera is asked for",
        default=None,
        unset="`1280x720`, or near it",
    )
    controls: tuple[tuple[str, int], ...] = option(
        controls,
        "Controls of a `v4l2` camera, `focus_auto=0, brightness=128`",
        default=(),
    )
    decode: str = option(
        choice("all", "keyframes"),
        "Which pictures of an `rtsp` source are decoded; `keyframes` takes "
        "little CPU and gives a frame every second or few",
        default="all",
    )
    quality: int = option(
        integer(1, 100), "JPEG quality of frames that have to be encoded", default=80
    )
    stale_after_s: float = option(
        number(0.5, 3600),
        "Age in seconds from which a frame is no longer served as live",
        default=None,
        unset="5, or 2.5 times `interval`",
        name="stale_after",
    )
    max_frame_bytes: int = option(
        integer(64 << 10, 64 << 20),
        "Larger frames are dropped and counted",
        default=8 << 20,
    )
    insert_dht: bool = option(
        boolean,
        "Add the standard Huffman tables to frames without any, as some USB "
        "cameras send them",
        default=True,
    )
    strip_app: bool = option(
        boolean,
        "Leave APP1 and APP2 (EXIF, colour profile) out of frames; pictures "
        "inside metadata are always left out, since some viewers trip over "
        "them",
        default=False,
    )
    target_fps: int = option(
        integer(1, 120),
        "Frames a second that viewers which poll snapshots are told",
        default=15,
    )
    rotation: int = option(
        choice(0, 90, 180, 270),
        "How viewers turn the picture, in degrees clockwise, before it is flipped",
        default=0,
    )
    flip_horizontal: bool = option(
        boolean, "Viewers mirror the picture, after they turned it", default=False
    )
    flip_vertical: bool = option(
        boolean,
        "Viewers turn the picture upside down, after `rotation`",
        default=False,
    )
    webcam_url: str | None = option(
        text,
        "Base address that browsers use: `/webcam/` for port 8080, "
        "`/webcam2/` for 8081, `/webcam3/` for 8082, `/webcam4/` for 8083, "
        "else `http://host:port/`",
        default=None,
        unset="by the port",
    )

    def __attrs_post_init__(self) -> None:
        if cast("float | None", self.stale_after_s) is None:
            usual_s = STALE_AFTER_S
            if self.source.scheme.startswith("snapshot+"):
                usual_s = max(usual_s, STALE_INTERVALS * self.interval_s)
            object.__setattr__(self, "stale_after_s", usual_s)

    @property
    def orientation(self) -> Orientation:
        """Which way up viewers show it."""
        return Orientation(self.flip_horizontal, self.flip_vertical, self.rotation)

    @property
    def credentials(self) -> Credentials | None:
        """Whom and what the camera wants to hear, if anything is configured."""
        if self.access_code is not None:
            return Credentials(BAMBU_USER, self.access_code)
        user = self.username if self.username is not None else self.source.user
        password = self.password or self.source.password
        if user is None and password is None:
            return None
        return Credentials(user or "", password or Secret(""))

    @property
    def pins_certificate(self) -> bool:
        """Whether the certificate of the first time is the only good one."""
        if self.certificate == "auto":
            return self.source.scheme in ("rtsps", "bambu")
        return self.certificate == "pin"


@attrs.frozen
class Mistake:
    """What is wrong with a section as a whole, and at which option."""

    text: str
    option: str | None = None


def mistakes(camera: CameraConfig, written: Mapping[str, Option]) -> list[Mistake]:
    """What options of one section say against each other."""
    found = [
        Mistake(f"needs either '{name}' or '{name}_file'", name)
        for name in ("password", "access_code")
        if name in written and f"{name}_file" in written
    ]
    is_bambu = camera.source.scheme == "bambu"
    if is_bambu and camera.certificate == "verify":
        text_of = "a printer's certificate names no host: it can only be pinned"
        found.append(Mistake(text_of, "certificate"))
    has_code = "access_code" in written or "access_code_file" in written
    if is_bambu and not has_code:
        found.append(
            Mistake(
                "needs 'access_code' or 'access_code_file': the printer shows the code "
                "in its network settings"
            )
        )
    if has_code and not is_bambu:
        found.append(Mistake("'access_code' is for bambu:// only"))
    names = ("username", "password", "password_file")
    if any(name in written for name in names):
        if not camera.source.takes_user:
            found.append(Mistake("'username' and 'password' are for http and rtsp"))
        elif camera.source.user is not None:
            found.append(Mistake("has a user in 'source' and in options of its own"))
    interval_s, stale_s = camera.interval_s, camera.stale_after_s
    is_polled = camera.source.scheme.startswith("snapshot+")
    if is_polled and "stale_after" in written and stale_s <= interval_s:
        text_of = f"is not more than the interval of {interval_s:g} s"
        found.append(Mistake(text_of, "stale_after"))
    return found
