# A print that is not to be recorded.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers ENABLE=0 of the start macro, for an engine that is started amid the print.

The macro may be ahead of all that is known of its print, so what counts is the moment
at which it called.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.durable import write_file
from moonraker_prusacam.signals import SAME_PRINT_S

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.signals import StartOptions

log = logging.getLogger(__name__)

MAX_BYTES = 4096


class Refusal:
    """The last call that refused; ``load`` and ``note`` do I/O."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._asked_s: float | None = None

    def load(self) -> None:
        """Take up what an earlier run noted in this boot."""
        try:
            with self._path.open("rb") as file:
                noted = json.loads(file.read(MAX_BYTES))
            if noted["boot_id"] == boot_id():
                self._asked_s = float(noted["asked_s"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("Timelapse: %s is damaged: %s", self._path.name, error)

    def note(self, options: StartOptions) -> None:
        """Keep what the start macro wants."""
        self._asked_s = None if options.enable else options.asked_ns / 1e9
        noted = {"boot_id": boot_id(), "asked_s": self._asked_s}
        try:
            if self._asked_s is None:
                self._path.unlink(missing_ok=True)
            else:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_file(self._path, json.dumps(noted).encode())
        except OSError as error:
            log.warning("Timelapse: %s: %s", self._path, error.strerror)

    def covers(self, started_s: float) -> bool:
        """Whether the print that began then, and runs now, is not to be recorded."""
        return self._asked_s is not None and self._asked_s > started_s - SAME_PRINT_S
