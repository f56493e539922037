# MJPEG from a command of the user's.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``exec:COMMAND``: the engine runs the program that has the camera, and nobody else.

Its standard output is MJPEG in any wrapping. No shell takes the command apart, so what
stands in it is what the program gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.child import running
from moonraker_prusacam.camera.complaint import advice, complaint, ending
from moonraker_prusacam.errors import SourceStalled, SourceUnavailable

from .output import read_output

if TYPE_CHECKING:
    from moonraker_prusacam.camera.child import Child
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

READ_TIMEOUT_S = 10.0
ENDED_ADVICE = "run the command by hand, as the engine's user: {name} has to go on"
KILLED_ADVICE = "if nobody killed it, look for 'Out of memory' in: journalctl -k"


class CommandSource:
    """The output of one command, again and again."""

    def __init__(self, config: CameraConfig) -> None:
        self._command = config.source.command

    async def run(self, receiver: Receiver) -> None:
        """Run the command until it ends; see Source."""
        async with running(self._command) as child:
            receiver.reached(Stage.AUTHENTICATED)  # nobody asks who we are
            try:
                await read_output(child, receiver, READ_TIMEOUT_S)
            except SourceStalled as error:
                raise SourceStalled(
                    self._with_complaint(str(error), child),
                    advice=advice(child.stderr) or error.advice,
                ) from error
            await child.left()
        reason = f"{child.name} {ending(child.returncode)}"
        usual = ENDED_ADVICE.format(name=child.name)
        if child.returncode == -9:
            usual = KILLED_ADVICE
        raise SourceUnavailable(
            self._with_complaint(reason, child), advice=advice(child.stderr) or usual
        )

    def _with_complaint(self, reason: str, child: Child) -> str:
        told = complaint(child.stderr, self._command[1:])
        return f"{reason}: {told}" if told else reason
