#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Compare what ptictl, as it is installed, tells of this kernel with the files that it
# has it from, and its verdict with what the kernel says of Meltdown. What it makes of
# other files, ptictl-test.sh tries on the host.

dir=/sys/devices/system/cpu/pti
. /pti/check.sh

# member NAME: its value in the JSON, without quotes.
member()
{
	sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" /tmp/json
}

ptictl status >/tmp/table 2>/tmp/complaints
check "ptictl status ends with" 0 $?
ptictl status --json >/tmp/json 2>>/tmp/complaints
check "and with --json" 0 $?
check "complaints" "" "$(cat /tmp/complaints)"

meltdown=$(cat /sys/devices/system/cpu/vulnerabilities/meltdown)
case $(cat $dir/state):$meltdown in
on:*)			sentence="User mode runs isolated from the kernel." ;;
off:Vulnerable*)	sentence="NOT PROTECTED: user mode does not run isolated, and Meltdown affects this CPU." ;;
off:Not*)		sentence="User mode does not run isolated, and need not: Meltdown does not affect this CPU." ;;
*)			sentence="User mode does not run isolated by this kernel." ;;
esac
check "the verdict" "$sentence" "$(head -n 1 /tmp/table)"
check "meltdown" "$meltdown" "$(member meltdown)"
for file in requested state reason exposed_bytes opted_out; do
	check "$file" "$(cat $dir/$file)" "$(member $file)"
done
for file in pcid invpcid global_pages; do
	check "$file" "$(sed 's/0/false/; s/1/true/' $dir/$file)" "$(member $file)"
done
rows=0
for file in $dir/exposure/*; do
	rows=$((rows + 1))
	check "the row ${file##*/}" "$(cat "$file")" "$(member "${file##*/}")"
done
check "rows" yes "$([ "$rows" -ge 8 ] && echo yes || echo no)"
for file in $dir/flushes/*; do
	check "flushes, ${file##*/}" yes \
		"$([ "$(member "${file##*/}")" -le "$(cat "$file")" ] && echo yes || echo no)"
done
echo "1..$n"
exit $bad
