# What the control socket can do with recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods over ``[multicam]``; docs/api.md describes each.

Orders are answered at once: what devices make of them comes as ``multicam.event``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import MultiCamError, RpcError
from .multicam.controller.notice import summary
from .parameters import Parameters, refusal
from .records import IDENTITY

if TYPE_CHECKING:
    from .app import Engine
    from .control.peer import Handler

MULTICAM_FAILED = -32003
LEAST_DELAY_S, MOST_DELAY_S = 0.5, 60.0


class MultiCamMethods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        methods: dict[str, Handler] = {
            "status": self.status,
            "devices": self.devices,
            "sessions": self.sessions,
            "start": self.start,
            "stop": self.stop,
            "collect": self.collect,
            "render": self.render,
        }
        return {
            f"multicam.{name}": _telling(handler) for name, handler in methods.items()
        }

    async def status(self, params: dict[str, Any]) -> dict[str, Any]:
        """What is known, without a question to any device."""
        Parameters(params)
        return self._engine.multicam.status()

    async def devices(self, params: dict[str, Any]) -> dict[str, Any]:
        """All devices, each of which is asked how it is."""
        Parameters(params)
        return {"devices": await self._engine.multicam.required().roster.look()}

    async def sessions(self, params: dict[str, Any]) -> dict[str, Any]:
        """All sessions, the oldest first."""
        Parameters(params)
        return {"sessions": self._engine.multicam.required().sessions}

    async def start(self, params: dict[str, Any]) -> dict[str, Any]:
        """Have all devices begin at one instant; the session."""
        delay_s = Parameters(params, "delay").number(
            "delay", LEAST_DELAY_S, MOST_DELAY_S
        )
        session = await self._engine.multicam.required().start_recording(delay_s)
        return {"session": summary(session)}

    async def stop(self, params: dict[str, Any]) -> dict[str, Any]:
        """Have all devices end, and collect what they have; the session."""
        Parameters(params)
        session = await self._engine.multicam.required().stop_recording()
        return {"session": summary(session)}

    async def collect(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask again for videos that did not come; the session."""
        identity = _session_in(params)
        session = await self._engine.multicam.required().collect(identity)
        return {"session": summary(session)}

    async def render(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make the video of all angles, once more if need be; the session."""
        identity = _session_in(params)
        session = await self._engine.multicam.required().render(identity)
        return {"session": summary(session)}


def _session_in(params: dict[str, Any]) -> str | None:
    """The id of a session, None where none is given."""
    identity = Parameters(params, "session").optional_text("session")
    if identity is not None and not IDENTITY.fullmatch(identity):
        raise refusal("'session' is not the id of a session")
    return identity


def _telling(handler: Handler) -> Handler:
    """Says what a device or the controller has against it."""

    async def handle(params: dict[str, Any]) -> Any:
        try:
            return await handler(params)
        except MultiCamError as error:
            raise RpcError(
                MULTICAM_FAILED, str(error), http_status=error.http_status
            ) from error

    return handle
