# The settings of Mainsail's and Fluidd's timelapse panels.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user chose in a panel, over what prusacam.conf says.

One of them comes from moonraker.conf: ``output_path``, where prusacam.conf has none.

Moonraker's side keeps the settings and has checked their types; the engine keeps a
copy, so that it knows them before Moonraker is up. Names are moonraker-timelapse's.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.durable import write_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from moonraker_prusacam.config import TimelapseConfig

log = logging.getLogger(__name__)

MAX_BYTES = 64 << 10
MAX_DELAY_S = 5.0
MAX_HOLD_S = 60.0
# What moonraker-timelapse has where nobody chose; ours is as good, and smaller.
UNCHOSEN_CRF = 23


def apply(
    config: TimelapseConfig, settings: Mapping[str, Any], cameras: Collection[str]
) -> TimelapseConfig:
    """``config`` as the panel changes it; what is missing or odd changes nothing."""
    changes: dict[str, Any] = {}
    for name, option in (
        ("enabled", "enabled"),
        ("autorender", "auto_render"),
        ("saveframes", "save_frames"),
        ("previewimage", "preview_image"),
    ):
        if isinstance(settings.get(name), bool):
            changes[option] = settings[name]
    if settings.get("camera") in cameras:
        changes["camera"] = settings["camera"]
    if settings.get("mode") == "hyperlapse" and settings.get("parkhead") is True:
        changes["trigger"] = "macro"  # which keeps the time itself, to park the head
    elif settings.get("mode") == "hyperlapse":
        changes["trigger"] = "interval"
        changes["interval_s"] = _number(settings, "hyperlapse_cycle", config.interval_s)
    changes |= _turned(settings)
    fps = _number(settings, "output_framerate", config.fps)
    changes["fps"] = fps
    if settings.get("variable_fps") is True:
        changes["target_length_s"] = _number(settings, "targetlength", 10.0)
        changes["min_fps"] = _number(settings, "variable_fps_min", config.min_fps)
        changes["max_fps"] = _number(settings, "variable_fps_max", config.max_fps)
    held_frames = _number(settings, "duplicatelastframe", config.hold_s * fps)
    changes["hold_s"] = min(MAX_HOLD_S, held_frames / max(fps, 1.0))
    crf = _number(settings, "constant_rate_factor", UNCHOSEN_CRF)
    if crf != UNCHOSEN_CRF:
        changes["crf"] = crf
    delay_s = _number(settings, "stream_delay_compensation", config.frame_delay_s)
    changes["frame_delay_s"] = min(MAX_DELAY_S, delay_s)
    folder = settings.get("output_path")
    if config.output_path is None and isinstance(folder, str) and folder[:1] == "/":
        changes["output_path"] = Path(folder)
    return attrs.evolve(config, **changes)


def load(path: Path) -> dict[str, Any]:
    """The copy of an earlier run; nothing where there is none."""
    try:
        with path.open("rb") as file:
            settings = json.loads(file.read(MAX_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.warning("Timelapse: %s is damaged: %s", path.name, error)
        return {}
    return settings if isinstance(settings, dict) else {}


def save(path: Path, settings: Mapping[str, Any]) -> None:
    """Keep a copy; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(settings, indent=1).encode())


def _turned(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the panel turns; nothing there leaves it to the camera."""
    turned = {
        "rotation": settings.get("rotation"),
        "flip_horizontal": settings.get("flip_x") is True,
        "flip_vertical": settings.get("flip_y") is True,
    }
    if turned["rotation"] not in (0, 90, 180, 270):
        turned["rotation"] = 0
    return turned if any(turned.values()) else {}


def _number(settings: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return otherwise
    return float(value)
