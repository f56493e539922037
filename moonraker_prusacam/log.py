# Logging of the engine and the command line.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the log goes, and a reporter that tells a change of state once.

A camera that is away for a night would otherwise write a line every five seconds. What
writes is a thread of its own: a slow disk, or a journal that is busy, delays nobody.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, TextIO

from .log_limit import LogLimit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .log_file import LogFile

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
MAX_QUEUED = 1000
"""Lines that may wait for the disk; what comes then is counted and left out."""
DRAIN_TIMEOUT_S = 3.0
"""How long the end of the program waits for a disk that takes no lines."""
# Both write a line for every request or packet at INFO.
QUIET = ("aiohttp.access", "engineio.client", "socketio.client")


@contextlib.contextmanager
def logging_to(level: str = "info", file: LogFile | None = None) -> Iterator[None]:
    """Send the log to standard error and to ``file``, until the block is left."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    handlers: list[logging.Handler] = []
    if file is None or not _is_standard_error(file.path):
        handlers.append(_standard_error())
    if file is not None:
        file.setFormatter(logging.Formatter(FORMAT))
        file.complain_to = handlers[0] if handlers else None
        handlers.append(file)
    writer = _Writer(handlers)
    writer.addFilter(LogLimit())
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.addHandler(writer)
    try:
        yield
    finally:
        root.removeHandler(writer)
        writer.close()


class StateLog:
    """Logs a state when it changes and counts how often it was repeated."""

    def __init__(self, logger: logging.Logger, subject: str) -> None:
        self._logger = logger
        self._subject = subject
        self._state: str | None = None
        self._repeats = 0

    def report(
        self, state: str, level: int = logging.WARNING, *, with_traceback: bool = False
    ) -> bool:
        """Log ``state`` unless it is the one told last; True if it was logged."""
        if state == self._state:
            self._repeats += 1
            return False
        repeats = f" (after {self._repeats} more of the last)" if self._repeats else ""
        self._logger.log(
            level,
            "%s: %s%s",
            self._subject,
            state,
            repeats,
            exc_info=with_traceback,
            extra={"subject": self._subject},
        )
        self._state, self._repeats = state, 0
        return True

    def exception(self) -> None:
        """Report the exception of now, a mistake of ours, with its traceback."""
        self.report(repr(sys.exception()), logging.ERROR, with_traceback=True)

    def repeat(self) -> None:
        """Count one more of the state told last, in whatever words."""
        self._repeats += 1


class JournalFormatter(logging.Formatter):
    """Lines as systemd's journal reads them: with a level, and without a time.

    Source: sd-daemon(3). Each line is an entry of its own, so each has the level.
    """

    LEVELS = (
        (logging.CRITICAL, "<2>"),
        (logging.ERROR, "<3>"),
        (logging.WARNING, "<4>"),
        (logging.INFO, "<6>"),
    )

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        level = next(
            (mark for least, mark in self.LEVELS if record.levelno >= least), "<7>"
        )
        return "\n".join(level + line for line in super().format(record).splitlines())


class _Writer(logging.handlers.QueueHandler):
    """Takes lines from any thread, and has its own thread write them."""

    def __init__(self, handlers: Sequence[logging.Handler]) -> None:
        self._lines: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        super().__init__(self._lines)
        self._handlers = handlers
        self._left_out = 0
        self._thread = threading.Thread(
            target=self._write, name="prusacam-log", daemon=True
        )
        self._thread.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Take a line, unless too many wait."""
        if self._lines.qsize() >= MAX_QUEUED:
            self._left_out += 1
        else:
            self._lines.put(record)

    def close(self) -> None:
        """Write what waits. Idempotent."""
        if self._thread.is_alive():
            self._lines.put(None)
            self._thread.join(DRAIN_TIMEOUT_S)
        super().close()

    def _write(self) -> None:
        while (record := self._lines.get()) is not None:
            self._tell_left_out()
            self._hand_on(record)
        self._tell_left_out()
        for handler in self._handlers:
            handler.close()

    def _tell_left_out(self) -> None:
        left_out, self._left_out = self._left_out, 0
        if left_out:
            words = f"{left_out} lines are missing: the disk or the journal was slow"
            self._hand_on(
                logging.LogRecord(__name__, logging.WARNING, "", 0, words, None, None)
            )

    def _hand_on(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)


def _standard_error() -> logging.Handler:
    handler: logging.StreamHandler[TextIO] = logging.StreamHandler(sys.stderr)
    stat = _stat_of_standard_error()
    told = os.environ.get("JOURNAL_STREAM", "")
    if stat is not None and told == f"{stat.st_dev}:{stat.st_ino}":
        handler.setFormatter(JournalFormatter())
    else:
        handler.setFormatter(logging.Formatter(FORMAT))
    return handler


def _is_standard_error(path: Path) -> bool:
    """Whether whoever started us sends standard error to the file itself."""
    stat = _stat_of_standard_error()
    try:
        return stat is not None and os.path.samestat(stat, path.stat())
    except OSError:
        return False


def _stat_of_standard_error() -> os.stat_result | None:
    try:
        return os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or none of the system's
        return None
