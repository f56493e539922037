# Units of systemd.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prusacam.service``, the optional feed of a Raspberry Pi's camera, the gateway.

A camera engine talks to the network and starts programs, so it may do little else: it
writes Moonraker's data folder, opens cameras, and can become nobody else. The options
are those of systemd.exec(5) and systemd.resource-control(5).
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .host import Host

FOLDER = "/etc/systemd/system"
WANTS = f"{FOLDER}/multi-user.target.wants"
GROUPS = ("video", "render")

CONFINED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
# setpriv, which has ffmpeg die with the engine, sets the capabilities it has.
SystemCallFilter=capset
SystemCallErrorNumber=EPERM
"""

READS_CLOCK = """\
# Reading whether the clock is set is the call that sets it, which takes CAP_SYS_TIME;
# ProtectClock= would forbid both.
SystemCallFilter=adjtimex clock_adjtime clock_adjtime64
"""

NO_CLOCK = """\
ProtectClock=yes
"""

DEVICES = """\
# Cameras (81) and what encodes pictures (226); USB (189) for those that gphoto2 reads.
# By number, since a driver that comes with a camera has no name before.
DevicePolicy=closed
DeviceAllow=char-81 rw
DeviceAllow=char-189 rw
DeviceAllow=char-226 rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
DeviceAllow=char-vchiq rw
DeviceAllow=/dev/udmabuf rw
"""

ENGINE = string.Template("""\
# $name.service, written by 'prusacam install'.
# Changes of yours belong into a file beside it: sudo systemctl edit $name
[Unit]
Description=Camera engine for Klipper printers
Documentation=https://github.com/moonraker-prusacam/moonraker-prusacam
After=network.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
User=$user
${groups}ExecStart=$command
Restart=always
RestartSec=2
TimeoutStartSec=90
TimeoutStopSec=30
# The engine says that it is alive; one that hangs is killed and started again.
WatchdogSec=30

# The print comes first: Klipper gets the CPU and the disk, and keeps its memory.
CPUWeight=50
IOWeight=50
MemoryHigh=40%
MemoryMax=50%
TasksMax=256
OOMScoreAdjust=300
# An ffmpeg that takes too much is killed alone.
OOMPolicy=continue

ReadWritePaths=$writable
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
$confined
[Install]
WantedBy=multi-user.target
""")

FEED = string.Template("""\
# $name.service, written by 'prusacam install --feed'.
# Changes of yours belong into a file beside it: sudo systemctl edit $name
[Unit]
Description=Feed of the Raspberry Pi's camera for prusacam
Before=$engine.service
StartLimitIntervalSec=0

[Service]
User=$user
${groups}# It ends when its one reader, the engine, goes away.
ExecStart=$command
Restart=always
RestartSec=0.5
CPUWeight=50
MemoryMax=40%
TasksMax=64
OOMScoreAdjust=300
RestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK
$confined
[Install]
WantedBy=multi-user.target
""")


GATEWAY = string.Template("""\
# $name.service, written by 'prusacam install' because prusacam.conf has [gateway].
# Changes of yours belong into a file beside it: sudo systemctl edit $name
[Unit]
Description=Read-only gateway of prusacam
After=network.target $engine.service
StartLimitIntervalSec=0

[Service]
User=$user
ExecStart=$command
Restart=always
RestartSec=5
# Mistakes in prusacam.conf, of which one is that there is no [gateway].
RestartPreventExitStatus=2
CPUWeight=50
MemoryMax=30%
TasksMax=64
OOMScoreAdjust=300
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
$confined
[Install]
WantedBy=multi-user.target
""")


def engine_unit(
    host: Host, name: str, user: str, command: Iterable[str], writable: Iterable[Path]
) -> bytes:
    """The unit that runs ``command``, which may write below ``writable``."""
    return ENGINE.substitute(
        name=name,
        user=user,
        groups=_groups(host),
        command=" ".join(map(_quoted, command)),
        # One that is not there (a USB disk) must not keep the engine from starting.
        writable=" ".join(f"{_quoted(f'-{path}')}" for path in writable),
        confined=CONFINED + READS_CLOCK + DEVICES,
    ).encode()


def feed_unit(host: Host, engine: str, user: str, command: Iterable[str]) -> bytes:
    """The unit that serves the camera's JPEGs on the loopback device."""
    return FEED.substitute(
        name=feed_name(engine),
        engine=engine,
        user=user,
        groups=_groups(host),
        command=" ".join(map(_quoted, command)),
        confined=CONFINED + NO_CLOCK + DEVICES,
    ).encode()


def gateway_unit(engine: str, user: str, command: Iterable[str]) -> bytes:
    """The unit that runs ``command``, which opens no device and writes nothing."""
    return GATEWAY.substitute(
        name=gateway_name(engine),
        engine=engine,
        user=user,
        command=" ".join(map(_quoted, command)),
        confined=f"{CONFINED}{NO_CLOCK}PrivateDevices=yes\n",
    ).encode()


def gateway_name(engine: str) -> str:
    """The name of the gateway beside the engine ``engine``."""
    return f"{engine}-gateway"


def feed_name(engine: str) -> str:
    """The name of the feed beside the engine ``engine``."""
    return f"{engine}-feed"


def _groups(host: Host) -> str:
    """Groups that may open cameras, of those that the host has."""
    try:
        lines = host.at("/etc/group").read_text().splitlines()
    except OSError:
        lines = []
    present = {line.partition(":")[0] for line in lines}
    named = " ".join(name for name in GROUPS if name in present)
    return f"SupplementaryGroups={named}\n" if named else ""


def _quoted(word: str) -> str:
    """``word`` as systemd reads it (systemd.service(5), "Command lines")."""
    text = word.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("$", "$$")
    return f'"{text}"' if re.search(r"[\s'\"]", text) else text
