# The command line for recordings by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam multicam``: who could record, begin, end, and get the videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .cli_asked import asking_for, columns, date

if TYPE_CHECKING:
    from .cli_asked import Asked

DEVICES_TIMEOUT_S = 30.0  # devices answer slowly, if at all

asking = asking_for("multicam")


@click.group()
def multicam() -> None:
    """Phones and cameras that record together."""


@multicam.command("list")
@click.option("--sessions", is_flag=True, help="List the recordings instead.")
@asking
def list_all(asked: Asked, sessions: bool) -> None:
    """Ask all devices how they are."""
    if sessions:
        answer = asked.ask("sessions")
        rows = [_session_row(session) for session in answer["sessions"]]
        asked.show(answer, *(columns(rows) or ["There are no recordings yet."]))
        return
    answer = asked.ask("devices", timeout_s=DEVICES_TIMEOUT_S)
    rows = [_device_row(device) for device in answer["devices"]]
    asked.show(answer, *(columns(rows) or ["There is no device."]))


@multicam.command()
@click.option(
    "--delay",
    type=click.FloatRange(0.5, 60),
    help="Seconds until all begin; as configured if not given.",
)
@asking
def start(asked: Asked, delay: float | None) -> None:
    """Have all devices begin at one instant.

    During a print, its recording ends with it; else 'stop' ends it.
    """
    answer = asked.ask("start", delay=delay)
    asked.show(answer, *_lines(answer["session"]))


@multicam.command()
@asking
def stop(asked: Asked) -> None:
    """End the recording and collect the videos.

    That goes on in the background; 'list --sessions' shows how far it is.
    """
    answer = asked.ask("stop")
    asked.show(answer, *_lines(answer["session"]))


@multicam.command()
@click.argument("session", required=False)
@asking
def collect(asked: Asked, session: str | None) -> None:
    """Ask again for videos that did not come.

    SESSION is an id, as 'list --sessions' shows it. Without one: the newest recording
    of which a video is missing.
    """
    answer = asked.ask("collect", session=session)
    asked.show(answer, *_lines(answer["session"]))


@multicam.command()
@click.argument("session", required=False)
@asking
def render(asked: Asked, session: str | None) -> None:
    """Make one video of all angles, aligned by time.

    SESSION is an id, as 'list --sessions' shows it. Without one: the newest recording.
    Nothing is rendered while a print runs; 'list --sessions' shows how far it is. A
    video that is there already stays.
    """
    answer = asked.ask("render", session=session)
    asked.show(answer, *_lines(answer["session"]))


def status_lines(told: dict[str, Any]) -> list[str]:
    """What ``prusacam status`` says of it; nothing where it is not configured."""
    lines = []
    if told["enabled"]:
        names = [device["name"] for device in told["devices"]]
        lines.append(f"MultiCam, {len(names)} device(s): {', '.join(names) or 'none'}")
        if problem := told["discovery"]["problem"]:
            lines.append(f"  devices in the network: {problem}")
        last = [told["last"]] if told["last"] else []
        for session in (*last, *told["sessions"]):
            lines += [f"  {line}" for line in _lines(session)]
    for camera in told["cameras"]:
        where = camera["problem"] or f"at {camera['host']}, port {camera['port']}"
        lines.append(f"MultiCam device {camera['camera']}: {camera['state']}, {where}")
    return lines


def _lines(session: dict[str, Any]) -> list[str]:
    """A recording, and what each device makes of it."""
    title = session["filename"] or "without a print"
    lines = [f"Recording {session['id']}, {title}: {session['state']}"]
    if session["warning"]:
        lines.append(f"  {session['warning']}")
    for device in session["devices"]:
        told = [device["state"], device["video"], device["reason"], device["warning"]]
        told.append(_work("H.264", device.get("encoding")))
        lines.append(f"  {device['name']}: {'; '.join(filter(None, told))}")
    if session.get("video"):
        lines.append(f"  {_work('side by side', session['video'])}")
    return lines


def _session_row(session: dict[str, Any]) -> list[str]:
    devices = session["devices"]
    there = sum(device["state"] == "collected" for device in devices)
    return [
        session["id"],
        date(session["created"]),
        session["state"],
        f"{there} of {len(devices)} videos",
        _works(session),
        session["filename"] or "-",
        session["warning"],
    ]


def _works(session: dict[str, Any]) -> str:
    """What is made of the videos, but for what went well and is seen elsewhere."""
    works = [_work("side by side", session["video"])]
    for device in session["devices"]:
        encoding = device["encoding"]
        if encoding and encoding["state"] != "done":
            works.append(_work(f"H.264 of {device['name']}", encoding))
    return "; ".join(filter(None, works)) or "-"


def _work(title: str, work: dict[str, Any] | None) -> str:
    """How far a video is, and why it waits."""
    if work is None:
        return ""
    state = work["state"]
    if state == "rendering":
        state = f"{work['progress']:.0%}"
    told = [f"{title}: {state}", work["reason"]]
    if title != "H.264" and work["state"] == "done":
        told = [f"{title}: {work['video'] or state}"]
    return ", ".join(filter(None, told))


def _device_row(device: dict[str, Any]) -> list[str]:
    offset_s = device.get("clock_offset_s")
    return [
        device["name"],
        device["address"],
        device["origin"],
        device["state"],
        device.get("dialect") or "-",
        "-" if offset_s is None else f"clock {offset_s * 1e3:+.0f} ms",
        device["reason"],
    ]
