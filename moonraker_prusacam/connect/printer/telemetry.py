# What is told of the printer second by second.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of ``POST /p/telemetry``.

Sources of the keys: the telemetry of PrusaLink and of Prusa's firmware. Fans are left
out: those tell revolutions, of which Klipper often knows nothing. That ``filament`` is
millimetres is a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .messages import State

if TYPE_CHECKING:
    from .states import Standing
    from .view import Job, PrinterView, Transfer

IN_PRINT = (State.PRINTING, State.PAUSED, State.ATTENTION)


def telemetry(
    view: PrinterView, standing: Standing, command_id: int | None
) -> dict[str, Any]:
    """All that is known; nothing in it is None."""
    is_printing = standing.state in IN_PRINT and standing.job_id is not None
    told: dict[str, Any] = {
        "state": str(standing.state),
        "command_id": command_id,
        "dialog_id": standing.dialog_id,
        "temp_nozzle": _rounded(view.nozzle_c, 1),
        "temp_bed": _rounded(view.bed_c, 1),
        "target_nozzle": _rounded(view.target_nozzle_c, 1),
        "target_bed": _rounded(view.target_bed_c, 1),
        "axis_z": _rounded(view.z_mm, 2),
        "speed": _whole(view.speed_percent),
        "flow": _whole(view.flow_percent),
        "material": view.material or None,
        "chamber": _chamber(view),
    }
    if is_printing and view.job is not None:
        told |= _job(view.job)
    else:
        # Prusa's own printers do not tell where the head is while they print.
        told |= {"axis_x": _rounded(view.x_mm, 2), "axis_y": _rounded(view.y_mm, 2)}
    if view.transfer is not None:
        told |= _transfer(view.transfer)
    return {name: value for name, value in told.items() if value is not None}


def _job(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "progress": max(0, min(100, int(job.progress * 100))),
        "time_printing": int(job.printing_s),
        "time_remaining": _whole(job.remaining_s),
        "filament": _rounded(job.filament_used_mm, 1),
    }


def _transfer(transfer: Transfer) -> dict[str, Any]:
    size, done = transfer.size_bytes, transfer.done_bytes
    remaining_s = None
    if 0 < done <= size:
        remaining_s = int(transfer.elapsed_s * (size - done) / done)
    return {
        "transfer_id": transfer.id,
        "transfer_progress": round(100 * done / size, 1) if size > 0 else None,
        "transfer_transferred": done,
        "transfer_time_remaining": remaining_s,
        "time_transferring": int(transfer.elapsed_s),
    }


def _chamber(view: PrinterView) -> dict[str, float] | None:
    told = {
        "temp": _rounded(view.chamber_c, 1),
        "target_temp": _rounded(view.target_chamber_c, 1),
    }
    return {name: value for name, value in told.items() if value is not None} or None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
