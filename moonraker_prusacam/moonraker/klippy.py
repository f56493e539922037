# What Klipper tells of itself, through Moonraker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Klipper's state and its printer objects, as they are pushed.

Klipper forgets who listens when it restarts, and Moonraker tells of a restart only
when it is over. So the subscription is renewed with every connection and every ready,
and while Klipper is not ready, Moonraker is asked for its state every now and then.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import PrinterError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .client import MoonrakerClient

    Objects = dict[str, list[str] | None]
    Status = dict[str, dict[str, Any]]

log = logging.getLogger(__name__)

LOOK_S = 2.0  # while Klipper is not ready, or does not tell
ABSENT = "absent"
TELLS = frozenset({"ready", "shutdown"})
STATES = frozenset({"ready", "startup", "shutdown", "error", "disconnected"})


class Klippy:
    """Follows Klipper between ``start`` and ``aclose``; all it holds is what is true.

    ``choose`` is given the names of all printer objects, and gives back which fields of
    which are wanted.
    """

    def __init__(
        self, client: MoonrakerClient, choose: Callable[[Iterable[str]], Objects]
    ) -> None:
        self._client = client
        self._choose = choose
        self.state = ABSENT
        self.message = ""
        self.status: Status = {}
        self.names: frozenset[str] = frozenset()
        self.settings: dict[str, Any] = {}  # configfile.settings, at the last ready
        self.info: dict[str, Any] = {}  # Klipper's version, this host's name
        self.moonraker_version = ""
        self.subscriptions = 0  # how often Klipper began to tell
        self.on_change: list[Callable[[], None]] = []
        self._is_subscribed = False
        self._wake = asyncio.Event()
        self._state_log = StateLog(log, "Klipper")
        self._tasks = TaskOwner("klippy")
        client.on_change.append(self._connection_changed)
        client.on_notification.append(self._notified)

    def start(self) -> None:
        """Follow."""
        self._wake.set()
        self._tasks.start("follow", self._run())

    async def aclose(self) -> None:
        """Stop. Idempotent."""
        await self._tasks.aclose()

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until ``condition`` holds; whether it came to be in time."""
        changed = asyncio.Event()
        self.on_change.append(changed.set)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            return False
        finally:
            self.on_change.remove(changed.set)
        return True

    def _connection_changed(self) -> None:
        self._is_subscribed = False
        if not self._client.is_connected:
            self._set(ABSENT, self._client.trouble)
        self._wake.set()

    def _notified(self, method: str, params: list[Any]) -> None:
        if method == "notify_status_update":
            if params and isinstance(params[0], dict) and self._is_subscribed:
                self._merge(params[0])
                self._tell()
        elif method == "notify_klippy_disconnected":
            self._is_subscribed = False
            self._set("disconnected", "Klipper has ended, or restarts")
            self._wake.set()
        elif method == "notify_klippy_shutdown":
            self._set("shutdown", self.message if self.state == "shutdown" else "")
            self._wake.set()
        elif method == "notify_klippy_ready":
            self._is_subscribed = False
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            is_settled = False
            if self._client.is_connected:
                try:
                    is_settled = await self._look()
                except PrinterError as error:
                    self._state_log.report(str(error))
                except Exception:  # what came made no sense
                    log.exception("Klipper")
            try:
                async with asyncio.timeout(None if is_settled else LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _look(self) -> bool:
        """Ask for the state, and subscribe; whether the rest comes unasked."""
        server = await self._client.call("server.info")
        state = server.get("klippy_state")
        self.moonraker_version = str(server.get("moonraker_version", ""))
        if state not in STATES:
            state = "disconnected"
        message = ""
        if server.get("klippy_connected"):
            self.info = await self._client.call("printer.info")
            message = "" if state == "ready" else _first_words(self.info)
        elif state == "disconnected":
            message = "Klipper does not run"
        if self._wake.is_set():
            return False  # something has happened meanwhile
        if state in TELLS and not self._is_subscribed:
            await self._subscribe()
        self._set(state, message)
        return bool(state == "ready")

    async def _subscribe(self) -> None:
        listed = await self._client.call("printer.objects.list")
        names = frozenset(map(str, listed["objects"]))
        known = await self._client.call(
            "printer.objects.query", {"objects": {"configfile": ["settings"]}}
        )
        self.settings = known["status"].get("configfile", {}).get("settings", {})
        self.names = names
        self.status, self._is_subscribed = {}, True
        try:
            reply = await self._client.call(
                "printer.objects.subscribe", {"objects": self._choose(names)}
            )
        except BaseException:
            self._is_subscribed = False
            raise
        # The first pushes may be handled before the reply, and are newer.
        self._merge(reply["status"], keeps_known=True)
        self.subscriptions += 1

    def _merge(self, status: dict[str, Any], *, keeps_known: bool = False) -> None:
        for name, fields in status.items():
            if isinstance(fields, dict):
                known = self.status.setdefault(name, {})
                known.update(fields | known if keeps_known else fields)
        told = status.get("webhooks")
        if isinstance(told, dict) and told.get("state") in STATES:
            state = told["state"]
            text = self.status["webhooks"].get("state_message", "")
            words = _first_words({"state_message": text})
            self._set(state, "" if state == "ready" else words, tells=False)
            if state != "ready":
                self._wake.set()

    def _set(self, state: str, message: str, *, tells: bool = True) -> None:
        is_news = (state, message) != (self.state, self.message)
        self.state, self.message = state, message
        if state not in TELLS:
            self.status = {}
            self._is_subscribed = False
        if is_news:
            words = f"{state}: {message}" if message else state
            level = logging.INFO if state == "ready" else logging.WARNING
            self._state_log.report(words, level)
        if tells:
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.on_change):
            listener()


def _first_words(info: dict[str, Any]) -> str:
    """The first line of Klipper's message; the others say how to restart."""
    text = info.get("state_message")
    return text.strip().split("\n")[0][:200] if isinstance(text, str) else ""
