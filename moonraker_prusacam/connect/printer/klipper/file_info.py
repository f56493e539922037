# What is known of a file with G-code.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moonraker's metadata as FILE_INFO tells it, with the picture.

Names of the fields: Prusa's printer SDK 0.8.1 passes on what PrusaSlicer writes, and
the picture as base64. Moonraker has read the file already; we do not read it again.
"""

from __future__ import annotations

import asyncio
import base64
import math
import os
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import CommandRejected, PrinterError

from .paths import Place, require_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moonraker_prusacam.moonraker import MoonrakerClient

MAX_PREVIEW_BYTES = 512 << 10
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
# Field of ours in Moonraker's metadata, and what it is called in FILE_INFO.
NUMBERS = {
    "layer_height": "layer_height",
    "object_height": "max_layer_z",
    "filament_total": "filament used [mm]",
    "filament_weight_total": "filament used [g]",
    "first_layer_extr_temp": "temperature",
    "first_layer_bed_temp": "bed_temperature",
    "nozzle_diameter": "nozzle_diameter",
}
WHOLE = frozenset({"temperature", "bed_temperature"})
TEXTS = {"filament_type": "filament_type"}
MAX_TEXT = 200


async def file_info(
    client: MoonrakerClient, root: Path, place: Place
) -> dict[str, Any]:
    """The data of FILE_INFO; raises CommandRejected if there is no such file."""
    found = await asyncio.to_thread(require_file, root, place)
    info: dict[str, Any] = {
        "path": place.shown,
        "name": place.name,
        "read_only": False,
        "size": found.st_size,
        "m_timestamp": int(found.st_mtime),
    }
    try:
        told = await client.call("server.files.metadata", {"filename": place.relative})
    except PrinterError:
        return info  # not read yet, or no slicer wrote it
    if not isinstance(told, dict):
        return info
    info |= slicer_facts(told)
    if preview := await asyncio.to_thread(_preview, root, place, told):
        info["preview"] = base64.b64encode(preview).decode()
    return info


def slicer_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the slicer wrote, as far as Moonraker understood it."""
    facts: dict[str, Any] = {}
    if (estimated_s := _number(told.get("estimated_time"))) is not None:
        facts["estimated printing time (normal mode)"] = duration(estimated_s)
    for ours, theirs in NUMBERS.items():
        if (number := _number(told.get(ours))) is not None:
            facts[theirs] = int(number) if theirs in WHOLE else number
    for ours, theirs in TEXTS.items():
        text = told.get(ours)
        if isinstance(text, str) and text:
            facts[theirs] = text[:MAX_TEXT]
    return facts


def duration(seconds: float) -> str:
    """As PrusaSlicer writes it: ``1d 2h 3m 4s``."""
    left = int(seconds)
    parts: list[str] = []
    for unit, unit_s in (("d", 86400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, unit_s)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join([*parts, f"{left}s"])


def _preview(root: Path, place: Place, told: Mapping[str, Any]) -> bytes:
    """The largest picture that Moonraker has of the file, none too large."""
    thumbnails = told.get("thumbnails")
    rows = thumbnails if isinstance(thumbnails, list) else []
    rows = [row for row in rows if isinstance(row, dict)]
    for row in sorted(rows, key=lambda row: -(_number(row.get("width")) or 0)):
        parts = str(row.get("relative_path") or "").split("/")
        if {"", ".", ".."}.intersection(parts):
            continue
        picture = Place((*place.parts[:-1], *parts))
        try:
            found = require_file(root, picture)
            if found.st_size > MAX_PREVIEW_BYTES:
                continue
            data = _read(picture.under(root))
        except (OSError, CommandRejected, ValueError):
            continue
        if data.startswith(PICTURES):
            return data
    return b""


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_PREVIEW_BYTES)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
