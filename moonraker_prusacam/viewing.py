# The key of viewing tokens, in a running engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the key, and tells user interfaces when their addresses have another token.

The addresses that Moonraker has of a camera hold a token of a day or two. When the day
is over, the component is told to ask for the list of cameras again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from .tasks import TaskOwner
from .viewing_tokens import ViewingTokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

# The clock may leap, so a day is not waited for.
LOOK_INTERVAL_S = 300.0


class ViewingKey:
    """The owner of ``tokens``; ``notify`` takes a ``camera.event``."""

    def __init__(
        self, state_path: Path, notify: Callable[[dict[str, Any]], None]
    ) -> None:
        self.tokens = ViewingTokens(state_path)
        self._notify = notify
        self._tasks = TaskOwner("viewing")
        self._day = 0

    async def start(self) -> None:
        """Load the key, made at first use; raises ConfigError."""
        await asyncio.to_thread(self.tokens.load)
        self._day = self.tokens.day
        await self._keep_clock()
        self._tasks.start("days", self._watch_days())

    async def aclose(self) -> None:
        """Stop watching. Idempotent."""
        await self._tasks.aclose()

    async def revoke(self) -> None:
        """Make all tokens void; raises ConfigError."""
        await asyncio.to_thread(self.tokens.revoke)
        self._day = self.tokens.day
        log.info("All viewing tokens were revoked")
        self._notify({"event": "list_changed"})

    async def _watch_days(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            if self.tokens.day != self._day:
                self._day = self.tokens.day
                self._notify({"event": "list_changed"})
                await self._keep_clock()

    async def _keep_clock(self) -> None:
        try:
            await asyncio.to_thread(self.tokens.clock.keep)
        except OSError as error:
            log.warning(
                "%s: %s; after a restart with a wrong clock, tokens that have expired "
                "may be good again",
                self.tokens.clock.path,
                error.strerror,
            )
