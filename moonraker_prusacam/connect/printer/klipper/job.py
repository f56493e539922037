# Which print runs, and what is known of it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of a print is that of Moonraker's history: it survives restarts.

The history tells it a moment after the print began. Until then there is no such job,
so that nobody is told of a new print under the number of the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.connect.printer.view import Job
from moonraker_prusacam.errors import PrinterError
from moonraker_prusacam.tasks import TaskOwner

from .status import IN_PRINT, print_state, progress_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.moonraker import Klippy, MoonrakerClient

log = logging.getLogger(__name__)

NUMBER_TIMEOUT_S = 1.0  # from the first status of a print to its place in the history
MAX_NUMBER = 2**31 - 1
OVER = frozenset({"complete", "cancelled", "error"})
# Below that, progress tells nothing of the time that is left.
LEAST_PROGRESS = 0.02


@attrs.frozen
class FileFacts:
    """What the slicer wrote into the file that is printed."""

    material: str = ""
    estimated_s: float | None = None


class JobTracker:
    """Follows the print; ``job`` and ``material`` are what is known now."""

    def __init__(
        self,
        client: MoonrakerClient,
        klippy: Klippy,
        on_change: Callable[[], None],
    ) -> None:
        self._client = client
        self._klippy = klippy
        self._on_change = on_change
        self._id: int | None = None
        self._last_id = 0  # the newest number that the history has told
        self._file = ""
        self._state = ""
        self._facts = FileFacts()
        self._added: int | None = None  # of the history, by a print that just began
        self._is_added = asyncio.Event()
        self._finding: asyncio.Task[None] | None = None
        self._tasks = TaskOwner("printer job")
        klippy.on_change.append(self._follow)
        client.on_notification.append(self._notified)

    @property
    def material(self) -> str:
        """The filament of the print, as its slicer calls it."""
        return self._facts.material if self.job is not None else ""

    @property
    def job(self) -> Job | None:
        """The print that runs, or the last one, while Klipper still knows it."""
        if self._id is None or self._state not in IN_PRINT | OVER:
            return None
        stats = self._klippy.status.get("print_stats", {})
        printing_s = _seconds(stats.get("print_duration"))
        is_done = self._state == "complete"
        progress = 1.0 if is_done else progress_of(self._klippy.status)
        info = stats.get("info") or {}
        return Job(
            id=self._id,
            path=self._file,
            state=self._state,
            progress=progress,
            printing_s=printing_s,
            remaining_s=self._remaining_s(progress, printing_s),
            filament_used_mm=_seconds(stats.get("filament_used")),
            layer=_count(info.get("current_layer")),
            total_layers=_count(info.get("total_layer")),
        )

    async def aclose(self) -> None:
        """Follow no more. Idempotent."""
        with contextlib.suppress(ValueError):
            self._klippy.on_change.remove(self._follow)
            self._client.on_notification.remove(self._notified)
        await self._tasks.aclose()

    def _follow(self) -> None:
        stats = self._klippy.status.get("print_stats", {})
        state, file = print_state(self._klippy.status), str(stats.get("filename") or "")
        before, known_file = self._state, self._file
        self._state, self._file = state, file
        if state not in IN_PRINT | OVER:
            self._id = None  # asked for again, when Klipper is back
            return
        begins = state in IN_PRINT and before in {*OVER, "standby"}
        if begins or file != known_file or not before:
            self._id, self._facts = None, FileFacts()
            if self._finding is not None:
                self._finding.cancel()  # what it finds is of another print
            self._finding = self._tasks.start("number", self._find(file, begins=begins))

    def _notified(self, method: str, params: list[Any]) -> None:
        told = params[0] if method == "notify_history_changed" and params else None
        if not isinstance(told, dict):
            return
        number = _history_number(told.get("job"))
        if number is not None and told.get("action") == "added":
            self._added = number
            self._is_added.set()
        elif number == self._added:  # a print that was too short to be seen
            self._added = None
            self._is_added.clear()

    async def _find(self, file: str, *, begins: bool) -> None:
        """Number the print of ``file``, and read what its slicer wrote."""
        number = await self._number(file, begins=begins)
        if file == self._file and self._state:
            self._last_id = max(self._last_id, number)
            self._id = min(number, MAX_NUMBER)
            self._on_change()
        facts = await self._read_facts(file)
        if file == self._file:
            self._facts = facts
            self._on_change()

    async def _number(self, file: str, *, begins: bool) -> int:
        if begins:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NUMBER_TIMEOUT_S):
                    await self._is_added.wait()
        number, self._added = self._added, None
        self._is_added.clear()
        if number is None:
            newest, is_running = await self._newest(file)
            # Moonraker misses a print that begins with Klipper's start.
            number = newest if is_running or not begins else newest + 1
        # No two prints have one number, even if the history was cleared.
        return max(number, self._last_id + 1) if begins else number or 1

    async def _newest(self, file: str) -> tuple[int, bool]:
        """The newest number in the history, and whether it is that of ``file`` now."""
        try:
            told = await self._client.call(
                "server.history.list", {"limit": 1, "order": "desc"}
            )
            job = told["jobs"][0]
            is_running = job.get("status") == "in_progress"
            return _history_number(job) or 0, is_running and job["filename"] == file
        except (PrinterError, LookupError, TypeError, AttributeError) as error:
            log.info("Moonraker's history: %s", error)
            return 0, False

    async def _read_facts(self, file: str) -> FileFacts:
        try:
            told = await self._client.call("server.files.metadata", {"filename": file})
        except PrinterError:
            return FileFacts()  # a file without metadata is printed all the same
        material = str(told.get("filament_type") or "").partition(";")[0].strip()
        return FileFacts(material, _seconds(told.get("estimated_time")) or None)

    def _remaining_s(self, progress: float, printing_s: float) -> float | None:
        if self._state not in IN_PRINT:
            return None if self._state != "complete" else 0.0
        if self._facts.estimated_s is not None:
            return max(0.0, self._facts.estimated_s - printing_s)
        if progress < LEAST_PROGRESS or not printing_s:
            return None
        return printing_s / progress - printing_s


def _history_number(job: object) -> int | None:
    """Moonraker counts in hexadecimal."""
    text = job.get("job_id") if isinstance(job, dict) else None
    try:
        return int(text, 16) if isinstance(text, str) else None
    except ValueError:
        return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _seconds(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return max(0.0, float(value)) if is_number else 0.0  # type: ignore[arg-type]
