#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Hibernate and resume: the resume runs on page tables of its own, whose roots
# have no user page table beside them. The image goes to a RAM disk and is read
# back at once (test_resume), which is all of hibernation but the power-off.

mkswap /dev/ram0 >/dev/null && swapon /dev/ram0 || exit 1
echo 0 >/sys/power/image_size
echo test_resume >/sys/power/disk || exit 1
word=$$-$(cut -d' ' -f1 /proc/uptime)
echo "$word" >/tmp/word
echo disk >/sys/power/state || exit 1
if ! dmesg | grep -q 'PM: hibernation: Image restored successfully\|PM: Image restored successfully\|hibernation: hibernation exit'; then
	echo "not ok 1 - no resume"
	exit 1
fi
if [ "$(cat /tmp/word)" != "$word" ]; then
	echo "not ok 1 - memory is not what it was"
	exit 1
fi
echo "ok 1 - hibernated and resumed"
