#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the head of an oops say whether the isolation is on? The kernel's own
# crash test provokes one; the process that asked for it dies of it.
#
# Usage: oops.sh PTI|NOPTI

echo 0 >/proc/sys/kernel/panic_on_oops
(echo EXCEPTION >/sys/kernel/debug/provoke-crash/DIRECT)
head=$(dmesg | sed -n 's/.*\] Oops: Oops: //p')
if echo "$head" | grep -q " $1\$"; then
	echo "ok 1 - the head of the oops: $head"
else
	echo "not ok 1 - the head of the oops does not end with $1: $head"
	exit 1
fi
