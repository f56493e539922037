# Tests of logging.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state is told when it changes, and a night of the same costs no lines."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.log import MAX_QUEUED, QUIET, StateLog, logging_to
from moonraker_prusacam.log_file import LogFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 10.0

log = logging.getLogger("test_log")


def test_state_when_repeated_then_told_once(caplog: pytest.LogCaptureFixture) -> None:
    reporter = StateLog(log, "Camera front")
    assert reporter.report("gone") is True
    assert [reporter.report("gone") for _ in range(100)] == [False] * 100
    assert caplog.messages == ["Camera front: gone"]


def test_state_when_changed_after_repeats_then_they_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    reporter = StateLog(log, "Camera front")
    for state in ("gone", "gone", "gone", "live", "gone"):
        reporter.report(state, logging.INFO if state == "live" else logging.WARNING)
    assert caplog.messages == [
        "Camera front: gone",
        "Camera front: live (after 2 more of the last)",
        "Camera front: gone",
    ]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "WARNING"]


def test_state_when_it_holds_percent_signs_then_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    StateLog(log, "%s").report("100% %d {x}")
    assert caplog.messages == ["%s: 100% %d {x}"]


def test_state_when_only_counted_then_the_next_one_tells_how_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporter = StateLog(log, "Camera front")
    reporter.report("gone: no route")
    for _ in range(9_999):
        reporter.repeat()
    reporter.report("live")
    assert caplog.messages[-1] == "Camera front: live (after 9999 more of the last)"


def test_state_when_a_mistake_of_ours_then_one_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporter = StateLog(log, "Camera front")
    for _ in range(3):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            reporter.exception()
    assert caplog.text.count("Traceback") == 1


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger without handlers, as a fresh process has it."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in QUIET}
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, old in levels.items():
            logging.getLogger(name).setLevel(old)


@contextmanager
def standard_error(path: Path) -> Iterator[None]:
    """Standard error in a file, which is also whatever ``sys.stderr`` is."""
    with path.open("a") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        yield


def is_of(path: Path) -> str:
    """What systemd would tell of a stream that goes there."""
    stat = path.stat()
    return f"{stat.st_dev}:{stat.st_ino}"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_logging_when_given_a_level_then_to_standard_error(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_root() as root:
        with logging_to(level):
            assert root.level == getattr(logging, level.upper())
            log.error("on fire")
            logging.getLogger("aiohttp.access").info("GET /")
        assert root.handlers == []
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" ERROR test_log: on fire\n")
    assert err.count("\n") == 1


def test_logging_when_to_a_file_too_then_once_in_each(tmp_path: Path) -> None:
    error, file = tmp_path / "stderr", tmp_path / "prusacam.log"
    both = LogFile(file, 10_000, 2, "header")
    with bare_root(), standard_error(error), logging_to("info", both):
        log.warning("smoke")
    assert error.read_text().count("WARNING test_log: smoke\n") == 1
    assert file.read_text().count("WARNING test_log: smoke\n") == 1


def test_logging_when_standard_error_is_the_file_then_once(tmp_path: Path) -> None:
    file = tmp_path / "prusacam.log"
    same = LogFile(file, 10_000, 2, "header")
    with bare_root(), standard_error(file), logging_to("info", same):
        log.warning("smoke")
    assert file.read_text().count("smoke") == 1


def test_logging_when_in_the_journal_then_levels_and_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    journal.touch()
    monkeypatch.setenv("JOURNAL_STREAM", is_of(journal))
    with bare_root(), standard_error(journal), logging_to("debug"):
        log.debug("a")
        log.info("b")
        log.warning("c")
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            log.exception("d")
    lines = journal.read_text().splitlines()
    assert lines[:4] == [
        "<7>test_log: a",
        "<6>test_log: b",
        "<4>test_log: c",
        "<3>test_log: d",
    ]
    assert lines[4] == "<3>Traceback (most recent call last):"
    assert all(line.startswith("<3>") for line in lines[3:])


def test_logging_when_the_journal_is_somebody_elses_then_with_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A terminal that was opened from a service inherits the variable.
    error = tmp_path / "stderr"
    monkeypatch.setenv("JOURNAL_STREAM", is_of(tmp_path))
    with bare_root(), standard_error(error), logging_to():
        log.info("a")
    assert error.read_text().endswith(" INFO test_log: a\n")


class Stuck(logging.Handler):
    """A disk that takes one line, and no more until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.is_reached, self.may_go_on = threading.Event(), threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.is_reached.set()
        assert self.may_go_on.wait(WAIT_S)
        self.lines.append(record.getMessage())


def test_logging_when_the_disk_is_stuck_then_nobody_waits_and_lines_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck()
    monkeypatch.setattr("moonraker_prusacam.log._standard_error", lambda: stuck)
    with bare_root(), logging_to("debug"):
        log.debug("first")
        assert stuck.is_reached.wait(WAIT_S)
        for number in range(MAX_QUEUED + 500):
            log.debug("line %d", number)  # returns although nothing is written
        stuck.may_go_on.set()
    assert stuck.lines[0] == "first"
    assert len(stuck.lines) == 1 + 1 + MAX_QUEUED
    missing = [line for line in stuck.lines if "missing" in line]
    assert missing == ["500 lines are missing: the disk or the journal was slow"]


def test_logging_when_the_disk_is_stuck_then_the_end_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stuck = Stuck()
    monkeypatch.setattr("moonraker_prusacam.log._standard_error", lambda: stuck)
    monkeypatch.setattr("moonraker_prusacam.log.DRAIN_TIMEOUT_S", 0.05)
    with bare_root(), logging_to():
        log.info("never written")
    assert stuck.lines == []
    stuck.may_go_on.set()
