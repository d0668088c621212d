#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Under Xen PV the hypervisor has the page tables: the kernel must not isolate,
# whatever it is told, and say so in each place where it says anything.
#
# Usage: xen.sh SYSFS-TEXT

bad=0
number=0
check()
{
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number - $1: $3"
	else
		echo "not ok $number - $1: \"$3\" instead of \"$2\""
		bad=1
	fi
}

said=$(dmesg | sed -n 's/.*Kernel\/User page tables isolation: //p')
check "a guest of Xen PV" 1 "$(dmesg | grep -c 'Hypervisor detected: Xen PV')"
check "the line in the log" "disabled (Xen PV: the hypervisor isolates)" "$said"
check "sysfs" "$1" "$(cat /sys/devices/system/cpu/vulnerabilities/meltdown)"
check "flags pti in /proc/cpuinfo" 0 "$(grep -c '^flags.* pti\( \|$\)' /proc/cpuinfo)"
check "debugfs x86/pti_exposure" "isolation is off (Xen PV: the hypervisor isolates)" \
	"$(sed -n '1s/: user page.*//p' /sys/kernel/debug/x86/pti_exposure)"
exit $bad
