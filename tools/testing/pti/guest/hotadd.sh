#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Wait for memory that is plugged in, use all of it and check what it holds, and that
# the page table of this process in user mode has nothing of it. A process that starts
# later would not show that: it gets its kernel half from the kernel.

total()
{
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

# user_table: the kernel half of this shell's, in $table. No other process may read it.
user_table()
{
	table=
	[ -e "$dump" ] || return 0
	while read -r line; do
		case $line in
		0xff*) table="$table
$line" ;;
		esac
	done <"$dump"
}

dump=/sys/kernel/debug/page_tables/current_user
had=
if grep -q '^flags.* pti\( \|$\)' /proc/cpuinfo; then
	user_table
	had=$table
	[ "$had" ] || {
		echo "not ok 0 - isolated, and $dump shows no kernel half"
		exit 1
	}
fi
before=$(total)
echo "# waiting for memory"
n=0
while [ "$(total)" -lt $((before + 100000)) ]; do
	n=$((n + 1))
	[ "$n" -lt 60 ] || { echo "not ok 1 - no memory came"; exit 1; }
	sleep 1
done
echo "ok 1 - $before kB of memory became $(total)"

# More than there was, and no two pages the same.
megabytes=$((before / 1024))
mount -o remount,size=90% /tmp
yes "what hot-added memory holds, $$" | head -c 1048576 >/tmp/block
blocks()
{
	n=0
	while [ "$n" -lt "$megabytes" ]; do
		n=$((n + 1))
		echo "block $n"
		cat /tmp/block
	done
}
blocks >/tmp/file
if blocks | cmp - /tmp/file; then
	echo "ok 2 - a file of $megabytes MB holds what was written"
else
	echo "not ok 2 - a file of $megabytes MB"
	exit 1
fi
rm /tmp/file

# Not isolated, there is one table, and it has all memory.
if [ -z "$had" ]; then
	echo "# isolation is off: the user page table is the kernel's"
	exit
fi
user_table
if [ "$table" = "$had" ]; then
	echo "ok 3 - the user page table is as it was, ${#table} bytes of its dump"
else
	echo "not ok 3 - the user page table has changed: $table"
	exit 1
fi
