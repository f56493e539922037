# How a printer introduces itself to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of INFO and JOB_INFO.

Sources of the keys: Prusa's printer SDK 0.8.1, and for ``storages``, ``tools`` and
``printer_type`` Prusa's firmware. What cannot be known of a Klipper printer, or is not
so, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.version import __version__

from .klipper import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .identity import PrinterIdentity
    from .view import Job, PrinterView

STORAGE = f"/{paths.STORAGE}"
JOB_STATES = {
    "printing": "PRINTING",
    "paused": "PAUSED",
    "complete": "FIN_OK",
    "cancelled": "FIN_STOPPED",
    "error": "FIN_ERROR",
}


def info_data(
    identity: PrinterIdentity,
    firmware: str,
    view: PrinterView,
    network: Mapping[str, str] | None,
    files: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Who and what the printer is; without ``files`` nothing is said of them."""
    numbers = [int(part) for part in identity.printer_type.split(".")]
    told: dict[str, Any] = {
        **dict(zip(("type", "version", "subversion"), numbers, strict=True)),
        "printer_type": identity.printer_type,
        "firmware": firmware,
        "sdk": f"moonraker-prusacam {__version__}",
        "sn": identity.serial,
        "fingerprint": identity.fingerprint,
        **(files or {}),
    }
    if network is not None:
        told["network_info"] = {**network, "hostname": view.hostname or None}
    if view.nozzle_diameter_mm is not None:
        told["tools"] = {"1": {"nozzle_diameter": view.nozzle_diameter_mm}}
    return told


def job_data(job: Job) -> dict[str, Any]:
    """The print, and which file it is of."""
    return {
        "path": f"{STORAGE}/{job.path}",
        "display_name": job.path.rpartition("/")[2],
        "state": JOB_STATES.get(job.state),
        "time_printing": int(job.printing_s),
    }
