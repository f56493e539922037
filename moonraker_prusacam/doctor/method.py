# The doctor on the control socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``engine.doctor``: the running engine looks at itself, for one caller at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.control.protocol import BUSY, INVALID_PARAMS
from moonraker_prusacam.errors import RpcError
from moonraker_prusacam.option import url

from .examination import Options, RunningEngine, examine_running
from .finding import report

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = {"dry_run": bool, "ui_url": str}
CALL_TIMEOUT_S = 55.0
"""What callers wait for the answer: more than any check takes, less than a minute,
after which web servers give up."""


class DoctorMethod:
    """The handler of ``engine.doctor``."""

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._is_busy = False

    async def __call__(self, params: dict[str, Any]) -> dict[str, Any]:
        """All findings; refuses with 409 while another caller waits for theirs."""
        options = parse_options(params)
        if self._is_busy:
            raise RpcError(BUSY, "the doctor is at work already", http_status=409)
        self._is_busy = True
        try:
            return report(await examine_running(self._engine, options))
        finally:
            self._is_busy = False


def parse_options(params: dict[str, Any]) -> Options:
    """Options from another process; raises RpcError."""
    given = {name: value for name, value in params.items() if value is not None}
    for name, value in given.items():
        if name not in KNOWN:
            raise _refusal(f"there is no parameter '{name[:40]}'")
        if not isinstance(value, KNOWN[name]):
            raise _refusal(f"'{name}' is not of type {KNOWN[name].__name__}")
    check: Callable[[str], str] = url("http", "https")
    try:
        address = given.get("ui_url")
        return Options(given.get("dry_run", False), address and check(address))
    except ValueError as error:
        raise _refusal(f"'ui_url' {error}") from None


def _refusal(message: str) -> RpcError:
    return RpcError(INVALID_PARAMS, message, http_status=400)
