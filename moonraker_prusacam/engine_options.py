# Options of the engine itself.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[engine]``: where it lives, where it listens, and what it writes down."""

from __future__ import annotations

from pathlib import Path

import attrs

from .option import address, choice, integer, option, path

# What the nginx of Mainsail and Fluidd forwards to which local port.
NGINX_PATHS = {
    8080: "/webcam/",
    8081: "/webcam2/",
    8082: "/webcam3/",
    8083: "/webcam4/",
}


@attrs.frozen
class EngineConfig:
    """``[engine]``: where the engine lives and listens."""

    data_path: Path = option(
        path,
        "Moonraker's data folder; the defaults below are found from it",
        default=Path("~/printer_data").expanduser(),
    )
    host: str = option(
        address,
        "Address that viewers connect to; `0.0.0.0` opens it to the network",
        default="127.0.0.1",
    )
    port: int = option(
        integer(0, 65535),
        "Port of streams and snapshots; 0 takes a free one",
        default=8081,
    )
    socket: Path | None = option(
        path,
        "Control socket, for Moonraker and the command line",
        default=None,
        unset="`<data_path>/comms/prusacam.sock`",
    )
    max_viewers: int = option(
        integer(1, 1024), "Open streams at once; one more is told 503", default=64
    )
    log_level: str = option(
        choice("debug", "info", "warning", "error"),
        "What is logged",
        default="info",
    )
    log_size_mb: int = option(
        integer(0, 1000),
        "Size at which `<data_path>/logs/prusacam.log` is rotated; 0 writes none",
        default=2,
    )
    log_files: int = option(
        integer(2, 100),
        "How many of these logs there are, old ones included",
        default=4,
    )

    @property
    def log_path(self) -> Path:
        """The engine's log, where Mainsail and Fluidd list Moonraker's."""
        return self.data_path / "logs" / "prusacam.log"

    @property
    def socket_path(self) -> Path:
        """The control socket's path, configured or derived."""
        return self.socket or self.data_path / "comms" / "prusacam.sock"

    @property
    def state_path(self) -> Path:
        """Where the engine keeps what must survive: identities, print jobs."""
        return self.data_path / "prusacam"
