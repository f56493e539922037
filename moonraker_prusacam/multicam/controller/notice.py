# What others are told of sessions.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and what happens to them, as the control socket shows them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .rendering.work import told
from .roster import ORIGINS
from .session import Phase, TakeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .browser import Browser
    from .collector import Totals
    from .rendering.work import Work
    from .roster import Device
    from .session import Session, Take
    from .sessions import Sessions

log = logging.getLogger(__name__)

MAX_SHOWN = 8  # open sessions, in the status


def status(
    config: MultiCamConfig,
    devices: Sequence[Device],
    browser: Browser | None,
    totals: Totals,
    sessions: Sessions,
) -> dict[str, Any]:
    """Devices and open sessions; nobody is asked for it."""
    done = sessions.done
    shown = [each for each in sessions.known if each not in done or each.is_in_work]
    return {
        "record_prints": config.record_prints,
        "discovery": {
            "enabled": browser is not None,
            "listening": browser is not None and browser.is_listening,
            "problem": (browser.problem if browser else "") or None,
        },
        "known": {
            origin: sum(device.origin == origin for device in devices)
            for origin in ORIGINS
        },
        "totals": {
            "videos": totals.videos,
            "missing": totals.missing,
            "bytes": totals.size_bytes,
        },
        "devices": [
            {
                "name": device.name,
                "address": str(device.address),
                "origin": device.origin,
            }
            for device in devices
        ],
        "sessions": [summary(each) for each in shown[-MAX_SHOWN:]],
        "last": summary(done[-1]) if done else None,
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


def session_notice(session: Session, *, is_newest: bool) -> dict[str, Any]:
    """That something of a session has changed; there may be newer ones."""
    return {
        "event": "session",
        "status": str(session.record.phase),
        "msg": message(session),
        "newest": is_newest,
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
    title, count = record.filename, len(record.takes)
    if record.phase is Phase.RECORDING:
        what = f" {title}" if title else ""
        return f"MultiCam records{what} with {_many(count, 'device')}"
    there = sum(take.state is TakeState.COLLECTED for take in record.takes)
    count -= sum(take.state is TakeState.TWIN for take in record.takes)
    names = [take.name for take in missing(session)]
    lacking = f", not of {', '.join(names)}" if names else ""
    videos = f"{there} of {_many(count, 'video')} there{lacking}"
    if record.phase is Phase.COLLECTING:
        what = f" of {title}" if title else ""
        return f"MultiCam collects the videos{what}: {videos}"
    what = f" with {title}" if title else ""
    return f"MultiCam is done{what}: {videos}"


def missing(session: Session) -> list[Take]:
    """Those that give no video."""
    return [take for take in session.record.takes if take.state is TakeState.FAILED]


def log_progress(session: Session) -> None:
    """What the log tells at the begin and at the end."""
    log.info("%s", message(session))
    for take in session.record.takes:
        if take.warning and take.state is TakeState.COLLECTED:
            log.info("MultiCam: the video of %s: %s", take.name, take.warning)


def log_missing(session: Session) -> None:
    """Each device that gives no video, once."""
    lacking = missing(session)
    for take in lacking:
        if take.name not in session.told_missing:
            log.warning("MultiCam: no video of %s: %s", take.name, take.reason)
    session.told_missing = {take.name for take in lacking}


def _many(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


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
