# Status queries and subscriptions.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``objects/list``, ``objects/query`` and ``objects/subscribe``.

One tick every REFRESH_S serves all of them; while it runs, a query waits for the next
tick. A subscriber gets what changed since the last tick, and nothing if nothing did.
Source: Klipper docs/API_Server.md and klippy/webhooks.py.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from .gcode import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .printer import Printer
    from .server import ClientConnection
    from .webhooks import Result, WebRequest

REFRESH_S = 0.25

# Names of fields by object; None asks for all.
Selection = dict[str, list[str] | None]


@attrs.frozen(eq=False)
class _Subscription:
    selection: Selection
    template: dict[str, Any]


class StatusQueries:
    """Answers queries and keeps one subscription for each connection."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._subscriptions: dict[ClientConnection, _Subscription] = {}
        self._queries: list[tuple[Selection, asyncio.Future[dict[str, Any]]]] = []
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        webhooks = printer.webhooks
        webhooks.register("objects/list", self._list)
        webhooks.register("objects/query", self._query)
        webhooks.register("objects/subscribe", self._subscribe)
        printer.disconnect_callbacks.append(self._stop)

    def _list(self, _request: WebRequest) -> Result:
        return {"objects": list(self._printer.objects)}

    async def _query(self, request: WebRequest) -> Result:
        return await self._ask(_selection(request))

    async def _subscribe(self, request: WebRequest) -> Result:
        selection = _selection(request)
        template = request.get_dict("response_template", {})
        self._subscriptions.pop(request.connection, None)
        result = await self._ask(selection)
        self._subscriptions[request.connection] = _Subscription(selection, template)
        return result

    def _ask(self, selection: Selection) -> asyncio.Future[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[dict[str, Any]] = loop.create_future()
        self._queries.append((selection, answer))
        if self._timer is None:
            self._timer = loop.call_later(0.0, self._tick)
        return answer

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        eventtime = self._printer.clock.now()
        before, self._seen = self._seen, {}
        queries, self._queries = self._queries, []
        for selection, answer in queries:
            status = self._collect(selection, eventtime, None)
            if not answer.done():
                answer.set_result({"eventtime": eventtime, "status": status})
        for connection, subscription in list(self._subscriptions.items()):
            if connection.is_closed:
                del self._subscriptions[connection]
                continue
            status = self._collect(subscription.selection, eventtime, before)
            if status:
                params = {"eventtime": eventtime, "status": status}
                connection.send({**subscription.template, "params": params})
        if self._seen:
            # From this tick, not from its due time: two are never closer than this.
            wait_s = eventtime + REFRESH_S - self._printer.clock.now()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, wait_s), self._tick)

    def _collect(
        self,
        selection: Selection,
        eventtime: float,
        before: Mapping[str, Mapping[str, Any]] | None,
    ) -> dict[str, dict[str, Any]]:
        """Selected fields: all without ``before``, otherwise those that changed."""
        result: dict[str, dict[str, Any]] = {}
        for name, fields in selection.items():
            status = self._status(name, eventtime)
            if fields is None and status:
                # What the object has now is what the subscription goes on with.
                fields = selection[name] = list(status)
            old = {} if before is None else before.get(name, {})
            values = {
                field: status.get(field)
                for field in fields or ()
                if before is None or status.get(field) != old.get(field)
            }
            if values or before is None:
                result[name] = values
        return result

    def _status(self, name: str, eventtime: float) -> Mapping[str, Any]:
        if name not in self._seen:
            known = self._printer.objects.get(name)
            self._seen[name] = {} if known is None else known.get_status(eventtime)
        return self._seen[name]


def _selection(request: WebRequest) -> Selection:
    objects = request.get_dict("objects")
    for fields in objects.values():
        if fields is None:
            continue
        if not isinstance(fields, list) or not all(isinstance(f, str) for f in fields):
            raise CommandError("Invalid argument")
    return objects
