# Settings of other uploaders, as ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of each setting of an existing uploader, so that its camera goes on.

Two kinds of files are known: ``prusa-connect.env`` (``PC_TOKEN`` and others) and the
settings of prusa-connect-camera-script (``PRUSA_CONNECT_CAMERA_TOKEN`` and others, see
its docs/configuration.env.full.md). Every setting is either taken over or told.
"""

from __future__ import annotations

import contextlib
import math
import re
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.config import CAMERA_NAME, token
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.option import url
from moonraker_prusacam.secret import Secret

from .identity import is_fingerprint
from .takeover_source import DEVICE_COMMANDS, Found, of_address, of_command, split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .env_file import EnvFile

TOKENS = ("PC_TOKEN", "PRUSA_CONNECT_CAMERA_TOKEN")
FINGERPRINTS = ("PC_FINGERPRINT", "PRUSA_CONNECT_CAMERA_FINGERPRINT")
INTERVALS = ("INTERVAL_SECONDS", "SNAPSHOT_INTERVAL", "SLEEP")
# What was uploaded comes first.
STREAM = "MJPEG_URL"
ADDRESSES = ("SNAP_URL", "SNAPSHOT_URL", STREAM)
COMMAND, PARAMETERS = "CAMERA_COMMAND", "CAMERA_COMMAND_EXTRA_PARAMS"
DEVICE = "CAMERA_DEVICE"
DEFAULT_COMMAND = "rpicam-still"
SERVER = "PRUSA_CONNECT_URL"
NAME = "PRUSA_CONNECT_CAMERA_NAME"
SNAPSHOT_PATH = "/c/snapshot"
DEFAULT_SERVERS = ("https://connect.prusa3d.com",)
NOT_NEEDED = {
    "JPEG_PATH": "pictures go from memory, not by way of a file",
    "TARGET_DIR": "pictures go from memory, not by way of a file",
    "CURL_EXTRA_PARAMS": "curl is not used",
    "PRINTER_ADDRESS": "pictures are sent whether the printer is on or off",
    "CAMERA_SETUP_COMMAND": (
        "commands are not run; what v4l2-ctl sets belongs into controls of [camera]"
    ),
    "PC_PRINTER_ID": "Prusa Connect knows the printer by the token",
}
SCHEMES = {"TEN_SEC": 10.0, "THIRTY_SEC": 30.0, "SIXTY_SEC": 60.0, "TEN_MIN": 600.0}
# What stands in the examples of the two programs, where a value should be.
EXAMPLE = re.compile(r"change-me|PUT_YOUR|YOUR_|^unset$", re.IGNORECASE)
LOCAL = ("127.0.0.1", "localhost", "::1")
FEED = "tcp://127.0.0.1:9000"
FEED_PORT_OF_HTTP = 8081


@attrs.frozen
class Takeover:
    """What was understood; texts for the user hold no secret.

    ``source`` is None where nothing tells what the camera is; ``taken`` and ``left``
    name each setting with what became of it, ``steps`` is what the user has to do.
    """

    token: Secret
    fingerprint: Secret
    trigger_scheme: str | None
    server: str | None
    source: Found | None
    name: str | None
    taken: tuple[tuple[str, str], ...]
    left: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]


def take_over(file: EnvFile) -> Takeover:
    """What becomes of the settings; ConfigError without a token and a fingerprint."""
    return _Reader(file).read()


def nearest_scheme(interval_s: float) -> str:
    """The trigger scheme whose period is nearest, as a ratio."""
    return min(SCHEMES, key=lambda name: abs(math.log(SCHEMES[name] / interval_s)))


class _Reader:
    def __init__(self, file: EnvFile) -> None:
        self._file = file
        self._taken: list[tuple[str, str]] = []
        self._left: list[tuple[str, str]] = []
        self._steps: list[str] = []
        self._told: set[str] = set()

    def read(self) -> Takeover:
        self._leave_computed()
        secret = self._token()
        fingerprint = self._fingerprint()
        scheme = self._trigger_scheme()
        server = self._server()
        source = self._source()
        if source is not None and source.is_masked:
            self._steps.append(
                "the source holds what the camera lets us in by, shown as *** here; "
                "--write adds it whole. Who can open Mainsail or Fluidd can read "
                "prusacam.conf: username and password_file keep a password from them"
            )
        name = self._name()
        self._leave_rest()
        self._steps.append(
            "stop the old uploader for good (systemctl list-units '*prusa*' names it; "
            "then sudo systemctl disable --now NAME): two of them come too often"
        )
        return Takeover(
            secret,
            fingerprint,
            scheme,
            server,
            source,
            name,
            tuple(self._taken),
            tuple(self._left),
            tuple(self._steps),
        )

    @property
    def _is_of_script(self) -> bool:
        return TOKENS[1] in self._file.settings

    def _leave_computed(self) -> None:
        for name, setting in self._file.settings.items():
            if setting.is_computed:
                self._leave(name, "a shell would compute it; nothing is run here")

    def _given(self, *names: str) -> tuple[str, str]:
        """Name and value of the first of ``names`` that has one, or two empty texts."""
        for name in names:
            setting = self._file.settings.get(name)
            if setting is not None and setting.text and not setting.is_computed:
                return name, setting.text
        return "", ""

    def _required(self, names: tuple[str, ...], what: str) -> tuple[str, str]:
        name, value = self._given(*names)
        if not value:
            raise ConfigError(f"holds no {what} ({' or '.join(names)})")
        if EXAMPLE.search(value):
            raise ConfigError(f"{name} is still that of the example")
        return name, value

    def _token(self) -> Secret:
        name, value = self._required(TOKENS, "token")
        try:
            secret = token(value)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None
        self._take(name, "the token, as it is")
        return secret

    def _fingerprint(self) -> Secret:
        name, value = self._required(FINGERPRINTS, "fingerprint")
        if not is_fingerprint(value.encode()):
            raise ConfigError(
                f"{name}: a fingerprint has 16 to 64 printable characters without "
                f"blanks; this one has {len(value)} characters, or others in it"
            )
        self._take(name, "the fingerprint, as it is")
        return Secret(value)

    def _trigger_scheme(self) -> str | None:
        name, value = self._given(*INTERVALS)
        if not name and self._is_of_script:
            return "TEN_SEC"  # its SLEEP when nothing is said
        if not name:
            return None
        try:
            interval_s = float(value.removesuffix("s"))
        except ValueError:
            interval_s = math.nan
        if not 0 < interval_s < math.inf:
            self._leave(name, "is no number of seconds; the default is used")
            return None
        scheme = nearest_scheme(interval_s)
        told = f"trigger_scheme: {scheme}"
        if SCHEMES[scheme] != interval_s:
            told += f" (every {SCHEMES[scheme]:g} s, the nearest to {interval_s:g})"
        self._take(name, told)
        return scheme

    def _server(self) -> str | None:
        name, value = self._given(SERVER)
        if not name:
            return None
        address = value.rstrip("/").removesuffix(SNAPSHOT_PATH)
        try:
            url("https", "http")(address)
        except ValueError as error:
            self._leave(name, f"{error}; the default is used")
            return None
        if address in DEFAULT_SERVERS:
            self._take(name, "it is the default")
            return None
        self._take(name, f"server: {address}")
        return address

    def _name(self) -> str | None:
        name, value = self._given(NAME)
        if not name:
            return None
        if not CAMERA_NAME.fullmatch(value):
            self._leave(name, "has characters that a camera's name cannot have here")
            return None
        self._take(name, "the camera's name, where none is given by --camera")
        return value

    def _source(self) -> Found | None:
        """Where frames come from: what was uploaded, or the stream beside it."""
        given = {name: value for name in ADDRESSES if (value := self._given(name)[1])}
        if not given:
            return self._source_of_command()
        for name, value in _by_preference(given):
            if _is_local_http(value):
                return self._feed_behind(given)
            try:
                found = of_address(value, gives_one_picture=name != STREAM)
            except ValueError as error:
                self._leave(name, str(error))
                continue
            self._take(name, f"source: {found.shown}")
            for other in given:
                self._leave(other, f"{name} is read in its place")
            return found
        return None

    def _feed_behind(self, given: Iterable[str]) -> Found:
        """The feed that the program of that uploader reads, and serves to it."""
        for name in given:
            self._take(name, f"source: {FEED}, the feed behind it")
        self._steps.append(
            "stop the program that serves port 8081 now (xl-cam-http.service, for "
            f"example): the engine reads {FEED} in its place and serves that port"
        )
        return of_address(FEED, gives_one_picture=False)

    def _source_of_command(self) -> Found | None:
        _, command = self._given(COMMAND)
        if not command and self._is_of_script:
            command = DEFAULT_COMMAND
        _, parameters = self._given(PARAMETERS)
        _, device = self._given(DEVICE)
        try:
            found = of_command(command, parameters, device)
        except ValueError as error:
            for name in (COMMAND, PARAMETERS, DEVICE):
                self._leave(name, str(error))
            return None
        is_of_device = command in DEVICE_COMMANDS
        for name in (COMMAND, DEVICE if is_of_device else PARAMETERS):
            self._take(name, f"source: {found.shown}")
        self._leave(
            PARAMETERS, "is for single pictures; choose size and the like in [camera]"
        )
        self._leave(DEVICE, f"is not what {command} reads")
        if found.shown.startswith("v4l2:/dev/video"):
            self._steps.append(
                "the numbers of USB cameras change: look with ls /dev/v4l/by-id for a "
                "name that stays, and write it into source"
            )
        return found

    def _leave_rest(self) -> None:
        for name in self._file.settings:
            self._leave(name, NOT_NEEDED.get(name, "not known here"))
        for line in self._file.odd_lines:
            self._left.append((f"line {line}", "is no NAME=value"))

    def _take(self, name: str, what: str) -> None:
        self._tell(self._taken, name, what)

    def _leave(self, name: str, why: str) -> None:
        self._tell(self._left, name, why)

    def _tell(self, to: list[tuple[str, str]], name: str, what: str) -> None:
        """Say what became of a setting; the first word on it is the last."""
        if name in self._file.settings and name not in self._told:
            self._told.add(name)
            to.append((name, what))


def _by_preference(given: dict[str, str]) -> list[tuple[str, str]]:
    """A raw feed, then a stream at the place that was uploaded from, then in order."""
    uploaded = split(next(iter(given.values()))).netloc

    def rank(pair: tuple[str, str]) -> int:
        name, value = pair
        if split(value).scheme == "tcp":
            return 0
        return 1 if name == STREAM and split(value).netloc == uploaded else 2

    return sorted(given.items(), key=rank)


def _is_local_http(address: str) -> bool:
    parts = split(address)
    is_http = parts.scheme == "http" and parts.hostname in LOCAL
    with contextlib.suppress(ValueError):  # a port that is no number
        return is_http and parts.port == FEED_PORT_OF_HTTP
    return False
