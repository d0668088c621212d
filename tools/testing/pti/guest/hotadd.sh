#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Wait for memory that is plugged in, use all of it and check what it holds.

total()
{
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

before=$(total)
echo "# waiting for memory"
n=0
while [ "$(total)" -lt $((before + 100000)) ]; do
	n=$((n + 1))
	[ "$n" -lt 60 ] || { echo "not ok 1 - no memory came"; exit 1; }
	sleep 1
done
echo "ok 1 - $before kB of memory became $(total)"

# More than there was, and no two pages the same.
megabytes=$((before / 1024))
mount -o remount,size=90% /tmp
yes "what hot-added memory holds, $$" | head -c 1048576 >/tmp/block
blocks()
{
	n=0
	while [ "$n" -lt "$megabytes" ]; do
		n=$((n + 1))
		echo "block $n"
		cat /tmp/block
	done
}
blocks >/tmp/file
if blocks | cmp - /tmp/file; then
	echo "ok 2 - a file of $megabytes MB holds what was written"
else
	echo "not ok 2 - a file of $megabytes MB"
	exit 1
fi
rm /tmp/file
