# A connection to Moonraker's Unix socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON-RPC 2.0 with an ETX behind each message, both ways.

Whoever may open the socket is trusted by Moonraker, and needs no key. Source:
Moonraker docs/external_api/introduction.md and components/extensions.py.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.errors import MoonrakerRefused, MoonrakerUnavailable
from moonraker_prusacam.etx_socket import EtxSocket, Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.etx_socket import Wire

    Listener = Callable[[str, list[Any]], None]

MAX_PENDING_CALLS = 64
MAX_REASON = 400
CALL_TIMEOUT_S = 10.0
PING = "server.info"

MOONRAKER = Peer(
    unavailable=MoonrakerUnavailable,
    unfit=MoonrakerUnavailable,
    absent="no Moonraker at {path}: {reason}",
    closed="Moonraker closed the connection",
    lost="Moonraker went away: {reason}",
    unanswered="Moonraker did not answer {method} within {seconds} s",
    ended="the connection to Moonraker is closed",
    too_long="Moonraker sent more than {mebibytes} MiB at once",
    garbled="Moonraker sent no message: {start}",
)


class MoonrakerConnection(EtxSocket):
    """One connection to Moonraker.

    After a silence Moonraker is asked for a word, once, before ``run`` gives it up.
    """

    peer = MOONRAKER
    # Its own limit for what it reads (components/extensions.py).
    max_message_bytes = 20 << 20
    envelope = MappingProxyType({"jsonrpc": "2.0"})

    def __init__(self, wire: Wire, listener: Listener) -> None:
        """``listener`` is called with name and params of each notification."""
        super().__init__(wire)
        self._listener = listener
        self._is_asked = False

    @classmethod
    async def connect(cls, path: Path, listener: Listener) -> Self:
        """Open a connection; raises MoonrakerUnavailable."""
        return cls(await cls._open(path), listener)

    async def call(
        self, method: str, params: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """The result of ``method``.

        Raises MoonrakerRefused if Moonraker says no, MoonrakerUnavailable if it says
        nothing in time, and after the end of ``run`` what ended it.
        """
        if len(self._replies) >= MAX_PENDING_CALLS:
            raise MoonrakerUnavailable("Moonraker is behind with its answers")
        reply = await self._ask(method, params, timeout_s)
        if "result" not in reply:
            raise _refusal(reply.get("error"))
        return reply["result"]

    def _take(self, message: dict[str, Any]) -> None:
        self._is_asked = False
        method = message.get("method")
        if not isinstance(method, str):
            self._settle(message)
            return
        params = message.get("params", [])
        if message.get("id") is None and isinstance(params, list):
            self._listener(method, params)

    def _bear_silence(self, silence_s: float) -> None:
        if self._is_asked:
            raise MoonrakerUnavailable(
                f"Moonraker said nothing for {2 * silence_s:g} s"
            )
        self._is_asked = True
        self._send(next(self._ids), PING, {})


def _refusal(error: object) -> MoonrakerRefused:
    """Moonraker's error as one of ours; Klipper's words come as its text."""
    told = error if isinstance(error, dict) else {}
    text, code = told.get("message"), told.get("code")
    if not isinstance(text, str) or not text.strip():
        text = "Moonraker gave no reason"
    return MoonrakerRefused(
        text.strip()[:MAX_REASON], code=code if isinstance(code, int) else 0
    )
