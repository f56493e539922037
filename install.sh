#!/usr/bin/env bash
# Installs prusacam on a printer's host: ./install.sh [--help]
# Takes it away again:                   ./install.sh uninstall
#
# It finds a Python and leaves the rest to it. sudo is asked for the service only.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then
    echo "install.sh: run it as $SUDO_USER, without sudo; it asks for sudo where it needs it" >&2
    exit 1
fi

python=
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null &&
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    echo "install.sh: Python 3.11 or newer is needed, which Debian has since version 12" >&2
    exit 1
fi

case "${1:-}" in
install | uninstall) command=$1 && shift ;;
*) command=install ;;
esac

# From this folder, without a trace in it, and unseen by the programs that it starts.
exec "$python" -B -c '
import sys
sys.path[0] = sys.argv.pop(1)
from moonraker_prusacam.install.__main__ import main
sys.exit(main())
' "$folder" "$command" "$@"
