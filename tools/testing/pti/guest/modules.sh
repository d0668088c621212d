#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Load and remove the kernel's test modules many times: memory becomes
# executable and is set free again, and the static keys of one of them patch
# the kernel's text while everything runs.

ls /modules/*.ko >/dev/null 2>&1 || { echo "not ok 1 - no modules in this guest"; exit 1; }
n=0
while [ "$n" -lt 30 ]; do
	n=$((n + 1))
	for m in test_module test_static_key_base test_static_keys; do
		insmod "/modules/$m.ko" || { echo "not ok 1 - $m, round $n"; exit 1; }
	done
	rmmod test_static_keys test_static_key_base test_module ||
		{ echo "not ok 1 - removal, round $n"; exit 1; }
done
echo "ok 1 - loaded and removed $n times"
