# Options of the uploads to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[connect NAME]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - attrs resolves it
from urllib.parse import urlsplit

import attrs

from .errors import ConfigError
from .option import boolean, choice, integer, option, secret_path, url
from .secret import Secret

TRIGGER_SCHEMES = (
    "TEN_SEC",
    "THIRTY_SEC",
    "SIXTY_SEC",
    "TEN_MIN",
    "EACH_LAYER",
    "FIFTH_LAYER",
    "GCODE",
    "MANUAL",
)
TOKEN_LENGTH = 20
TOKEN_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
LEAST_PERCENT = 5
SOCKET_IO_PATHS = ("", "/", "/socket.io", "/socket.io/")
TAIL = re.compile(r"printing\s*\+\s*(\d{1,5})\s*(min|m)", re.IGNORECASE)


def token(value: str) -> Secret:
    """20 letters, digits, ``-`` or ``_``; raises ValueError.

    Blanks around it are trimmed.
    """
    stripped = value.strip()
    if not TOKEN_ALPHABET.fullmatch(stripped):
        raise ValueError(
            "the token holds a character that no token of Prusa Connect has; "
            "it consists of letters, digits, - and _"
        )
    if len(stripped) != TOKEN_LENGTH:
        raise ValueError(
            f"a token of Prusa Connect has {TOKEN_LENGTH} characters, "
            f"this one has {len(stripped)}"
        )
    return Secret(stripped)


def signaling_url(value: str) -> str:
    """``wss://HOST``; raises ValueError.

    The address of a Socket.IO server, whose path is always the same.
    """
    parsed = url("wss", "https", "ws", "http")(value)
    if urlsplit(parsed).path not in SOCKET_IO_PATHS:
        raise ValueError("has a path; an address is like wss://HOST")
    return parsed


@attrs.frozen
class UploadWhen:
    """Whether uploads wait for a print; ``tail_s`` is how long they go on after it."""

    only_printing: bool = False
    tail_s: float = 0.0

    @classmethod
    def parse(cls, value: str) -> UploadWhen:
        """``always``, ``printing``, ``printing+N min``; raises ValueError."""
        text = value.strip().lower()
        if text == "always":
            return cls()
        if text == "printing":
            return cls(only_printing=True)
        if match := TAIL.fullmatch(text):
            return cls(only_printing=True, tail_s=60.0 * int(match[1]))
        raise ValueError(f"{value!r} is not one of: always, printing, printing+10 min")

    def __str__(self) -> str:
        if not self.only_printing:
            return "always"
        return "printing" + (f"+{self.tail_s / 60:g} min" if self.tail_s else "")


@attrs.frozen
class Crop:
    """What is left of a picture, as parts of its width and height from 0 to 1."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def parse(cls, value: str) -> Crop:
        """``left top width height`` in percent; raises ValueError."""
        try:
            left, top, width, height = (float(part) for part in value.split())
        except ValueError:
            raise ValueError(
                f"{value!r} is not: left top width height, each in percent"
            ) from None
        fits = left >= 0 and top >= 0 and left + width <= 100 and top + height <= 100
        if not (fits and width >= LEAST_PERCENT and height >= LEAST_PERCENT):
            raise ValueError(
                f"{value!r} leaves the picture, or less than {LEAST_PERCENT} % of it"
            )
        return cls(left / 100, top / 100, width / 100, height / 100)


@attrs.frozen
class ConnectConfig:
    """``[connect NAME]``: the camera NAME sends snapshots to Prusa Connect."""

    camera: str
    token: Secret | None = option(
        token,
        "The camera's token; with a `[printer]` in Prusa Connect neither this nor "
        "`token_file` is needed",
        default=None,
    )
    token_file: Path | None = option(
        secret_path,
        "A file that holds the token; give this or `token`, not both",
        default=None,
    )
    server: str = option(
        url("https", "http"),
        "Address of Prusa Connect",
        default="https://connect.prusa3d.com",
    )
    trigger_scheme: str | None = option(
        choice(*TRIGGER_SCHEMES),
        "When snapshots are sent, see below; `THIRTY_SEC` at first",
        default=None,
        unset="what is chosen in Prusa Connect",
    )
    upload_when: UploadWhen = option(
        UploadWhen.parse,
        "Whether uploads wait for a print; `printing+10 min` goes on for so long "
        "after it",
        default=UploadWhen(),
    )
    max_bytes_per_hour: int = option(
        integer(0, 1 << 40),
        "At most so many bytes in an hour; 0: any number",
        default=0,
    )
    rotation: int | None = option(
        choice(0, 90, 180, 270),
        "How snapshots are turned, in degrees clockwise; with this or `flip`, "
        "the camera's own are not used",
        default=None,
        unset="the camera's",
    )
    flip: str | None = option(
        choice("none", "horizontal", "vertical", "both"),
        "How snapshots are mirrored before that",
        default=None,
        unset="the camera's",
    )
    crop: Crop | None = option(
        Crop.parse,
        "What is sent of the turned picture: left, top, width and height in "
        "percent, `10 0 80 100`",
        default=None,
        unset="all of it",
    )
    max_width: int = option(
        integer(0, 8192), "Wider snapshots are made smaller; 0: never", default=0
    )
    send_network_info: bool = option(
        boolean,
        "Tell Prusa Connect this host's addresses, which it shows beside the camera",
        default=True,
    )
    answer_as_camera: bool = option(
        boolean,
        "Let Prusa Connect's page and app ask and control this camera: an "
        "experiment, [prusa-connect.md](prusa-connect.md)",
        default=False,
    )
    signaling_url: str | None = option(
        signaling_url,
        "Address of the signalling server for that",
        default=None,
        unset="what `server` names",
    )

    @property
    def secret(self) -> Secret:
        """The token; ``load`` has made sure that there is one."""
        if self.token is None:
            raise ConfigError("no token", section=f"connect {self.camera}")
        return self.token
