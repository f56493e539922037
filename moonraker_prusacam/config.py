# prusacam.conf as frozen objects.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user configured, read once.

Every option is declared once: its name, parser, default and one line of
documentation. ``load`` reports all mistakes of a file together, each with its
section, option, line and, for a misspelt name, the nearest one that exists.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from . import access_options, camera_options, ini, prusa_camera_options
from .access_options import AccessConfig as AccessConfig
from .camera_options import CameraConfig as CameraConfig
from .camera_options import secret_text
from .connect_options import TRIGGER_SCHEMES as TRIGGER_SCHEMES
from .connect_options import ConnectConfig as ConnectConfig
from .connect_options import token as token
from .errors import ConfigError, ConfigErrors
from .gateway_options import GatewayConfig as GatewayConfig
from .multicam_options import (
    MULTICAM,
    MultiCamSections,
    read_multicam,
    taken_ports,
)
from .option import (
    address,
    choice,
    integer,
    nearest,
    option,
    path,
    secret_path,
)
from .printer_options import PrinterConfig as PrinterConfig
from .prusa_camera_options import PrusaCameraConfig as PrusaCameraConfig
from .timelapse_options import TimelapseConfig as TimelapseConfig
from .timelapse_options import TrackConfig as TrackConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from .secret import Secret

MAX_FILE_BYTES = 256 << 10
MAX_SECRET_FILE_BYTES = 4096
CAMERA_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")

# What the nginx of Mainsail and Fluidd forwards to which local port.
NGINX_PATHS = {
    8080: "/webcam/",
    8081: "/webcam2/",
    8082: "/webcam3/",
    8083: "/webcam4/",
}

C = TypeVar("C")


@attrs.frozen
class EngineConfig:
    """``[engine]``: where the engine lives and listens."""

    data_path: Path = option(
        path,
        "Moonraker's data folder; the defaults below are found from it",
        default=Path("~/printer_data").expanduser(),
    )
    host: str = option(
        address,
        "Address that viewers connect to; `0.0.0.0` opens it to the network",
        default="127.0.0.1",
    )
    port: int = option(
        integer(0, 65535),
        "Port of streams and snapshots; 0 takes a free one",
        default=8081,
    )
    socket: Path | None = option(
        path,
        "Control socket, for Moonraker and the command line",
        default=None,
        unset="`<data_path>/comms/prusacam.sock`",
    )
    max_viewers: int = option(
        integer(1, 1024), "Open streams at once; one more is told 503", default=64
    )
    log_level: str = option(
        choice("debug", "info", "warning", "error"),
        "What is logged",
        default="info",
    )
    log_size_mb: int = option(
        integer(0, 1000),
        "Size at which `<data_path>/logs/prusacam.log` is rotated; 0 writes none",
        default=2,
    )
    log_files: int = option(
        integer(2, 100),
        "How many of these logs there are, old ones included",
        default=4,
    )

    @property
    def log_path(self) -> Path:
        """The engine's log, where Mainsail and Fluidd list Moonraker's."""
        return self.data_path / "logs" / "prusacam.log"

    @property
    def socket_path(self) -> Path:
        """The control socket's path, configured or derived."""
        return self.socket or self.data_path / "comms" / "prusacam.sock"

    @property
    def state_path(self) -> Path:
        """Where the engine keeps what must survive: identities, print jobs."""
        return self.data_path / "prusacam"


@attrs.frozen
class Config:
    """One prusacam.conf; ``file`` is where it was read, if it was a file."""

    engine: EngineConfig
    cameras: tuple[CameraConfig, ...] = ()
    connect: tuple[ConnectConfig, ...] = ()
    timelapse: TimelapseConfig | None = None
    tracks: tuple[TrackConfig, ...] = ()
    prusa_cameras: tuple[PrusaCameraConfig, ...] = ()
    gateway: GatewayConfig | None = None
    access: AccessConfig = AccessConfig()
    printer: PrinterConfig | None = None
    multicam: MultiCamSections = MultiCamSections()
    file: Path | None = attrs.field(default=None, eq=False)

    @property
    def klippy_path(self) -> Path:
        """Klipper's API socket."""
        configured = self.timelapse and self.timelapse.klippy_socket
        return configured or self.engine.data_path / "comms" / "klippy.sock"

    @property
    def moonraker_path(self) -> Path:
        """Moonraker's Unix socket."""
        return self.engine.data_path / "comms" / "moonraker.sock"

    @property
    def ffmpeg(self) -> Path | None:
        """The configured ffmpeg, if one is."""
        return self.timelapse.ffmpeg if self.timelapse else None

    @property
    def videos_path(self) -> Path:
        """The folder of finished videos."""
        configured = self.timelapse and self.timelapse.output_path
        return configured or self.engine.data_path / "timelapse"

    @property
    def frames_path(self) -> Path:
        """The folder of the newest frame, which panels look into."""
        return self.engine.state_path / "lastframe"

    @property
    def jobs_path(self) -> Path:
        """The folder of job directories."""
        configured = self.timelapse and self.timelapse.jobs_path
        return configured or self.engine.state_path / "jobs"


SECTIONS: dict[str, type[Any]] = {
    "engine": EngineConfig,
    "access": AccessConfig,
    "camera": CameraConfig,
    "connect": ConnectConfig,
    "timelapse": TimelapseConfig,
    "track": TrackConfig,
    "prusa_camera": PrusaCameraConfig,
    "gateway": GatewayConfig,
    "printer": PrinterConfig,
    **MULTICAM,
}
NAMED = (
    "camera",
    "connect",
    "track",
    "prusa_camera",
    "multicam_device",
    "multicam_camera",
)


def option_name(field: attrs.Attribute[Any]) -> str:
    """The name of ``field`` in the file, or "" for one that is not read from it."""
    if "parse" not in field.metadata:
        return ""
    return str(field.metadata["option"] or field.name)


def load(file: Path) -> Config:
    """Read ``file``; raises ConfigErrors with every mistake in it."""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigErrors(str(file), (ConfigError(reason),)) from error
    if len(raw) > MAX_FILE_BYTES:
        mistake = ConfigError(f"is larger than {MAX_FILE_BYTES} bytes")
        raise ConfigErrors(str(file), (mistake,))
    try:
        content = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        mistake = ConfigError("is not UTF-8 text", line=line)
        raise ConfigErrors(str(file), (mistake,)) from error
    return attrs.evolve(loads(content, str(file)), file=file)


def loads(content: str, file: str = "prusacam.conf") -> Config:
    """Like ``load``, for the content of a file."""
    sections, errors = ini.parse(content)
    reader = _Reader(errors)
    config = reader.read(sections)
    if reader.errors:
        ordered = sorted(reader.errors, key=lambda error: error.line or 0)
        raise ConfigErrors(file, tuple(ordered))
    return config


class _Reader:
    """Turns sections into objects and gathers what is wrong with them."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors

    def read(self, sections: list[ini.Section]) -> Config:
        engine = EngineConfig()
        printer = self._read_printer(sections)
        cameras: list[CameraConfig] = []
        uploads: list[ConnectConfig] = []
        known = {
            name
            for kind, _, name in (section.name.partition(" ") for section in sections)
            if kind == "camera"
        }
        for section in sections:
            kind, _, name = section.name.partition(" ")
            if not self._is_known(section, kind, name):
                continue
            if kind == "engine":
                engine = self._build(EngineConfig, section) or engine
            elif kind == "camera":
                if camera := self._read_camera(section, name):
                    cameras.append(camera)
            elif kind == "connect":
                self._expect_camera(name, known, section)
                stored = self._stored_token(section, printer)
                if upload := self._build(ConnectConfig, section, camera=name):
                    secret = upload.token or stored
                    upload = attrs.evolve(upload, token=secret)
                    if secret is None and printer is not None:
                        upload = attrs.evolve(upload, server=printer.server)
                    uploads.append(upload)
        timelapse, tracks = self._read_tracks(sections, known)
        gateway = self._read_gateway(sections)
        kinds = {section.name.partition(" ")[0] for section in sections}
        if not known and not kinds & {"prusa_camera", "gateway", "printer", "multicam"}:
            self._fail("there is no [camera NAME] section, so there is nothing to do")
        elif not known and timelapse is not None:
            self._fail(
                "[timelapse] needs a [camera NAME] section: a Prusa camera "
                "makes its own"
            )
        for camera in cameras:
            self._expect_address(engine, camera, sections)
        taken = taken_ports(engine.port, gateway, cameras)
        return Config(
            engine,
            tuple(cameras),
            tuple(uploads),
            timelapse,
            tracks,
            self._read_prusa_cameras(sections),
            gateway,
            self._read_access(sections),
            printer,
            read_multicam(sections, known, self._build, self._fail, taken),
        )

    def _read_gateway(self, sections: list[ini.Section]) -> GatewayConfig | None:
        for section in sections:
            if section.name == "gateway":
                return self._build(
                    GatewayConfig,
                    section,
                    api_key=self._stored(section, "api_key_file", secret_text),
                    token=self._stored(section, "token_file", secret_text),
                )
        return None

    def _read_access(self, sections: list[ini.Section]) -> AccessConfig:
        for section in sections:
            if section.name == "access":
                access = self._build(AccessConfig, section) or AccessConfig()
                if mistake := access_options.mistake(access):
                    text, name = mistake
                    self._fail(text, section, name)
                return access
        return AccessConfig()

    def _read_printer(self, sections: list[ini.Section]) -> PrinterConfig | None:
        for section in sections:
            if section.name == "printer":
                return self._build(PrinterConfig, section)
        return None

    def _read_prusa_cameras(
        self, sections: list[ini.Section]
    ) -> tuple[PrusaCameraConfig, ...]:
        cameras: list[PrusaCameraConfig] = []
        for section in sections:
            kind, _, name = section.name.partition(" ")
            if kind != "prusa_camera" or not CAMERA_NAME.fullmatch(name):
                continue  # another's, or told already
            stored = self._stored_token(section)
            if camera := self._build(PrusaCameraConfig, section, name=name):
                camera = attrs.evolve(camera, token=camera.token or stored)
                if mistake := prusa_camera_options.mistakes(camera, cameras):
                    self._fail(mistake, section)
                cameras.append(camera)
        return tuple(cameras)

    def _read_tracks(
        self, sections: list[ini.Section], known: set[str]
    ) -> tuple[TimelapseConfig | None, tuple[TrackConfig, ...]]:
        timelapse: TimelapseConfig | None = None
        tracks: list[TrackConfig] = []
        for section in sections:
            kind, _, name = section.name.partition(" ")
            if kind not in ("timelapse", "track") or bool(name) != (kind in NAMED):
                continue  # another's, or told already
            for name_of_camera in ("camera", "inset"):
                wanted = section.options.get(name_of_camera)
                if wanted is not None and wanted.text:
                    self._expect_camera(wanted.text, known, section, name_of_camera)
            if kind == "timelapse":
                timelapse = self._build(TimelapseConfig, section)
            elif track := self._build(TrackConfig, section, name=name):
                tracks.append(track)
        if tracks and not any(section.name == "timelapse" for section in sections):
            self._fail("[track NAME] needs a [timelapse] section")
        return timelapse, tuple(tracks)

    def _expect_address(
        self, engine: EngineConfig, camera: CameraConfig, sections: list[ini.Section]
    ) -> None:
        """Ask for the URL of a port on every address that nginx does not forward."""
        is_open = ipaddress.ip_address(engine.host).is_unspecified
        if is_open and engine.port not in NGINX_PATHS and camera.webcam_url is None:
            name = f"camera {camera.name}"
            section = next(section for section in sections if section.name == name)
            self._fail(
                f"needs 'webcam_url', such as http://printer.local:{engine.port}/: "
                f"browsers do not find the camera at {engine.host}",
                section,
            )

    def _is_known(self, section: ini.Section, kind: str, name: str) -> bool:
        if kind not in SECTIONS:
            self._fail(f"unknown section{nearest(kind, SECTIONS)}", section)
        elif kind in NAMED and not name:
            self._fail(f"has no name: write [{kind} NAME]", section)
        elif kind not in NAMED and name:
            self._fail(f"takes no name: write [{kind}]", section)
        elif name and not CAMERA_NAME.fullmatch(name):
            self._fail(
                "a name has 1 to 64 letters, digits, blanks, '_', '.' or '-'", section
            )
        else:
            return True
        return False

    def _build(self, cls: type[C], section: ini.Section, **values: Any) -> C | None:
        fields = {
            option_name(field): field
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls))
            if option_name(field)
        }
        failed = False
        for name, written in section.options.items():
            if name not in fields:
                known = nearest(name, fields)
                self._fail(f"unknown option{known}", section, name)
                failed = True
                continue
            field = fields[name]
            try:
                values[field.name] = field.metadata["parse"](written.text)
            except ValueError as error:
                self._fail(str(error), section, name)
                failed = True
        for name, field in fields.items():
            if field.default is attrs.NOTHING and name not in section.options:
                self._fail(f"option '{name}' is missing", section)
                failed = True
        return None if failed else cls(**values)

    def _read_camera(self, section: ini.Section, name: str) -> CameraConfig | None:
        secrets = {
            option: self._stored(section, f"{option}_file", secret_text)
            for option in ("password", "access_code")
        }
        camera = self._build(CameraConfig, section, name=name)
        if camera is None:
            return None
        for mistake in camera_options.mistakes(camera, section.options):
            self._fail(mistake.text, section, mistake.option)
        return attrs.evolve(
            camera,
            password=secrets["password"] or camera.password,
            access_code=secrets["access_code"] or camera.access_code,
        )

    def _stored_token(
        self, section: ini.Section, printer: PrinterConfig | None = None
    ) -> Secret | None:
        """The token in the file that ``section`` names, if it names one.

        Without any, ``printer`` may give the camera its token.
        """
        has_file = "token_file" in section.options
        has_token = "token" in section.options
        is_vouched = printer is not None and printer.gives_tokens
        if has_file and has_token:
            self._fail("needs either 'token' or 'token_file'", section)
        elif is_vouched and not has_file and not has_token:
            written = section.options.get("server")
            if written is not None and printer and written.text != printer.server:
                problem = "the token comes through [printer], whose server is another"
                self._fail(problem, section, "server")
        elif not has_file and not has_token:
            self._fail("needs either 'token' or 'token_file'", section)
        return self._stored(section, "token_file", token)

    def _stored(
        self, section: ini.Section, name: str, parse: Callable[[str], Secret]
    ) -> Secret | None:
        """What stands in the file that the option ``name`` names, if it is there."""
        written = section.options.get(name)
        if written is None:
            return None
        try:
            file = secret_path(written.text)
        except ValueError:
            return None  # told where the option is parsed
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_SECRET_FILE_BYTES).decode(errors="replace")
            return parse(content.strip())
        except OSError as error:
            self._fail(f"{file}: {error.strerror}", section, name)
        except ValueError as error:
            self._fail(f"{file}: {error}", section, name)
        return None

    def _expect_camera(
        self, name: str, known: set[str], section: ini.Section, field: str | None = None
    ) -> None:
        if name not in known:
            near = nearest(name, known)
            self._fail(f"there is no [camera {name}]{near}", section, field)

    def _fail(
        self, message: str, section: ini.Section | None = None, name: str | None = None
    ) -> None:
        line = None
        if section is not None:
            written = section.options.get(name) if name else None
            line = written.line if written else section.line
        self.errors.append(
            ConfigError(
                message,
                section=section.name if section else None,
                option=name,
                line=line,
            )
        )
