#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Say what the kernel says of its isolation in each of the places where it
# does, and compare each with what is expected.
#
# Usage: status.sh STATE AFFECTED LEVELS CPUS PCID INVPCID REASON [BOGUS]
#	STATE		on or off
#	AFFECTED	yes or no: whether the CPU is one that Meltdown affects
#	LEVELS		4 or 5 levels of page tables
#	CPUS		how many are online
#	PCID		yes or no: whether the kernel may use PCID
#	INVPCID		the same; any, where that is not known
#	REASON		regular expression, without blanks: what decided
#	BOGUS		a parameter with a value that the kernel must have refused by name

state=$1 affected=$2 levels=$3 cpus=$4 pcid=$5 invpcid=$6 reason=$7 bogus=$8
. /pti/check.sh

has()
{
	if grep -q "^flags.* $1\( \|\$\)" /proc/cpuinfo; then echo yes; else echo no; fi
}

case $state$affected in
onyes)	sysfs="Mitigation: PTI" ;;
offyes)	sysfs="Vulnerable" ;;
*)	sysfs="Not affected" ;;
esac
[ "$state" = on ] && pti=yes line=enabled || pti=no line=disabled
[ "$levels" = 5 ] && la57=yes || la57=no

messages=$(dmesg | sed 's/^<[0-9]*>//; s/^\[[^]]*\] //')
said=$(echo "$messages" | grep "Kernel/User page tables isolation: \(en\|dis\)abled")
check "sysfs" "$sysfs" "$(cat /sys/devices/system/cpu/vulnerabilities/meltdown)"
check "pti in /proc/cpuinfo" "$pti" "$(has pti)"
check "5 levels" "$la57" "$(has la57)"
check "CPUs" "$cpus" "$(grep -c '^processor' /proc/cpuinfo)"
check "PCID" "$pcid" "$(has pcid)"
check "lines in the kernel's log" 1 "$(echo "$said" | grep -c .)"
check "the line says" "$line" \
	"$(echo "$said" | sed 's/.*isolation: \([a-z]*\).*/\1/')"
[ "$invpcid" = any ] || check "INVPCID" "$invpcid" "$(has invpcid)"
check "its reason is $reason" yes \
	"$(echo "$said" | grep -q -E "abled \($reason\)" && echo yes || echo no)"
if [ "$state" = on ]; then
	check "it says of PCID" "$pcid" "$(echo "$said" | sed 's/.*), PCID \([a-z]*\),.*/\1/')"
	check "and of INVPCID" "$(has invpcid)" "$(echo "$said" | sed 's/.*, INVPCID \([a-z]*\),.*/\1/')"
	# The page tables are walked for both, at boot and when the file is read.
	exposure=/sys/kernel/debug/x86/pti_exposure
	[ ! -r $exposure ] || check "bytes exposed, as in $exposure" \
		"$(($(awk '$1 == "total" { print $2 }' $exposure) * 4096))" \
		"$(echo "$said" | sed 's/.*, \([0-9]*\) bytes exposed$/\1/')"
fi
# All of it once more, where lockdown leaves it; status_64 compares the numbers.
dir=/sys/devices/system/cpu/pti
if [ -d $dir ]; then
	word=$(tr " " "\n" </proc/cmdline | sed "s/^\(pti=[a-z]*\),\(switchable\|lock\)$/\1/" |
		grep -x -e nopti -e "pti=on" -e "pti=off" -e "pti=auto" | tail -n 1)
	case $word in
	nopti|pti=off)	asked=off ;;
	pti=on)		asked=on ;;
	*)		asked=auto ;;
	esac
	check "requested in sysfs" "$asked" "$(cat $dir/requested)"
	check "state in sysfs" "$state" "$(cat $dir/state)"
	check "reason in sysfs, as in the log" "$(echo "$said" | sed "s/.*abled (\(.*\)).*/\1/")" \
		"$(cat $dir/reason)"
	check "exposed_bytes in sysfs" "$(echo "$said" | sed "s/.*, \([0-9]*\) bytes exposed$/\1/; s/.*disabled.*/0/")" \
		"$(cat $dir/exposed_bytes)"
fi
if [ "$bogus" ]; then
	check "it names the unknown value $bogus" 1 \
		"$(echo "$messages" | grep -c -F "isolation: $bogus is unknown and ignored")"
fi
echo "# $said"
echo "1..$n"
exit $bad
