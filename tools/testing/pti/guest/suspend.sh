#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Suspend to RAM and wake up: the CPUs lose all of their state, CR3, CR4 and MSRs
# included, and come back by way of the real-mode trampoline, on its page table.
# The clock wakes the machine after two seconds.
#
# Usage: suspend.sh ROUNDS

rtc=/sys/class/rtc/rtc0
echo deep >/sys/power/mem_sleep || { echo "not ok 1 - no suspend to RAM"; exit 1; }
n=0
while [ "$n" -lt "$1" ]; do
	n=$((n + 1))
	echo 0 >$rtc/wakealarm
	echo +2 >$rtc/wakealarm || { echo "not ok $n - no clock that wakes"; exit 1; }
	before=$(cat $rtc/since_epoch)
	echo mem >/sys/power/state || { echo "not ok $n - it would not sleep"; exit 1; }
	after=$(cat $rtc/since_epoch)
	# Sleep without firmware would not have gone through the trampoline.
	if [ "$(dmesg | grep -c 'ACPI: PM: Waking up from system sleep state S3')" != "$n" ] ||
	   [ "$after" -le "$before" ]; then
		echo "not ok $n - it did not sleep in S3"
		exit 1
	fi
	echo "ok $n - slept in S3 and woke up"
done
