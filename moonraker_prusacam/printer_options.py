# Options of the printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``[printer]`` of prusacam.conf as a frozen object."""

from __future__ import annotations

import re

import attrs

from .option import boolean, choice, integer, option, text, url

DEFAULT_SERVER = "https://connect.prusa3d.com"
NUMBERS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}")
# As printers and other clients of Prusa Connect give them; docs/printer.md tells which.
PRINTER_TYPES = {
    "I3MK25": "1.2.5",
    "I3MK25S": "1.2.6",
    "I3MK3": "1.3.0",
    "I3MK3S": "1.3.1",
    "MK3.5": "1.3.5",
    "MK3.5S": "1.3.6",
    "MK3.9": "1.3.9",
    "MK3.9S": "1.3.10",
    "MK4": "1.4.0",
    "MK4S": "1.4.1",
    "MINI": "2.1.0",
    "XL": "3.1.0",
    "IX": "4.1.0",
    "SL1": "5.1.0",
    "SL1S": "5.1.1",
    "M1": "5.2.0",
    "HT90": "6.1.0",
    "COREONE": "7.1.0",
}
MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_NAME = 64


def printer_type(value: str) -> str:
    """A type's numbers, ``6.1.0``, given as such or by its name."""
    known = {name.lower(): numbers for name, numbers in PRINTER_TYPES.items()}
    numbers = known.get(value.lower().replace(" ", ""), value)
    if not NUMBERS.fullmatch(numbers):
        names = ", ".join(PRINTER_TYPES)
        raise ValueError(f"{value!r} is neither like 6.1.0 nor one of: {names}")
    return numbers


def macro(value: str) -> str:
    """The name of a macro of Klipper's, without parameters."""
    if not MACRO.fullmatch(value):
        raise ValueError(f"{value!r} is not the name of a macro")
    return value


def macros(value: str) -> frozenset[str]:
    """Names of macros, with commas or line ends between them."""
    names = [name.strip() for name in value.replace("\n", ",").split(",")]
    return frozenset(macro(name).upper() for name in names if name)


def short_text(value: str) -> str:
    """A text of one line that a page has room for."""
    if len(text(value)) > MAX_NAME:
        raise ValueError(f"has more than {MAX_NAME} characters")
    return value


@attrs.frozen
class PrinterConfig:
    """``[printer]``: the printer of this host in Prusa Connect, an experiment."""

    consent: bool = option(
        boolean,
        "`True`: I know that Prusa has not agreed to printers that are not theirs and "
        "may end this at any time, and that Prusa Connect can then control my printer",
        default=False,
    )
    printer_type: str = option(
        printer_type,
        "What Prusa Connect takes the printer for, which decides what its page offers; "
        "[printer.md](printer.md#which-type)",
        default="6.1.0",
    )
    name: str | None = option(
        short_text, "What the page proposes as the printer's name", default=None
    )
    location: str | None = option(short_text, "The same for its location", default=None)
    server: str = option(
        url("https", "http"), "Address of Prusa Connect", default=DEFAULT_SERVER
    )
    transport: str = option(
        choice("http", "websocket"),
        "How it is reached: http, or websocket (experimental)",
        default="http",
    )
    gcode: str = option(
        choice("allowlist", "all"),
        "Which G-code Prusa Connect may send: what stands on the list in "
        "[printer.md](printer.md), or all",
        default="allowlist",
    )
    allowed_macros: frozenset[str] = option(
        macros, "Macros that may be called as G-code as well", default=frozenset()
    )
    load_filament: str | None = option(
        macro,
        "The macro that loads filament; without it that command is refused",
        default=None,
    )
    unload_filament: str | None = option(
        macro, "The macro that unloads it", default=None
    )
    allow_lan_downloads: bool = option(
        boolean,
        "Files may be downloaded from private addresses, but not from this host's own",
        default=False,
    )
    max_download_mb: int = option(
        integer(1, 1 << 20), "Larger files are not downloaded", default=2048
    )
    reserve_mb: int = option(
        integer(0, 1 << 20),
        "Megabytes that a download leaves free; 0: by the size of the disk",
        default=0,
    )
    cameras: bool = option(
        boolean,
        "Give each `[connect NAME]` without a token its own through the printer",
        default=True,
    )
    send_network_info: bool = option(
        boolean, "Tell Prusa Connect this host's addresses and name", default=True
    )

    @property
    def gives_tokens(self) -> bool:
        """Whether cameras get their tokens through the printer."""
        return self.consent and self.cameras
