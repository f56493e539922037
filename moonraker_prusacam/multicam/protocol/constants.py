# The numbers and names that MultiCam peers share.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every MultiCam peer takes for granted, under the names of its own library."""

from __future__ import annotations

from typing import Final

TCP_PORT: Final = 8080
SERVICE_TYPE: Final = "_multicam._tcp.local."
SERVICE_NAME_PREFIX: Final = "multiCam-"

NTP_SERVER: Final = "pool.ntp.org"
NTP_PORT: Final = 123
# Seconds, all of them; the names are the protocol's.
MAX_ACCEPTABLE_RTT: Final = 0.5
SYNC_DELAY: Final = 3.0
DISCOVERY_TIMEOUT: Final = 10.0
COMMAND_TIMEOUT: Final = 60.0
DOWNLOAD_STALL_TIMEOUT: Final = 600.0

DOWNLOAD_CHUNK_SIZE: Final = 8192
FILE_ID_FORMAT: Final = "{deviceId}_{timestamp}"


def file_id(device_id: str, epoch_s: float) -> str:
    """The id of a recording: who, and the millisecond of its first frame."""
    return FILE_ID_FORMAT.format(deviceId=device_id, timestamp=round(epoch_s * 1000))
