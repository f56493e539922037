# Remote methods: what G-code macros can call.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes macros' calls on to the engine.

Klipper sends a remote call and waits for nothing, so nobody could be told about a
failure but the log, which hears of a change of outcome once and not of every call.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from .errors import LinkError
from .link import CALL_TIMEOUT_S, UPLOAD_TIMEOUT_S

if TYPE_CHECKING:
    import asyncio

    from moonraker.server import Server

    from .link import EngineLink

log = logging.getLogger(__name__)

MAX_LAYER = 1_000_000
TRUE_TEXTS = frozenset({"true", "yes", "on", "1"})


class RemoteMethods:
    """Registers the remote methods; none of them ever raises or waits.

    Arguments of ``action_call_remote_method`` (Klipper docs/Command_Templates.md) are
    JSON values as the macro's template made them, so numbers often come as text.
    """

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link
        self._failures: dict[str, _Failure] = {}

    def register(self) -> None:
        """Make the methods known; Moonraker tells Klippy of them."""
        for name, method in {
            "prusacam_timelapse_start": self._timelapse_start,
            "prusacam_timelapse_frame": self._timelapse_frame,
            "prusacam_timelapse_render": self._timelapse_render,
            "prusacam_connect_upload": self._connect_upload,
            "prusacam_multicam_start": self._multicam_start,
            "prusacam_multicam_stop": self._multicam_stop,
        }.items():
            self._server.register_remote_method(name, method)

    # Positional-only: a macro may use any name for an argument, "self" too.

    def _timelapse_start(self, /, **options: Any) -> None:
        self.post("timelapse.start", options)

    def _timelapse_frame(
        self, /, layer: Any = None, parked: Any = None, **_: Any
    ) -> None:
        self.post("timelapse.frame", frame_request(layer, parked=is_true(parked)))

    def _timelapse_render(self, /, **_: Any) -> None:
        self.post("timelapse.render", {})

    def _connect_upload(self, /, camera: Any = None, **_: Any) -> None:
        params = {} if camera in (None, "", "None") else {"camera": str(camera)}
        self.post("connect.upload", params, UPLOAD_TIMEOUT_S)

    def _multicam_start(self, /, delay: Any = None, **_: Any) -> None:
        params = {} if delay in (None, "", "None") else {"delay": parse_delay(delay)}
        self.post("multicam.start", params)

    def _multicam_stop(self, /, **_: Any) -> None:
        self.post("multicam.stop", {})

    def post(
        self, method: str, params: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> asyncio.Future[Any] | None:
        """Send a request whose outcome only the log hears of; None if that failed."""

        def done(answer: asyncio.Future[Any]) -> None:
            self._tell(method, answer.exception())

        try:
            answer = self._link.request(method, params, timeout_s)
        except LinkError as error:
            self._tell(method, error)
            return None
        answer.add_done_callback(done)
        return answer

    def _tell(self, method: str, error: BaseException | None) -> None:
        last = self._failures.pop(method, None)
        if error is None:
            if last is not None:
                log.info(
                    "prusacam: %s works again, after %d failures", method, last.count
                )
            return
        if last is None or last.text != str(error):
            log.warning("prusacam: a macro's %s failed: %s", method, error)
        self._failures[method] = _Failure(str(error), last.count + 1 if last else 1)


class _Failure:
    """The last failure of a method, and how many there were in a row."""

    def __init__(self, text: str, count: int) -> None:
        self.text = text
        self.count = count


def frame_request(layer: object, *, parked: bool) -> dict[str, Any]:
    """Params of ``timelapse.frame`` for a frame that is wanted now."""
    return {
        "layer": parse_layer(layer),
        "monotonic_ns": time.monotonic_ns(),
        "parked": parked,
    }


def is_true(value: object) -> bool:
    """Whether a macro's argument means yes: true, 1, "True", "1" ..."""
    if isinstance(value, str):
        return value.strip().lower() in TRUE_TEXTS
    return isinstance(value, int) and value != 0


def parse_delay(value: object) -> object:
    """A number from a text that is one; else what it was, for the engine to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def parse_layer(value: object) -> int | None:
    """A layer number from whatever a macro made of it, None where it made none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if math.isfinite(value) and 0 <= value <= MAX_LAYER else None
