# The sessions that a controller knows.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In memory and on the disk, the oldest first.

Those that are done are kept for whoever asks again for a video that is missing, and of
the newest of them the begin of a video as well.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import MultiCamError

from .saver import Saver
from .session import Phase, Session, load_sessions

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

KEPT_SESSIONS = 50  # that are done
KEPT_RESTS = 5  # sessions of which the begin of a video is kept


class Sessions:
    """Those below ``path``; one at most records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.known: list[Session] = []
        self.save = Saver().save

    @property
    def recording(self) -> Session | None:
        """The one that records now."""
        found = [each for each in self.known if each.record.phase is Phase.RECORDING]
        return found[-1] if found else None

    @property
    def done(self) -> list[Session]:
        """Those that are over, whose videos are there or given up."""
        return [each for each in self.known if each.record.phase is Phase.DONE]

    async def load(self) -> None:
        """Take up what an earlier run left; raises MultiCamError."""
        try:
            found, odd = await asyncio.to_thread(load_sessions, self._path)
        except OSError as error:
            place = error.filename or self._path
            raise MultiCamError(f"{place}: {error.strerror}") from error
        self.known.extend(found)
        for words in odd:
            log.warning("MultiCam: left alone: %s", words)

    async def create(self, **record: Any) -> Session:
        """A new one with what ``record`` says; raises MultiCamError."""
        session = await asyncio.to_thread(lambda: Session.create(self._path, **record))
        self.known.append(session)
        return session

    async def forget_old(self) -> None:
        """Keep as many as are kept, and those with a video still to be made."""
        done = self.done
        for session in done[:-KEPT_SESSIONS]:
            if session.is_in_work:
                continue
            self.known.remove(session)
            await asyncio.to_thread(session.remove)
        for session in done[-KEPT_SESSIONS:-KEPT_RESTS]:
            if not session.is_in_work:
                with suppress(OSError):
                    await asyncio.to_thread(session.clear)
