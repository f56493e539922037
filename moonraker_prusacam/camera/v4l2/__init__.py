# What the kernel calls a video device.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Video for Linux (V4L2), by linuxpy's structures: a node, its modes, its controls.

All of it blocks, for up to seconds where a camera is slow, and belongs into a thread;
only ``Ring.take`` is quick. ``camera/sources/v4l2.py`` puts it together.
"""
