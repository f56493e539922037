# Who the printer is to Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serial number, fingerprint and token, kept in files that only their owner can read.

Nothing pretends to be a printer of Prusa's: the serial number begins with KLP, the
firmware string names Klipper. Serial number and fingerprint are made once and never
change after that, since the token is bound to them.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.identity import (
    MAX_FILE_BYTES,
    load_or_create_fingerprint,
    store_secret,
)
from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import ConfigError
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

SERIAL = re.compile(r"KLP-[0-9A-F]{12}")
# Tokens of printers had 20 characters so far; nothing says that they always will.
TOKEN = re.compile(r"[!-~]{8,128}")
CAMERA_TOKENS = "cameras"
MAX_FIRMWARE = 100


def printer_path(state_path: Path) -> Path:
    """The folder of all that the printer in Prusa Connect is known by."""
    return state_path / "printer"


@attrs.frozen
class PrinterIdentity:
    """What Prusa Connect tells printers apart by; the fingerprint is a secret."""

    serial: str
    printer_type: str
    fingerprint: str = attrs.field(repr=False)


def load_or_create_identity(
    folder: Path, printer_type: str, machine_id: Path
) -> PrinterIdentity:
    """The identity kept in ``folder``, made where there is none.

    Blocks on the disk. ConfigError when a file is damaged or cannot be used.
    """
    _make_folder(folder)
    return PrinterIdentity(
        _load_or_create_serial(folder / "serial", machine_id),
        printer_type,
        load_or_create_fingerprint(folder / "fingerprint"),
    )


def firmware(klipper_version: str) -> str:
    """The firmware as Prusa Connect shows it; an empty version is not known."""
    klipper = f"Klipper {klipper_version}".strip()
    # It stands in a header, too.
    ascii_text = klipper.encode("ascii", "replace").decode()
    shown = "".join(letter if letter.isprintable() else " " for letter in ascii_text)
    return f"{shown[:MAX_FIRMWARE]} (moonraker-prusacam {__version__})"


def load_token(path: Path) -> Secret | None:
    """The token in the file ``path``, if there is one; blocks, raises ConfigError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if not TOKEN.fullmatch(text):
        raise ConfigError(
            f"{path} is damaged: it should hold a token of Prusa Connect. Restore it "
            "from a backup, or register the printer anew: prusacam printer unregister, "
            "then prusacam printer register"
        )
    return Secret(text)


def store_token(path: Path, token: Secret) -> None:
    """Keep a token for its owner only; blocks, raises ConfigError.

    Another one that is there already is not overwritten.
    """
    _make_folder(path.parent)
    store_secret(path, token)


def is_token(text: str) -> bool:
    """Whether ``text`` can be a token that Prusa Connect gave."""
    return TOKEN.fullmatch(text) is not None


def token_path(folder: Path) -> Path:
    """The file of the printer's token."""
    return folder / "token"


def camera_token_path(folder: Path, camera: str) -> Path:
    """The file of the token that ``camera`` got through the printer."""
    return folder / CAMERA_TOKENS / f"{camera}.token"


def forget_tokens(folder: Path) -> None:
    """Remove the printer's token and those of its cameras; blocks, ConfigError."""
    files = [token_path(folder), *(folder / CAMERA_TOKENS).glob("*.token")]
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{file} cannot be removed: {error.strerror}") from error


def _load_or_create_serial(path: Path, machine_id: Path) -> str:
    try:
        serial = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return _create_serial(path, machine_id)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if not SERIAL.fullmatch(serial):
        raise ConfigError(
            f"{path} is damaged: it should hold KLP- and twelve digits of 0-9 and A-F. "
            "Restore it from a backup; or delete it, and register the printer anew"
        )
    return serial


def _create_serial(path: Path, machine_id: Path) -> str:
    try:
        host = machine_id.read_bytes().strip()
    except OSError:
        host = b""
    # The host's id is confidential (machine-id(5)): only a hash of it leaves the host.
    seed = b"moonraker-prusacam printer\0" + (host or uuid.uuid4().bytes)
    serial = f"KLP-{hashlib.sha256(seed).hexdigest()[:12].upper()}"
    try:
        write_file(path, f"{serial}\n".encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return serial


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}") from error
