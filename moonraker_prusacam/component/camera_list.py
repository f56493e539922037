# The engine's list of cameras, read with care.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the result of ``camera.list`` as far as Moonraker's webcams need it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import MalformedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

MAX_CAMERAS = 64
MAX_TEXT = 1024
MAX_FPS = 240
ROTATIONS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Listing:
    """What Moonraker's record of a webcam has from ``camera.list``."""

    name: str
    stream_url: str
    snapshot_url: str
    rotation: int
    flip_horizontal: bool
    flip_vertical: bool
    target_fps: int

    @classmethod
    def parse(cls, camera: object) -> Listing:
        """Read one entry of the list; raises MalformedAnswer."""
        if not isinstance(camera, dict):
            raise MalformedAnswer("a camera that is not an object")
        return cls(
            name=_text(camera, "name"),
            stream_url=_text(camera, "stream_url"),
            snapshot_url=_text(camera, "snapshot_url"),
            rotation=_number(camera, "rotation", ROTATIONS),
            flip_horizontal=_flag(camera, "flip_horizontal"),
            flip_vertical=_flag(camera, "flip_vertical"),
            target_fps=_number(camera, "target_fps", range(1, MAX_FPS + 1)),
        )


def parse_camera_list(result: object) -> dict[str, Listing]:
    """The cameras by name, without malformed ones, which are logged.

    Raises MalformedAnswer if ``result`` holds no list at all.
    """
    cameras = result.get("cameras") if isinstance(result, dict) else None
    if not isinstance(cameras, list):
        raise MalformedAnswer("the engine's list of cameras is not a list")
    listings = map(_parse_or_log, cameras[:MAX_CAMERAS])
    return {listing.name: listing for listing in listings if listing is not None}


def _parse_or_log(camera: object) -> Listing | None:
    try:
        return Listing.parse(camera)
    except MalformedAnswer as error:
        log.warning("prusacam: the engine listed %.200s", error)
        return None


def _text(camera: Mapping[str, Any], key: str) -> str:
    value = camera.get(key)
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT:
        return value
    raise MalformedAnswer(f"a camera whose {key} is {value!r:.80}")


def _number(
    camera: Mapping[str, Any], key: str, allowed: range | tuple[int, ...]
) -> int:
    value = camera.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return value
    raise MalformedAnswer(f"a camera whose {key} is {value!r:.80}")


def _flag(camera: Mapping[str, Any], key: str) -> bool:
    value = camera.get(key)
    if isinstance(value, bool):
        return value
    raise MalformedAnswer(f"a camera whose {key} is {value!r:.80}")
