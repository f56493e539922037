# What the server answers to an authentication.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the number of an acknowledgement to words, and what a person can do.

0 and 5 were seen with viewers, 0 and 1 with cameras; 2 to 4 are from a camera's
firmware, and taken to mean the same for viewers.
"""

from __future__ import annotations

import attrs

from moonraker_prusacam.errors import MessageMalformed, SignalingRefused

ACCEPTED = 0
COMPARE = (
    "compare the camera's token in prusacam.conf with the one in Prusa Connect "
    "(20 letters and digits)"
)


@attrs.frozen
class Refusal:
    """One number; one that ``may_pass`` is tried again soon."""

    words: str
    advice: str
    may_pass: bool = False


REFUSALS = {
    1: Refusal("token and account or fingerprint do not go together", COMPARE),
    2: Refusal(
        "the server could not open the session",
        "wait; if it lasts, restart the camera",
        may_pass=True,
    ),
    3: Refusal("the token is missing", COMPARE),
    4: Refusal(
        "the server could not read our first message",
        "try the other profile (wire or seed)",
    ),
    5: Refusal(
        "the camera is not registered, or not yours",
        "check that the camera is in Prusa Connect and has been online, that the "
        "account's token (JWT) is of the same account and not expired, and try "
        "origin https://connect.prusa3d.com",
    ),
}


def check(event: str, answer: object) -> None:
    """Return if ``answer`` accepts us.

    Raises SignalingRefused for any other number, MessageMalformed for what is none.
    """
    if not isinstance(answer, int) or isinstance(answer, bool):
        kind = "nothing" if answer in (None, ()) else type(answer).__name__
        raise MessageMalformed(
            f"the server acknowledged {event} with {kind}, not with a number"
        )
    if answer == ACCEPTED:
        return
    refusal = REFUSALS.get(answer)
    if refusal is None:
        raise SignalingRefused(
            f"the server refuses {event} for a reason that is not known (code "
            f"{str(answer)[:12]})",
            code=answer,
            advice="see whether a newer version of this program knows it",
        )
    raise SignalingRefused(
        f"{refusal.words} (code {answer} to {event})",
        code=answer,
        advice=refusal.advice,
        retryable=refusal.may_pass,
    )
