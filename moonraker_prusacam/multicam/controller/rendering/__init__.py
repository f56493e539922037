# The package that makes videos of what was collected.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""H.264 of the recordings of our cameras, and all angles in one picture.

Nothing of it is urgent: it is done piece by piece, while nobody needs the host.
"""
