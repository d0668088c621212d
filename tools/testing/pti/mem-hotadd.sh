#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A command for run.sh --attach with --dimm: plug the memory in when guest/hotadd.sh
# waits for it, 512 GB up, where the direct map has no top-level entry yet.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ -p "${PTI_MONITOR:-}" ] || die "no PTI_MONITOR: run.sh --attach and --dimm start this"
until grep -q -a '^# waiting for memory' "$PTI_LOG"; do
	[ -S "$PTI_QMP" ] || die "the guest ended before it waited for memory"
	sleep 0.1
done
echo 'device_add pc-dimm,id=dimm0,memdev=dimm,addr=0x8000000000' 1<>"$PTI_MONITOR"
