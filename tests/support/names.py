# Names of hosts, without a name server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resolver for aiohttp's clients that knows only what a test tells it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import aiohttp.connector
from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


class Names(AbstractResolver):
    """IPv4 addresses by name, changed as the test goes on.

    All other names do not exist (NXDOMAIN); with ``broken`` no name server answers.
    """

    def __init__(self, addresses: Mapping[str, str] | None = None) -> None:
        self.addresses = dict(addresses or {})
        self.asked: list[str] = []
        self.broken = False

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if self.broken:
            raise socket.gaierror(
                socket.EAI_AGAIN, "Temporary failure in name resolution"
            )
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            ResolveResult(
                hostname=host,
                host=self.addresses[host],
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


def use_names(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> Names:
    """Let aiohttp's new clients ask the result; ``example_com="127.0.0.1"``."""
    names = Names({name.replace("_", "."): a for name, a in addresses.items()})
    monkeypatch.setattr(aiohttp.connector, "DefaultResolver", lambda **_: names)
    return names
