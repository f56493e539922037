# What was told, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects notifications, so that a test can wait for one instead of sleeping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 45.0  # encoders run when nobody else wants the processor


class Events:
    """Is called with every event."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()

    def __call__(self, event: dict[str, Any]) -> None:
        self.all.append(event)
        asyncio.get_running_loop().create_task(self._tell()).add_done_callback(
            lambda task: task.result()
        )

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind with the given fields."""
        return [
            event
            for event in self.all
            if event["event"] == kind
            and all(event.get(name) == value for name, value in fields.items())
        ]

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until ``condition`` gives something true."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)
        return condition()
