# A recording on its way: its header, and the rule that tells it from an error.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GET_VIDEO answers with octets: the length of a header, the header, the file.

An error comes bare, as JSON. Its first octet read as part of a length would announce a
header of 2 GB, so a length has an upper bound, and "{" is looked for first.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from moonraker_prusacam.errors import MultiCamMalformed

if TYPE_CHECKING:
    from .responses import FileResponse

LENGTH: Final = struct.Struct(">I")
MIN_HEADER_BYTES: Final = 2
MAX_HEADER_BYTES: Final = 64 * 1024
ERROR_BEGINS: Final = b"{"


def framed(header: FileResponse) -> bytes:
    """Length and header; write them at once, for some readers read each but once."""
    text = header.to_json().encode()
    return LENGTH.pack(len(text)) + text


def header_length(octets: bytes) -> int:
    """The length that four octets announce; raises MultiCamMalformed."""
    (length,) = LENGTH.unpack(octets)
    if not MIN_HEADER_BYTES <= length <= MAX_HEADER_BYTES:
        raise MultiCamMalformed(f"a header of {length} octets")
    return int(length)
