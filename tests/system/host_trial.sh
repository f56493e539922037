#!/usr/bin/env bash
# A whole printer's host, made for one installation and thrown away: Debian 12 with a
# running systemd, Moonraker from pip, a user pi with sudo, and nothing else.
#
#   sudo tests/system/host_trial.sh FOLDER
#
# prints the transcript of an installation, of a second one, of a repair, of the watchdog
# and of the way back, with what each has changed in the tree. FOLDER keeps the tree for
# the next time. Needs root, Linux with cgroup2, debootstrap, and the network; takes three
# minutes, half of that the first time only.
#
#   SOURCE=REPOSITORY   what is installed, if not this repository's last commit
#   BIND="/a /b"        folders that pip needs in there, such as those of a local index
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mkdir -p "${1:?say where the tree of the host may be}" && cd "$1" && pwd)
tree=$folder/tree
home=$tree/home/pi
packages=systemd,systemd-sysv,dbus,sudo,python3,python3-venv,git,ca-certificates
packages=$packages,ffmpeg,iproute2,curl,procps,libsodium23
port=7399

make_tree() {
    rm -rf "$tree"
    debootstrap --variant=minbase --include="$packages" bookworm "$tree" >"$folder/debootstrap.log"
    chroot "$tree" useradd -m -s /bin/bash -G video pi
    echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/pi"
    cp /etc/resolv.conf /etc/hosts "$tree/etc/"
    cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$tree/etc/"
    # What a container has no use for.
    for unit in systemd-udevd.service systemd-udevd-control.socket \
        systemd-udevd-kernel.socket systemd-timesyncd.service getty.target \
        console-getty.service systemd-logind.service sys-kernel-debug.mount \
        sys-kernel-tracing.mount dev-mqueue.mount dev-hugepages.mount \
        systemd-remount-fs.service systemd-binfmt.service systemd-sysctl.service \
        systemd-modules-load.service apt-daily.timer apt-daily-upgrade.timer \
        dpkg-db-backup.timer e2scrub_all.timer fstrim.timer; do
        ln -sf /dev/null "$tree/etc/systemd/system/$unit"
    done
}

# Runs in namespaces of its own, and becomes systemd.
boot() {
    mount --make-rprivate /
    mount --bind "$tree" "$tree"
    mount -t proc proc "$tree/proc"
    mount -t sysfs -o ro sysfs "$tree/sys"
    mount -t cgroup2 cgroup2 "$tree/sys/fs/cgroup"
    for place in run tmp dev; do
        mount -t tmpfs tmpfs "$tree/$place" -o mode=755
    done
    chmod 1777 "$tree/tmp"
    for node in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' 'tty 5 0'; do
        # shellcheck disable=SC2086 - three words
        set -- $node && mknod -m 666 "$tree/dev/$1" c "$2" "$3"
    done
    mkdir "$tree/dev/pts" "$tree/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,gid=5 devpts "$tree/dev/pts"
    mount -t tmpfs tmpfs "$tree/dev/shm"
    ln -s pts/ptmx "$tree/dev/ptmx"
    ln -s /proc/self/fd "$tree/dev/fd"
    for place in ${BIND:-}; do
        mkdir -p "$tree$place" && mount --bind -o ro "$place" "$tree$place"
    done
    hostname printer
    cd "$tree" && mkdir -p .old && pivot_root . .old && umount -l /.old && rmdir /.old
    exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --log-target=console --show-status=0 </dev/null
}

# A command of root, or of pi, in there.
as_root() {
    nsenter -t "$init" -m -p -u -i -C -r -w env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb COLUMNS=100 "$@"
}
as_pi() { as_root sudo -u pi -H env COLUMNS=100 bash -c "cd ~; $1"; }

add_moonraker() {
    # Its package does not like to be set up where systemd does not run.
    as_root sh -c '[ -e /usr/lib/polkit-1/polkitd ] || { apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends polkitd; }' \
        >"$folder/polkit.log" 2>&1
    as_root systemctl reload dbus
    as_root systemctl restart polkit
    as_pi 'python3 -m venv moonraker-env && moonraker-env/bin/pip -q install moonraker==0.11.0
        mkdir -p printer_data/config printer_data/systemd'
    cat >"$home/printer_data/config/moonraker.conf" <<END
[server]
host: 127.0.0.1
port: $port

[authorization]
trusted_clients:
    127.0.0.1

[announcements]
dev_mode: True

[update_manager]
enable_system_updates: False
END
    cat >"$home/printer_data/config/printer.cfg" <<'END'
[include mainsail.cfg]

[printer]
kinematics: none
max_velocity: 300
max_accel: 3000

#*# <---------------------- SAVE_CONFIG ---------------------->
#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.
END
    # As Moonraker's own installer writes them.
    cat >"$home/printer_data/systemd/moonraker.env" <<'END'
MOONRAKER_DATA_PATH="/home/pi/printer_data"
MOONRAKER_ARGS="-m moonraker"
PIP_FIND_LINKS="/home/pi/releases"
END
    cat >"$tree/etc/systemd/system/moonraker.service" <<'END'
[Unit]
Description=API Server for Klipper SV1

[Install]
WantedBy=multi-user.target

[Service]
Type=simple
User=pi
RemainAfterExit=yes
EnvironmentFile=/home/pi/printer_data/systemd/moonraker.env
ExecStart=/home/pi/moonraker-env/bin/python $MOONRAKER_ARGS
Restart=always
RestartSec=10
END
    # What lets Moonraker restart services (its scripts/set-policykit-rules.sh).
    cat >"$tree/usr/share/polkit-1/rules.d/moonraker.rules" <<'END'
polkit.addRule(function(action, subject) {
    if (/^org.freedesktop.(systemd1.manage-units$|login1)/.test(action.id) &&
            subject.user == "pi") {
        return polkit.Result.YES;
    }
});
END
    chroot "$tree" chown -R pi:pi /home/pi
    as_root systemctl daemon-reload
    as_root systemctl enable --now -q moonraker
}

wait_for_moonraker() {
    for _ in $(seq 120); do
        curl -sf "http://127.0.0.1:$port/server/info" -o /dev/null && return
        sleep 0.5
    done
    echo "Moonraker does not answer" >&2
    return 1
}

# What the tree holds, without what runs in it, and what two such lists differ in.
snapshot() {
    PYTHONPATH=$here python3 -B - "$tree" >"$folder/$1.list" <<'END'
import re, sys
from pathlib import Path
from tests.support.printer_host import tree
SKIPPED = re.compile(
    r"(proc|sys|dev|run|tmp|opt|\.old|var/(log|cache|tmp|lib/(apt|dpkg|systemd)))(/|$)"
    r"|home/pi/moonraker-prusacam/|.*__pycache__"
)
for key, value in sorted(tree(Path(sys.argv[1])).items()):
    if not SKIPPED.match(key):
        print(key, value, sep="\t")
END
}
changes() {
    echo "--- what has changed in the tree since before:"
    diff "$folder/before.list" "$folder/$1.list" | sed -n 's/^\([<>]\) \([^\t]*\).*/\2/p' |
        grep -v '^home/pi/prusacam-env/' | sort -u || true
    echo
}
say() {
    echo "pi@printer:~\$ $1"
    as_pi "$1" || echo "(status $?)"
    echo
}

if [ "${2:-}" = boot ]; then boot; fi
[ -e "$folder/made" ] || { make_tree && touch "$folder/made"; }
rm -rf "$home" "$tree"/etc/systemd/system/{prusacam,moonraker}*
mkdir "$home" && git clone -q "${SOURCE:-$here}" "$home/moonraker-prusacam"
[ ! -e ~/.config/pip/pip.conf ] || install -D ~/.config/pip/pip.conf "$home/.config/pip/pip.conf"
printf 'a-token_of_20_chars_\n' >"$home/token" && chmod 600 "$home/token"
chroot "$tree" chown -R pi:pi /home/pi

groups=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)/prusacam-trial
mkdir -p "$groups"
(echo "$BASHPID" >"$groups/cgroup.procs" && exec unshare -p -m -u -i -C --fork \
    "${BASH_SOURCE[0]}" "$folder" boot) >"$folder/systemd.log" 2>&1 &
outer=$!
trap 'kill -KILL "${init:-$outer}" 2>/dev/null; wait; find "$groups" -depth -type d -exec rmdir {} + 2>/dev/null || true' EXIT
until init=$(cat "/proc/$outer/task/$outer/children") && [ -n "$init" ]; do sleep 0.1; done
init=${init// /}
until as_root systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
    sleep 0.5
done
add_moonraker
wait_for_moonraker
sleep 5 # until it has written what it writes at its first start
snapshot before

install="moonraker-prusacam/install.sh --yes --camera test: --token-file token"
ask="curl -s http://127.0.0.1:$port/server/info | python3 -c 'import json, sys
told = json.load(sys.stdin)[\"result\"]
print(*(f\"{key}: {told[key]}\" for key in (\"components\", \"failed_components\", \"warnings\")), sep=\"\n\")'"
say "$install --dry-run"
snapshot dry && changes dry
say "time $install"
snapshot installed && changes installed
say "systemctl --no-pager --lines=0 status prusacam"
say "systemd-analyze security --no-pager | grep -E 'EXPOSURE|prusacam|moonraker'"
say "$ask"
say "ls -l printer_data/prusacam/connect; tail -13 printer_data/config/moonraker.conf"
say "moonraker-prusacam/install.sh --yes --no-doctor"
# A later release, which the update manager is to find and to install.
as_pi "cp -r moonraker-prusacam later
    sed -i 's/^__version__ = .*/__version__ = \"99.0\"/' later/moonraker_prusacam/version.py
    prusacam-env/bin/pip -q wheel --no-deps --no-cache-dir -w releases ./later && rm -rf later"
update="curl -s -X POST http://127.0.0.1:$port/machine/update"
say "$update/refresh?name=prusacam | python3 -c 'import json, sys
told = json.load(sys.stdin)[\"result\"][\"version_info\"][\"prusacam\"]
print(*(f\"{key}: {told[key]}\" for key in (\"version\", \"remote_version\", \"is_valid\", \"warnings\")), sep=\"\n\")'"
say "$update/client?name=prusacam; prusacam-env/bin/prusacam --version"
wait_for_moonraker
say "prusacam-env/bin/prusacam status | head -1; $ask"
say "rm moonraker-env/lib/python3*/site-packages/moonraker/components/prusacam; sudo rm /etc/systemd/system/prusacam.service; moonraker-prusacam/install.sh --yes --no-doctor"
say "kill -STOP \$(systemctl show prusacam -p MainPID --value); until [ \$(systemctl show prusacam -p NRestarts --value) = 1 ]; do sleep 1; done; systemctl show prusacam -p ActiveState,NRestarts"
say "prusacam-env/bin/prusacam uninstall --yes"
snapshot uninstalled && changes uninstalled
say "$ask"
say "moonraker-prusacam/install.sh uninstall --purge --yes; rm -r releases"
snapshot purged && changes purged
