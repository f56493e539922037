# Logging of the engine and the command line.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log set-up, and a reporter that tells a change of state once.

A camera that is away for a night would otherwise write a line every five seconds.
"""

from __future__ import annotations

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: str = "info") -> None:
    """Send the log to standard error, where systemd's journal takes it."""
    logging.basicConfig(
        level=getattr(logging, level.upper()), format=FORMAT, stream=sys.stderr
    )
    # Both write a line for every request or packet at INFO.
    for name in ("aiohttp.access", "engineio.client", "socketio.client"):
        logging.getLogger(name).setLevel(logging.WARNING)


class StateLog:
    """Logs a state when it changes and counts how often it was repeated."""

    def __init__(self, logger: logging.Logger, subject: str) -> None:
        self._logger = logger
        self._subject = subject
        self._state: str | None = None
        self._repeats = 0

    def report(self, state: str, level: int = logging.WARNING) -> bool:
        """Log ``state`` unless it is the one told last; True if it was logged."""
        if state == self._state:
            self._repeats += 1
            return False
        repeats = f" (after {self._repeats} more of the last)" if self._repeats else ""
        self._logger.log(level, "%s: %s%s", self._subject, state, repeats)
        self._state, self._repeats = state, 0
        return True
