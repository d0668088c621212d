#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A command for run.sh --attach: inject NMIs into the guest, one in
# MICROSECONDS (default: 2000) on all CPUs, at least LEAST (default: 100), as long as its
# programs run: before the kernel has an IDT, one would be the end of any kernel.
#
# Usage: nmi-storm.sh [MICROSECONDS [LEAST]]

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ "${PTI_QMP:-}" ] || die "no PTI_QMP: run.sh --attach starts this, for a guest of QEMU"
mkdir -p "$build/host"
bin=$(mktemp "$build/host/nmi_storm.XXXXXX")
trap 'rm -f "$bin"' EXIT
gcc -O2 -Wall -Wextra -Werror -o "$bin" "$here/nmi_storm.c" || die "nmi_storm.c does not build"
until grep -q -a PTI-RUN-BEGIN "$PTI_LOG"; do
	[ -S "$PTI_QMP" ] || die "the guest ended before its programs began"
	sleep 0.1
done
"$bin" "$PTI_QMP" "${1:-2000}" "${2:-100}" "$PTI_LOG"
