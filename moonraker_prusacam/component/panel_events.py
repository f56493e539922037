# What the timelapse panels are told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the engine's ``timelapse.event`` into ``notify_timelapse_event``.

The shapes are those of moonraker-timelapse, and what Mainsail and Fluidd make of them
was seen in a browser: Mainsail forgets all frames on an error that names no frame;
Fluidd keeps its button locked after a failed render until a frame follows.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE = 160

FRAME_FILE = re.compile(r"frame(\d{1,9})\.[A-Za-z0-9]{1,8}", re.ASCII)
FOLDERS = re.compile(r"(?<![\w./])~?/(?:[^\s/]+/)*(?=[^\s/])")

ENGINE_LOST = "The camera engine stopped. It goes on with the video when it is back."
NO_REASON = "The video could not be rendered"

Event = dict[str, Any]


class PanelEvents:
    """Keeps the last good frame, and whether the panels believe that a render runs."""

    def __init__(self) -> None:
        self._count = 0
        self._file = ""
        self.rendering = False

    @property
    def last_frame(self) -> dict[str, Any]:
        """The answer to ``lastframeinfo``."""
        return {"framecount": self._count, "lastframefile": self._file}

    def translate(self, params: Mapping[str, Any]) -> list[Event]:
        """The events for the panels, for one of the engine's."""
        kind, status = params.get("event"), params.get("status")
        if kind == "frame" and status in ("success", "error"):
            self._remember(params.get("framefile"))
            return [self._newframe(str(status))]
        if kind != "render":
            return []
        if status == "started":
            self.rendering = True
            # At "started" Mainsail shows nothing yet, and leaves its button unlocked.
            return [self._started(params), _running(0)]
        if status == "running":
            self.rendering = True
            return [_running(params.get("progress"))]
        if status == "success":
            self.rendering = False
            return [_finished(params)]
        if status in ("error", "skipped"):
            return self.render_failed(params.get("msg"), status=str(status))
        return []

    def refresh(self, panel: object) -> list[Event]:
        """Take over ``panel`` of ``timelapse.status``; the events if that is news."""
        if not isinstance(panel, dict):
            return []
        before = self._file
        if not panel.get("lastframefile"):
            self._count, self._file = 0, ""
        else:
            self._remember(panel["lastframefile"])
        return [self._newframe("success")] if self._file != before else []

    def render_failed(self, reason: object, *, status: str = "error") -> list[Event]:
        """A render ended without a video; a frame unlocks Fluidd's button."""
        self.rendering = False
        return [
            {"action": "render", "status": status, "msg": message(reason)},
            self._newframe("success"),
        ]

    def engine_lost(self) -> list[Event]:
        """The engine went away, maybe during a render."""
        return self.render_failed(ENGINE_LOST) if self.rendering else []

    def _remember(self, file: object) -> None:
        match = FRAME_FILE.fullmatch(file) if isinstance(file, str) else None
        if match is not None:
            # Fluidd makes the file's name from the count, so they must agree.
            self._count, self._file = int(match[1]), match[0]

    def _newframe(self, status: str) -> Event:
        return {
            "action": "newframe",
            "frame": str(self._count),
            "framefile": self._file,
            "status": status,
        }

    def _started(self, params: Mapping[str, Any]) -> Event:
        given = params.get("settings")
        settings = given if isinstance(given, dict) else {}
        keys = ("framerate", "crf", "pixelformat")
        return {
            "action": "render",
            "status": "started",
            "framecount": str(_count(params.get("framecount"))),
            "settings": {key: settings[key] for key in keys if key in settings},
        }


def message(reason: object) -> str:
    """A reason as Mainsail shows it, over the page: short, in one line, no folders."""
    text = " ".join(reason.split()) if isinstance(reason, str) else ""
    text = FOLDERS.sub("", text) or NO_REASON
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def _finished(params: Mapping[str, Any]) -> Event:
    filename = _name(params.get("filename"))
    event = {
        "action": "render",
        "status": "success",
        "framecount": str(_count(params.get("framecount"))),
        "filename": filename,
        "printfile": str(params.get("printfile") or ""),
        "msg": message(params.get("msg") or f"The video is ready: {filename}"),
    }
    if params.get("previewimage"):
        event["previewimage"] = _name(params["previewimage"])
    return event


def _running(progress: object) -> Event:
    return {"action": "render", "status": "running", "progress": _percent(progress)}


def _name(path: object) -> str:
    return path.rpartition("/")[2] if isinstance(path, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _percent(value: object) -> int:
    if isinstance(value, int | float) and math.isfinite(value):
        return min(100, max(0, int(value)))
    return 0
