# What a camera says it can send.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The video track in a session description, and a description of it alone.

Source: RFC 4566; RFC 2326, appendix C for ``a=control``; RFC 3551 for static payloads.
"""

from __future__ import annotations

from itertools import pairwise

import attrs

_STATIC = {"26": "JPEG", "31": "H261", "32": "MPV", "33": "MP2T", "34": "H263"}
_HEAD = (
    "v=0",
    "o=- 0 0 IN IP4 127.0.0.1",
    "s=camera",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
)


class DescriptionError(ValueError):
    """There is no video in it, or no sense."""


@attrs.frozen
class Track:
    """One track of video, and the URLs by which a server knows it."""

    codec: str
    """``H264``, ``H265``, ``JPEG`` …, in capitals."""
    control: str
    """What ``SETUP`` asks for."""
    aggregate: str
    """What ``PLAY`` asks for."""
    _lines: tuple[str, ...]

    def described(self, control: str) -> bytes:
        """A description of this track alone, to be asked for as ``control``."""
        lines = [*_HEAD, *self._lines, f"a=control:{control}"]
        return "".join(f"{line}\r\n" for line in lines).encode()


def video_track(description: bytes, base: str) -> Track:
    """The first video track; ``base`` is what relative URLs are meant from.

    Raises DescriptionError.
    """
    lines = [line.strip() for line in description.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line[1:2] == "="]
    if not lines or not lines[0].startswith("v="):
        raise DescriptionError("a description that makes no sense")
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    session = lines[: starts[0]] if starts else lines
    kinds = []
    for begin, end in pairwise([*starts, len(lines)]):
        media = lines[begin:end]
        kind, _, protocol, *payloads = [*media[0][2:].split(), "", "", ""]
        kinds += [kind] if kind.isalpha() and kind.isascii() else []
        if kind != "video":
            continue
        if "SAVP" in protocol:
            raise DescriptionError("encrypted video (SRTP)")
        aggregate = _joined(base, _attribute(session, "control"))
        return Track(
            codec=_codec(media, payloads[0]),
            control=_joined(aggregate, _attribute(media, "control")),
            aggregate=aggregate,
            lines=tuple(line for line in media if not line.startswith("a=control:")),
        )
    raise DescriptionError(f"no video, but {', '.join(kinds)[:40] or 'nothing'}")


def _attribute(lines: list[str], name: str) -> str:
    begin = f"a={name}:"
    found = (line[len(begin) :].strip() for line in lines if line.startswith(begin))
    return next(found, "")


def _codec(media: list[str], payload: str) -> str:
    for line in media:
        if line.startswith(f"a=rtpmap:{payload} "):
            return line.partition(" ")[2].partition("/")[0].strip().upper()
    return _STATIC.get(payload, "?")


def _joined(base: str, control: str) -> str:
    """A control URL: servers mean what follows ``base``, whatever that ends with."""
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    return base.removesuffix("/") + "/" + control.removeprefix("/")
