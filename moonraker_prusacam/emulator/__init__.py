# The emulators.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local stand-ins for the demo and the tests: each speaks its original's protocol."""
