# What others are told of sessions.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and what happens to them, as the control socket shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .rendering.work import told
from .session import Phase, TakeState

if TYPE_CHECKING:
    from .rendering.work import Work
    from .session import Session, Take

WORDS = {
    Phase.RECORDING: "records",
    Phase.COLLECTING: "collects the videos",
    Phase.DONE: "is done",
}


def summary(session: Session) -> dict[str, Any]:
    """A session for people and programs."""
    record = session.record
    return {
        "id": record.id,
        "state": str(record.phase),
        "filename": record.filename,
        "manual": record.is_manual,
        "outcome": record.outcome,
        "created": record.created,
        "target": record.target,
        "clock_synchronized": record.is_clock_set,
        "finished": record.finished,
        "sidecar": record.sidecar,
        "warning": record.warning,
        "video": told(record.video),
        "devices": [_take(take, record.target) for take in record.takes],
    }


def session_notice(session: Session) -> dict[str, Any]:
    """That something of a session has changed."""
    return {
        "event": "session",
        "status": str(session.record.phase),
        "msg": message(session),
        "session": summary(session),
    }


def progress_notice(session: Session, take: Take) -> dict[str, Any]:
    """How far a download is."""
    return {
        "event": "progress",
        "session": session.record.id,
        "device": take.name,
        "received_bytes": take.received_bytes,
        "length_bytes": take.size_bytes,
    }


def video_notice(session: Session, title: str, work: Work) -> dict[str, Any]:
    """How far a video is that is made of what was collected."""
    return {
        "event": "render",
        "session": session.record.id,
        "status": str(work.state),
        "progress": round(work.progress, 3),
        "msg": f"MultiCam: {title}: {work.progress:.0%}",
    }


def message(session: Session) -> str:
    """One line for people."""
    record = session.record
    there = sum(take.state is TakeState.COLLECTED for take in record.takes)
    failed = [take.name for take in record.takes if take.state is TakeState.FAILED]
    parts = [f"MultiCam {WORDS[record.phase]}"]
    if record.phase is Phase.RECORDING:
        parts.append(f"{len(record.takes)} devices")
    else:
        parts.append(f"{there} of {len(record.takes)} videos are there")
    if failed:
        parts.append(f"not of {', '.join(failed)}")
    return ": ".join([parts[0], ", ".join(parts[1:])])


def _take(take: Take, target: float | None) -> dict[str, Any]:
    return {
        "name": take.name,
        "address": str(take.address),
        "state": str(take.state),
        "device_id": take.device_id,
        "dialect": take.dialect,
        "late_s": round(take.late_s, 3),
        "offset_s": take.offset_s(target),
        "received_bytes": take.received_bytes,
        "size_bytes": take.size_bytes,
        "video": take.video,
        "encoding": told(take.encoding),
        "reason": take.reason,
        "warning": take.warning,
    }
