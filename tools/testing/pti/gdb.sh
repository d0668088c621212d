#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A command for run.sh --attach: let gdb do something to the guest, which runs on
# afterwards. Symbols are those of the kernel, which needs nokaslr for that.
#
# Usage: gdb.sh [--early] FILE
#	FILE	what gdb is to do, the breakpoints hardware ones; "detach" at its end
#	--early	from the start, not when the guest's programs begin: with run.sh --stopped

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
early=
if [ "${1:-}" = --early ]; then
	early=1
	shift
fi
[ -r "${1:-}" ] || die "usage: gdb.sh [--early] FILE"
[ "${PTI_GDB:-}" ] || die "no PTI_GDB: run.sh --attach starts this, for a guest of QEMU"
need gdb gdb
until [ "$early" ] || grep -q -a PTI-RUN-BEGIN "$PTI_LOG"; do
	[ -S "$PTI_GDB" ] || die "the guest ended before its programs began"
	sleep 0.1
done
# What gdb did has to get to the end of the file, at which it says so: an error,
# or a breakpoint that is not reached, ends a file, but not the options after it.
work_dir
{
	cat "$1"
	printf '%s\n' 'echo did it all\n'
} >"$tmp/all"
timeout -k 5 "${PTI_GDB_TIME:-100}" gdb -nx -batch -ex 'set pagination off' \
	-ex "target remote $PTI_GDB" -x "$tmp/all" "$PTI_VMLINUX" 2>&1 |
	tee /dev/stderr | grep -q '^did it all$'
