# The notifications that pass.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Moonraker tells by itself, and which of it viewers hear.

The other direction of ``methods``: what is not in this table is dropped, because a
later Moonraker, or a component of somebody else's, may tell of something secret. A
notice that is shown by ``as_it_is`` goes on as Moonraker wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from . import redaction
from .parameters import ROOTS

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT_SHOWN = (
    *("action", "status", "frame", "framefile", "framecount", "progress"),
    *("filename", "printfile", "previewimage"),
)


@attrs.frozen
class Notice:
    """``show`` makes of its parameters those that are shown; None: it is dropped."""

    purpose: str
    show: Callable[[list[Any]], list[Any] | None] = redaction.as_it_is


def _status(params: list[Any]) -> list[Any]:
    return [redaction.status(params[0]), *params[1:]]


def _files(params: list[Any]) -> list[Any] | None:
    change = params[0]
    places = [change[name] for name in ("item", "source_item") if name in change]
    if any(place.get("root") not in ROOTS for place in places):
        return None
    return [redaction.files(change)]


def _logins(params: list[Any]) -> list[Any]:
    return [redaction.without_logins(item) for item in params]


def _timelapse(params: list[Any]) -> list[Any]:
    # What failed is a command with paths and addresses in it.
    event = params[0]
    shown = {name: event[name] for name in EVENT_SHOWN if name in event}
    if event.get("status") == "error":
        shown["msg"] = "the timelapse failed"
    return [shown]


def _camera(params: list[Any]) -> list[Any]:
    return [{name: params[0].get(name) for name in ("event", "camera", "state")}]


NOTICES: dict[str, Notice] = {
    "notify_status_update": Notice("objects that changed", _status),
    "notify_gcode_response": Notice("a line of the console"),
    "notify_klippy_ready": Notice("Klipper is ready"),
    "notify_klippy_shutdown": Notice("Klipper has shut down"),
    "notify_klippy_disconnected": Notice("Klipper is gone"),
    "notify_proc_stat_update": Notice("the host's load"),
    "notify_cpu_throttled": Notice("the host is too hot, or lacks power"),
    "notify_filelist_changed": Notice("a file in the folders that are shown", _files),
    "notify_history_changed": Notice("a print began or ended"),
    "notify_job_queue_changed": Notice("prints that are waiting"),
    "notify_power_changed": Notice("a switch"),
    "notify_sensor_update": Notice("what sensors measured"),
    "notify_webcams_changed": Notice("webcams, without logins", _logins),
    "notify_announcement_update": Notice("announcements"),
    "notify_announcement_dismissed": Notice("somebody has read one"),
    "notify_announcement_wake": Notice("one is shown again"),
    "notify_timelapse_event": Notice("timelapses, without commands", _timelapse),
    "notify_prusacam_timelapse": Notice("likewise", _logins),
    "notify_prusacam_camera": Notice("a camera's state", _camera),
}
DROPPED: dict[str, str] = {
    "notify_active_spool_set": "Spoolman is hidden",
    "notify_agent_event": "speaks for other programs",
    "notify_button_event": "a macro's business",
    "notify_prusacam_connect": "the owner's uploads",
    "notify_prusacam_engine": "the owner's engine",
    "notify_prusacam_multicam": "the owner's devices",
    "notify_prusacam_printer": "the owner's printer in Prusa Connect",
    "notify_prusacam_prusa_camera": "the owner's camera",
    "notify_service_state_changed": "services are hidden",
    "notify_spoolman_status_changed": "Spoolman is hidden",
    "notify_sudo_alert": "accounts",
    "notify_update_refreshed": "updates are hidden",
    "notify_update_response": "updates are hidden",
    "notify_user_created": "accounts",
    "notify_user_deleted": "accounts",
    "notify_user_logged_out": "accounts",
}
