# Who a camera is to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a fingerprint that never changes.

Prusa Connect binds a fingerprint to the token at first contact. After that only a new
token helps a camera whose fingerprint is lost, so a file is never overwritten.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.secret import Secret

# Prusa's OpenAPI allows 16 to 64; its camera scripts say that 40 is the most, which
# ours stay below. A longer one that works already is kept.
FINGERPRINT = re.compile(rb"[!-~]{16,64}")
MAX_FILE_BYTES = 4096


def fingerprint_path(state_path: Path, camera: str) -> Path:
    """The file that holds the fingerprint of ``camera``."""
    return state_path / "connect" / f"{camera}.fingerprint"


def is_fingerprint(text: bytes) -> bool:
    """Whether ``text`` is what Prusa Connect takes for a fingerprint."""
    return FINGERPRINT.fullmatch(text) is not None


def load_or_create_fingerprint(path: Path) -> str:
    """The fingerprint in the file ``path``, made and stored when there is no file.

    Blocks on the disk. ConfigError when the file is damaged or cannot be used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise ConfigError(
            f"the fingerprint file {path} cannot be read: {error.strerror}"
        ) from error
    fingerprint = content.strip()
    if not is_fingerprint(fingerprint):
        raise ConfigError(
            f"the fingerprint file {path} is damaged: it should hold 16 to 64 "
            "printable characters without blanks. Restore it from a backup; or delete "
            "it, add the camera in Prusa Connect anew and configure the new token"
        )
    return fingerprint.decode("ascii")


def _create(path: Path) -> str:
    fingerprint = uuid.uuid4().hex
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, f"{fingerprint}\n".encode("ascii"), mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"the fingerprint file {path} cannot be written: {error.strerror}"
        ) from error
    return fingerprint


def holds_other(path: Path, secret: Secret) -> bool:
    """Whether ``path`` holds anything else than ``secret``; raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES).strip() != secret.reveal().encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def store_secret(path: Path, secret: Secret) -> None:
    """Make ``path`` hold ``secret``, for its owner only; raises ConfigError.

    Nothing else that it holds is overwritten.
    """
    if holds_other(path, secret):
        raise ConfigError(f"{path} holds another one already")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, f"{secret.reveal()}\n".encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
