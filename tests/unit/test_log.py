# Tests of logging.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state is told when it changes, and a night of the same costs no lines."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.log import StateLog, configure

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """The root logger without handlers, as a fresh process has it."""
    root = logging.getLogger()
    names = ("aiohttp.access", "engineio.client", "socketio.client")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, old in levels.items():
            logging.getLogger(name).setLevel(old)


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_configure_when_given_a_level_then_to_standard_error(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with bare_root() as root:
        configure(level)
        assert root.level == getattr(logging, level.upper())
        log.error("on fire")
        logging.getLogger("aiohttp.access").info("GET /")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(" ERROR test_log: on fire\n")
    assert err.count("\n") == 1
