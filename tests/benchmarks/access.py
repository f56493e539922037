# Figures of the rules about who may look.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token costs a client that polls snapshots, against an open engine."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from .engine import Engine
from .figure import Figure, Spread
from .snapshots import ask
from .stand import Server

if TYPE_CHECKING:
    from .snapshots import Rate
    from .stand import Stand

TARGET = 1.1
RULES = """
[access]
require_token: True
"""


def measure(stand: Stand) -> list[Figure]:
    """What a request costs an engine with rules, by one without, by turns."""
    feeder, folder = stand.feeder_port, stand.folder
    with Engine(folder / "guarded", feeder, options=RULES) as guarded:
        url = str(guarded.call("camera.list")["cameras"][0]["snapshot_url"])
        token = parse_qs(urlsplit(url).query)["token"][0]
        opened: list[Rate] = []
        tokens: list[Rate] = []
        for _ in range(stand.rounds):
            plain = Server(stand.engine.pid, stand.engine.port)
            opened.append(ask(stand, plain))
            behind = Server(guarded.pid, guarded.port)
            tokens.append(ask(stand, behind, f"/snapshot.jpg?token={token}"))
    pairs = zip(tokens, opened, strict=True)
    cpu = Spread.of([one.cpu_us / other.cpu_us for one, other in pairs])
    rates = [median(rate.per_second for rate in side) for side in (tokens, opened)]
    return [
        Figure(
            "CPU of a snapshot with a token / open",
            str(cpu),
            f"<= {TARGET}",
            cpu.middle <= TARGET,
            f"{rates[0]:.0f}/s, open {rates[1]:.0f}/s",
        )
    ]
