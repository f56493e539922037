# Tests of how a printer gets into Prusa Connect, and out.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code, wait, token; cameras that come with it; and what is left when it goes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.cameras import Vouched
from moonraker_prusacam.connect.printer.identity import (
    PrinterIdentity,
    camera_token_path,
    token_path,
)
from moonraker_prusacam.connect.printer.printer import ConnectPrinter
from moonraker_prusacam.errors import (
    ConfigError,
    ConnectUnavailable,
    RegistrationError,
    SnapshotRejected,
    TokenRejected,
)
from moonraker_prusacam.printer_options import PrinterConfig
from tests.support.clock import VirtualClock
from tests.support.fake_printer import FakeActions, printing
from tests.support.scripted_connect import (
    CODE,
    SILENCE,
    TOKEN,
    ScriptedConnect,
    scripted_connect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.secret import Secret

IDENTITY = PrinterIdentity("KLP-0123456789AB", "6.1.0", "0123456789abcdef" * 2)
WAIT_S = 10.0


class Stand:
    """A printer and what it tells; ``begin`` makes another engine's of it."""

    def __init__(self, connect: ScriptedConnect, folder: Path) -> None:
        self.connect = connect
        self.folder = folder
        self.clock = VirtualClock()
        self.actions = FakeActions()
        self.states: list[str] = []
        self.adopted: list[tuple[str, Secret]] = []
        self.unregistered = 0
        self.has_adopted = asyncio.Event()
        self.api: PrinterApi
        self.printer: ConnectPrinter
        self._told = asyncio.Event()

    async def begin(self, **options: Any) -> ConnectPrinter:
        self.api = PrinterApi(self.connect.url, IDENTITY, self.clock, timeout_s=0.5)
        section = PrinterConfig(consent=True, server=self.connect.url, **options)
        self.printer = ConnectPrinter(
            section,
            IDENTITY,
            self.folder,
            self.api,
            self.actions,
            self._notified,
            cameras=[
                Vouched(
                    "front",
                    lambda: {"config": {"name": "front"}, "fingerprint": "f" * 32},
                    self._adopt,
                )
            ],
            on_unregistered=self._gone,
            clock=self.clock,
        )
        await self.printer.start()
        return self.printer

    async def until(self, state: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.printer.report()["state"] != state:
                self._told.clear()
                await self._told.wait()

    def _notified(self, event: dict[str, Any]) -> None:
        self.states.append(event["state"])
        self._told.set()

    def _adopt(self, token: Secret) -> None:
        self.adopted.append(("front", token))
        self.has_adopted.set()

    def _gone(self) -> None:
        self.unregistered += 1


@asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    async with scripted_connect() as connect:
        at = Stand(connect, folder)
        try:
            yield at
        finally:
            await at.printer.aclose()


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def waits(count: int) -> list[web.Response]:
    return [web.Response(status=202) for _ in range(count)]


def code() -> web.Response:
    return web.Response(headers={"Code": CODE})


async def test_registration_when_confirmed_then_token_stored_and_online(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin(name="Voron, front & back", location="Cellar")
        assert printer.report()["state"] == "unregistered"
        at.connect.answer("/p/register", code(), *waits(3))
        ticket = await printer.register()
        assert ticket.code == CODE
        assert ticket.url.startswith(
            f"{at.connect.url}/add-printer/connect/6.1.0/{CODE}?name=Voron"
        )
        assert ticket.url.endswith("&location=Cellar")
        assert " " not in ticket.url
        waiting = printer.report()
        assert (waiting["state"], waiting["code"]) == ("waiting", CODE)
        assert (await printer.register()) == ticket
        await at.until("online")
        report = printer.report()
        assert report["code"] is None
        assert report["printer_state"] == "IDLE"
        assert TOKEN not in str(report)
        assert IDENTITY.fingerprint not in str(report)
        with pytest.raises(RegistrationError, match="unregister"):
            await printer.register()
    path = token_path(tmp_path)
    assert path.read_text().strip() == TOKEN
    assert path.stat().st_mode & 0o777 == 0o600
    assert at.states[0] == "waiting"
    assert at.states[-1] == "online"
    polls = at.connect.of("/p/register", "GET")
    assert len(polls) == 4
    assert at.connect.events[0]["event"] == "INFO"


async def test_printer_when_registered_before_then_online_by_itself(
    tmp_path: Path,
) -> None:
    token_path(tmp_path).write_text(f"{TOKEN}\n")
    async with stand(tmp_path) as at:
        await at.begin()
        await at.until("online")
        assert not at.connect.of("/p/register")


async def test_printer_when_the_token_is_damaged_then_told(tmp_path: Path) -> None:
    token_path(tmp_path).write_text("x")
    async with stand(tmp_path) as at:
        with pytest.raises(ConfigError, match="damaged"):
            await at.begin()


async def test_registration_when_refused_then_the_error_says_why(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        refusals = (
            (web.Response(status=400), SnapshotRejected),
            (web.Response(status=403), TokenRejected),
            (web.Response(status=500), ConnectUnavailable),
            (web.Response(status=200), ConnectUnavailable),
            (SILENCE, ConnectUnavailable),
        )
        for answer, error in refusals:
            at.connect.answer("/p/register", answer)
            with pytest.raises(error):
                await printer.register()
            assert printer.report()["state"] == "unregistered"
        at.connect.answer("/p/register", code())
        await printer.register()
        await at.until("online")


async def test_registration_when_nobody_enters_the_code_then_over_after_half_an_hour(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        at.connect.answer("/p/register", code(), *waits(2000))
        begun = at.clock.now_s
        await printer.register()
        await at.until("unregistered")
        assert "30 minutes" in printer.report()["reason"]
        assert 1790 <= at.clock.now_s - begun <= 1800
        assert not token_path(tmp_path).exists()
        at.connect.script.clear()
        await printer.register()
        await at.until("online")


async def test_registration_when_the_code_expires_there_then_over(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        gone = web.Response(status=404)
        at.connect.answer("/p/register", code(), *waits(1), gone)
        await printer.register()
        await at.until("unregistered")
        assert "not valid any more" in printer.report()["reason"]


async def test_registration_when_the_network_fails_meanwhile_then_waited_out(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        trouble = [web.Response(status=status) for status in (503, 500, 429)]
        at.connect.answer("/p/register", code(), *trouble, SILENCE, *waits(1))
        await printer.register()
        await at.until("online")


async def test_registration_when_ended_while_it_waits_then_nothing_is_stored(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        at.connect.answer("/p/register", code(), SILENCE)
        await printer.register()
        assert not await printer.unregister()
        assert printer.report()["state"] == "unregistered"
        assert not token_path(tmp_path).exists()


async def test_camera_when_the_printer_is_registered_then_gets_its_token(
    tmp_path: Path,
) -> None:
    token_path(tmp_path).write_text(f"{TOKEN}\n")
    async with stand(tmp_path) as at:
        at.connect.answer("/p/camera", web.Response(status=500), SILENCE)
        await at.begin()
        await at.connect.until(lambda: len(at.connect.of("/p/camera")) == 3)
        await asyncio.wait_for(at.has_adopted.wait(), WAIT_S)
        request = at.connect.of("/p/camera")[2]
        assert request.body == {"config": {"name": "front"}, "fingerprint": "f" * 32}
        assert request.headers["Token"] == TOKEN
        path = camera_token_path(tmp_path, "front")
        assert path.read_text().strip() == "C" * 20
        assert path.stat().st_mode & 0o777 == 0o600
        assert [name for name, _ in at.adopted] == ["front"]
        cameras = at.printer.report()["cameras"]
        assert cameras == [{"camera": "front", "registered": True, "reason": ""}]


async def test_camera_when_refused_then_told_and_tried_rarely(tmp_path: Path) -> None:
    token_path(tmp_path).write_text(f"{TOKEN}\n")
    async with stand(tmp_path) as at:
        at.connect.answer("/p/camera", web.Response(status=400), SILENCE)
        await at.begin()
        await at.connect.until(lambda: len(at.connect.of("/p/camera")) == 1)
        begun = at.clock.now_s
        await at.connect.until(lambda: len(at.connect.of("/p/camera")) == 2)
        assert at.clock.now_s - begun > 200
        camera = at.printer.report()["cameras"][0]
        assert not camera["registered"]
        assert "HTTP 400" in camera["reason"]


async def test_unregister_when_online_then_tokens_are_gone_and_identity_stays(
    tmp_path: Path,
) -> None:
    token_path(tmp_path).write_text(f"{TOKEN}\n")
    (tmp_path / "serial").write_text("KLP-0123456789AB\n")
    async with stand(tmp_path) as at:
        printer = await at.begin()
        await at.until("online")
        await asyncio.wait_for(at.has_adopted.wait(), WAIT_S)
        assert await printer.unregister()
        assert printer.report()["state"] == "unregistered"
        assert at.unregistered == 1
        assert not at.actions.on_change
        count = len(at.connect.requests)
        at.actions.become(job=printing())
        assert files_in(tmp_path) == ["serial"]
        assert not await printer.unregister()
        assert len(at.connect.requests) == count
        await printer.register()
        await at.until("online")
        assert at.connect.kinds().count("INFO") == 2


async def test_ready_when_not_registered_then_refused(tmp_path: Path) -> None:
    async with stand(tmp_path) as at:
        printer = await at.begin()
        with pytest.raises(RegistrationError):
            printer.set_ready(is_ready=True)


async def test_ready_when_the_user_says_so_then_told_as_the_users(
    tmp_path: Path,
) -> None:
    token_path(tmp_path).write_text(f"{TOKEN}\n")
    async with stand(tmp_path) as at:
        printer = await at.begin()
        await at.until("online")
        printer.set_ready(is_ready=True)
        await at.connect.until(
            lambda: any(event.get("state") == "READY" for event in at.connect.events)
        )
        told = next(e for e in at.connect.events if e.get("state") == "READY")
        assert (told["event"], told["source"]) == ("STATE_CHANGED", "USER")
