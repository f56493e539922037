# Work that is done again on request, one run at a time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that come during a run become one more run, however many there are."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

log = logging.getLogger(__name__)


class Coalesced:
    """Runs ``work`` in the background; it must read what is true when it starts."""

    def __init__(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]):
        self._name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._stale = False

    def request(self) -> None:
        """Run soon, or once more."""
        self._stale = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"prusacam:{self._name}"
            )

    def stop(self) -> None:
        """Cancel a run, and forget the requests. Idempotent."""
        self._stale = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while self._stale:
            self._stale = False
            try:
                await self._work()
            except Exception:
                log.exception("prusacam: %s failed", self._name)
