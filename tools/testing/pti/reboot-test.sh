#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Reboot with PCIDs, which QEMU's emulation does not have. Bochs gets no further
# than its BIOS: that locks an MSR at its first run, which no reset of Bochs undoes,
# and trips over it at the second. So this asks whether the BIOS has run twice: a
# kernel that leaves CR4.PCIDE set never gets to it by way of real mode.
#
# Usage: reboot-test.sh METHOD...	as in the parameter reboot=

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
image=${PTI_IMAGE:-$build}

bad=0
number=0
for method; do
	number=$((number + 1))
	log=$logs/reboot-pcid-$method.log
	rm -f "$log"
	"$here/run.sh" --image "$image" --model haswell-pcid --append "pti=on reboot=$method" \
		--time 200 --name "reboot-pcid-$method" --quiet /pti/reboot_once_64 \
		>/dev/null 2>&1 || :
	if [ ! -f "$log" ]; then
		echo "not ok $number - reboot=$method: the guest did not start"
		bad=1
	elif ! "$here/scan.sh" "$log"; then
		echo "not ok $number - reboot=$method: the kernel complained; full log: $log"
		bad=1
	elif ! grep -q -a 'reboot: machine restart' "$log"; then
		echo "not ok $number - reboot=$method: the kernel did not restart the machine"
		bad=1
	elif ! grep -q -a 'IA32_FEATURE_CONTROL_MSR VMX lock bit is set' "$log"; then
		echo "not ok $number - reboot=$method: the BIOS was not reached; full log: $log"
		bad=1
	else
		echo "ok $number - reboot=$method: the BIOS runs again"
	fi
done
echo "1..$number"
exit $bad
