# The live view of Bambu Lab's larger printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``bambu://HOST?model=…``: X1, X2, H2 and P2S speak RTSP in TLS, at port 322.

The video is H.264, and the login is Digest with the access code. Source: video.md of
OpenBambuAPI, services/camera.py and camera_profiles.py of Bambuddy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.rtsp.decoder import Profile
from moonraker_prusacam.camera.tls import place
from moonraker_prusacam.errors import SourceRefused

from .bambu import CODE_ADVICE, connect_printer
from .rtsp import Endpoint, RtspSource

if TYPE_CHECKING:
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera.tls import Connection
    from moonraker_prusacam.camera_options import CameraConfig

    from . import Host

PORT = 322
PATH = "/streaming/live/1"
# Firmware 01.02 of the P2S takes its time until the first keyframe. (That its times
# stand still does no harm: those of arrival are used in any case.)
SLOW = Profile(probe_bytes=1_000_000, analyze_us=500_000)
PROFILES = {"P2S": SLOW, "N7": SLOW}


class LiveviewSource:
    """The video of one X1, X2, H2 or P2S."""

    def __init__(self, config: CameraConfig, host: Host) -> None:
        self._config = config
        self._host = host

    async def run(self, receiver: Receiver) -> None:
        """Play until it ends; see Source."""
        config, where = self._config, place(self._config.source.host, PORT)

        async def connect() -> Connection:
            connection = await connect_printer(config, self._host, PORT)
            receiver.reached(Stage.REACHABLE)
            return connection

        camera = Endpoint(
            url=f"rtsps://{where}{PATH}",
            where=where,
            credentials=config.credentials,
            connect=connect,
            profile=PROFILES.get(config.source.model, Profile()),
        )
        try:
            await RtspSource(config, self._host, camera).run(receiver)
        except SourceRefused as error:
            if Stage.REACHABLE not in receiver.attempt.durations_s:
                raise  # it is not the printer
            raise SourceRefused(
                f"{where} does not accept the access code", advice=CODE_ADVICE
            ) from error
