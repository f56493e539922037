# The read-only gateway.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A door through which people watch a printer, and do nothing else.

What is not named in ``methods``, ``notices`` or ``routes`` does not pass. Nothing that
a viewer wrote goes on as it was written: requests are made anew from what was
understood.
"""
