# What a camera's source URL says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``source:`` of a camera, taken apart and checked, with what is secret in it masked.

User, password, a query (phones and doorbells want their password there) and the
arguments of a command are shown to nobody: ``str`` leaves them out.
"""

from __future__ import annotations

import shlex
from typing import final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import attrs

from .secret import Secret

NETWORK = (
    "tcp",
    "http",
    "https",
    "snapshot+http",
    "snapshot+https",
    "rtsp",
    "rtsps",
    "bambu",
)
SCHEMES = (*NETWORK, "exec", "v4l2", "test")
WITH_USER = ("http", "https", "snapshot+http", "snapshot+https", "rtsp", "rtsps")
MASK = "***"

# How Bambu Lab's printers show their cameras, by the names that their owners know and
# those that their firmware uses. Source: services/camera.py of Bambuddy, video.md of
# OpenBambuAPI.
# fmt: off
BAMBU_RTSP_MODELS = frozenset({
    "X1", "X1C", "X1E", "X2D", "H2C", "H2D", "H2DPRO", "H2S", "P2S",
    "BL-P001", "C13", "N6", "O1D", "O1C", "O1C2", "O1S", "O1E", "O2D", "N7",
})
# fmt: on
BAMBU_CHAMBER_MODELS = frozenset({"A1", "A1MINI", "P1P", "P1S"})


@final
@attrs.frozen(repr=False, str=False, order=False)
class SourceUrl:
    """One checked URL; ``rest`` is what follows the scheme's colon."""

    scheme: str
    _rest: Secret

    def __str__(self) -> str:
        if self.scheme == "exec":
            return f"exec:{self.command[0]} {MASK}" if self.command[1:] else self._text
        if self.scheme not in NETWORK:
            return self._text
        parts = self._parts
        user = f"{MASK}@" if parts.username is not None else ""
        # The model of a printer is all that may stand there, and is no secret.
        query = parts.query if self.scheme == "bambu" else parts.query and MASK
        query = query and f"?{query}"
        return f"{self.scheme}://{user}{self.place}{parts.path}{query}"

    def __repr__(self) -> str:
        return f"SourceUrl({str(self)!r})"

    @property
    def host(self) -> str:
        """Name or address, without the brackets of IPv6; "" where there is none."""
        return self._parts.hostname or ""

    @property
    def port(self) -> int | None:
        """The port, if one is written."""
        return self._parts.port

    @property
    def place(self) -> str:
        """Host and port as they are written, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def user(self) -> str | None:
        """The user before the ``@``, decoded."""
        name = self._parts.username
        return None if name is None else unquote(name)

    @property
    def password(self) -> Secret | None:
        """The password before the ``@``, decoded."""
        word = self._parts.password
        return None if word is None else Secret(unquote(word))

    @property
    def takes_user(self) -> bool:
        """Whether this kind of source has users and passwords."""
        return self.scheme in WITH_USER

    @property
    def command(self) -> list[str]:
        """Program and arguments of ``exec:``."""
        return shlex.split(self._rest.reveal())

    @property
    def device(self) -> str:
        """The path of ``v4l2:``."""
        return self._rest.reveal()

    @property
    def model(self) -> str:
        """The printer's model of ``bambu:``, in capitals and without blanks."""
        models = parse_qs(self._parts.query).get("model", [""])
        return _plain_model(models[0])

    def reveal(self, scheme: str | None = None) -> str:
        """The URL to ask for: with its query, without user and password."""
        parts = self._parts
        query = f"?{parts.query}" if parts.query else ""
        return f"{scheme or self.scheme}://{self.place}{parts.path}{query}"

    @property
    def _text(self) -> str:
        return f"{self.scheme}:{self._rest.reveal()}"

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self._text)


def source_url(value: str) -> SourceUrl:
    """Address of a source; raises ValueError, without the text: it may be secret."""
    scheme, colon, rest = value.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in SCHEMES:
        known = ", ".join(map(_begin, SCHEMES))
        raise ValueError(f"does not start with one of: {known}")
    if scheme == "exec":
        return _command(rest)
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise ValueError("has blanks in it; write %20 for a blank in a URL")
    if scheme == "v4l2":
        if not rest.startswith("/dev/"):
            raise ValueError("names no device, such as v4l2:/dev/v4l/by-id/…")
    elif scheme == "test":
        if rest:
            raise ValueError("test: takes nothing after the colon")
    else:
        _check_network(scheme, rest)
    return SourceUrl(scheme, Secret(rest))


def _command(rest: str) -> SourceUrl:
    line = " ".join(rest.split("\n")).strip()
    try:
        words = shlex.split(line)
    except ValueError:
        raise ValueError("the command has a quote that is not closed") from None
    if not words or "\0" in line:
        raise ValueError("names no command, such as exec:rpicam-vid --codec mjpeg …")
    return SourceUrl("exec", Secret(line))


def _check_network(scheme: str, rest: str) -> None:
    if "#" in rest:
        raise ValueError("has a '#' in it; write %23 for one in a password")
    try:
        parts = urlsplit(f"{scheme}:{rest}")
        host = parts.hostname
    except ValueError:
        raise ValueError("is not a URL") from None
    if not rest.startswith("//") or not host:
        raise ValueError(f"has no host: write {_begin(scheme)}HOST")
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        hint = "; write %2F for a / in a password" if "@" in rest else ""
        raise ValueError(f"has a port that is not from 1 to 65535{hint}")
    if parts.username is not None and scheme not in WITH_USER:
        raise ValueError(f"{scheme}:// takes no user and password")
    if scheme == "tcp" and (parts.query or parts.path not in ("", "/")):
        raise ValueError("has more than a host and a port")
    if scheme == "bambu":
        _check_bambu(parts)


def _check_bambu(parts: SplitResult) -> None:
    if parts.path not in ("", "/") or parts.port is not None:
        raise ValueError("has more than a host and ?model=")
    try:
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        asked = {"?": []}
    models = asked.pop("model", [])
    if asked or len(models) != 1:
        raise ValueError("needs the printer's model and nothing else: ?model=P1S")
    if _plain_model(models[0]) not in BAMBU_RTSP_MODELS | BAMBU_CHAMBER_MODELS:
        known = ", ".join(sorted(BAMBU_CHAMBER_MODELS | BAMBU_RTSP_MODELS))
        raise ValueError(f"has an unknown model; there is: {known}")


def _plain_model(text: str) -> str:
    return "".join(text.upper().replace("_", " ").split())


def _begin(scheme: str) -> str:
    return f"{scheme}://" if scheme in NETWORK else f"{scheme}:"
