# HTTP as cameras speak it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to cameras, logins, what their answers are, and what is wrong with them."""
