# A clock that never goes back.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which it is judged what has expired.

A Raspberry Pi has no clock of its own: it boots with the date of its last shutdown, or
with a much older one. What had expired must not come alive again until the network is
there. So the latest time that was seen is kept in a file, and goes on from there while
the host's clock is behind it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from .durable import write_file

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 64
# Unix seconds of the year 10000: no file is to say more.
MAX_TIME_S = 253402300800


class OnwardClock:
    """Unix time, or what was seen in the file ``path`` plus what has passed since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._floor_s = 0.0
        self._loaded_s = time.monotonic()

    @property
    def now_s(self) -> float:
        """The time; never before what an earlier process has kept."""
        return max(time.time(), self._floor_s + time.monotonic() - self._loaded_s)

    def load(self) -> None:
        """Read what was kept; blocks on the disk. Damage counts as nothing."""
        try:
            with self.path.open("rb") as file:
                kept_s = float(file.read(MAX_FILE_BYTES))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("%s: %s; the host's clock is believed", self.path, error)
            return
        if 0 <= kept_s <= MAX_TIME_S:
            self._floor_s, self._loaded_s = kept_s, time.monotonic()

    def keep(self) -> None:
        """Write the time; blocks on the disk, raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_file(self.path, f"{self.now_s:.0f}\n".encode("ascii"), mode=0o600)

    def restart(self) -> None:
        """Believe the host's clock from now on; raises OSError."""
        self._floor_s = 0.0
        self.keep()
