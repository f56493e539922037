# Which path is what.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of routes, and the parameters that more than one of them has.

Short paths name their camera in the query, or mean the first one. Long ones name it in
the path, in two spellings that mean the same.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import attrs
from aiohttp import hdrs

from moonraker_prusacam.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

READING = (hdrs.METH_GET, hdrs.METH_HEAD)
# navigator.sendBeacon posts; a HEAD must not end anything.
ACTING = (hdrs.METH_GET, hdrs.METH_POST)

MIN_FPS = 0.1
MAX_FPS = 120.0
# Of the long paths.
LEAST_FPS = 1.0
MOST_FPS = 30.0
USUAL_FPS = 10.0
VIEWER_NAME = re.compile(r"[ -~]{1,40}")


@attrs.frozen
class Route:
    """``answer`` names who answers; ``camera`` is from the path, if it stands there."""

    answer: str
    methods: tuple[str, ...] = READING
    camera: str | None = None


SHORT = {
    "/": Route("page"),
    "/snapshot.jpg": Route("snapshot"),
    "/stream.mjpg": Route("stream"),
    "/status.json": Route("status"),
    "/metrics": Route("metrics"),
}
OF_CAMERA = {
    "stream": Route("stream"),
    "stop": Route("stop", ACTING),
    "snapshot": Route("snapshot"),
    "test": Route("test"),
}
# What shows, tests or ends a single camera; all else tells of every one.
OF_ONE = frozenset(route.answer for route in OF_CAMERA.values())
LONG = re.compile(r"/(?:cameras/([^/]+)|printers/([^/]+)/camera)/([a-z]+)")
KNOWN = ", ".join([*SHORT, f"/cameras/NAME/{'|'.join(OF_CAMERA)}"])


def find_route(path: str) -> Route | None:
    """The route of a decoded path, None where there is nothing."""
    if (match := LONG.fullmatch(path)) is None:
        return SHORT.get(path)
    route = OF_CAMERA.get(match[3])
    return route and attrs.evolve(route, camera=match[1] or match[2])


def find_action(route: Route, query: Mapping[str, str]) -> Route:
    """The page's ``?action=``, as mjpg-streamer spells it; else ``route`` as it is."""
    action = query.get("action")
    if route.answer == "page" and action in ("snapshot", "stream"):
        return Route(action)
    return route


def number(
    query: Mapping[str, str], name: str, least: float, most: float
) -> float | None:
    """A number from ``least`` to ``most``, or None; raises RequestError."""
    text = query.get(name)
    if text is None:
        return None
    value = _parse(text)
    if not least <= value <= most:
        raise RequestError(f"{name} is not a number from {least:g} to {most:g}")
    return value


def stream_fps(query: Mapping[str, str], *, is_long: bool) -> float | None:
    """The most frames a second that a stream is asked for; raises RequestError."""
    if not is_long:
        return number(query, "fps", MIN_FPS, MAX_FPS)
    fps = _parse(query.get("fps", str(USUAL_FPS)))
    if math.isnan(fps):
        raise RequestError("fps is not a number")
    return clamp_fps(fps)


def clamp_fps(fps: float) -> float:
    """What the long paths make of a rate."""
    return min(max(fps, LEAST_FPS), MOST_FPS)


def viewer_name(query: Mapping[str, str]) -> str | None:
    """What a viewer calls its stream, None where it does not; raises RequestError."""
    name = query.get("viewer")
    if name is not None and not VIEWER_NAME.fullmatch(name):
        raise RequestError("viewer is not a name of 1 to 40 printable ASCII characters")
    return name


def _parse(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
