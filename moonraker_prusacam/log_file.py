# The engine's own log file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log in Moonraker's folder of logs, which never grows large and never hurts.

Mainsail and Fluidd list that folder. A disk that is full, read-only or gone costs
lines of the log, which are counted, and nothing else. Whoever moves or removes the file
gets a new one.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path


class LogFile(logging.handlers.RotatingFileHandler):
    """``path``, and beside it ``path``.1 and so on: ``files`` of ``max_bytes`` in all.

    ``header`` is the first line of each. ``complain_to`` is told when lines cannot be
    written, once.
    """

    def __init__(self, path: Path, max_bytes: int, files: int, header: str) -> None:
        if files < 2:  # the base class would let a single one grow for ever
            raise ValueError("a log that is rotated has two files or more")
        super().__init__(
            path,
            maxBytes=max_bytes,
            backupCount=files - 1,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
        self.path = path
        self.complain_to: logging.Handler | None = None
        self._header = header
        self._trouble = ""
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, or count it."""
        try:
            if self._is_elsewhere():
                self._let_go()
            if self.shouldRollover(record):
                self.doRollover()
            stream = self.stream or self._open()
            self.stream = stream
            if self._trouble:
                stream.write(f"({self._left_out} lines are missing: {self._trouble})\n")
            stream.write(self.format(record) + "\n")
            stream.flush()
        except OSError as error:
            self._failed(error.strerror or type(error).__name__)
        else:
            self._trouble, self._left_out = "", 0

    def _open(self) -> TextIOWrapper:
        self.path.parent.mkdir(exist_ok=True)
        stream = super()._open()
        if not stream.tell():
            stream.write(f"{self._header}\n")
        return stream

    def _is_elsewhere(self) -> bool:
        """Whether the open file is not, or no more, what ``path`` names."""
        if self.stream is None:
            return False
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return True
        return not os.path.samestat(there, os.fstat(self.stream.fileno()))

    def _let_go(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            with contextlib.suppress(OSError):  # what it could not write is counted
                stream.close()

    def _failed(self, trouble: str) -> None:
        self._let_go()
        self._left_out += 1
        if trouble != self._trouble and self.complain_to is not None:
            words = f"{self.path} is not written: {trouble}"
            self.complain_to.handle(
                logging.LogRecord(__name__, logging.WARNING, "", 0, words, None, None)
            )
        self._trouble = trouble
