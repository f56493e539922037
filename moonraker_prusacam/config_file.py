# prusacam.conf as a file that programs add to.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections come to the end of the file, and every byte that is in it stays.

A user has comments there, and an order, and perhaps a link to a repository.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from . import config, ini
from .durable import write_file
from .errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_MODE = 0o644


def read(file: Path) -> bytes:
    """What is in ``file``, nothing where there is none; raises ConfigError."""
    try:
        with file.open("rb") as stream:
            return stream.read(config.MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def parse(content: bytes, file: Path) -> dict[str, ini.Section]:
    """The sections by their names; raises ConfigErrors where there is no telling."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        mistake = ConfigError("is not UTF-8 text")
        raise ConfigErrors(str(file), (mistake,)) from error
    sections, errors = ini.parse(text)
    if errors:
        raise ConfigErrors(str(file), tuple(errors))
    return {section.name: section for section in sections}


def extended(content: bytes, sections: str) -> bytes:
    """``content`` and then ``sections``, with the ends of lines that it has."""
    end = "\r\n" if b"\r\n" in content else "\n"
    before = ""
    if content:
        before = end if content.endswith(b"\n") else end * 2
    return content + (before + sections.replace("\n", end)).encode()


def replace(file: Path, content: bytes) -> None:
    """Make ``file`` hold ``content``, which is checked first.

    Raises ConfigErrors or ConfigError, and then nothing is changed.
    """
    config.loads(content.decode(), str(file))
    # A link stays one: some keep their configuration in a repository.
    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, content, _mode(target))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def back_up(file: Path) -> Path | None:
    """A copy of ``file`` beside it, None where there is none; raises ConfigError."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    copy = file.with_name(f"{file.name}.bak-{stamp}")
    try:
        content = file.read_bytes()
        write_file(copy, content, _mode(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{copy}: {error.strerror}") from error
    return copy


def expect_own(path: Path) -> None:
    """Refuse to be root where somebody else is at home; raises ConfigError, OSError."""
    if os.geteuid() == 0 != path.stat().st_uid:
        raise ConfigError(
            f"{path} belongs to another user, who could not read what root stores; do "
            "this as that user, without sudo"
        )


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode) if file.exists() else DEFAULT_MODE
