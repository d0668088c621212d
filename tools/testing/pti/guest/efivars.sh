#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Call the firmware's run-time services, which run on a root of their own: read
# all EFI variables, write one, read it back, remove it.

dir=/sys/firmware/efi/efivars
mount -t efivarfs none $dir || exit 1
n=0
for v in "$dir"/*; do
	cat "$v" >/dev/null && n=$((n + 1))
done
[ "$n" -gt 10 ] || { echo "not ok 1 - $n variables"; exit 1; }
echo "ok 1 - $n variables read"
# This vendor is the one whose variables the kernel lets one remove.
var=$dir/PtiTest-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0
# One write() with the attributes (not volatile, for boot and run time) in front.
i=0
while [ "$i" -lt 50 ]; do
	i=$((i + 1))
	printf '\007\000\000\000value %d' "$i" >/tmp/value
	if ! cat /tmp/value >"$var" || ! cmp -s /tmp/value "$var" ||
	   ! rm -f "$var" || [ -e "$var" ]; then
		echo "not ok 2 - write, read, remove: round $i"
		exit 1
	fi
done
echo "ok 2 - written, read back and removed $i times"
