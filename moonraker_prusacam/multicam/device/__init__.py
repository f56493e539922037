# A camera of ours as a MultiCam device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets others record with a camera of this host, from an instant that all share."""

from __future__ import annotations

from .service import DeviceService as DeviceService
