# The Prusa camera protocol: Socket.IO events that carry protobuf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, their two layouts on the wire, and the two ends that speak them."""
