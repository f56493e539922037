# Records of sessions, on their way to the disk.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many devices change at once when a print begins, just when the disk has much to do.

Each change is on the disk when its ``save`` returns, and one write does for all changes
that came while the one before was under way.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from .session import Session

log = logging.getLogger(__name__)


class _Queue:
    """How many saves of a session were wanted, and how many of them are done."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = self.done = 0


class Saver:
    """Saves sessions."""

    def __init__(self) -> None:
        self._queues: WeakKeyDictionary[Session, _Queue] = WeakKeyDictionary()

    async def save(self, session: Session) -> None:
        """Keep its record; a disk that does not take it must not stop anything."""
        queue = self._queues.setdefault(session, _Queue())
        queue.wanted += 1
        number = queue.wanted
        async with queue.lock:
            if queue.done >= number:
                return
            covered = queue.wanted
            try:
                await asyncio.to_thread(session.save)
            except OSError as error:
                log.error("MultiCam: %s: %s", session.path, error.strerror)  # noqa: TRY400
            else:
                queue.done = covered
