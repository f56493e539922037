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
from urllib.parse import SplitResult, urlsplit

import attrs

from moonraker_prusacam.config import CAMERA_NAME, token
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.option import url
from moonraker_prusacam.secret import Secret

from .identity import is_fingerprint

if TYPE_CHECKING:
    from .env_file import EnvFile

TOKENS = ("PC_TOKEN", "PRUSA_CONNECT_CAMERA_TOKEN")
FINGERPRINTS = ("PC_FINGERPRINT", "PRUSA_CONNECT_CAMERA_FINGERPRINT")
INTERVALS = ("INTERVAL_SECONDS", "SNAPSHOT_INTERVAL", "SLEEP")
ADDRESSES = ("SNAP_URL", "SNAPSHOT_URL", "MJPEG_URL")
COMMANDS = ("CAMERA_COMMAND", "CAMERA_COMMAND_EXTRA_PARAMS", "CAMERA_DEVICE")
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
        "commands are not run; put this one before that of the camera's feed"
    ),
    "PC_PRINTER_ID": "Prusa Connect knows the printer by the token",
}
SCHEMES = {"TEN_SEC": 10.0, "THIRTY_SEC": 30.0, "SIXTY_SEC": 60.0, "TEN_MIN": 600.0}
# What stands in the examples of the two programs, where a value should be.
EXAMPLE = re.compile(r"change-me|PUT_YOUR|YOUR_|^unset$", re.IGNORECASE)
LOCAL = ("127.0.0.1", "localhost", "::1")
FEED = "tcp://127.0.0.1:9000"
FEED_PORT_OF_HTTP = 8081
RASPBERRY = ("rpicam-still", "libcamera-still", "raspistill")
LINK = re.compile(r"(?:https?|rtsps?|tcp)://[^\s'\"]+")
SOURCE_COMES_LATER = "this kind of source comes later; today there is tcp:// only"


@attrs.frozen
class Takeover:
    """What was understood; texts for the user hold no secret.

    ``source`` is None where this version cannot read the camera; ``taken`` and ``left``
    name each setting with what became of it, ``steps`` is what the user has to do.
    """

    token: Secret
    fingerprint: Secret
    trigger_scheme: str | None
    server: str | None
    source: str | None
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

    def read(self) -> Takeover:
        self._leave_computed()
        secret = self._token()
        fingerprint = self._fingerprint()
        scheme = self._trigger_scheme()
        server = self._server()
        source = self._source()
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

    def _source(self) -> str | None:
        """Where frames come from, as far as this version can read it."""
        addresses = [self._given(name) for name in ADDRESSES]
        given = [(name, value) for name, value in addresses if name]
        for name, value in given:
            if _split(value).scheme == "tcp":
                self._take(name, "source")
                return value
        if any(_is_local_http(value) for _, value in given):
            # The camera service of that uploader reads this feed.
            for name, _ in given:
                self._take(name, f"source: {FEED}, the feed behind it")
            self._steps.append(
                "stop the program that serves port 8081 now (xl-cam-http.service, for "
                f"example): the engine reads {FEED} in its place and serves that port"
            )
            return FEED
        for name, value in given:
            self._leave(name, SOURCE_COMES_LATER)
            self._tell_feed(value)
        return None if given else self._source_of_command()

    def _source_of_command(self) -> str | None:
        _, command = self._given("CAMERA_COMMAND")
        if not command and self._is_of_script:
            command = RASPBERRY[0]  # likewise
        _, parameters = self._given("CAMERA_COMMAND_EXTRA_PARAMS")
        _, device = self._given("CAMERA_DEVICE")
        if command in RASPBERRY:
            for name in COMMANDS:
                self._take(name, f"source: {FEED}")
            self._steps.append(
                "start the camera's feed, in a loop: rpicam-vid -t 0 --width 1280 "
                f"--height 720 --framerate 15 --codec mjpeg --listen -o {FEED}"
            )
            return FEED
        for name in COMMANDS:
            self._leave(name, SOURCE_COMES_LATER)
        if link := LINK.search(parameters):
            self._tell_feed(link[0])
        elif command == "fswebcam" or "v4l2" in parameters:
            self._tell_feed(device, "-f v4l2 ")
        return None

    def _tell_feed(self, address: str, options: str = "") -> None:
        """Tell how ffmpeg feeds us what this version cannot read itself."""
        if _split(address).username is not None:
            address = "ADDRESS"  # with a password in it
        self._steps.append(
            "until then ffmpeg can feed the engine with a stream or a USB camera, in a "
            f"loop: ffmpeg {options}-i '{address}' -c:v mjpeg -q:v 4 -f mjpeg "
            f"'{FEED}?listen=1', with source: {FEED} in [camera NAME]"
        )

    def _leave_rest(self) -> None:
        told = {name for name, _ in (*self._taken, *self._left)}
        for name in self._file.settings:
            if name not in told:
                self._leave(name, NOT_NEEDED.get(name, "not known here"))
        for line in self._file.odd_lines:
            self._left.append((f"line {line}", "is no NAME=value"))

    def _take(self, name: str, what: str) -> None:
        if name in self._file.settings:
            self._taken.append((name, what))

    def _leave(self, name: str, why: str) -> None:
        if name in self._file.settings:
            self._left.append((name, why))


def _is_local_http(address: str) -> bool:
    parts = _split(address)
    is_http = parts.scheme == "http" and parts.hostname in LOCAL
    with contextlib.suppress(ValueError):  # a port that is no number
        return is_http and parts.port == FEED_PORT_OF_HTTP
    return False


def _split(address: str) -> SplitResult:
    """The parts of an address; nothing in them where it is none."""
    with contextlib.suppress(ValueError):
        return urlsplit(address)
    return urlsplit("")
