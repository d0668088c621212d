#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Switch isolation off and on, over and over, while programs run that check what
# each way into the kernel and back leaves in their registers and memory. A CPU that can
# go is away for some of it, and comes back in another state. It ends switched on.
#
# Usage: switch.sh CHANGES PROGRAM:ARGUMENT...

changes=$1
shift
enabled=/sys/kernel/debug/x86/pti_enabled
[ -w $enabled ] || { echo "ok 1 # SKIP no $enabled"; exit 0; }

. /pti/load.sh
load_begin "$@"

bad=0
n=0
away=/sys/devices/system/cpu/cpu1/online
[ -w $away ] || away=/dev/null
while [ "$n" -lt "$changes" ] && [ "$bad" = 0 ]; do
	state=$((n % 2))
	n=$((n + 1))
	case $((n % 20)) in
	9) echo 0 >$away || bad=1 ;;
	12) echo 1 >$away || bad=1 ;;
	esac
	echo $state >$enabled && [ "$(cat $enabled)" = $state ] || bad=1
	[ $((n % 100)) != 0 ] || echo "# $n changes"
done
echo 1 >$away
echo 1 >$enabled || bad=1
[ "$bad" = 0 ] && echo "ok 1 - $n changes" || echo "not ok 1 - change $n"
load_end 2 || bad=1
exit "$bad"
