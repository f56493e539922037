# What a refusal of Prusa Connect means to a printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statuses that only a person can mend, and how."""

from __future__ import annotations

from moonraker_prusacam.connect.refusals import Fault

RENEW = (
    "if the printer is gone from Prusa Connect, register it anew: prusacam printer "
    "unregister, then prusacam printer register"
)

# The first one that fits counts. What 403 means is the emulator's and the SDK's
# reading; a word about the fingerprint in a body was seen of cameras only.
PRINTER_FAULTS = (
    Fault(
        "fingerprint",
        403,
        b"fingerprint",
        "Prusa Connect knows this printer by another fingerprint: restore the file "
        "'printer/fingerprint' from a backup; " + RENEW,
    ),
    Fault("token", 401, b"", "Prusa Connect does not know this printer: " + RENEW),
    Fault(
        "token", 403, b"", "Prusa Connect does not accept the printer's token: " + RENEW
    ),
)
# Of a registration, where there is no token yet.
REGISTRATION_FAULTS = (
    Fault(
        "refused",
        401,
        b"",
        "Prusa Connect does not take this printer: try another 'printer_type'",
    ),
    Fault(
        "refused",
        403,
        b"",
        "Prusa Connect does not take this printer: try another 'printer_type'",
    ),
    Fault("code", 404, b"", "the code is not valid any more: register again"),
)
