# What the control socket can do with the printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods over ``[printer]``; docs/api.md describes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .parameters import Parameters, refusal

if TYPE_CHECKING:
    from .app import Engine
    from .control.peer import Handler


class PrinterMethods:
    """Handlers over an engine, by the name of their method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def table(self) -> dict[str, Handler]:
        """All methods by name."""
        return {
            "printer.status": self.status,
            "printer.register": self.register,
            "printer.unregister": self.unregister,
            "printer.ready": self.ready,
        }

    async def status(self, params: dict[str, Any]) -> dict[str, Any]:
        """How it stands, registered or not."""
        Parameters(params)
        return self._engine.bridge.report()

    async def register(self, params: dict[str, Any]) -> dict[str, Any]:
        """A code and the address to enter it; the token is awaited afterwards."""
        Parameters(params)
        ticket = await self._engine.bridge.required().register()
        return {
            "code": ticket.code,
            "url": ticket.url,
            "code_valid_until": ticket.until_s,
        }

    async def unregister(self, params: dict[str, Any]) -> dict[str, Any]:
        """Forget the tokens of the printer and of its cameras."""
        Parameters(params)
        return {"unregistered": await self._engine.bridge.unregister()}

    async def ready(self, params: dict[str, Any]) -> dict[str, Any]:
        """Take the user's word that the next print may begin, or take it back."""
        is_ready = Parameters(params, "ready").boolean("ready")
        if is_ready is None:
            raise refusal("'ready' is missing")
        self._engine.bridge.required().set_ready(is_ready=is_ready)
        return {"ready": is_ready}
