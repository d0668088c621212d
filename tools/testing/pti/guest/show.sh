#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Show, for a person, what the isolation of this kernel is doing: its status,
# and what the kernel half of the user page table holds, from the policy table
# and, to compare, from a walk of the page table itself.

echo
echo "Status"
echo "  kernel      $(uname -r), $(grep -c '^processor' /proc/cpuinfo) CPUs,$(sed -n 's/^model name[^:]*://p' /proc/cpuinfo | head -n 1)"
dmesg | sed -n 's/^\[[^]]*\] \(.*page tables isolation.*\)/  dmesg       \1/p'
echo
ptictl status

table=/sys/kernel/debug/x86/pti_exposure
walked=/sys/kernel/debug/page_tables/current_user
if [ -r "$table" ]; then
	echo
	echo "What the policy table maps for user mode (debugfs x86/pti_exposure; r w x, g: global, u: user)"
	# A line is start-end pages permissions row[CPU] : reason; then the total.
	awk '
		$1 ~ /^[0-9a-f]+-[0-9a-f]+$/ {
			name = $4
			sub(/\[[0-9]+\]$/, "", name)
			if (!(name in pages)) {
				order[++n] = name
				perm[name] = $3
				at[name] = $1
				sub(/-.*/, "", at[name])
				why[name] = $0
				sub(/^[^:]*: */, "", why[name])
			}
			pages[name] += $2
			ranges[name]++
			all += $2
			if ($3 ~ /x/)
				exec += $2
			next
		}
		/^isolation is/ { next }
		# The total counts a frame that two rows map once.
		{ sub(/^ *total */, ""); rest = rest $0 }
		END {
			printf "  %-14s %-6s %5s %7s  %-17s %s\n", "row", "access", "pages", "bytes", "first at", "reason"
			for (i = 1; i <= n; i++) {
				k = order[i]
				printf "  %-14s %-6s %5d %7d  %-17s %s\n", k, perm[k], pages[k], \
					pages[k] * 4096, at[k], why[k]
			}
			printf "  %-14s %-6s %5d %7d  %d bytes executable; each frame counted once: %s\n", \
				"total", "", all, all * 4096, exec * 4096, rest
		}' "$table"
fi
if [ ! -r "$walked" ]; then
	echo
	echo "No user page table: $walked is not there."
	exit 0
fi
echo
echo "What the user page table of this process holds above the user half (file page_tables/current_user)"
# A line is start-end size flags... level; a region has a line of its own. A
# leaf has a size and the level of the table that it stands in.
awk '
	/^---\[/ { region = $0; gsub(/^---\[ *| *\]---$/, "", region); next }
	# The kernel half begins at ff00... with 5 levels, ffff8... with 4.
	!/^0xff/ { next }
	{
		level = $NF
		if (level !~ /^(pte|pmd|pud)$/ || NF < 4)
			next
		what = $0
		sub(/^[^ ]* +[^ ]* +/, "", what)
		gsub(/ +/, " ", what)
		size = $2 + 0
		unit = $2
		gsub(/[0-9]/, "", unit)
		kib = size * (unit == "G" ? 1048576 : unit == "M" ? 1024 : 1)
		key = region "|" what
		if (!(key in sum))
			order[++n] = key
		sum[key] += kib
		total += kib
		if (what ~ / x( |$)/)
			exec += kib
	}
	END {
		printf "  %10s  %-30s %s\n", "KiB", "region", "flags"
		for (i = 1; i <= n; i++) {
			split(order[i], k, "|")
			printf "  %10d  %-30s %s\n", sum[order[i]], k[1], k[2]
		}
		printf "  %10d  in all, %d of them executable (of the aliases of espfix, with an LDT, the dump has a few)\n", total, exec
	}' "$walked"
