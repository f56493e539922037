# The command line for the printer in Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam printer``: get the printer of this host into Prusa Connect, and out."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from .cli_asked import asking_for, date
from .cli_call import (
    EXIT_USAGE,
    call,
    config_option,
    fail,
    load,
    perform,
    socket_option,
)
from .errors import EngineUnavailable, RegistrationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from .cli_asked import Asked
    from .config import Config, PrinterConfig

REGISTER_TIMEOUT_S = 30.0
ASK_S = 1.0
# What connect(2) says when nobody holds the socket.
NOBODY = (FileNotFoundError, ConnectionRefusedError)

asking = asking_for("printer")


@click.group()
def printer() -> None:
    """The printer of this host in Prusa Connect (experimental)."""


@printer.command()
@asking
def status(asked: Asked) -> None:
    """Show how the printer stands in Prusa Connect."""
    answer = asked.ask("status")
    asked.show(answer, *_status_lines(answer))


@printer.command()
@config_option
@socket_option
@click.option("--no-wait", is_flag=True, help="Do not wait until the code is entered.")
def register(file: Path, socket: Path | None, no_wait: bool) -> None:
    """Get the printer into Prusa Connect.

    Prints a code and an address. Open the address, log in, and add the printer; the
    command waits for that, for half an hour at most, and the printer's token is stored
    for you alone. Without a running engine it stores the token all the same, and the
    engine uses it when it starts.
    """
    config = load(file)
    path = socket or config.engine.socket_path
    perform(_register(path, config, is_waiting=not no_wait))


@printer.command()
@config_option
@socket_option
@click.confirmation_option(prompt="Forget the printer's token?")
def unregister(file: Path, socket: Path | None) -> None:
    """Forget the tokens of the printer and of the cameras it brought.

    The printer's entry in Prusa Connect stays until you remove it there.
    """
    config = load(file)
    had_token = perform(_unregister(socket or config.engine.socket_path, config))
    if not had_token:
        fail("the printer was not registered")
    click.echo("The token is gone. Remove the printer in Prusa Connect as well.")


@printer.command()
@click.option("--off", is_flag=True, help="Take it back.")
@asking
def ready(asked: Asked, off: bool) -> None:
    """Tell Prusa Connect that the next print may begin: the bed is clear."""
    answer = asked.ask("ready", ready=not off)
    asked.show(answer, "The printer is READY." if answer["ready"] else "Taken back.")


async def _register(path: Path, config: Config, *, is_waiting: bool) -> None:
    try:
        ticket = await call(path, "printer.register", timeout_s=REGISTER_TIMEOUT_S)
    except EngineUnavailable as error:
        if not isinstance(error.__cause__, NOBODY):
            raise  # somebody is there, and may register the printer as well
        if not is_waiting:
            fail("without an engine nobody waits for the token", EXIT_USAGE)
        await _register_alone(config)
        return
    _tell(ticket["code"], ticket["url"])
    while is_waiting:
        told = await call(path, "printer.status")
        if told["state"] == "unregistered":
            fail(told["reason"] or "somebody has ended the registration")
        if told["state"] != "waiting":
            click.echo(f"Registered, as {told['serial_number']}.")
            return
        await asyncio.sleep(ASK_S)


async def _register_alone(config: Config) -> None:
    from .connect.clock import SystemClock
    from .connect.printer.identity import load_token, store_token, token_path
    from .connect.printer.registration import Registration

    async with _alone(config) as (section, folder, api):
        stored = token_path(folder)
        if await asyncio.to_thread(load_token, stored) is not None:
            raise RegistrationError(
                "the printer is registered: prusacam printer unregister comes first"
            )
        registration = Registration(
            api,
            SystemClock(),
            section.printer_type,
            name=section.name or "",
            location=section.location or "",
        )
        ticket = await registration.begin()
        _tell(ticket.code, ticket.url)
        token = await registration.wait(ticket.code)
        await asyncio.to_thread(store_token, stored, token)
    click.echo("Registered. Start the engine: sudo systemctl start prusacam")


async def _unregister(path: Path, config: Config) -> bool:
    try:
        answer = await call(path, "printer.unregister", timeout_s=REGISTER_TIMEOUT_S)
    except EngineUnavailable as error:
        if not isinstance(error.__cause__, NOBODY):
            raise
    else:
        return bool(answer["unregistered"])
    from .bridge import forget_printer

    return await asyncio.to_thread(forget_printer, config)


@asynccontextmanager
async def _alone(config: Config) -> AsyncIterator[tuple[PrinterConfig, Path, Any]]:
    """What a registration needs, without an engine."""
    from .bridge import ABOUT, NO_CONSENT, NO_SECTION, load_identity
    from .connect.clock import SystemClock
    from .connect.printer.api import PrinterApi
    from .connect.printer.identity import printer_path

    section = config.printer
    if section is None or not section.consent:
        reason = NO_SECTION if section is None else NO_CONSENT
        raise RegistrationError(f"{reason}: {ABOUT}")
    identity = await asyncio.to_thread(load_identity, config, section)
    api = PrinterApi(section.server, identity, SystemClock())
    try:
        yield section, printer_path(config.engine.state_path), api
    finally:
        await api.aclose()


def _tell(code: str, url: str) -> None:
    click.echo(f"Code:    {code}")
    click.echo(f"Address: {url}")
    click.echo("Open the address, or enter the code where you add a printer.")
    sys.stdout.flush()  # whoever reads a pipe waits for the code


def _status_lines(told: dict[str, Any]) -> list[str]:
    lines = [": ".join(filter(None, (told["state"], told["reason"])))]
    if told["advice"]:
        lines.append(f"  {told['advice']}")
    if "serial_number" not in told:
        return lines
    lines.append(
        f"  {told['serial_number']}, type {told['printer_type']}, {told['firmware']}"
    )
    lines.append(
        f"  {told['server']} by {told['transport']}, Klipper {told['klipper']}"
    )
    if told["code"]:
        until = date(told["code_valid_until"])
        lines.append(f"  code {told['code']} at {told['url']}, until {until}")
    if "printer_state" in told:
        lines += _session_lines(told)
    for camera in told["cameras"]:
        state = "registered" if camera["registered"] else "no token yet"
        why = camera["reason"] and f": {camera['reason']}"
        lines.append(f"  camera {camera['camera']}: {state}{why}")
    return lines


def _session_lines(told: dict[str, Any]) -> list[str]:
    state = ": ".join(filter(None, (told["printer_state"], told["printer_reason"])))
    doing = told["command"] and f", runs {told['command']}"
    sent, last = told["sent"], told["last_contact"]
    ago = "never" if last is None else f"{max(0.0, time.time() - last):.0f} s ago"
    counts = f"{sent['telemetry']} telemetry, {sent['events']} events"
    lost = told["dropped_events"] + sent["refused"]
    return [
        f"  {state}{doing or ''}",
        f"  {counts}, {told['commands']} commands, the last contact {ago}",
        f"  {told['waiting_events']} events wait, {lost} were lost",
    ]
