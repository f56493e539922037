# Who a camera of ours is to other devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An id that a camera keeps: controllers know a device and its files by it.

The form, a noun and eight hexadecimal digits, is that of the phones (MultiCam's
PROTOCOL.md). The noun must not hold "oak": today's controller would take the camera for
another kind of device.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import write_file

if TYPE_CHECKING:
    from pathlib import Path

DEVICE_ID = re.compile(rb"[A-Za-z][A-Za-z0-9]{0,31}-[0-9A-F]{8}")
MAX_FILE_BYTES = 256
NOUN = "Prusa"


def load_or_create_device_id(path: Path) -> str:
    """The id in the file ``path``; a new one, which is kept, where there is none.

    Blocks on the disk, raises OSError. Damage counts as nothing: a new id costs no more
    than a new name in the lists of controllers.
    """
    try:
        with path.open("rb") as file:
            kept = file.read(MAX_FILE_BYTES).strip()
        if DEVICE_ID.fullmatch(kept):
            return kept.decode("ascii")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    made = f"{NOUN}-{uuid.uuid4().hex[:8].upper()}"
    write_file(path, f"{made}\n".encode("ascii"))
    return made
