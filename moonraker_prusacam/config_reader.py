# The sections of one prusacam.conf, all together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads each section by its class, and tells what they say against each other."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import attrs

from . import access_options, camera_options, prusa_camera_options
from .access_options import AccessConfig
from .camera_options import CameraConfig, secret_text
from .config_objects import CAMERA_NAME, NAMED, SECTIONS, Config
from .connect_options import ConnectConfig, token
from .engine_options import NGINX_PATHS, EngineConfig
from .gateway_options import GatewayConfig
from .multicam_options import read_multicam, taken_ports
from .printer_options import PrinterConfig
from .prusa_camera_options import PrusaCameraConfig
from .section_reader import nearest
from .timelapse_options import TimelapseConfig, TrackConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ini import Section
    from .secret import Secret
    from .section_reader import SectionReader


class ConfigReader:
    """Reads once; mistakes are gathered by the SectionReader."""

    def __init__(self, sections: Sequence[Section], reader: SectionReader) -> None:
        self._sections = sections
        self._reader = reader
        self._known = {
            section.title for section in sections if section.kind == "camera"
        }

    def read(self) -> Config:
        """All sections; what had mistakes is left out."""
        engine = EngineConfig()
        printer = self._read_printer()
        cameras: list[CameraConfig] = []
        uploads: list[ConnectConfig] = []
        for section in self._sections:
            if not self._is_known(section):
                continue
            kind = section.kind
            if kind == "engine":
                engine = self._reader.build(EngineConfig, section) or engine
            elif kind == "camera" and (camera := self._read_camera(section)):
                cameras.append(camera)
            elif kind == "connect" and (upload := self._read_upload(section, printer)):
                uploads.append(upload)
        timelapse, tracks = self._read_tracks()
        gateway = self._read_gateway()
        self._expect_work(timelapse)
        for camera in cameras:
            self._expect_address(engine, camera)
        taken = taken_ports(engine.port, gateway, cameras)
        return Config(
            engine,
            tuple(cameras),
            tuple(uploads),
            timelapse,
            tracks,
            self._read_prusa_cameras(),
            gateway,
            self._read_access(),
            printer,
            read_multicam(self._sections, self._known, self._reader, taken),
        )

    def _read_camera(self, section: Section) -> CameraConfig | None:
        secrets = {
            option: self._reader.stored(section, f"{option}_file", secret_text)
            for option in ("password", "access_code")
        }
        camera = self._reader.build(CameraConfig, section, name=section.title)
        if camera is None:
            return None
        for mistake in camera_options.mistakes(camera, section.options):
            self._reader.fail(mistake.text, section, mistake.option)
        return attrs.evolve(
            camera,
            password=secrets["password"] or camera.password,
            access_code=secrets["access_code"] or camera.access_code,
        )

    def _read_upload(
        self, section: Section, printer: PrinterConfig | None
    ) -> ConnectConfig | None:
        self._expect_camera(section.title, section)
        stored = self._stored_token(section, printer)
        upload = self._reader.build(ConnectConfig, section, camera=section.title)
        if upload is None:
            return None
        upload = attrs.evolve(upload, token=upload.token or stored)
        if upload.token is None and printer is not None:
            upload = attrs.evolve(upload, server=printer.server)
        return upload

    def _read_gateway(self) -> GatewayConfig | None:
        if (section := self._only("gateway")) is None:
            return None
        return self._reader.build(
            GatewayConfig,
            section,
            api_key=self._reader.stored(section, "api_key_file", secret_text),
            token=self._reader.stored(section, "token_file", secret_text),
        )

    def _read_access(self) -> AccessConfig:
        if (section := self._only("access")) is None:
            return AccessConfig()
        access = self._reader.build(AccessConfig, section) or AccessConfig()
        if mistake := access_options.mistake(access):
            text, name = mistake
            self._reader.fail(text, section, name)
        return access

    def _read_printer(self) -> PrinterConfig | None:
        if (section := self._only("printer")) is None:
            return None
        return self._reader.build(PrinterConfig, section)

    def _read_prusa_cameras(self) -> tuple[PrusaCameraConfig, ...]:
        cameras: list[PrusaCameraConfig] = []
        for section in self._sections:
            kind, name = section.kind, section.title
            if kind != "prusa_camera" or not CAMERA_NAME.fullmatch(name):
                continue  # another's, or told already
            stored = self._stored_token(section)
            if camera := self._reader.build(PrusaCameraConfig, section, name=name):
                camera = attrs.evolve(camera, token=camera.token or stored)
                if mistake := prusa_camera_options.mistakes(camera, cameras):
                    self._reader.fail(mistake, section)
                cameras.append(camera)
        return tuple(cameras)

    def _read_tracks(self) -> tuple[TimelapseConfig | None, tuple[TrackConfig, ...]]:
        timelapse: TimelapseConfig | None = None
        tracks: list[TrackConfig] = []
        for section in self._sections:
            kind, name = section.kind, section.title
            if kind not in ("timelapse", "track") or bool(name) != (kind in NAMED):
                continue  # another's, or told already
            for name_of_camera in ("camera", "inset"):
                wanted = section.options.get(name_of_camera)
                if wanted is not None and wanted.text:
                    self._expect_camera(wanted.text, section, name_of_camera)
            if kind == "timelapse":
                timelapse = self._reader.build(TimelapseConfig, section)
            elif track := self._reader.build(TrackConfig, section, name=name):
                tracks.append(track)
        if tracks and self._only("timelapse") is None:
            self._reader.fail("[track NAME] needs a [timelapse] section")
        return timelapse, tuple(tracks)

    def _stored_token(
        self, section: Section, printer: PrinterConfig | None = None
    ) -> Secret | None:
        """The token in the file that ``section`` names, if it names one.

        Without any, ``printer`` may give the camera its token.
        """
        has_file = "token_file" in section.options
        has_token = "token" in section.options
        is_vouched = printer is not None and printer.gives_tokens
        if has_file and has_token:
            self._reader.fail("needs either 'token' or 'token_file'", section)
        elif is_vouched and not has_file and not has_token:
            written = section.options.get("server")
            if written is not None and printer and written.text != printer.server:
                problem = "the token comes through [printer], whose server is another"
                self._reader.fail(problem, section, "server")
        elif not has_file and not has_token:
            self._reader.fail("needs either 'token' or 'token_file'", section)
        return self._reader.stored(section, "token_file", token)

    def _is_known(self, section: Section) -> bool:
        kind, name = section.kind, section.title
        if kind not in SECTIONS:
            self._reader.fail(f"unknown section{nearest(kind, SECTIONS)}", section)
        elif kind in NAMED and not name:
            self._reader.fail(f"has no name: write [{kind} NAME]", section)
        elif kind not in NAMED and name:
            self._reader.fail(f"takes no name: write [{kind}]", section)
        elif name and not CAMERA_NAME.fullmatch(name):
            self._reader.fail(
                "a name has 1 to 64 letters, digits, blanks, '_', '.' or '-'", section
            )
        else:
            return True
        return False

    def _expect_work(self, timelapse: TimelapseConfig | None) -> None:
        """Ask for something to do, and for a camera where it needs one."""
        if self._known:
            return
        kinds = {section.kind for section in self._sections}
        if not kinds & {"prusa_camera", "gateway", "printer", "multicam"}:
            self._reader.fail(
                "there is no [camera NAME] section, so there is nothing to do"
            )
        elif timelapse is not None:
            self._reader.fail(
                "[timelapse] needs a [camera NAME] section: a Prusa camera "
                "makes its own"
            )

    def _expect_address(self, engine: EngineConfig, camera: CameraConfig) -> None:
        """Ask for the URL of a port on every address that nginx does not forward."""
        is_open = ipaddress.ip_address(engine.host).is_unspecified
        if is_open and engine.port not in NGINX_PATHS and camera.webcam_url is None:
            self._reader.fail(
                f"needs 'webcam_url', such as http://printer.local:{engine.port}/: "
                f"browsers do not find the camera at {engine.host}",
                self._only(f"camera {camera.name}"),
            )

    def _expect_camera(
        self, name: str, section: Section, option: str | None = None
    ) -> None:
        if name not in self._known:
            near = nearest(name, self._known)
            self._reader.fail(f"there is no [camera {name}]{near}", section, option)

    def _only(self, name: str) -> Section | None:
        """The section of that name; a second one is a mistake of the file."""
        named = (section for section in self._sections if section.name == name)
        return next(named, None)
