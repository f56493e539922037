# What others are told of Prusa cameras and their jobs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and what happens to them, as the control socket shows them; no secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.secret import Secret

from .job import Phase

if TYPE_CHECKING:
    from moonraker_prusacam.connect.signaling.messages import Message

    from .job import Job

WORDS = {
    Phase.RECORDING: "records the print",
    Phase.RENDERING: "makes the video",
    Phase.DOWNLOADING: "video is awaited from Prusa Connect",
    Phase.DONE: "video is there",
    Phase.FAILED: "no video",
    Phase.MISSED: "no video",
    Phase.DISCARDED: "not recorded",
}


def summary(job: Job) -> dict[str, Any]:
    """A job for people and programs."""
    record = job.record
    return {
        "id": record.id,
        "state": str(record.phase),
        "filename": record.filename,
        "job_name": record.job_name,
        "outcome": record.outcome,
        "prepared": record.is_prepared,
        "late_s": round(record.late_s, 1),
        "created": record.created,
        "finished": record.finished,
        "video": record.video,
        "video_bytes": record.video_bytes,
        "reason": record.reason,
        "advice": record.advice,
        "warning": record.warning,
    }


def job_notice(camera: str, job: Job) -> dict[str, Any]:
    """That a job is in another phase, or what it waits for is another thing."""
    return {
        "event": "job",
        "camera": camera,
        "status": str(job.phase),
        "msg": message(camera, job),
        "job": summary(job),
    }


def message(camera: str, job: Job) -> str:
    """One line for people."""
    record = job.record
    told = record.reason or record.warning
    return f"Prusa camera {camera}: {WORDS[record.phase]}{told and f': {told}'}"


def shown(message: Message) -> dict[str, Any]:
    """What a message says, without secrets and what it does not say."""
    fields: dict[str, Any] = {}
    for attribute in attrs.fields(type(message)):
        value = getattr(message, attribute.name)
        is_said = value != attribute.default and attribute.name != "raw"
        if not is_said or isinstance(value, Secret):
            continue
        name = getattr(value, "name", None)
        fields[attribute.name] = value if name is None else name.lower()
    return fields
