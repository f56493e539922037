# Recording together with phones and other cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MultiCam: devices of one network that record the same thing at the same time.

The names here are those of the protocol's own Python library, so that programs for it
need another import and nothing else. ``protocol`` is what is said, ``device`` makes a
camera of ours one of the devices, ``controller`` has them all record a print.
"""

from __future__ import annotations

from .protocol import COMMAND_TIMEOUT as COMMAND_TIMEOUT
from .protocol import DISCOVERY_TIMEOUT as DISCOVERY_TIMEOUT
from .protocol import DOWNLOAD_CHUNK_SIZE as DOWNLOAD_CHUNK_SIZE
from .protocol import DOWNLOAD_STALL_TIMEOUT as DOWNLOAD_STALL_TIMEOUT
from .protocol import FILE_ID_FORMAT as FILE_ID_FORMAT
from .protocol import MAX_ACCEPTABLE_RTT as MAX_ACCEPTABLE_RTT
from .protocol import NTP_PORT as NTP_PORT
from .protocol import NTP_SERVER as NTP_SERVER
from .protocol import SERVICE_TYPE as SERVICE_TYPE
from .protocol import SYNC_DELAY as SYNC_DELAY
from .protocol import TCP_PORT as TCP_PORT
from .protocol import CommandMessage as CommandMessage
from .protocol import CommandType as CommandType
from .protocol import DeviceStatus as DeviceStatus
from .protocol import FileMetadata as FileMetadata
from .protocol import FileResponse as FileResponse
from .protocol import ListFilesResponse as ListFilesResponse
from .protocol import StatusResponse as StatusResponse
