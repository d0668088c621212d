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
# The memory that came back is of before the image was written, and so is the log
# in it: an image made, none saved or loaded.
dmesg >/tmp/log
if ! grep -q 'hibernation: Creating image' /tmp/log; then
	echo "not ok 1 - no image was made"
	exit 1
fi
if grep -q 'Image saving\|Image loading' /tmp/log; then
	echo "not ok 1 - the image was saved, and not restored"
	exit 1
fi
if [ "$(cat /tmp/word)" != "$word" ]; then
	echo "not ok 1 - memory is not what it was"
	exit 1
fi
echo "ok 1 - hibernated and resumed"
