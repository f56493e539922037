# The picture of a camera that does not exist.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test card that moves: what is on it, and how it becomes a JPEG at little cost."""
