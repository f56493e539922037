# A whole printer host on one machine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a print needs, wired as on a real host.

Simulated: the printer, the camera in front of it, and Prusa Connect. Real: Moonraker
with our component, and the engine, each in a process of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from moonraker_prusacam.control import connect
from moonraker_prusacam.errors import EmulatorError, EngineUnavailable

from .camera import SyntheticCamera
from .child import ChildProcess
from .connect import LocalConnect
from .gcode_file import LAYER_HEIGHT_MM
from .klippy import SimulatedPrinter
from .moonraker import (
    MoonrakerProcess,
    engine_command,
    free_port,
    link_component,
    link_timelapse,
)
from .multicam import Film, VirtualDevice
from .signaling import PrusaCameraStand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

CAMERA = "front"
ENGINE_PORT = 8081
TOKEN_BYTES = 15  # 20 characters in base64url
POLL_S = 0.05
START_TIMEOUT_S = 30.0
MACROS = Path(__file__).parent.parent / "klipper_macros" / "prusacam.cfg"
ENGINE_CONFIG = """\
[engine]
data_path: {data_path}
socket: {socket}
port: {port}

[camera {camera}]
source: tcp://127.0.0.1:{camera_port}
webcam_url: http://127.0.0.1:{port}/
{camera_options}
[connect {camera}]
server: {connect_url}
token: {token}
trigger_scheme: TEN_SEC

[timelapse]
klippy_socket: {klippy_socket}
{timelapse_options}
"""
PRUSA_CAMERA_CONFIG = """\
[prusa_camera {name}]
server: {server}
token: {token}
jwt_file: {jwt_file}
"""
PRINTER_SECTION = """\
[printer]
consent: True
server: {server}
{printer_options}
"""
MULTICAM_CONFIG = """\
[multicam]
discover: False
{multicam_options}

[multicam_camera {camera}]
port: 0
"""
PHONE_CONFIG = """\
[multicam_device {name}]
address: {address}
"""
PHONE_FPS = 5.0
PRUSA_CAMERA = "buddy"
PRUSA_CAMERA_SPEED = 30.0
"""A frame of its timelapse every second."""
PRINTER_CONFIG = """\
[include {macros}]

[virtual_sdcard]
path: {gcodes}

[pause_resume]
[display_status]
"""


class Stand:
    """The host: ``start`` brings all of it up, ``aclose`` takes it down in reverse.

    ``folder`` holds its sockets and files; the path should be short, since Linux allows
    107 bytes for a socket's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        moonraker: Path | None = None,
        speed: float = 1.0,
        camera_options: str = "",
        timelapse_options: str = "",
        preferred_port: int = 0,
        panels: bool = False,
        panel_options: str = "",
        prusa_camera: bool = False,
        printer_options: str | None = None,
        multicam_options: str | None = None,
        phones: Iterable[str] = (),
    ) -> None:
        """``panels``: the timelapse panels of Mainsail and Fluidd are served, too.

        ``panel_options`` stand in Moonraker's section ``[timelapse]``.
        ``prusa_camera``: a virtual one stands beside the other camera.
        ``multicam_options``: the camera records together with others, with these
        options; ``phones`` that stand beside it are of these kinds, and called so.
        ``printer_options``: the printer goes to Prusa Connect, with these besides.
        """
        self.folder = folder
        self.data_path = folder / "printer_data"
        self.gcodes_path = self.data_path / "gcodes"
        self.engine_socket = folder / "prusacam.sock"
        self.port = free_port(preferred_port)
        self.engine_url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._camera_options = camera_options
        self._timelapse_options = timelapse_options
        self._printer_options = printer_options
        self._multicam_options = multicam_options
        self._klippy_socket = klippy_socket = folder / "klippy.sock"
        self.printer = SimulatedPrinter(
            klippy_socket,
            self.gcodes_path,
            [self.data_path / "config" / "printer.cfg"],
            speed=speed,
        )
        self.camera = SyntheticCamera(self.printer, layer_height_mm=LAYER_HEIGHT_MM)
        self.connect = LocalConnect()
        self.prusa_camera: PrusaCameraStand | None = None
        if prusa_camera:
            self.prusa_camera = PrusaCameraStand(
                connect=self.connect,
                printer=self.printer,
                layer_height_mm=LAYER_HEIGHT_MM,
                speed=PRUSA_CAMERA_SPEED,
            )
            # Uploads are those of the engine, for whoever counts them.
            camera = self.prusa_camera.camera
            camera.settings = attrs.evolve(camera.settings, snapshots=False)
        self.phones = {
            kind: VirtualDevice(
                kind,
                fps=PHONE_FPS,
                film=Film(self.printer, layer_height_mm=LAYER_HEIGHT_MM),
            )
            for kind in phones
        }
        self._link = link_timelapse if panels else link_component
        self.moonraker = MoonrakerProcess(
            self.data_path,
            klippy_socket,
            config=f"\n[prusacam]\nsocket: {self.engine_socket}\n"
            + (f"[timelapse]\n{panel_options}" if panels else ""),
            extra_components=folder / "components",
            python=moonraker,
        )
        self.engine = ChildProcess(
            "the engine",
            engine_command(self.engine_config),
            folder / "prusacam.log",
        )
        self._stack = AsyncExitStack()

    @property
    def engine_config(self) -> Path:
        """The engine's configuration file."""
        return self.data_path / "config" / "prusacam.conf"

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Start all parts; raises EmulatorError with the log of what failed."""
        for part in (self.printer, self.camera, self.connect):
            self._stack.push_async_callback(part.aclose)
        self.connect.add_camera(self.token)
        await self.connect.start()
        if self.prusa_camera is not None:
            self._stack.push_async_callback(self.prusa_camera.aclose)
            await self.prusa_camera.start()
        for phone in self.phones.values():
            await self._stack.enter_async_context(phone)
        await self.camera.start()
        await asyncio.to_thread(self._write_files)
        await self.printer.start()
        self._stack.push_async_callback(self.engine.aclose)
        await self.start_engine()
        self._stack.push_async_callback(self.moonraker.aclose)
        await self.moonraker.start()
        await self.until(self._is_linked, "the component to find the engine")

    async def aclose(self) -> None:
        """End all parts. Idempotent."""
        await self._stack.aclose()

    async def start_engine(self) -> None:
        """Start the engine, again after it was killed, and wait until it answers."""
        await self.engine.start()
        await self.until(self._engine_answers, "the engine to answer")

    async def start_print(self, name: str, gcode: str) -> None:
        """Put a file into the gcodes root and print it through Moonraker's API."""
        await asyncio.to_thread((self.gcodes_path / name).write_text, gcode)
        await self.until(self._is_klippy_ready, "Klippy to be ready")
        await self.moonraker.request("POST", "/printer/print/start", filename=name)

    async def until(
        self,
        condition: Callable[[], Awaitable[Any]],
        what: str,
        timeout_s: float = START_TIMEOUT_S,
    ) -> Any:
        """Wait until ``condition`` gives something true, and return that."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (result := await condition()):
                    self.engine.check()
                    await asyncio.sleep(POLL_S)
                return result
        except TimeoutError:
            raise EmulatorError(
                f"waited {timeout_s:.0f} s for {what}; the end of the engine's log:\n"
                f"{self.engine.tail()}"
            ) from None

    async def call_engine(self, method: str, **params: Any) -> Any:
        """Call the engine over its control socket."""
        async with connect(self.engine_socket) as engine:
            return await engine.call(method, params)

    def _write_files(self) -> None:
        for folder in ("config", "gcodes", "logs"):
            (self.data_path / folder).mkdir(parents=True, exist_ok=True)
        self._link(self.folder / "components")
        (self.data_path / "config" / "printer.cfg").write_text(
            PRINTER_CONFIG.format(macros=MACROS.resolve(), gcodes=self.gcodes_path)
        )
        self.engine_config.touch(mode=0o600)  # it holds a token
        self.engine_config.write_text(
            ENGINE_CONFIG.format(
                data_path=self.data_path,
                socket=self.engine_socket,
                port=self.port,
                camera=CAMERA,
                camera_port=self.camera.port,
                camera_options=self._camera_options,
                connect_url=self.connect.url,
                token=self.token,
                klippy_socket=self._klippy_socket,
                timelapse_options=self._timelapse_options,
            )
            + self._prusa_camera_section()
            + self._printer_section()
            + self._multicam_sections()
        )

    def _prusa_camera_section(self) -> str:
        if self.prusa_camera is None:
            return ""
        jwt_file = self.data_path / "config" / "prusa.jwt"
        jwt_file.touch(mode=0o600)
        jwt_file.write_text(self.prusa_camera.jwt)
        return PRUSA_CAMERA_CONFIG.format(
            name=PRUSA_CAMERA,
            server=self.connect.url,
            token=self.prusa_camera.token,
            jwt_file=jwt_file,
        )

    def _multicam_sections(self) -> str:
        if self._multicam_options is None:
            return ""
        return MULTICAM_CONFIG.format(
            camera=CAMERA, multicam_options=self._multicam_options
        ) + "".join(
            PHONE_CONFIG.format(name=name, address=phone.address)
            for name, phone in self.phones.items()
        )

    def _printer_section(self) -> str:
        if self._printer_options is None:
            return ""
        return PRINTER_SECTION.format(
            server=self.connect.url, printer_options=self._printer_options
        )

    async def _engine_answers(self) -> bool:
        try:
            await self.call_engine("engine.identify", client="cli", version="demo")
        except (EngineUnavailable, TimeoutError):
            return False
        return True

    async def _is_klippy_ready(self) -> bool:
        info = await self.moonraker.request("GET", "/server/info")
        # Moonraker says so a moment before it has registered the remote methods.
        knows_us = "prusacam_connect_upload" in self.printer.remote_methods
        return bool(info["klippy_state"] == "ready" and knows_us)

    async def _is_linked(self) -> bool:
        try:
            await self.moonraker.request("GET", "/server/prusacam/status")
        except EmulatorError:
            return False
        return True
