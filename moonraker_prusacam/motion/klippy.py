# A client of Klipper's API socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Klipper and listens to it; never makes it do anything.

Klipper shuts the printer down when an endpoint of its own fails, so only the few
requests in READ_ONLY can be made at all. Source: Klipper docs/API_Server.md and
klippy/webhooks.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from moonraker_prusacam.errors import KlippyDataError, KlippyRefused, KlippyUnavailable
from moonraker_prusacam.etx_socket import EtxSocket, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.etx_socket import Wire

    Receiver = Callable[[dict[str, Any]], None]

REQUEST_TIMEOUT_S = 5.0

READ_ONLY = frozenset(
    {
        "info",
        "objects/list",
        "objects/query",
        "objects/subscribe",
        "motion_report/dump_trapq",
    }
)

KLIPPER = Peer(
    unavailable=KlippyUnavailable,
    unfit=KlippyDataError,
    absent="no Klipper at {path}: {reason}",
    closed="Klipper closed the connection",
    lost="Klipper went away: {reason}",
    unanswered="Klipper did not answer {method} within {seconds} s",
    ended="the connection to Klipper is closed",
    too_long="a message has more than {bytes} bytes",
    garbled="{what}: {start}",
)


class KlippyClient(EtxSocket):
    """One connection to Klipper; what it raises are KlippyErrors."""

    peer = KLIPPER
    # The largest is the reply about ``configfile``, some hundred kilobytes.
    max_message_bytes = 8 << 20

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._receivers: dict[str, Receiver] = {}

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Open a connection; raises KlippyUnavailable."""
        return cls(await cls._open(path))

    async def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> dict[str, Any]:
        """The result of ``method``, which is one of READ_ONLY.

        Raises KlippyRefused if Klipper says no, KlippyUnavailable if it says nothing,
        and after the end of ``run`` what ended it.
        """
        if method not in READ_ONLY:
            raise KlippyRefused(f"{method} is not for onlookers")
        reply = await self._ask(method, params or {}, timeout_s)
        result = reply.get("result")
        if not isinstance(result, dict):
            raise KlippyRefused(_reason(reply.get("error")))
        return result

    async def subscribe(
        self, method: str, params: dict[str, Any], receive: Receiver
    ) -> dict[str, Any]:
        """Like ``request``; what follows is handed to ``receive``, as it arrives.

        ``receive`` is called with the ``params`` of each notification, perhaps before
        this returns. What it raises ends ``run``.
        """
        name = f"{method}#{next(self._ids)}"
        self._receivers[name] = receive
        template = {"method": name}
        try:
            return await self.request(method, {**params, "response_template": template})
        except BaseException:
            del self._receivers[name]
            raise

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("id") is not None:
            self._settle(message)
            return
        name, params = message.get("method"), message.get("params")
        receive = self._receivers.get(name) if isinstance(name, str) else None
        if receive is not None and isinstance(params, dict):
            receive(params)

    def _bear_silence(self, silence_s: float) -> NoReturn:
        raise KlippyUnavailable(f"Klipper said nothing for {silence_s:g} s")


def _reason(error: object) -> str:
    text = error.get("message") if isinstance(error, dict) else None
    return text[:200] if isinstance(text, str) else "Klipper gave no reason"
