# The engine, and its configuration.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an engine runs, and runs by the file that the user looks at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam import config as configuration
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.status import hot_path
from moonraker_prusacam.version import __version__

from .finding import Finding, State
from .network import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.config import Config

RESTART = "sudo systemctl restart prusacam"


def tell_mistakes(errors: ConfigErrors) -> list[Finding]:
    """Each mistake of a configuration."""
    remedy = f"mend it in {errors.path}; 'prusacam check' looks at it alone"
    return [
        Finding("configuration", State.FAILED, str(error), remedy)
        for error in errors.errors
    ]


async def examine_configuration(config: Config) -> Sequence[Finding]:
    """Whether the file still says what ``config`` does."""
    if config.file is None:
        return [Finding("configuration", State.OK, _summary(config))]
    try:
        written = await asyncio.to_thread(configuration.load, config.file)
    except ConfigErrors as errors:
        return tell_mistakes(errors)
    if written != config:
        found = f"{config.file} was changed after the engine had started"
        return [Finding("configuration", State.WARNING, found, RESTART)]
    return [Finding("configuration", State.OK, f"{config.file}: {_summary(config)}")]


async def examine_engine(uptime_s: float) -> Sequence[Finding]:
    """What is to be said of the engine that runs this."""
    path = hot_path()
    found = f"version {__version__}, up {duration(uptime_s)}, hot path: {path}"
    if path == "compiled":
        return [Finding("engine", State.OK, found)]
    remedy = (
        "it works, and takes more of the CPU: sudo apt install build-essential "
        "python3-dev, and install prusacam anew"
    )
    return [Finding("engine", State.WARNING, found, remedy)]


def tell_absence(config: Config) -> Finding:
    """Nobody holds the control socket."""
    found = f"no engine runs (nobody listens at {config.engine.socket_path})"
    remedy = (
        "sudo systemctl start prusacam, or in a terminal: prusacam run -c "
        f"'{config.file or 'FILE'}'"
    )
    return Finding("engine", State.FAILED, found, remedy)


def tell_silence(reason: str) -> Finding:
    """Somebody holds the control socket, and does not answer as an engine does."""
    remedy = (
        f"{RESTART}; run the doctor as the user that the engine runs as, and of the "
        "same version"
    )
    return Finding("engine", State.FAILED, reason, remedy)


def _summary(config: Config) -> str:
    parts = [
        "cameras " + (", ".join(camera.name for camera in config.cameras) or "none"),
        "Prusa Connect for "
        + (", ".join(upload.camera for upload in config.connect) or "none"),
        f"timelapse {'off' if config.timelapse is None else 'on'}",
    ]
    return "; ".join(parts)
