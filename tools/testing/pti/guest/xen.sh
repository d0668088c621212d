#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Under Xen PV the hypervisor has the page tables: the kernel must not isolate,
# whatever it is told, and say so in each place where it says anything.
#
# Usage: xen.sh SYSFS-TEXT

. /pti/check.sh

said=$(dmesg | sed -n 's/.*Kernel\/User page tables isolation: //p')
check "a guest of Xen PV" 1 "$(dmesg | grep -c 'Hypervisor detected: Xen PV')"
check "the line in the log" "disabled (Xen PV: the hypervisor isolates)" "$said"
check "sysfs" "$1" "$(cat /sys/devices/system/cpu/vulnerabilities/meltdown)"
check "flags pti in /proc/cpuinfo" 0 "$(grep -c '^flags.* pti\( \|$\)' /proc/cpuinfo)"
check "debugfs x86/pti_exposure" "isolation is off (Xen PV: the hypervisor isolates)" \
	"$(sed -n '1s/: user page.*//p' /sys/kernel/debug/x86/pti_exposure)"
echo "1..$n"
exit $bad
