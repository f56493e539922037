# A print for the demo.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""G-code of a small vase, as a slicer would write it."""

from __future__ import annotations

from .scene import vase_outline

LAYER_HEIGHT_MM = 2.0  # thick ones, so that 20 of them can be seen to grow
CORNERS = 36
EXTRUSION_MM = 0.35


def vase(layers: int, *, park: bool = True) -> str:
    """A print of ``layers`` layers that calls our macros at start, layers and end."""
    lines = [
        "; a vase for the demo of moonraker-prusacam",
        "; estimated printing time (normal mode) = 1m 0s",
        f"SET_PRINT_STATS_INFO TOTAL_LAYER={layers} CURRENT_LAYER=0",
        "PRUSACAM_TIMELAPSE_START",
        "G28",
        "M104 S200",
        "M109 S200",
        "G90",
        "M83",
    ]
    for layer in range(1, layers + 1):
        lines += [
            ";LAYER_CHANGE",
            f";Z:{layer * LAYER_HEIGHT_MM:.2f}",
            f"SET_PRINT_STATS_INFO CURRENT_LAYER={layer}",
            f"G1 Z{layer * LAYER_HEIGHT_MM:.2f} F600",
            f"PRUSACAM_TIMELAPSE_FRAME PARK={int(park)}",
            *_wall(layer * LAYER_HEIGHT_MM, layers * LAYER_HEIGHT_MM),
        ]
    lines += [
        "PRUSACAM_TIMELAPSE_RENDER",
        "G91",
        "G1 Z10 F600",
        "G90",
        "M104 S0",
        "PRUSACAM_UPLOAD",
        "M84",
    ]
    return "\n".join(lines) + "\n"


def _wall(z: float, height: float) -> list[str]:
    """One turn round the wall that the synthetic camera shows, at ``z``."""
    outline = vase_outline(z, height, CORNERS)
    moves = [f"G1 X{x:.2f} Y{y:.2f} E{EXTRUSION_MM} F3600" for x, y in outline]
    x, y = outline[-1]
    return [f"G1 X{x:.2f} Y{y:.2f} F9000", *moves]
