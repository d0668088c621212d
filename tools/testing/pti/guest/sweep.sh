#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run test programs for the sweep (sweep.sh on the host), which stops them at the
# ways into the kernel. What the kernel says of each NMI and machine check would take
# longer than all the rest: it is kept from the console meanwhile.
#
# Usage: sweep.sh SECONDS PROGRAM...
# A PROGRAM with arguments is one word here: "entry_64 100".

console=/sys/class/tty/ttyS0/console
limit=$1
shift
failed=
echo N >$console
for command; do
	timeout -k 5 "$limit" /bin/sh -c "exec /pti/$command" || failed="$failed ${command%% *}"
done
echo Y >$console
[ -z "$failed" ] || echo "FAILED:$failed"
# Machine checks taint the kernel; nothing else should have.
if [ $(($(cat /proc/sys/kernel/tainted) & ~16)) != 0 ]; then
	dmesg | grep -v -e 'NMI received' -e 'Dazed and' -e 'mce: ' | tail -n 60
	failed=kernel
fi
[ -z "$failed" ]
