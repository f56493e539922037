# What an uploader remembers over a restart.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When it last sent a snapshot, what triggers them, and whether any are sent.

Prusa Connect tells what the user chose in its web page, and that is followed. A scheme
in prusacam.conf stands until the page tells of another than before: the choice that
was made last counts, and ours never overwrites the page's. The same holds for what
the page tells a camera that answers: an interval, or to send none.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.connect_options import TRIGGER_SCHEMES
from moonraker_prusacam.durable import write_file
from moonraker_prusacam.records import read_record

from .schedule import DEFAULT_SCHEME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .schedule import Schedule

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 64 << 10
# Live: the slider of Prusa Connect's web page.
INTERVALS_S = range(10, 601)


@attrs.frozen
class Memory:
    """``last_sent_s`` is of the monotonic clock of the boot ``boot``."""

    boot: str = ""
    last_sent_s: float | None = None
    configured_scheme: str | None = None
    page_scheme: str | None = None
    follows_page: bool = False
    told_interval_s: int | None = None
    is_paused: bool = False

    def last_s(self) -> float | None:
        """When the last snapshot went, on this boot's monotonic clock if it was now."""
        return self.last_sent_s if self.boot and self.boot == boot_id() else None

    def sent(self, now_s: float) -> Memory:
        """A snapshot went at ``now_s``."""
        return attrs.evolve(self, boot=boot_id(), last_sent_s=now_s)

    def configured(self, scheme: str | None) -> Memory:
        """What prusacam.conf says now; if that is new, it was decided last."""
        if scheme == self.configured_scheme:
            return self
        return attrs.evolve(
            self,
            configured_scheme=scheme,
            follows_page=False,
            told_interval_s=None,
            is_paused=False,
        )

    def page_said(self, record: Mapping[str, Any]) -> Memory:
        """What the camera record of Prusa Connect tells."""
        config = record.get("config")
        told = config.get("trigger_scheme") if isinstance(config, dict) else None
        scheme = told or record.get("trigger_scheme")
        if scheme not in TRIGGER_SCHEMES:
            return self
        is_news = scheme != (self.page_scheme or DEFAULT_SCHEME)
        return attrs.evolve(
            self,
            page_scheme=scheme,
            follows_page=self.follows_page or is_news,
            told_interval_s=None if is_news else self.told_interval_s,
        )

    def decide(self, schedule: Schedule) -> None:
        """Have ``schedule`` follow what was decided."""
        schedule.scheme = self.scheme
        schedule.interval_s = self.told_interval_s
        schedule.is_paused = self.is_paused

    @property
    def scheme(self) -> str:
        """What triggers snapshots."""
        if self.configured_scheme is None or self.follows_page:
            return self.page_scheme or self.configured_scheme or DEFAULT_SCHEME
        return self.configured_scheme


def load(path: Path) -> Memory:
    """What an earlier run stored; nothing where there is none, or it is damaged."""
    boot_id()  # reads a file, so not later on the event loop
    try:
        memory = read_record(path, Memory, MAX_FILE_BYTES)
    except FileNotFoundError:
        return Memory()
    except (OSError, ValueError) as error:
        log.warning("Prusa Connect: %s is not used: %s", path.name, error)
        return Memory()
    known = (None, *TRIGGER_SCHEMES)
    is_sound = (
        memory.page_scheme in known
        and memory.configured_scheme in known
        and memory.told_interval_s in (None, *INTERVALS_S)
    )
    return memory if is_sound else Memory()


def save(path: Path, memory: Memory) -> None:
    """Store it for the next run; a disk that does not take it stops nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(attrs.asdict(memory)).encode(), mode=0o600)
    except OSError as error:
        log.warning("Prusa Connect: %s: %s", path.name, error.strerror)
