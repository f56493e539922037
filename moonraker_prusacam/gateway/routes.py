# Which target of a request is what.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the target of a request strictly, and names what answers it.

Servers do not agree on what ``//``, ``/./``, ``%2f`` or ``;`` mean, and that is how
requests pass filters. Here a target that could be read in two ways is none. What goes
on is made anew from what was understood.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import attrs

from moonraker_prusacam.errors import RequestError

from .methods import PATHS
from .parameters import ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TARGET = 8192
MAX_QUERY_FIELDS = 1200
TARGET = re.compile(
    r"(/[A-Za-z0-9/._~!$&'()*+,=:@%-]*)(?:\?([^#\x00-\x20\x7f-\xff]*))?"
)
QUOTED_SEPARATOR = re.compile(r"%(?:2f|5c|00)", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
TYPE_HINT = re.compile(r"(.+):(?:int|float|bool)")

FILES = "/server/files/"
# What is seen of a root, by the ends of names. G-code is its owner's work, and large.
SHOWN_FILES = {
    "gcodes": {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"},
    "timelapse": {
        ".mp4": "video/mp4",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".png": "image/png",
    },
    "timelapse_frames": {".jpg": "image/jpeg", ".jpeg": "image/jpeg"},
}
HIDDEN_FOLDER_SHOWN = ".thumbs"

CAMERA = re.compile(r"/(?:cameras/([^/]+)|printers/([^/]+)/camera)/(stream|snapshot)")
CAMERA_SHORT = {"/stream.mjpg": "stream", "/snapshot.jpg": "snapshot"}
CAMERA_QUERY = ("camera", "placeholder", "fps", "max_age")


@attrs.frozen
class ApiRoute:
    """A method, and its parameters as texts."""

    method: str
    params: dict[str, Any]


@attrs.frozen
class FileRoute:
    """A file of Moonraker's; ``path`` is quoted."""

    path: str
    content_type: str

    @property
    def is_picture(self) -> bool:
        """Whether it is small; else it is a video."""
        return self.content_type.startswith("image/")


@attrs.frozen
class CameraRoute:
    """A page of the engine's; ``path`` is quoted, with its query."""

    path: str
    is_stream: bool


@attrs.frozen
class SocketRoute:
    """The WebSocket."""


Route = ApiRoute | FileRoute | CameraRoute | SocketRoute


def find_route(target: str, webcam_paths: Iterable[str] = ()) -> Route | None:
    """What answers ``target``, None where there is nothing; raises RequestError.

    ``webcam_paths`` stand before the engine's pages where a web server passes them on;
    each begins and ends with a slash.
    """
    match = TARGET.fullmatch(target)
    if match is None or len(target) > MAX_TARGET:
        raise RequestError("the target is none that is understood here")
    path = _plain(match[1])
    query = _query(match[2] or "")
    if path == "/websocket":
        return SocketRoute()
    if (method := PATHS.get(path)) is not None:
        return ApiRoute(method, _params(path, query))
    if path.startswith(FILES):
        return _file(path.removeprefix(FILES))
    for prefix in webcam_paths:
        if path.startswith(prefix):
            path = path[len(prefix) - 1 :]
            break
    return _camera(path, query)


def _plain(path: str) -> str:
    """``path`` without quoting; raises RequestError where it has two meanings."""
    if QUOTED_SEPARATOR.search(path):
        raise RequestError("the path quotes what separates its parts")
    try:
        plain = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise RequestError("the path is not UTF-8") from None
    parts = plain.split("/")[1:]
    if CONTROL.search(plain) or any(part in (".", "..") for part in parts):
        raise RequestError("the path leads elsewhere")
    # A camera's page behind a web server, /webcam2/, ends with a slash.
    if "" in parts[:-1] or (plain.endswith("/") and len(parts) not in (1, 2)):
        raise RequestError("the path has an empty part")
    return plain


def _query(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_FIELDS,
        )
    except ValueError:
        raise RequestError("the query is not understood") from None


def _params(path: str, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Parameters as Moonraker reads them from a query."""
    found: dict[str, Any] = {}
    for name, value in query:
        hinted = TYPE_HINT.fullmatch(name)
        plain = hinted[1] if hinted else name
        if plain in found:
            raise RequestError(f"parameter {plain[:40]!r} stands twice")
        found[plain] = value
    if path == "/printer/objects/query":
        found.pop("token", None)
        fields = {
            name: text.split(",") if text else None for name, text in found.items()
        }
        return {"objects": fields}
    return found


def _file(path: str) -> FileRoute | None:
    root, _, inside = path.partition("/")
    name = inside.lower()
    if root not in ROOTS or not inside:
        return None
    folders = inside.split("/")
    if any(part[0] == "." and part != HIDDEN_FOLDER_SHOWN for part in folders):
        return None
    for ending, content_type in SHOWN_FILES[root].items():
        if name.endswith(ending):
            return FileRoute(f"{FILES}{quote(path)}", content_type)
    return None


def _camera(path: str, query: list[tuple[str, str]]) -> CameraRoute | None:
    asked = dict(reversed(query))
    kept = urlencode([(name, asked[name]) for name in CAMERA_QUERY if name in asked])
    suffix = f"?{kept}" if kept else ""
    if match := CAMERA.fullmatch(path):
        camera, page = match[1] or match[2], match[3]
        plain = f"/cameras/{quote(camera, safe='')}/{page}"
    else:
        # mjpg-streamer's spelling.
        page = asked.get("action", "") if path == "/" else CAMERA_SHORT.get(path, "")
        if page not in CAMERA_SHORT.values():
            return None
        plain = next(short for short, named in CAMERA_SHORT.items() if named == page)
    return CameraRoute(plain + suffix, page == "stream")
