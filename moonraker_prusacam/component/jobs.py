# The print's life as the engine is told it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns Moonraker's and Klippy's events into ``job.event`` notifications.

Each carries the complete state of the print, so that one that is lost does no lasting
harm. Klippy is asked again wherever events are known to lie: Moonraker 0.11 misses the
start of a print that begins while one of its own components subscribes to something
(the answer holds the new state, and is not shown to the others), as they do right
after Klippy got ready; and an emergency stop is followed by a "paused" that is none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .deadline import within
from .errors import LinkError
from .print_state import PrintState, file_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moonraker.common import JobEvent
    from moonraker.server import Server

    from .link import EngineLink

log = logging.getLogger(__name__)

QUERY_TIMEOUT_S = 2.0

SETTLE_S = 1.0
"""Klipper pushes its state every 250 ms; a second later events should have told all."""

MAX_QUEUED = 64

FILE_SELECTED = "File selected"
"""Klipper's virtual_sdcard prints it when a file was loaded, before it starts."""

CHECK = "check"
"""Not sent itself: becomes ``sync`` if a print runs whose start no event told."""

QUERIED = frozenset({"sync", "selected", "started", "layer", CHECK})

ASIDE = frozenset({"selected", "layer", "finished", "shutdown", "disconnected"})
"""Events that are no change of the print's state, though they carry it."""


@dataclass(frozen=True)
class _Signal:
    """Something that happened, with Moonraker's print_stats if it brought them."""

    event: str
    monotonic_ns: int
    print_stats: Mapping[str, Any] | None = None


class JobEvents:
    """Sends ``job.event`` notifications, in order, while the link is up."""

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link
        self._klippy = server.lookup_component("klippy_connection")
        self._klippy_apis = server.lookup_component("klippy_apis")
        self._file_manager = server.lookup_component("file_manager")
        self._queue: asyncio.Queue[_Signal] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._known: PrintState | None = None
        self._told: PrintState | None = None
        for event, handler in {
            "job_state:state_changed": self._on_state_changed,
            "job_state:layer_changed": self._on_layer_changed,
            "server:gcode_response": self._on_gcode_response,
            "server:klippy_ready": self._on_klippy_ready,
            "server:klippy_shutdown": self._on_klippy_shutdown,
            "server:klippy_disconnect": self._on_klippy_disconnect,
            "history:history_changed": self._on_history_changed,
        }.items():
            server.register_event_handler(event, handler)

    def start(self) -> None:
        """The link is up: tell what is true now, and from now on what happens."""
        self.stop()
        self._queue = asyncio.Queue(MAX_QUEUED)
        self._worker = asyncio.get_running_loop().create_task(
            self._work(self._queue), name="prusacam:jobs"
        )
        self._signal("sync")

    def stop(self) -> None:
        """The link is down: forget what was not sent; the next ``sync`` heals it."""
        if self._worker is not None:
            self._worker.cancel()
        self._queue = self._worker = None

    def _on_state_changed(
        self, event: JobEvent, _before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        if self._klippy.is_ready():
            self._signal(str(event), dict(after))

    def _on_layer_changed(self, _layer: int, _total: int) -> None:
        if self._klippy.is_ready():
            self._signal("layer")

    def _on_gcode_response(self, response: str) -> None:
        if response.strip() == FILE_SELECTED:
            self._signal("selected")
            self._check_later()

    def _on_klippy_ready(self) -> None:
        self._signal("sync")
        self._check_later()

    def _on_klippy_shutdown(self) -> None:
        self._signal("shutdown")

    def _on_klippy_disconnect(self) -> None:
        self._signal("disconnected")

    def _on_history_changed(self, change: Mapping[str, Any]) -> None:
        if change.get("action") == "finished":
            self._signal("finished")

    def _check_later(self) -> None:
        if self._queue is not None:
            asyncio.get_running_loop().call_later(SETTLE_S, self._signal, CHECK)

    def _signal(self, event: str, print_stats: Mapping[str, Any] | None = None) -> None:
        queue, now_ns = self._queue, time.monotonic_ns()
        if queue is None:
            return
        if queue.full():
            log.warning("prusacam: job events pile up, replaced by one sync")
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(_Signal("sync", now_ns))
        queue.put_nowait(_Signal(event, now_ns, print_stats))

    async def _work(self, queue: asyncio.Queue[_Signal]) -> None:
        while True:
            signal = await queue.get()
            try:
                await self._send(signal)
            except LinkError as error:
                log.debug("prusacam: job event %s not sent: %s", signal.event, error)
            except Exception:
                log.exception("prusacam: job event %s failed", signal.event)

    async def _send(self, signal: _Signal) -> None:
        event = await self._update(signal)
        if event is None:
            return
        self._link.notify(
            "job.event",
            {
                "event": event,
                "print": None if self._known is None else asdict(self._known),
                "file": self._file_facts(),
                "monotonic_ns": signal.monotonic_ns,
            },
        )

    def _file_facts(self) -> dict[str, str | float]:
        """What is known of the file that is printed; Moonraker has it in memory."""
        if self._known is None or not self._known.filename:
            return {}
        return file_facts(self._file_manager.get_file_metadata(self._known.filename))

    async def _update(self, signal: _Signal) -> str | None:
        """Bring the known state up to date; the event to send of it, if any."""
        asked = await self._query() if signal.event in QUERIED else None
        if signal.print_stats is not None:
            # Moonraker's idea of the file may be that of the print before.
            state = PrintState.parse(signal.print_stats)
            self._known = state.of_file(asked or self._known)
        elif asked is not None:
            self._known = asked
        elif signal.event == "sync":
            self._known = None
        if signal.event in ASIDE:
            return signal.event
        told, self._told = self._told, self._known
        if signal.event != CHECK:
            return signal.event
        return "sync" if _is_news(self._known, told) else None

    async def _query(self) -> PrintState | None:
        """What Klippy says of the print now; None if it is not ready or silent."""
        if not self._klippy.is_ready():
            return None
        try:
            status = await within(
                QUERY_TIMEOUT_S,
                self._klippy_apis.query_objects(
                    {"print_stats": None, "virtual_sdcard": None}
                ),
            )
        except (asyncio.TimeoutError, self._server.error) as error:
            log.info("prusacam: Klippy did not tell the state of the print: %s", error)
            return None
        return PrintState.parse(
            status.get("print_stats", {}),
            virtual_sdcard=status.get("virtual_sdcard", {}),
            gcodes_path=self._file_manager.get_directory("gcodes"),
        )


def _is_news(known: PrintState | None, told: PrintState | None) -> bool:
    """Whether a print is under way that the engine was not told of."""
    if known is None or not known.is_active:
        return False
    return told is None or (known.state, known.filename) != (told.state, told.filename)
