#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Take each CPU but the first away and bring it back, over and over, while
# programs run on all of them. A CPU that is back has to have the user CR3 and
# the flushes of what it then runs, and none of what it ran before.
#
# Usage: hotplug.sh ROUNDS PROGRAM:ARGUMENT...

rounds=$1
shift
cpus=$(ls -d /sys/devices/system/cpu/cpu[0-9]*/online 2>/dev/null | wc -l)
[ "$cpus" -gt 0 ] || { echo "not ok 1 - no CPU that can go"; exit 1; }

. /pti/load.sh
load_begin "$@"

bad=0
n=0
while [ "$n" -lt "$rounds" ] && [ "$bad" = 0 ]; do
	n=$((n + 1))
	for state in 0 1; do
		for cpu in /sys/devices/system/cpu/cpu[0-9]*/online; do
			echo "$state" >"$cpu" || bad=1
		done
	done
	[ $((n % 100)) != 0 ] || echo "# $n rounds"
done
[ "$bad" = 0 ] && echo "ok 1 - $cpus CPUs gone and back $n times" ||
	echo "not ok 1 - round $n"
load_end 2 || bad=1
exit "$bad"
