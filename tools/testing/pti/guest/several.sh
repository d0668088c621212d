#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run several test programs in one guest, and tell the suite of each how it
# ended. A program that fails does not stop the next one; one that takes the
# kernel down leaves those behind it without a line, and they fail for that.
#
# Usage: several.sh SECONDS PROGRAM...
# A PROGRAM with arguments is one word here: "entry_64 100".

limit=$1
shift
for command; do
	echo "PTI-CASE-BEGIN $command"
	start=$(cut -d' ' -f1 /proc/uptime)
	timeout -k 5 "$limit" /bin/sh -c "exec $command"
	rc=$?
	[ "$rc" = 143 ] && echo "# no end within $limit s"
	stty sane </dev/console 2>/dev/null
	stty -echo </dev/console 2>/dev/null
	echo "<5>PTI-CASE-END rc=$rc from=$start to=$(cut -d' ' -f1 /proc/uptime) $command" >/dev/kmsg
done
exit 0
