# Options of Prusa's own cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[prusa_camera NAME]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - attrs resolves it
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from .connect_options import signaling_url, token
from .errors import ConfigError
from .option import (
    boolean,
    choice,
    integer,
    number,
    option,
    secret_path,
    template,
    url,
)
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_SERVER = "https://connect.prusa3d.com"
# A guess, by the form of Prusa's other addresses for cameras.
DEFAULT_DOWNLOAD_URL = "{server}/c/timelapse/{camera_token}/{job_name}.mp4"
URL_FIELDS = ("server", "camera_token", "job_name")
FINGERPRINT = re.compile(r"[!-~]{16,64}")
SEED_INTERVALS = range(10, 601)  # its schema has that of snapshots only
ENDINGS = ("render", "discard")


def fingerprint(value: str) -> Secret:
    """16 to 64 characters without blanks; raises ValueError.

    Who a camera is to Prusa Connect, besides its token.
    """
    stripped = value.strip()
    if not FINGERPRINT.fullmatch(stripped):
        raise ValueError(
            "a fingerprint has 16 to 64 printable characters without blanks"
        )
    return Secret(stripped)


def download_url(value: str) -> str:
    """Address with ``{job_name}`` in it."""
    parsed = template(*URL_FIELDS)(value)
    if not parsed.startswith(("{server}/", "https://", "http://")):
        raise ValueError("begins with none of: {server}/, https://, http://")
    if "{job_name}" not in parsed:
        raise ValueError("has no {job_name} in it, so all videos would be the same")
    filled = parsed.format(server="https://host", **dict.fromkeys(URL_FIELDS[1:], "x"))
    try:
        host = urlsplit(filled).hostname
    except ValueError:
        host = None
    if not host or any(character.isspace() for character in filled):
        raise ValueError("has no host, or has blanks in it")
    return parsed


@attrs.frozen
class PrusaCameraConfig:
    """``[prusa_camera NAME]``: a camera of Prusa's that we look at and speak to."""

    name: str
    token: Secret | None = option(token, "The camera's token", default=None)
    token_file: Path | None = option(
        secret_path,
        "A file that holds the token; give this or `token`, not both",
        default=None,
    )
    fingerprint: Secret | None = option(
        fingerprint,
        "The camera's own fingerprint, to get its videos",
        default=None,
    )
    jwt_file: Path | None = option(
        secret_path,
        "A file that holds the bearer token of your account, and nothing "
        "else; it is read again whenever it changes, because such tokens "
        "expire",
        default=None,
    )
    server: str = option(
        url("https", "http"), "Address of Prusa Connect", default=DEFAULT_SERVER
    )
    signaling_url: str | None = option(
        signaling_url,
        "Address of the signalling server",
        default=None,
        unset="what `server` names",
    )
    origin: str | None = option(
        url("https", "http"),
        "The web page that we say to come from, where the server wants one: "
        "`https://connect.prusa3d.com`",
        default=None,
    )
    profile: str = option(
        choice("wire", "seed"),
        "Layout of the messages: `wire`, as seen of real cameras, or "
        "`seed`, as reconstructed from the web page",
        default="wire",
    )
    timelapse: bool = option(
        boolean, "Have the camera make a timelapse of every print", default=True
    )
    interval: int = option(
        integer(0, 3600),
        "Seconds between frames of its timelapse; 0: as the camera is set",
        default=0,
    )
    fps: int = option(
        integer(0, 120),
        "Frames a second of its video; 0: as the camera is set; not with `seed`",
        default=0,
    )
    render_on_cancel: str = option(
        choice(*ENDINGS),
        "What becomes of a print that was cancelled",
        default="render",
    )
    render_on_error: str = option(
        choice(*ENDINGS),
        "The same for a print that ended by an error, or was interrupted",
        default="render",
    )
    render_timeout_s: float = option(
        number(10, 86400),
        "Seconds that the camera may take for the video; then the download "
        "is tried once",
        default=1800.0,
        name="render_timeout",
    )
    download_url: str = option(
        download_url,
        "Where its videos are, a guess; `{job_name}` is what the camera was "
        "told to call the video",
        default=DEFAULT_DOWNLOAD_URL,
    )
    download_timeout_s: float = option(
        number(10, 2592000),
        "Seconds for which a finished video is asked for",
        default=86400.0,
        name="download_timeout",
    )
    max_download_mb: int = option(
        integer(1, 1 << 20), "Larger videos are not taken, in megabytes", default=1024
    )
    reserve_mb: int = option(
        integer(0, 1 << 20),
        "Megabytes that a download leaves free on the disk; 0: 500, or 5 % "
        "if that is more",
        default=0,
    )
    preview_image: bool = option(
        boolean, "A picture beside each video, where there is an ffmpeg", default=True
    )

    @property
    def secret(self) -> Secret:
        """The token; ``load`` has made sure that there is one."""
        if self.token is None:
            raise ConfigError("no token", section=f"prusa_camera {self.name}")
        return self.token

    def ending(self, outcome: str) -> str:
        """``render`` or ``discard`` for a print that ended so."""
        if outcome == "cancelled":
            return self.render_on_cancel
        return "render" if outcome == "complete" else self.render_on_error


def mistakes(camera: PrusaCameraConfig, others: Sequence[PrusaCameraConfig]) -> str:
    """What a section says against itself or ``others``; nothing if all is well."""
    if camera.timelapse and camera.fingerprint is None and camera.jwt_file is None:
        return (
            "needs 'fingerprint' or 'jwt_file': without either, Prusa Connect gives "
            "no video (or set 'timelapse: False')"
        )
    if camera.profile == "seed" and camera.fps:
        return "'fps' has no place in the profile 'seed'"
    if camera.profile == "seed" and camera.interval not in (0, *SEED_INTERVALS):
        return "'interval' is 10 to 600 in the profile 'seed', or 0"
    same = [
        other.name
        for other in others
        if camera.token is not None and other.token == camera.token
    ]
    return f"has the token of [prusa_camera {same[0]}]" if same else ""
