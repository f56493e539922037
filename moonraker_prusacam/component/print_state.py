# The state of a print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Klipper's ``print_stats`` and ``virtual_sdcard`` (Status_Reference.md).

They come as partial JSON from another process; what is missing or of the wrong type
becomes empty, zero or None.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


IDLE = "standby"

FILE_FACTS = (
    "slicer",
    "slicer_version",
    "layer_count",
    "layer_height",
    "first_layer_height",
    "object_height",
    "nozzle_diameter",
    "estimated_time",
    "filament_type",
    "filament_name",
    "filament_total",
    "filament_weight_total",
)
"""What Moonraker found in a G-code file, as far as a video's viewer cares."""

MAX_FACT = 200


@dataclass(frozen=True)
class PrintState:
    """Everything that ``job.event`` says of a print; ``filename`` is below gcodes."""

    state: str
    filename: str
    total_duration_s: float
    print_duration_s: float
    layer: int | None
    total_layers: int | None
    message: str

    @property
    def is_active(self) -> bool:
        """Whether a print is under way, paused or not."""
        return self.state in ("printing", "paused")

    @classmethod
    def parse(
        cls,
        print_stats: Mapping[str, Any],
        *,
        virtual_sdcard: Mapping[str, Any] | None = None,
        gcodes_path: str = "",
    ) -> PrintState:
        """The state in ``print_stats``; ``virtual_sdcard`` gives a name it lacks."""
        filename = _text(print_stats.get("filename"))
        if not filename and virtual_sdcard is not None:
            filename = _below(_text(virtual_sdcard.get("file_path")), gcodes_path)
        info = print_stats.get("info")
        layers = info if isinstance(info, dict) else {}
        return cls(
            state=_text(print_stats.get("state")) or IDLE,
            filename=filename,
            total_duration_s=_seconds(print_stats.get("total_duration")),
            print_duration_s=_seconds(print_stats.get("print_duration")),
            layer=_count(layers.get("current_layer")),
            total_layers=_count(layers.get("total_layer")),
            message=_text(print_stats.get("message")),
        )

    def of_file(self, other: PrintState | None) -> PrintState:
        """The same, but of the file of ``other``, unless the printer is idle."""
        if other is None or not other.filename or self.state == IDLE:
            return self
        return replace(self, filename=other.filename)


def file_facts(metadata: Mapping[str, Any]) -> dict[str, str | float]:
    """``FILE_FACTS`` of a file's metadata; times in s, lengths in mm, weights in g."""
    found: dict[str, str | float] = {}
    for name in FILE_FACTS:
        value = metadata.get(name)
        if isinstance(value, str) and value:
            found[name] = value[:MAX_FACT]
        elif isinstance(value, int | float) and math.isfinite(value):
            found[name] = value
    return found


def _below(path: str, folder: str) -> str:
    """``path`` relative to ``folder``, or its last part if it lies elsewhere."""
    file = PurePath(path)
    if folder and file.is_relative_to(folder):
        return str(file.relative_to(folder))
    return file.name


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return 0.0


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
