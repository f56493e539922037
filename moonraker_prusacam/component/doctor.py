# The doctor's endpoint.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine finds of itself, and what only Moonraker knows.

It answers without an engine, too: that is when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .endpoints import BAD_REQUEST, reason_phrase
from .errors import EngineError, LinkError

if TYPE_CHECKING:
    from moonraker.common import WebRequest
    from moonraker.server import Server

    from .link import EngineLink

DOCTOR_TIMEOUT_S = 55.0
"""The engine looks at networks and uploads; web servers give up after a minute."""

WARNING_PREFIX = "prusacam: "
GRAVITY = ("ok", "warning", "failed")
PARAMETERS = ("dry_run",)
TRUE_TEXTS = ("true", "yes", "on", "1")
FALSE_TEXTS = ("false", "no", "off", "0", "")
START = (
    "sudo systemctl start prusacam; 'prusacam doctor' on the host looks at the rest, "
    "and 'prusacam check' at the configuration"
)
HTTP_CALLERS_FAULT = range(400, 500)


class Doctor:
    """Registers ``/server/prusacam/doctor``."""

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link

    def register(self) -> None:
        """Make the endpoint known."""
        self._server.register_endpoint(
            "/server/prusacam/doctor", ["GET"], self._examine
        )

    async def _examine(self, web_request: WebRequest) -> dict[str, Any]:
        try:
            params = doctor_params(web_request.get_args())
        except ValueError as error:
            raise self._server.error(str(error), BAD_REQUEST) from None
        try:
            answer = await self._link.call("engine.doctor", params, DOCTOR_TIMEOUT_S)
        except EngineError as error:
            if error.http_status in HTTP_CALLERS_FAULT and error.http_status != 404:
                text = reason_phrase(str(error))
                raise self._server.error(text, error.http_status) from None
            found = [finding("engine", "failed", str(error), START)]
        except LinkError as error:
            found = [finding("engine", "failed", str(error), START)]
        else:
            found = findings_of(answer)
        found += self._look_around()
        states = {one.get("state") for one in found}
        gravest = max(states & set(GRAVITY), key=GRAVITY.index, default="ok")
        return {"state": gravest, "findings": found}

    def _look_around(self) -> list[dict[str, Any]]:
        """What Moonraker knows of Klipper and of our component."""
        state = str(self._server.klippy_connection.state)
        klipper = finding("klipper", "ok", "ready")
        if state != "ready":
            text = f"Klipper is not ready ({state}): nothing tells of a print"
            remedy = "look at the first page of Mainsail or Fluidd, and at klippy.log"
            klipper = finding("klipper", "warning", text, remedy)
        # The engine's absence is told already, and better.
        warnings = [
            text.removeprefix(WARNING_PREFIX)
            for text in self._server.get_warnings()
            if text.startswith(WARNING_PREFIX) and self._link.is_up
        ]
        remedy = "do as it says, then: sudo systemctl restart moonraker"
        return [
            klipper,
            *(finding("component", "warning", text, remedy) for text in warnings),
        ]


def doctor_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``engine.doctor``; raises ValueError."""
    for name in arguments:
        if name not in PARAMETERS:
            raise ValueError(f"there is no parameter '{name[:40]}'; there is: dry_run")
    value = arguments.get("dry_run", False)
    text = str(value).strip().lower()
    if not isinstance(value, bool | str | int) or text not in TRUE_TEXTS + FALSE_TEXTS:
        raise ValueError("'dry_run' is neither true nor false")
    return {"dry_run": text in TRUE_TEXTS}


def findings_of(answer: object) -> list[dict[str, Any]]:
    """The engine's findings, as far as they are such."""
    listed = answer.get("findings") if isinstance(answer, dict) else None
    return [one for one in (listed if isinstance(listed, list) else []) if is_told(one)]


def is_told(value: object) -> bool:
    """Whether ``value`` can be shown as a finding."""
    return isinstance(value, dict) and isinstance(value.get("state"), str)


def finding(
    name: str, state: str, found: str, remedy: str | None = None
) -> dict[str, Any]:
    """A finding as the engine gives them."""
    return {
        "name": name,
        "state": state,
        "found": found,
        "remedy": remedy,
        "subject": None,
    }
