# The MultiCam protocol: words, messages, octets.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MultiCam peers say to each other; nothing here opens a socket or a file.

The protocol is JSON over TCP, one connection a command by custom, without delimiters,
versions, passwords or encryption. Its published interface and the devices that ship
differ (``dialect``): read is what any of them sends, and written is what all read.
"""

from __future__ import annotations

from .answers import AnswerReader as AnswerReader
from .commands import CONTROLLER as CONTROLLER
from .commands import MAX_COMMAND_BYTES as MAX_COMMAND_BYTES
from .commands import CommandMessage as CommandMessage
from .constants import COMMAND_TIMEOUT as COMMAND_TIMEOUT
from .constants import DISCOVERY_TIMEOUT as DISCOVERY_TIMEOUT
from .constants import DOWNLOAD_CHUNK_SIZE as DOWNLOAD_CHUNK_SIZE
from .constants import DOWNLOAD_STALL_TIMEOUT as DOWNLOAD_STALL_TIMEOUT
from .constants import FILE_ID_FORMAT as FILE_ID_FORMAT
from .constants import MAX_ACCEPTABLE_RTT as MAX_ACCEPTABLE_RTT
from .constants import NTP_PORT as NTP_PORT
from .constants import NTP_SERVER as NTP_SERVER
from .constants import SERVICE_NAME_PREFIX as SERVICE_NAME_PREFIX
from .constants import SERVICE_TYPE as SERVICE_TYPE
from .constants import SYNC_DELAY as SYNC_DELAY
from .constants import TCP_PORT as TCP_PORT
from .constants import file_id as file_id
from .dialect import Dialect as Dialect
from .dialect import dialect_of as dialect_of
from .framing import framed as framed
from .responses import FileMetadata as FileMetadata
from .responses import FileResponse as FileResponse
from .responses import ListFilesResponse as ListFilesResponse
from .responses import StatusResponse as StatusResponse
from .scanner import ObjectScanner as ObjectScanner
from .vocabulary import CommandType as CommandType
from .vocabulary import DeviceStatus as DeviceStatus
