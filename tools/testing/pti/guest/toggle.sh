#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Switch isolation off and on so many times, ten times a second at most, and leave it on.
# It goes before what loads the system, or most of the time would be waited for a CPU.
#
# Usage: toggle.sh CHANGES

enabled=/sys/kernel/debug/x86/pti_enabled
renice -n -20 -p $$
n=0
while [ "$n" -lt "$1" ]; do
	state=$((n % 2))
	n=$((n + 1))
	if ! echo $state >$enabled || [ "$(cat $enabled)" != $state ]; then
		echo 1 >$enabled
		echo "not ok 1 - change $n to $state"
		exit 1
	fi
	sleep 0.1
done
echo 1 >$enabled
echo "ok 1 - $n changes"
