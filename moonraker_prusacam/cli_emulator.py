# The command line of the emulators.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam emulator``: runs a stand-in alone, for trying things by hand."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import click

from .cli_call import fail, perform

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE_FPS = 10.0

port_type = click.IntRange(0, 65535)
host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen."
)


@click.group()
def emulator() -> None:
    """Stand-ins for what a test should not touch."""


@emulator.command()
@host_option
@click.option(
    "--port",
    type=port_type,
    default=8090,
    show_default=True,
    help="The port; 0 takes a free one.",
)
def connect(host: str, port: int) -> None:
    """Run a local Prusa Connect until it is told to stop.

    It has one camera, and shows its token; printers can register, and are agreed to
    by a POST to the address shown. docs/emulator.md tells what it can do.
    """
    try:
        perform(_run_connect(host, port))
    except OSError as error:
        fail(f"{host} port {port}: {error.strerror}")


@emulator.command()
@host_option
@click.option(
    "--port",
    type=port_type,
    default=8091,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--profile",
    type=click.Choice(["wire", "seed"]),
    default="wire",
    show_default=True,
    help="The layout of messages: as seen, or as first described.",
)
def signaling(host: str, port: int, profile: str) -> None:
    """Run a virtual Prusa camera until it is told to stop.

    With it run the signalling service that it is connected to, and a local Prusa
    Connect, at one address. docs/emulator.md tells what they can do.
    """
    try:
        perform(_run_signaling(host, port, profile))
    except OSError as error:
        fail(f"{host} port {port}: {error.strerror}")


async def _run_connect(host: str, port: int) -> None:
    from .emulator.connect import LocalConnect

    server = LocalConnect(host=host, port=port)
    camera = server.add_camera()
    with _told_to_stop() as stop:
        try:
            await server.start()
            click.echo(
                f"server:   {server.url}\n"
                f"token:    {camera.token}\n"
                f"printer:  {camera.printer.uuid}\n"
                f"session:  {server.account.session}\n"
                f"log:      {server.url}/_ctl/log\n"
                f"confirm:  {server.url}/_ctl/confirm\n"
                f"printers: {server.url}/_ctl/printers/last"
            )
            await stop.wait()
        finally:
            await server.aclose()


@emulator.command()
@host_option
@click.option(
    "--port",
    type=port_type,
    default=6000,
    show_default=True,
    help="The port; 0 takes a free one, but real printers have 6000.",
)
@click.option("--code", default="12345678", show_default=True, help="The access code.")
@click.option(
    "--serial",
    default="01P00A000000001",
    show_default=True,
    help="The serial number in its certificate.",
)
def bambu(host: str, port: int, code: str, serial: str) -> None:
    """Run the camera of an A1 or P1 printer until it is told to stop.

    Its certificate is another one each time, as after a change of the printer.
    """
    try:
        perform(_run_bambu(host, port, code, serial))
    except OSError as error:
        fail(f"{host} port {port}: {error.strerror}")


async def _run_bambu(host: str, port: int, code: str, serial: str) -> None:
    import tempfile
    from pathlib import Path

    from .camera.certificate import certificate
    from .emulator.bambu import ChamberCamera, Drawing
    from .emulator.certificates import device_context

    with tempfile.TemporaryDirectory() as folder, _told_to_stop() as stop:
        context, shown = device_context(Path(folder), serial, "BBL CA")
        camera = ChamberCamera(
            context, Drawing(), access_code=code, host=host, port=port
        )
        try:
            await camera.start()
            click.echo(
                f"camera: {camera.host}:{camera.port}\n"
                f"code:   {code}\n"
                f"serial: {serial}\n"
                f"sha256: {certificate(shown).fingerprint}"
            )
            await stop.wait()
        finally:
            await camera.aclose()


@emulator.command()
@host_option
@click.option(
    "--port",
    type=port_type,
    default=8100,
    show_default=True,
    help="The port of the first device, the others follow; 0 takes free ones.",
)
@click.option(
    "--kind",
    type=click.Choice(["first phone", "published", "iphone", "android", "oak"]),
    default="iphone",
    show_default=True,
    help="What the devices are.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many devices.",
)
def multicam(host: str, port: int, kind: str, count: int) -> None:
    """Run virtual MultiCam devices until they are told to stop.

    They record the same printer, each when a controller says so; docs/emulator.md
    tells what they can do.
    """
    try:
        perform(_run_multicam(host, port, kind, count))
    except OSError as error:
        fail(f"{host} port {port}: {error.strerror}")


async def _run_multicam(host: str, port: int, kind: str, count: int) -> None:
    from .emulator.camera import LoopingPrint
    from .emulator.multicam import VirtualDevice
    from .emulator.multicam.film import Film

    printer, height_mm = LoopingPrint(), LoopingPrint.LAYER_HEIGHT_MM
    has_ffmpeg = await asyncio.to_thread(_has_ffmpeg)
    if not has_ffmpeg:
        click.echo("there is no ffmpeg, so what they record is no video", err=True)
    async with contextlib.AsyncExitStack() as stack:
        stop = stack.enter_context(_told_to_stop())
        for number in range(count):
            device = VirtualDevice(
                kind,
                host=host,
                port=port and port + number,
                fps=PHONE_FPS,
                film=Film(printer, layer_height_mm=height_mm) if has_ffmpeg else None,
            )
            await stack.enter_async_context(device)
            click.echo(f"device: {device.address} {device.device_id}")
        await stop.wait()


def _has_ffmpeg() -> bool:
    from .errors import FfmpegMissing
    from .ffmpeg_program import find_ffmpeg

    try:
        find_ffmpeg(None)
    except FfmpegMissing:
        return False
    return True


async def _run_signaling(host: str, port: int, profile: str) -> None:
    from .emulator.signaling import PrusaCameraStand

    with _told_to_stop() as stop:
        async with PrusaCameraStand(host=host, port=port, profile=profile) as stand:
            click.echo(
                f"server:      {stand.url}\n"
                f"token:       {stand.token}\n"
                f"fingerprint: {stand.fingerprint}\n"
                f"jwt:         {stand.jwt}\n"
                f"camera:      {stand.url}/_ctl/prusa-camera\n"
                f"log:         {stand.url}/_ctl/signaling/transcript"
            )
            await stop.wait()


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    yield stop
