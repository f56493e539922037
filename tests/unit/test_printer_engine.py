# Tests of an engine with a printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Through the control socket, the command line and the doctor, at the emulator."""

from __future__ import annotations

import asyncio
import json
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import bridge, uploads
from moonraker_prusacam.config import load
from moonraker_prusacam.connect.printer.api import PrinterApi
from moonraker_prusacam.connect.printer.identity import (
    camera_token_path,
    printer_path,
    store_token,
    token_path,
)
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.control import connect as control
from moonraker_prusacam.emulator.connect import Fault, FaultKind, LocalConnect
from moonraker_prusacam.errors import RpcError
from moonraker_prusacam.printer_methods import PrinterMethods
from moonraker_prusacam.secret import Secret
from tests.support.command_line import COMMAND as PRUSACAM
from tests.support.command_line import environment, prusacam, said
from tests.support.printer_engine import configure_printer, printer_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.app import Engine
    from moonraker_prusacam.emulator.connect import LocalPrinter

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        uploads, "SnapshotUploader", partial(SnapshotUploader, min_gap_s=0.05)
    )
    monkeypatch.setattr(bridge, "PrinterApi", partial(PrinterApi, timeout_s=1.0))


class Desk:
    """A user at a running engine."""

    def __init__(self, engine: Engine, file: Path, local: LocalConnect) -> None:
        self.engine = engine
        self.file = file
        self.local = local
        self.folder = printer_path(engine.config.engine.state_path)
        self.events: list[dict[str, Any]] = []
        self._came = asyncio.Event()

    async def noted(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._came.set()

    async def ask(self, method: str, **params: Any) -> Any:
        path = self.engine.config.engine.socket_path
        async with control(path) as client:
            return await client.call(method, params)

    async def until(self, state: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.engine.bridge.report()["state"] != state:
                self._came.clear()
                await self._came.wait()

    async def registered(self) -> LocalPrinter:
        """Register, agree, and wait until all is well."""
        answer = await self.ask("printer.register")
        printer = self.local.confirm(answer["code"])
        await self.until("online")
        return printer

    async def run(self, *arguments: str) -> Any:
        return await asyncio.to_thread(
            prusacam, self.file.parent, *arguments, "-c", self.file
        )


@pytest.fixture
async def local() -> AsyncIterator[LocalConnect]:
    server = LocalConnect()
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def desk(tmp_path: Path, local: LocalConnect) -> AsyncIterator[Desk]:
    file = await asyncio.to_thread(configure_printer, tmp_path, local.url)
    async with printer_engine(file) as engine:
        told = Desk(engine, file, local)
        handlers = {"printer.event": told.noted}
        async with control(engine.config.engine.socket_path, handlers):
            yield told


async def test_printer_when_registered_then_known_there_with_its_camera(
    desk: Desk, local: LocalConnect
) -> None:
    assert (await desk.ask("printer.status"))["state"] == "unregistered"
    assert not desk.engine.uploaders
    answer = await desk.ask("printer.register")
    assert f"/add-printer/connect/6.1.0/{answer['code']}?name=Voron" in answer["url"]
    assert (await desk.ask("printer.status"))["state"] == "waiting"
    # Whoever knows the code can make the printer theirs.
    assert answer["code"] not in json.dumps(await desk.ask("engine.status"))
    printer = local.confirm(answer["code"])
    await desk.until("online")
    assert (printer.serial_number or "").startswith("KLP-")
    assert (printer.firmware or "").startswith("Klipper (moonraker-prusacam ")
    camera_file = camera_token_path(desk.folder, "front")
    await local.wait_for(lambda: len(local.account.cameras) == 1, WAIT_S)
    (token,) = local.account.cameras
    async with asyncio.timeout(WAIT_S):
        uploads = await desk.ask("connect.status")
        while not uploads["uploads"]:
            uploads = await desk.ask("connect.status")
    done = await desk.ask("connect.upload")
    assert done["uploads"][0]["accepted"], done
    assert local.accepted(token) == 1
    assert (await asyncio.to_thread(camera_file.read_text)).strip() == token
    whole = json.dumps(await desk.ask("engine.status"))
    secret = await asyncio.to_thread(token_path(desk.folder).read_text)
    assert secret.strip() not in whole
    assert token not in whole


async def test_engine_when_started_again_then_goes_on_as_the_same_printer(
    tmp_path: Path, local: LocalConnect
) -> None:
    file = await asyncio.to_thread(configure_printer, tmp_path, local.url)
    serials = []
    for attempt in range(2):
        async with printer_engine(file) as engine:
            desk = Desk(engine, file, local)
            path = engine.config.engine.socket_path
            async with control(path, {"printer.event": desk.noted}):
                if attempt == 0:
                    await desk.registered()
                await desk.until("online")
                await local.wait_for(lambda: len(local.account.cameras) == 1, WAIT_S)
                serials.append((await desk.ask("printer.status"))["serial_number"])
                if attempt == 1:
                    assert len(engine.uploaders) == 1
                async with asyncio.timeout(WAIT_S):
                    while not (await desk.ask("connect.status"))["uploads"]:
                        continue
    assert serials[0] == serials[1]
    assert len(local.account.printers) == 1
    assert len(local.account.cameras) == 1


async def test_unregister_when_asked_then_uploads_end_and_tokens_are_gone(
    desk: Desk, local: LocalConnect
) -> None:
    await desk.registered()
    await local.wait_for(lambda: len(local.account.cameras) == 1, WAIT_S)
    assert (await desk.ask("printer.unregister")) == {"unregistered": True}
    async with asyncio.timeout(WAIT_S):
        while (await desk.ask("connect.status"))["uploads"]:
            continue
    status = await desk.ask("printer.status")
    assert status["state"] == "unregistered"
    assert [camera["registered"] for camera in status["cameras"]] == [False]
    assert not await asyncio.to_thread(token_path(desk.folder).exists)
    assert (await desk.ask("printer.unregister")) == {"unregistered": False}
    with pytest.raises(RpcError) as caught:
        await desk.ask("printer.ready", ready=True)
    assert caught.value.http_status == 409


async def test_register_when_it_is_registered_then_conflict(desk: Desk) -> None:
    await desk.registered()
    with pytest.raises(RpcError, match="unregister") as caught:
        await desk.ask("printer.register")
    assert caught.value.http_status == 409


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("printer.status", {"x": 1}),
        ("printer.register", {"x": 1}),
        ("printer.unregister", {"x": 1}),
        ("printer.ready", {}),
        ("printer.ready", {"ready": "yes"}),
    ],
)
async def test_parameters_when_they_make_no_sense_then_refused(
    desk: Desk, method: str, params: dict[str, Any]
) -> None:
    with pytest.raises(RpcError) as caught:
        await desk.ask(method, **params)
    assert caught.value.http_status == 400


async def test_connect_when_it_hangs_then_nothing_else_waits(
    desk: Desk, local: LocalConnect
) -> None:
    await desk.registered()
    await local.inject(Fault(FaultKind.SILENCE, count=1000))
    await desk.until("offline")
    begun = time.monotonic()
    for _ in range(20):
        assert (await desk.ask("printer.status"))["state"] == "offline"
        await desk.ask("camera.snapshot")
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize(
    ("more", "state", "words"),
    [("consent: False\n", "off", "consent"), ("", "off", "no \\[printer\\]")],
)
async def test_printer_when_not_wanted_then_nothing_is_made_or_sent(
    tmp_path: Path, local: LocalConnect, more: str, state: str, words: str
) -> None:
    file = tmp_path / "prusacam.conf"
    section = f"[printer]\nserver: {local.url}\n{more}" if more else ""
    text = f"[engine]\ndata_path: {tmp_path}\nport: 0\n[camera front]\nsource: test:\n"
    await asyncio.to_thread(file.write_text, text + section)
    async with printer_engine(file) as engine:
        desk = Desk(engine, file, local)
        status = await desk.ask("printer.status")
        assert status["state"] == state
        assert re.search(words, status["reason"])
        with pytest.raises(RpcError) as caught:
            await desk.ask("printer.register")
        assert caught.value.http_status == 409
        assert (await desk.ask("printer.unregister")) == {"unregistered": False}
        assert not await asyncio.to_thread(desk.folder.exists)
    assert not local.requests


async def test_engine_when_the_printers_files_are_damaged_then_the_rest_runs(
    tmp_path: Path, local: LocalConnect
) -> None:
    file = await asyncio.to_thread(configure_printer, tmp_path, local.url)
    config = await asyncio.to_thread(load, file)
    folder = printer_path(config.engine.state_path)
    await asyncio.to_thread(folder.mkdir, parents=True)
    await asyncio.to_thread((folder / "serial").write_text, "nonsense")
    async with printer_engine(file) as engine:
        desk = Desk(engine, file, local)
        status = await desk.ask("printer.status")
        assert status["state"] == "failed"
        assert "serial is damaged" in status["reason"]
        assert (await desk.ask("camera.list"))["cameras"]
        findings = (await desk.ask("engine.doctor", dry_run=True))["findings"]
        (found,) = (one for one in findings if one["name"] == "printer")
        assert found["state"] == "failed"


async def test_unregister_when_consent_was_withdrawn_then_the_tokens_go(
    tmp_path: Path,
) -> None:
    file = tmp_path / "prusacam.conf"
    text = f"[engine]\ndata_path: {tmp_path}\nport: 0\n[printer]\nconsent: no\n"
    await asyncio.to_thread(file.write_text, text)
    config = await asyncio.to_thread(load, file)
    stored = token_path(printer_path(config.engine.state_path))
    await asyncio.to_thread(store_token, stored, Secret("T" * 20))
    async with (
        printer_engine(file) as engine,
        control(engine.config.engine.socket_path) as client,
    ):
        answer = await client.call("printer.unregister", {})
    assert answer == {"unregistered": True}
    assert not await asyncio.to_thread(stored.exists)


async def test_doctor_when_asked_then_says_how_the_printer_stands(
    desk: Desk, local: LocalConnect
) -> None:
    async def found() -> dict[str, str]:
        told = await desk.ask("engine.doctor", dry_run=True)
        return {
            one["name"]: one["state"]
            for one in told["findings"]
            if one["name"] in ("printer", "token")
        }

    assert await found() == {"printer": "warning", "token": "warning"}
    await desk.registered()
    await local.wait_for(lambda: len(local.account.cameras) == 1, WAIT_S)
    async with asyncio.timeout(WAIT_S):
        while not (await desk.ask("printer.status"))["cameras"][0]["registered"]:
            continue
    assert await found() == {"printer": "ok", "token": "ok"}
    await asyncio.to_thread(token_path(desk.folder).chmod, 0o644)
    assert (await found())["printer"] == "warning"


async def test_command_line_when_used_then_registers_and_tells(
    desk: Desk, local: LocalConnect
) -> None:
    before = await desk.run("printer", "status")
    assert b"unregistered" in before.stdout
    assert b"prusacam printer register" in before.stdout
    register = await asyncio.create_subprocess_exec(
        *PRUSACAM,
        *("printer", "register", "-c", str(desk.file)),
        env=environment(desk.file.parent),
        stdout=asyncio.subprocess.PIPE,
    )
    assert register.stdout is not None
    async with asyncio.timeout(WAIT_S):
        first = (await register.stdout.readline()).decode()
        code = first.split()[1]
        assert code in (await register.stdout.readline()).decode()
        local.confirm(code)
        rest = (await register.stdout.read()).decode()
        assert await register.wait() == 0
    assert "Registered, as KLP-" in rest
    await desk.until("online")
    refused = await desk.run("printer", "ready")
    assert (refused.returncode, "BUSY" in said(refused)) == (1, True)
    lines = (await desk.run("printer", "status")).stdout.decode()
    assert lines.startswith("online\n")
    assert "KLP-" in lines
    told = json.loads((await desk.run("printer", "status", "--json")).stdout)
    assert told["state"] == "online"
    again = await desk.run("printer", "register")
    assert again.returncode == 1
    assert "unregister comes first" in said(again)
    gone = await desk.run("printer", "unregister", "--yes")
    assert gone.returncode == 0
    assert (await desk.run("printer", "unregister", "--yes")).returncode == 1


async def test_command_line_when_no_engine_runs_then_registers_all_the_same(
    tmp_path: Path, local: LocalConnect
) -> None:
    file = await asyncio.to_thread(configure_printer, tmp_path, local.url)
    register = await asyncio.create_subprocess_exec(
        *PRUSACAM,
        *("printer", "register", "-c", str(file)),
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert register.stdout is not None
    async with asyncio.timeout(WAIT_S):
        code = (await register.stdout.readline()).decode().split()[1]
        local.confirm(code)
        assert "Registered." in (await register.stdout.read()).decode()
        assert await register.wait() == 0
    config = await asyncio.to_thread(load, file)
    stored = token_path(printer_path(config.engine.state_path))
    assert (await asyncio.to_thread(stored.stat)).st_mode & 0o777 == 0o600
    again = await asyncio.to_thread(
        prusacam, tmp_path, "printer", "register", "-c", file
    )
    assert again.returncode == 1
    gone = await asyncio.to_thread(
        prusacam, tmp_path, "printer", "unregister", "--yes", "-c", file
    )
    assert gone.returncode == 0
    assert not await asyncio.to_thread(stored.exists)


def test_command_line_when_there_is_no_consent_then_says_what_is_missing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "prusacam.conf"
    file.write_text(f"[engine]\ndata_path: {tmp_path}\n[printer]\nname: x\n")
    done = prusacam(tmp_path, "printer", "register", "-c", file)
    assert done.returncode == 1
    assert "consent" in said(done)
    assert "docs/printer.md" in said(done)


def test_methods_when_compared_with_moonrakers_endpoints_then_the_same() -> None:
    from moonraker_prusacam.component.printer_endpoints import PRINTER_ENDPOINTS

    methods = {method for _, _, method, _ in PRINTER_ENDPOINTS}
    handlers = PrinterMethods(None)  # type: ignore[arg-type]
    assert handlers.table.keys() == methods
