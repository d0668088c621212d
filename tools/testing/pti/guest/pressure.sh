#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make memory short for a while: a file takes all that is available but 128 MB, one program
# these and a half of the swap that is free, and writes to it again and again, so that
# pages of all programs are unmapped and swapped out, and come back. The other half is there
# for what the others want meanwhile: a kernel that kills for memory reports it. The
# program alone would not have taken so much in its time, a page fault for each page.
#
# Usage: pressure.sh SECONDS

seconds=$1
swap=/dev/ram0

kb()
{
	awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

swapped_out()
{
	awk '$1 == "pswpout" { print $2 }' /proc/vmstat
}

# The disk has its memory from the start, and does not take it when there is none.
[ -e /tmp/swap ] || {
	dd if=/dev/zero of=$swap bs=1M
	mkswap $swap
	: >/tmp/swap
} >/tmp/swap.out 2>&1
grep -q "^$swap " /proc/swaps || swapon $swap || exit 1

before=$(swapped_out)
file=$(($(kb MemAvailable) / 1024 - 128))
[ "$file" -le 0 ] || dd if=/dev/zero of=/tmp/pressure bs=1M count="$file" 2>/tmp/pressure.out
size=$(($(kb MemAvailable) + $(kb SwapFree) / 2))
stress-ng --vm 1 --vm-bytes ${size}k --vm-keep --vm-method inc-nybble --timeout "$seconds" --oomable \
	--log-brief --quiet >/tmp/pressure.out 2>&1
rc=$?
rm -f /tmp/pressure
out=$(($(swapped_out) - before))
if [ "$out" -gt 0 ]; then
	echo "ok - $size kB taken, $out pages swapped out"
else
	echo "# $size kB taken, nothing swapped out, stress-ng ended with $rc"
fi
