# Moonraker component [timelapse]: the panels of Mainsail and Fluidd.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as moonraker-timelapse does, so that its panels and macros work untouched.

Mainsail does not show anything before it has the settings. So these are answered from
memory, whatever the engine, the database and Klipper are at.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .coalesced import Coalesced
from .endpoints import BAD_REQUEST, reason_phrase
from .errors import EngineAbsent, EngineError, LinkError
from .panel_events import PanelEvents
from .remote_methods import frame_request, is_true
from .settings_store import SettingsStore
from .timelapse_macros import TimelapseMacros
from .timelapse_settings import SETTINGS, TimelapseSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker.common import WebRequest
    from moonraker.confighelper import ConfigHelper
    from moonraker.server import Server

    from .link import EngineIdentity, EngineLink
    from .remote_methods import RemoteMethods
    from .timelapse_settings import Value

log = logging.getLogger(__name__)

STATUS_TIMEOUT_S = 1.0
SAVE_FRAMES_TIMEOUT_S = 900.0
"""An archive of thousands of frames, written to a slow card."""

FRAME_WAIT_S = 2.0
RENDER_WAIT_S = 600.0
"""The longest that a macro of moonraker-timelapse waits for a frame and a video."""

RETRY_S = 5.0

FRAMES_ROOT = "timelapse_frames"

FOREIGN_OPTIONS = ("frame_path", "ffmpeg_binary_path", "wget_skip_cert_check")
"""Options of moonraker-timelapse for work that is now the engine's."""

EVENT = "timelapse:timelapse_event"
RENDER_GOES_ON = ("started", "running")


class TimelapseFacade:
    """What Moonraker holds as its component ``timelapse``."""

    def __init__(
        self,
        config: ConfigHelper,
        link: EngineLink,
        remote: RemoteMethods,
        on_configured: Callable[[object], None],
    ) -> None:
        """``on_configured`` is told what the engine answered to the settings."""
        self._server: Server = config.get_server()
        self._link = link
        self._remote = remote
        self._on_configured = on_configured
        self.output_path: Path | None = config.getpath("output_path", None)
        for option in filter(config.has_option, FOREIGN_OPTIONS):
            config.get(option)  # else Moonraker warns of an unparsed option
        self._settings = TimelapseSettings(read_fixed(config))
        self._store = SettingsStore(self._server, self._settings, self._apply_settings)
        self._macros = TimelapseMacros(self._server, self._settings)
        self._panel = PanelEvents()
        self._configuring = Coalesced("timelapse settings", self._configure)
        self._refreshing = Coalesced("timelapse status", self._refresh)
        self._storing = Coalesced("timelapse settings to store", self._store_told)
        self._told: dict[str, Value] = {}
        self._configured: dict[str, Value] | None = None
        self._render_limit: asyncio.TimerHandle | None = None
        self._register()

    async def component_init(self) -> None:
        """Moonraker calls this when every component is loaded."""
        await self._store.loaded()

    async def close(self) -> None:
        """End the background work. Idempotent."""
        self._store.close()
        self._macros.close()
        self._configuring.stop()
        self._refreshing.stop()
        self._storing.stop()
        if self._render_limit is not None:
            self._render_limit.cancel()

    def link_up(self, identity: EngineIdentity) -> None:
        """The engine is there: show its frames, and tell it the settings."""
        self._configured = None
        if identity.frames_path is not None:
            self._register_frames_root(Path(identity.frames_path))
        self._configuring.request()
        self._refreshing.request()

    def link_down(self) -> None:
        """The engine is not there."""
        self._configuring.stop()
        self._refreshing.stop()
        self._tell(self._panel.engine_lost())

    def engine_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``timelapse.event``."""
        if params.get("event") == "settings":
            self._take_over(params.get("settings"))
        self._tell(self._panel.translate(params))

    def _register(self) -> None:
        server, path = self._server, "/machine/timelapse"
        endpoint = server.register_endpoint
        endpoint(f"{path}/settings", ["GET", "POST"], self._handle_settings)
        endpoint(f"{path}/render", ["POST"], self._handle_render)
        endpoint(f"{path}/saveframes", ["POST"], self._handle_save_frames)
        endpoint(f"{path}/lastframeinfo", ["GET"], self._handle_last_frame)
        server.register_notification(EVENT)
        server.register_remote_method("timelapse_newframe", self._newframe)
        server.register_remote_method("timelapse_hyperlapse", self._hyperlapse)
        server.register_remote_method("timelapse_saveFrames", self._save_frames)
        server.register_remote_method("timelapse_render", self._render)
        server.register_event_handler(
            "webcam:webcams_changed", self._on_webcams_changed
        )

    async def _handle_settings(self, web_request: WebRequest) -> dict[str, Any]:
        try:
            changed = self._settings.update(
                web_request.get_args() if web_request.get_action() == "POST" else {}
            )
        except ValueError as error:
            raise self._error(str(error), BAD_REQUEST) from None
        if changed:
            self._apply_settings()
            await self._store.save(changed)
        return self._settings.answer

    async def _handle_render(self, _: WebRequest) -> dict[str, Any]:
        try:
            await self._link.call("timelapse.render", {})
        except LinkError as error:
            # Mainsail shows the event, and the answer only in the browser's console.
            self._tell(self._panel.render_failed(str(error)))
            raise self._error(str(error), error.http_status) from None
        return {"action": "render", "status": "started"}

    async def _handle_save_frames(self, _: WebRequest) -> dict[str, Any]:
        try:
            result = await self._link.call(
                "timelapse.saveframes", {}, SAVE_FRAMES_TIMEOUT_S
            )
        except LinkError as error:
            if not self._panel.rendering:
                self._tell(self._panel.render_failed(str(error)))
            raise self._error(str(error), error.http_status) from None
        name = result.get("zipfile") if isinstance(result, dict) else None
        return {
            "action": "saveframes",
            "status": "finished",
            "zipfile": Path(str(name or "")).name,
        }

    async def _handle_last_frame(self, _: WebRequest) -> dict[str, Any]:
        await self._ask_panel()
        return self._panel.last_frame

    # Positional-only: a macro may use any name for an argument, "self" too.

    def _newframe(
        self, /, macropark: Any = None, hyperlapse: Any = None, **_: Any
    ) -> None:
        parked = is_parked(macropark)
        answer: asyncio.Future[Any] | None = None
        if is_true(hyperlapse) == (self._settings["mode"] == "hyperlapse"):
            answer = self._remote.post(
                "timelapse.frame", frame_request(None, parked=parked)
            )
        if parked:
            delay_s = (
                self._settings["park_time"]
                + self._settings["stream_delay_compensation"]
            )
            self._macros.release(
                "TIMELAPSE_TAKE_FRAME", "takingframe", after(delay_s, answer)
            )

    def _hyperlapse(self, /, action: Any = None, cycle: Any = None, **_: Any) -> None:
        try:
            cycle_s = SETTINGS["hyperlapse_cycle"].parse(cycle)
        except ValueError:
            cycle_s = self._settings["hyperlapse_cycle"]
        starts = str(action).lower() == "start"
        self._remote.post(
            "timelapse.hyperlapse",
            {
                "action": "start" if starts else "stop",
                "cycle_s": cycle_s if starts else None,
            },
        )

    def _save_frames(self, /, **_: Any) -> None:
        self._remote.post("timelapse.saveframes", {}, SAVE_FRAMES_TIMEOUT_S)

    def _render(self, /, byrendermacro: Any = None, **_: Any) -> None:
        if is_true(byrendermacro) and self._render_limit is None:
            self._render_limit = asyncio.get_running_loop().call_later(
                RENDER_WAIT_S, self._release_render
            )
        answer = self._remote.post("timelapse.render", {})
        if answer is None:
            self._tell(self._panel.render_failed("The camera engine is not available"))
        else:
            answer.add_done_callback(self._render_accepted)

    def _render_accepted(self, answer: asyncio.Future[Any]) -> None:
        error = None if answer.cancelled() else answer.exception()
        if error is not None:
            self._tell(self._panel.render_failed(str(error)))

    def _release_render(self) -> None:
        """Let a macro go on that waits for the video."""
        if self._render_limit is not None:
            self._render_limit.cancel()
            self._render_limit = None
            self._macros.release("TIMELAPSE_RENDER", "render")

    def _tell(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            self._server.send_event(EVENT, event)
            if event["action"] == "render" and event["status"] not in RENDER_GOES_ON:
                self._release_render()

    def _take_over(self, told: object) -> None:
        """Have the panels show what Prusa Connect switched."""
        try:
            changed = self._settings.update(told if isinstance(told, dict) else {})
        except ValueError as error:
            log.warning("prusacam: the engine tells odd timelapse settings: %s", error)
            return
        self._told.update(changed)
        if changed:
            self._apply_settings()
            self._storing.request()

    async def _store_told(self) -> None:
        told, self._told = self._told, {}
        await self._store.save(told)

    def _apply_settings(self) -> None:
        self._macros.push_settings()
        self._configuring.request()

    def _on_webcams_changed(self, _: dict[str, Any]) -> None:
        configured = self._configured
        if configured is None or configured["camera"] != self._camera():
            self._configuring.request()

    async def _configure(self) -> None:
        """Tell the engine the settings; again later if it does not answer."""
        await self._store.loaded()
        settings = {**self._settings.values, "camera": self._camera()}
        if self.output_path is not None:
            settings["output_path"] = str(self.output_path)
        try:
            answer = await self._link.call(
                "timelapse.configure", {"settings": settings}
            )
        except EngineAbsent:
            return
        except EngineError as error:
            log.warning("prusacam: the engine refused timelapse settings: %s", error)
        except LinkError as error:
            log.warning("prusacam: the engine has no timelapse settings: %s", error)
            await asyncio.sleep(RETRY_S)
            self._configuring.request()
        else:
            self._configured = settings
            self._on_configured(answer)

    async def _refresh(self) -> None:
        """Tell pages that were opened without the engine what it has."""
        self._tell(await self._ask_panel())

    async def _ask_panel(self) -> list[dict[str, Any]]:
        try:
            status = await self._link.call("timelapse.status", {}, STATUS_TIMEOUT_S)
        except LinkError as error:
            log.debug("prusacam: the last frame is the last one known: %s", error)
            return []
        return self._panel.refresh(
            status.get("panel") if isinstance(status, dict) else None
        )

    def _camera(self) -> str:
        """The chosen camera's name: Fluidd stores its uid; empty if unknown."""
        chosen: str = self._settings["camera"]
        webcams = self._server.lookup_component("webcam").get_webcams()
        if chosen in webcams:
            return chosen
        for name, webcam in webcams.items():
            if webcam.uid == chosen:
                return str(name)
        return "" if is_uid(chosen) else chosen

    def _register_frames_root(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("prusacam: no folder of frames: %s", error)
            return
        file_manager = self._server.lookup_component("file_manager")
        file_manager.register_directory(FRAMES_ROOT, str(path))

    def _error(self, text: str, status: int) -> Exception:
        error: Exception = self._server.error(reason_phrase(text), status)
        return error


def read_fixed(config: ConfigHelper) -> dict[str, Value]:
    """The settings of the section ``[timelapse]``, without those that are mistaken."""
    fixed: dict[str, Value] = {}
    for name, setting in SETTINGS.items():
        if not config.has_option(name):
            continue
        try:
            fixed[name] = setting.parse(config.get(name))
        except ValueError as error:
            config.get_server().add_warning(f"[timelapse]: {error}; it is ignored")
    return fixed


def is_parked(macropark: object) -> bool:
    """Whether the head is parked; moonraker-timelapse's macro sends all of ``park``."""
    if isinstance(macropark, dict):
        return is_true(macropark.get("enable"))
    return is_true(macropark)


def is_uid(text: str) -> bool:
    """Whether this is a webcam's uid, not its name."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


async def after(delay_s: float, answer: asyncio.Future[Any] | None) -> None:
    """Return when the time is over and the answer is there, if it comes in time."""
    await asyncio.sleep(delay_s)
    if answer is not None:
        await asyncio.wait({answer}, timeout=FRAME_WAIT_S)
