# The calls that pass.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of Moonraker's methods that viewers may call, and nothing else.

A method is in this table when it changes nothing, moves nothing, wakes nothing up, and
its answer can be shown to anybody who may watch. Its parameters are read by ``read``,
its answer is shown by ``show``; ``path`` is where it can be had by GET, too. The names
and paths are from Moonraker's documentation of its external API, and its source
(0.11.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from . import redaction
from .message import METHOD_NOT_FOUND
from .parameters import (
    NAMESPACES,
    ROOTS,
    folder,
    nothing,
    number,
    objects,
    one_of,
    page_size,
    path,
    stored,
    switch,
    taking,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moonraker_prusacam.errors import CallRefused

# A folder, a table, the state of the printer; all folders below one.
READING, WALKING = 3.0, 10.0
# What Moonraker knows that does not act on its host; an agent would.
CLIENT_TYPES = ("web", "mobile", "desktop", "display", "bot", "other")


@attrs.frozen
class Method:
    """A method that passes.

    ``local`` is the gateway's own answer, if it has one; ``absent`` makes an answer of
    the parameters where Moonraker does not find what is asked for, or None. ``cost``
    is what the call takes of Moonraker's time, compared with one that just tells.
    """

    purpose: str
    path: str = ""
    read: Callable[[Mapping[str, Any]], dict[str, Any]] = nothing
    show: Callable[[Any], Any] = redaction.as_it_is
    local: Callable[[], Any] | None = None
    absent: Callable[[dict[str, Any]], Any] | None = None
    cost: float = 1.0

    def instead(self, params: dict[str, Any], refused: CallRefused) -> Any:
        """What stands for an answer that Moonraker has ``refused``, or None."""
        if self.absent is None or refused.code != METHOD_NOT_FOUND:
            return None
        return self.absent(params)


def _access_info() -> dict[str, Any]:
    # Whoever has come this far needs no account of Moonraker, and gets none.
    return {
        "default_source": "moonraker",
        "available_sources": ["moonraker"],
        "login_required": False,
        "trusted": True,
    }


def _user() -> dict[str, Any]:
    # As Moonraker calls somebody whom it knows by the address; Fluidd needs a name.
    return {"username": "_TRUSTED_USER_", "source": "moonraker", "created_on": 0.0}


def _empty_namespace(params: dict[str, Any]) -> dict[str, Any] | None:
    # Where the owner never opened that user interface, it has nothing stored. It would
    # store its defaults, and wait for that.
    if "key" in params or params["namespace"] not in NAMESPACES:
        return None
    return {"namespace": params["namespace"], "key": None, "value": {}}


CONNECTION = {
    "server.connection.identify": Method(
        "say who connects; keys and tokens are left out, agents are refused",
        read=taking(
            *("client_name", "version", "type", "url"),
            client_name=text,
            version=text,
            type=one_of(*CLIENT_TYPES),
            url=text,
        ),
    ),
    "server.websocket.id": Method("the number of the connection"),
    "access.info": Method(
        "that no login is needed; the gateway answers",
        "/access/info",
        local=_access_info,
    ),
    "access.get_user": Method(
        "no account; the gateway answers", "/access/user", local=_user
    ),
    "access.users.list": Method(
        "no accounts; the gateway answers",
        "/access/users/list",
        local=lambda: {"users": []},
    ),
}
SERVER = {
    "server.info": Method(
        "Moonraker's state, without warnings",
        "/server/info",
        show=redaction.server_info,
    ),
    "server.config": Method(
        "the few options that user interfaces read",
        "/server/config",
        show=redaction.server_config,
    ),
    "server.temperature_store": Method(
        "temperatures of the last minutes",
        "/server/temperature_store",
        taking(include_monitors=switch),
    ),
    "server.gcode_store": Method(
        "what the console shows", "/server/gcode_store", taking(count=number)
    ),
    "server.announcements.list": Method(
        "announcements",
        "/server/announcements/list",
        taking(include_dismissed=switch),
    ),
    "server.announcements.feeds": Method(
        "where announcements come from", "/server/announcements/feeds"
    ),
    "server.database.list": Method(
        "the namespaces that are shown",
        "/server/database/list",
        show=redaction.namespaces,
    ),
    "server.database.get_item": Method(
        f"how a user interface looks: only {', '.join(NAMESPACES)}, and the settings "
        "of Mobileraker",
        "/server/database/item",
        stored,
        absent=_empty_namespace,
    ),
    "server.webcams.list": Method(
        "the webcams, without logins in their addresses",
        "/server/webcams/list",
        show=redaction.without_logins,
    ),
    "server.webcams.get_item": Method(
        "a webcam, likewise",
        "/server/webcams/item",
        taking(name=text, uid=text),
        redaction.without_logins,
    ),
    "server.sensors.list": Method(
        "sensors", "/server/sensors/list", taking(extended=switch)
    ),
    "server.sensors.info": Method(
        "a sensor",
        "/server/sensors/info",
        taking("sensor", sensor=text, extended=switch),
    ),
    "server.sensors.measurements": Method(
        "what sensors measured", "/server/sensors/measurements", taking(sensor=text)
    ),
    "server.job_queue.status": Method(
        "prints that are waiting", "/server/job_queue/status"
    ),
    "server.history.list": Method(
        "prints that are over",
        "/server/history/list",
        taking(
            limit=page_size,
            start=number,
            before=number,
            since=number,
            order=one_of("asc", "desc"),
        ),
        cost=READING,
    ),
    "server.history.totals": Method("sums of all prints", "/server/history/totals"),
    "server.history.get_job": Method(
        "a print that is over", "/server/history/job", taking("uid", uid=text)
    ),
}
FILES = {
    "server.files.roots": Method(
        f"the folders that are shown: {', '.join(ROOTS)}",
        "/server/files/roots",
        show=redaction.roots,
    ),
    "server.files.list": Method(
        "files in one of them",
        "/server/files/list",
        taking(root=one_of(*ROOTS)),
        redaction.files,
        cost=WALKING,
    ),
    "server.files.get_directory": Method(
        "a folder in one of them",
        "/server/files/directory",
        taking(path=folder, extended=switch),
        redaction.files,
        cost=READING,
    ),
    "server.files.metadata": Method(
        "what is known of a G-code file",
        "/server/files/metadata",
        taking("filename", filename=path),
    ),
    "server.files.thumbnails": Method(
        "its pictures", "/server/files/thumbnails", taking("filename", filename=path)
    ),
}
PRINTER = {
    "printer.info": Method(
        "Klipper's state, without paths",
        "/printer/info",
        show=redaction.printer_info,
    ),
    "printer.objects.list": Method("Klipper's objects", "/printer/objects/list"),
    "printer.objects.query": Method(
        "their state, printer.cfg without secrets",
        "/printer/objects/query",
        taking("objects", objects=objects),
        redaction.objects,
        cost=READING,
    ),
    "printer.objects.subscribe": Method(
        "their state, now and whenever it changes",
        read=taking("objects", objects=objects),
        show=redaction.objects,
        cost=READING,
    ),
    "printer.gcode.help": Method("which G-code there is", "/printer/gcode/help"),
}
MACHINE = {
    "machine.system_info": Method(
        "the host, without serial numbers and services",
        "/machine/system_info",
        show=redaction.system_info,
    ),
    "machine.proc_stats": Method("its load", "/machine/proc_stats"),
    "machine.device_power.devices": Method("switches", "/machine/device_power/devices"),
    "machine.device_power.get_device": Method(
        "whether one is on",
        "/machine/device_power/device",
        taking("device", device=text),
    ),
    "machine.wled.strips": Method("lights", "/machine/wled/strips"),
    "machine.timelapse.get_settings": Method(
        "settings of timelapses",
        "/machine/timelapse/settings",
        show=redaction.without_logins,
    ),
    "machine.timelapse.lastframeinfo": Method(
        "the newest frame", "/machine/timelapse/lastframeinfo"
    ),
}
PRUSACAM = {
    "server.prusacam.cameras": Method(
        "the cameras, without their sources and viewers",
        "/server/prusacam/cameras",
        show=redaction.cameras,
    ),
    "server.prusacam.timelapse.status": Method(
        "the timelapse that is recorded", "/server/prusacam/timelapse/status"
    ),
    "server.prusacam.timelapse.list": Method(
        "timelapse jobs", "/server/prusacam/timelapse/list"
    ),
    "server.prusacam.timelapse.queue": Method(
        "what waits to be rendered", "/server/prusacam/timelapse/queue"
    ),
    "server.prusacam.timelapse.videos": Method(
        "finished videos", "/server/prusacam/timelapse/videos"
    ),
}
METHODS: dict[str, Method] = CONNECTION | SERVER | FILES | PRINTER | MACHINE | PRUSACAM
PATHS: dict[str, str] = {
    method.path: name for name, method in METHODS.items() if method.path
}
