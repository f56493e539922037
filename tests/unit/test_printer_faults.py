# A printer among faults of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens on the way, a command is done once, and the end is as it should be.

Hours pass in virtual time; the requests and the faults are real.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.connect.printer import socket_link
from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.identity import PrinterIdentity, token_path
from moonraker_prusacam.connect.printer.printer import ConnectPrinter
from moonraker_prusacam.emulator.connect import Fault, FaultKind, LocalConnect
from moonraker_prusacam.errors import ConnectUnavailable
from moonraker_prusacam.printer_options import PrinterConfig
from moonraker_prusacam.secret import Secret
from tests.support.certificates import FAULTY, server_context, trust_ours
from tests.support.clock import VirtualClock
from tests.support.fake_printer import FakeActions, printing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.emulator.connect import LocalPrinter

IDENTITY = PrinterIdentity("KLP-0123456789AB", "6.1.0", "0123456789abcdef" * 2)
WAIT_S = 25.0
TIMEOUT_S = 0.2

fault = partial(Fault, count=3)
FAULTS = {
    **{
        f"answer {answer}": fault(FaultKind.ANSWER, answer=answer)
        for answer in (
            *("400", "400 html", "401", "403", "403 fingerprint", "404", "409"),
            *("413", "413 html", "429", "500", "502", "503", "503 json"),
        )
    },
    "retry after": fault(FaultKind.ANSWER, answer="503", retry_after_s=30),
    "retry after a date": fault(
        FaultKind.ANSWER, answer="429", retry_after_s=30, retry_after_as_date=True
    ),
    "redirect in a loop": fault(FaultKind.REDIRECT, location="loop"),
    "redirect to another name": fault(FaultKind.REDIRECT, location="other"),
    "redirect to https": fault(FaultKind.REDIRECT, location="https", answer="308"),
    "silence": fault(FaultKind.SILENCE),
    "request reset": fault(FaultKind.RESET_REQUEST, after_bytes=5),
    "request read slowly": fault(FaultKind.SLOW_REQUEST, bytes_per_s=1.0),
    "answer lost": fault(FaultKind.LOST_ANSWER),
    "answer reset": fault(FaultKind.RESET_RESPONSE, after_bytes=10),
    "answer cut": fault(FaultKind.CUT_RESPONSE, after_bytes=10),
    "answer slow": fault(FaultKind.SLOW_RESPONSE, bytes_per_s=1.0),
    "idle connection closed": fault(FaultKind.CLOSE_IDLE),
    "wrong length": fault(FaultKind.WRONG_LENGTH, extra_bytes=50),
    "gzip": fault(FaultKind.GZIP),
    "204 with a body": fault(FaultKind.BODY_WITH_204),
    "clock of the server": fault(FaultKind.CLOCK_SKEW, date_offset_s=1e6),
    "connection refused": fault(FaultKind.REFUSE, seconds=0.3),
    "connection silent": fault(FaultKind.SILENT_CONNECTION),
    "connection reset": fault(FaultKind.RESET_CONNECTION),
}


class Stand:
    """A printer that is registered and told of."""

    def __init__(self, folder: Path, local: LocalConnect, transport: str) -> None:
        self.local = local
        self.clock = VirtualClock()
        self.actions = FakeActions()
        self.api = PrinterApi(local.url, IDENTITY, self.clock, timeout_s=TIMEOUT_S)
        self.contacts: list[str] = []
        self._told = asyncio.Event()
        self.printer = ConnectPrinter(
            PrinterConfig(
                consent=True,
                server=local.url,
                transport=transport,
                send_network_info=False,
            ),
            IDENTITY,
            folder,
            self.api,
            self.actions,
            self._notified,
            clock=self.clock,
        )

    @property
    def there(self) -> LocalPrinter:
        """The printer as Prusa Connect has it."""
        return next(iter(self.local.account.printers.values()))

    async def until(self, state: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.printer.report()["state"] != state:
                self._told.clear()
                await self._told.wait()

    def _notified(self, event: dict[str, Any]) -> None:
        self.contacts.append(event["state"])
        self._told.set()


@asynccontextmanager
async def online(folder: Path, transport: str = "http") -> AsyncIterator[Stand]:
    local = LocalConnect()
    # What is not answered is asked for again much sooner than anybody waits for it.
    local.behaviour = local.behaviour.changed({"resend_after_s": 0.2})
    await local.start()
    at = Stand(folder, local, transport)
    await at.printer.start()
    try:
        local.confirm((await at.printer.register()).code)
        await at.until("online")
        yield at
    finally:
        await at.printer.aclose()
        await local.aclose()


async def work_through(at: Stand) -> None:
    """A command and a change; both arrive in the end, and the command is done once."""
    command = at.there.commands.add("PAUSE_PRINT")
    at.actions.become(job=printing(state="paused"))
    outcome = await at.local.finish(command, WAIT_S)
    assert outcome.kind == "FINISHED"
    await at.local.wait_for(lambda: at.there.state == "PAUSED", WAIT_S)
    await at.until("online")
    assert [one.name for one in at.actions.commands] == ["PAUSE_PRINT"]


@pytest.mark.parametrize("name", FAULTS)
async def test_fault_when_it_hits_everything_then_all_is_well_in_the_end(
    tmp_path: Path, name: str
) -> None:
    async with online(tmp_path) as at:
        await at.local.inject(FAULTS[name])
        await work_through(at)


@pytest.mark.parametrize("endpoint", ["/p/telemetry", "/p/events"])
@pytest.mark.parametrize(
    "name", ["answer 500", "answer 503", "answer lost", "silence", "answer cut"]
)
async def test_fault_when_it_hits_one_way_only_then_all_is_well_in_the_end(
    tmp_path: Path, endpoint: str, name: str
) -> None:
    async with online(tmp_path) as at:
        await at.local.inject(attrs.evolve(FAULTS[name], endpoint=endpoint, count=2))
        await work_through(at)


@pytest.mark.parametrize("name", ["answer 500", "silence", "answer lost", "answer cut"])
async def test_fault_when_it_hits_the_registration_then_waited_out(
    tmp_path: Path, name: str
) -> None:
    local = LocalConnect()
    await local.start()
    at = Stand(tmp_path, local, "http")
    await at.printer.start()
    ticket = await at.printer.register()
    await local.inject(FAULTS[name])
    local.confirm(ticket.code)
    await at.until("online")
    assert len(local.account.printers) == 1
    await at.printer.aclose()
    await local.aclose()


@pytest.mark.parametrize(
    "name", ["answer 401", "answer 503", "silence", "connection reset"]
)
async def test_socket_when_faults_hit_its_opening_then_all_is_well_in_the_end(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_link, "OPEN_TIMEOUT_S", TIMEOUT_S)
    async with online(tmp_path, "websocket") as at:
        await at.local.inject(FAULTS[name])
        await at.local.refuse(0.05)  # which ends the connection that is open
        await work_through(at)


async def test_printer_when_removed_there_then_refused_and_the_token_stays(
    tmp_path: Path,
) -> None:
    async with online(tmp_path) as at:
        at.local.account.printers.clear()
        await at.until("refused")
        assert "unregister" in at.printer.report()["reason"]
        assert token_path(tmp_path).exists() is True


@pytest.mark.parametrize("quality", FAULTY)
async def test_certificate_when_not_to_be_trusted_then_said(
    quality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_ours(monkeypatch)
    local = LocalConnect(tls=server_context(quality))
    await local.start()
    api = PrinterApi(local.url, IDENTITY, VirtualClock(), token=Secret("T" * 20))
    with pytest.raises(ConnectUnavailable, match="certificate"):
        await api.telemetry({"state": "IDLE"})
    await api.aclose()
    await local.aclose()
