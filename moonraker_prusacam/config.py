# prusacam.conf, read.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user configured, read once.

Every option is declared once, in an ``…_options`` module: its name, parser, default and
one line of documentation. ``load`` reports all mistakes of a file together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from . import ini
from .access_options import AccessConfig as AccessConfig
from .camera_options import CameraConfig as CameraConfig
from .config_objects import CAMERA_NAME as CAMERA_NAME
from .config_objects import NAMED as NAMED
from .config_objects import SECTIONS as SECTIONS
from .config_objects import Config as Config  # noqa: TC001  told to all
from .config_reader import ConfigReader
from .connect_options import TRIGGER_SCHEMES as TRIGGER_SCHEMES
from .connect_options import ConnectConfig as ConnectConfig
from .connect_options import token as token
from .engine_options import NGINX_PATHS as NGINX_PATHS
from .engine_options import EngineConfig as EngineConfig
from .errors import ConfigError, ConfigErrors
from .gateway_options import GatewayConfig as GatewayConfig
from .option import option_name as option_name
from .printer_options import PrinterConfig as PrinterConfig
from .prusa_camera_options import PrusaCameraConfig as PrusaCameraConfig
from .section_reader import MAX_SECRET_FILE_BYTES as MAX_SECRET_FILE_BYTES
from .section_reader import SectionReader
from .timelapse_options import TimelapseConfig as TimelapseConfig
from .timelapse_options import TrackConfig as TrackConfig

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 256 << 10


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
    reader = SectionReader(errors)
    config = ConfigReader(sections, reader).read()
    if reader.errors:
        ordered = sorted(reader.errors, key=lambda error: error.line or 0)
        raise ConfigErrors(file, tuple(ordered))
    return config
