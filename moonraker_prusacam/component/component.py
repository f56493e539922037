# The component: what Moonraker holds, and what it wires together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads ``[prusacam]``, makes the parts, and tells them when the engine is there."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .announcements import Announcements
from .doctor import Doctor
from .endpoints import Endpoints
from .job_history import JobHistory
from .jobs import JobEvents
from .link import EngineLink
from .remote_methods import RemoteMethods
from .timelapse_facade import TimelapseFacade
from .webcams import Webcams

if TYPE_CHECKING:
    from moonraker.confighelper import ConfigHelper

    from .link import EngineIdentity

log = logging.getLogger(__name__)

ENGINE_WARNING = "prusacam_engine"
TIMELAPSE_WARNING = "prusacam_timelapse"
PATH_WARNING = "prusacam_timelapse_path"
TIMELAPSE_ROOT = "timelapse"

NOTIFICATIONS = {
    "camera.event": "prusacam_camera",
    "timelapse.event": "prusacam_timelapse",
    "connect.event": "prusacam_connect",
    "prusa_camera.event": "prusacam_prusa_camera",
    "multicam.event": "prusacam_multicam",
    "printer.event": "prusacam_printer",
    "engine.event": "prusacam_engine",
}
"""The engine's notifications, and Moonraker's (with ``notify_`` before it)."""


class PrusacamComponent:
    """Moonraker's side of the engine; does no I/O but that of its one socket."""

    def __init__(self, config: ConfigHelper) -> None:
        self._server = config.get_server()
        data_path = Path(self._server.get_app_args()["data_path"])
        socket_path = config.getpath("socket", data_path / "comms" / "prusacam.sock")
        self._own_path: Path | None = config.getpath("timelapse_path", None)
        self._default_path = data_path / "timelapse"
        self._panels_wanted = config.has_section("timelapse")
        self._facade: TimelapseFacade | None = None
        version = str(self._server.get_app_args().get("software_version"))
        self._link = EngineLink(socket_path, version, self)
        Endpoints(self._server, self._link).register()
        Doctor(self._server, self._link).register()
        self._remote = RemoteMethods(self._server, self._link)
        self._remote.register()
        self._jobs = JobEvents(self._server, self._link)
        self._webcams = Webcams(self._server, self._link)
        self._announcements = Announcements(self._server)
        self._history = JobHistory(self._server, self._link)
        self._connected = False
        for notification in NOTIFICATIONS.values():
            self._server.register_notification(f"prusacam:{notification}")

    def timelapse_facade(self, config: ConfigHelper) -> TimelapseFacade:
        """The component ``timelapse``, for the shim that Moonraker loads."""
        self._facade = TimelapseFacade(
            config, self._link, self._remote, self._panels_configured
        )
        self._facade.output_path = self._own_path or self._facade.output_path
        return self._facade

    async def component_init(self) -> None:
        """Moonraker calls this when every component is loaded."""
        if self._panels_wanted and self._facade is None:
            self._warn_of_foreign_timelapse()
        # Not in __init__: components load in no fixed order, and another one that
        # wants this root has registered it by now.
        self._register_timelapse_root()
        self._link.start()

    async def on_exit(self) -> None:
        """Moonraker calls this before it stops or restarts in the same process."""
        await self.close()

    async def close(self) -> None:
        """Release the socket and end the background work. Idempotent."""
        self._jobs.stop()
        self._webcams.stop()
        self._announcements.close()
        self._history.stop()
        await self._link.aclose()

    def link_up(self, identity: EngineIdentity) -> None:
        """LinkOwner: the engine is there."""
        self._connected = True
        self._server.remove_warning(ENGINE_WARNING)
        # Stands at the head of each new log of Moonraker's, as other versions do.
        self._server.add_log_rollover_item(
            "prusacam", f"prusacam: engine {identity.version:.40s}", log=False
        )
        if self._facade is None:
            self._compare_timelapse_paths(identity.timelapse_path)
        self._jobs.start()
        self._webcams.start()
        self._history.start()
        if self._facade is not None:
            self._facade.link_up(identity)
        self._server.send_event(
            "prusacam:prusacam_engine",
            {
                "event": "connected",
                "version": identity.version,
                "instance": identity.instance,
            },
        )

    def link_down(self, reason: str) -> None:
        """LinkOwner: the engine is not there."""
        self._server.add_warning(
            f"prusacam: the camera engine does not answer: {reason}. "
            "Start it with 'sudo systemctl start prusacam'; "
            "it is found as soon as it runs.",
            ENGINE_WARNING,
            log=False,
        )
        self._jobs.stop()
        self._webcams.stop()
        self._history.stop()
        if self._facade is not None:
            self._facade.link_down()
        if self._connected:
            self._connected = False
            self._server.send_event(
                "prusacam:prusacam_engine", {"event": "disconnected", "reason": reason}
            )

    def engine_notified(self, method: str, params: dict[str, Any]) -> None:
        """LinkOwner: pass the engine's notification on to Moonraker's clients."""
        notification = NOTIFICATIONS.get(method)
        if notification is None:
            log.debug("prusacam: unknown notification %.80s", method)
            return
        self._server.send_event(f"prusacam:{notification}", params)
        if method == "camera.event" and params.get("event") == "list_changed":
            self._webcams.refresh()
        elif method == "connect.event":
            self._announcements.connect_event(params)
        elif method == "multicam.event":
            self._announcements.multicam_event(params)
        elif method == "prusa_camera.event":
            self._history.prusa_camera_event(params)
        elif method == "timelapse.event":
            self._history.engine_event(params)
            if self._facade is not None:
                self._facade.engine_event(params)

    @property
    def _timelapse_path(self) -> Path:
        chosen = self._own_path if self._facade is None else self._facade.output_path
        return chosen or self._default_path

    def _warn_of_foreign_timelapse(self) -> None:
        module = sys.modules.get("moonraker.components.timelapse")
        place = getattr(module, "__file__", None) or "components/timelapse.py"
        self._server.add_warning(
            "prusacam: the section [timelapse] is served by another component, "
            f"{place}: its panel and macros do not reach the camera engine. Remove "
            "moonraker-timelapse and install prusacam again, or leave the section out.",
            TIMELAPSE_WARNING,
        )

    def _register_timelapse_root(self) -> None:
        file_manager = self._server.lookup_component("file_manager")
        if file_manager.get_directory(TIMELAPSE_ROOT):
            return
        path = self._timelapse_path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("prusacam: no folder for timelapses: %s", error)
        # It checks the folder and adds a warning if that is not usable.
        file_manager.register_directory(TIMELAPSE_ROOT, str(path), full_access=True)

    def _panels_configured(self, answer: object) -> None:
        written = answer.get("timelapse_path") if isinstance(answer, dict) else None
        self._compare_timelapse_paths(written if isinstance(written, str) else None)

    def _compare_timelapse_paths(self, written: str | None) -> None:
        file_manager = self._server.lookup_component("file_manager")
        shown = file_manager.get_directory(TIMELAPSE_ROOT)
        if written is None or os.path.realpath(written) == os.path.realpath(shown):
            self._server.remove_warning(PATH_WARNING)
            return
        self._server.add_warning(
            f"prusacam: the camera engine writes timelapses to {written}, but the "
            f"folder 'timelapse' of Moonraker is {shown}, so they are not listed. "
            "Remove output_path from the section [timelapse] of prusacam.conf, or set "
            "it to the same folder, and restart the engine.",
            PATH_WARNING,
        )
