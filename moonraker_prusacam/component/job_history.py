# Videos in Moonraker's history of prints.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes the videos of a print in the entry that Moonraker's history has of it.

A video is ready after its print. Moonraker (0.11) takes an auxiliary field from its
tracker when the print ends, and has no interface to change it later; so it is written
to the table of the history then, in the field of ours and nowhere else.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .coalesced import Coalesced
from .errors import LinkError

if TYPE_CHECKING:
    from moonraker.server import Server

    from .link import EngineLink

log = logging.getLogger(__name__)

FIELD = "timelapse"
PROVIDER = "prusacam"

SLACK_S = 5.0
"""How much earlier than Moonraker the engine may have seen the first of a print."""

CAUGHT_UP = 10
"""How many of the newest videos are looked for when the engine is (again) there."""

MAX_QUEUED = 64

FIND = """
SELECT job_id, auxiliary_data FROM job_history
WHERE filename = ? AND start_time <= ? AND (end_time IS NULL OR end_time >= ?)
ORDER BY ABS(start_time - ?) LIMIT 1
"""
CHANGE = "UPDATE job_history SET auxiliary_data = ? WHERE job_id = ?"


@dataclass(frozen=True)
class Video:
    """A video, the print's file, and when (unix seconds) its first signal came."""

    name: str
    filename: str
    created: float

    @classmethod
    def parse(cls, job: object) -> Video | None:
        """Read the engine's summary of a job; None if it has no video, or is odd."""
        fields = job if isinstance(job, dict) else {}
        name, filename = fields.get("video"), fields.get("filename")
        created = fields.get("created")
        if fields.get("state") != "done" or not (name and filename):
            return None
        if not (isinstance(name, str) and isinstance(filename, str)):
            return None
        is_time = isinstance(created, int | float) and not isinstance(created, bool)
        return cls(name, filename, float(created)) if is_time and created else None


class JobHistory:
    """Registers the field, and fills it as videos get ready."""

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link
        self._history: Any = server.lookup_component("history", None)
        self._ready: list[Video] = []
        self._work = Coalesced("history of videos", self._note_ready)
        self._catching_up = Coalesced("videos of the engine", self._catch_up)
        self._field = self._register()

    def start(self) -> None:
        """The link is up: note what got ready without us."""
        if self._field is not None:
            self._catching_up.request()

    def stop(self) -> None:
        """End the background work. Idempotent."""
        self._work.stop()
        self._catching_up.stop()

    def engine_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``timelapse.event``."""
        if params.get("event") == "render" and params.get("status") == "success":
            self._note(params.get("job"))

    def prusa_camera_event(self, params: dict[str, Any]) -> None:
        """The engine sent ``prusa_camera.event``."""
        if params.get("event") == "job":
            self._note(params.get("job"))

    def _register(self) -> Any:
        try:
            from moonraker.common import HistoryFieldData  # not in our own tests

            # A list: of other values that are no numbers Mainsail makes "NaN".
            field = HistoryFieldData(FIELD, PROVIDER, "Timelapse", "collect")
            self._history.register_auxiliary_field(field)
        except (ImportError, AttributeError, TypeError, self._server.error) as error:
            log.info("prusacam: this Moonraker's history takes no videos: %s", error)
            return None
        return field

    def _note(self, job: object) -> None:
        video = Video.parse(job)
        if self._field is not None and video is not None:
            self._ready = [*self._ready, video][-MAX_QUEUED:]
            self._work.request()

    async def _catch_up(self) -> None:
        for method in ("timelapse.list", "prusa_camera.timelapse.list"):
            try:
                answer = await self._link.call(method, {})
            except LinkError as error:
                log.debug("prusacam: videos for the history are not known: %s", error)
                continue
            jobs = answer.get("jobs") if isinstance(answer, dict) else None
            for job in jobs[-CAUGHT_UP:] if isinstance(jobs, list) else ():
                self._note(job)

    async def _note_ready(self) -> None:
        ready, self._ready = self._ready, []
        for video in ready:
            await self._note_one(video)

    async def _note_one(self, video: Video) -> None:
        try:
            await self._put(video)
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            sqlite3.Error,
            self._server.error,
        ) as error:
            log.warning("prusacam: the history does not take %s: %r", video.name, error)

    async def _put(self, video: Video) -> None:
        history = self._history
        async with history.request_lock:  # as the history itself, when a print ends
            began = video.created
            cursor = await history.history_table.execute(
                FIND, [video.filename, began + SLACK_S, began - SLACK_S, began]
            )
            row = await cursor.fetchone()
            if row is None:
                log.debug("prusacam: no print in the history for %s", video.name)
                return
            if row["job_id"] == history.current_job_id:
                self._field.tracker.update(video.name)
            data = with_video(row["auxiliary_data"], video.name)
            if data is not None:
                async with history.history_table as table:
                    await table.execute(CHANGE, [data, row["job_id"]])


def with_video(auxiliary: object, name: str) -> list[Any] | None:
    """An entry's auxiliary data with a video more; None if it is there already."""
    fields = list(auxiliary) if isinstance(auxiliary, list) else []
    known: dict[str, Any] = {
        "provider": PROVIDER,
        "name": FIELD,
        "value": [],
        "description": "Timelapse",
        "units": None,
    }
    for number, field in enumerate(fields):
        if (field.get("provider"), field.get("name")) == (PROVIDER, FIELD):
            known = fields.pop(number)
            break
    videos = known["value"] if isinstance(known.get("value"), list) else []
    if name in videos:
        return None
    return [*fields, {**known, "value": [*videos, name]}]
