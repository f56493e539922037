# Other people's MultiCam peers, as strict as they are.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How peers that are not ours take what we send.

Each reader returns what it takes an answer for, and raises what it would fail with.
``published`` goes by the published interface; ``today_python`` and ``today_mac`` by the
code of the controllers that ship.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# A controller that ships reads once, so much.
ONE_READ_BYTES = 65536
PUBLISHED_READ_BYTES = 4096
WORDS = frozenset(
    {
        "ready",
        "recording",
        "stopping",
        "error",
        "scheduled_recording_accepted",
        "recording_stopped",
        "command_received",
        "time_not_synchronized",
        "file_not_found",
    }
)
ERRORS = frozenset({"error", "time_not_synchronized", "file_not_found"})


def published(octets: bytes) -> str:
    """Take an answer as a program for the published interface does."""
    said: dict[str, Any] = json.loads(octets[:PUBLISHED_READ_BYTES])
    if "files" in said:
        for entry in said["files"]:
            _entry(entry, needs_id=True)
        return "list"
    if "fileName" in said and "isRecording" not in said:
        return _header(said, needs_id=True)
    _typed(said, deviceId=str, status=str, timestamp=float, isRecording=bool)
    if said["status"] not in WORDS:
        raise ValueError(said["status"])
    if said["status"] == "recording_stopped":
        _typed(said, fileId=str, fileSize=int)
        return "stopped"
    return "error" if said["status"] in ERRORS else "status"


def today_python(octets: bytes) -> str:
    """Take an answer as the Python controller does: by its keys more than its words."""
    if octets[:1] != b"{":
        raise ValueError("no JSON")
    said: dict[str, Any] = json.loads(octets[:ONE_READ_BYTES])
    if "files" in said:
        for entry in said["files"]:
            _entry(entry, needs_id=False)
        return "list"
    if said.get("status") == "recording_stopped" or {"fileName", "fileSize"} <= set(
        said
    ):
        _typed(said, deviceId=str, status=str, timestamp=float)
        _typed(said, fileName=str, fileSize=int)
        return "stopped"
    if said.get("status") in ("error", "file_not_found") or "message" in said:
        _typed(said, deviceId=str, status=str, timestamp=float, message=str)
        return "error"
    _typed(said, deviceId=str, status=str, timestamp=float)
    _typed(said, uploadQueue=list, failedUploadQueue=list)
    return "status"


def today_python_header(octets: bytes) -> str:
    """Take the header of a recording as the Python controller does."""
    return _header(json.loads(octets), needs_id=False)


def today_mac(octets: bytes) -> str:
    """Take an answer as the controller for macOS does: a list needs ids."""
    said: dict[str, Any] = json.loads(octets[:ONE_READ_BYTES])
    if "files" in said:
        for entry in said["files"]:
            _entry(entry, needs_id=True)
        return "list"
    return today_python(octets)


READERS: dict[str, Callable[[bytes], str]] = {
    "published interface": published,
    "today's Python controller": today_python,
    "today's macOS controller": today_mac,
}
HEADER_READERS: dict[str, Callable[[bytes], str]] = {
    "published interface": published,
    "today's Python controller": today_python_header,
    "today's macOS controller": today_python_header,
}


def _header(said: dict[str, Any], *, needs_id: bool) -> str:
    _typed(said, deviceId=str, fileName=str, fileSize=int, status=str)
    if needs_id:
        _typed(said, fileId=str)
    return "header"


def _entry(said: dict[str, Any], *, needs_id: bool) -> None:
    _typed(said, fileName=str, fileSize=int)
    _typed(said, creationDate=float, modificationDate=float)
    if needs_id:
        _typed(said, fileId=str)


def _typed(said: dict[str, Any], **types: type) -> None:
    for key, wanted in types.items():
        if not isinstance(said[key], wanted):
            raise TypeError(f"{key}: {said[key]!r}")
