#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What the entry code of a built kernel refers to by address: a line for each word,
# "percpu SYMBOL+OFFSET BYTES" or "data SYMBOL+OFFSET BYTES". dbg_deny takes the list
# and demands that no hardware breakpoint may be set on any of it. It comes from the
# instructions between __entry_text_start and __entry_text_end, from those that
# alternatives may put there, and from the functions that these call before they have
# left the stack that the CPU chose.
#
# Usage: entry_data.sh VMLINUX

set -eu
vmlinux=${1:?usage: entry_data.sh VMLINUX}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
nm -nS "$vmlinux" | awk 'NF == 3 { $4 = $3; $3 = $2; $2 = 0 } { print }' >"$tmp/symbols"

# symbol NAME: its address
symbol()
{
	address=$(awk -v name="$1" '$4 == name { print "0x" $1 }' "$tmp/symbols")
	echo "${address:?$vmlinux has no symbol $1}"
}

# struct alt_instr is 14 bytes: the site and its replacement, each as the distance
# from the field that holds it, four bytes of flags, and the lengths of both. What is
# printed are the replacements of sites in the entry text: address and length.
from=$(symbol __entry_text_start)
to=$(symbol __entry_text_end)
table=$(symbol __alt_instructions)
objcopy -O binary --only-section=.altinstructions "$vmlinux" "$tmp/alternatives"
od -An -v -w14 -t u1 "$tmp/alternatives" | gawk -M -v table="$table" -v from="$from" -v to="$to" '
	function distance(i,	n) {
		n = $i + $(i + 1) * 2^8 + $(i + 2) * 2^16 + $(i + 3) * 2^24
		return n < 2^31 ? n : n - 2^32
	}
	BEGIN { table = strtonum(table); from = strtonum(from); to = strtonum(to) }
	{
		site = table + distance(1)
		if (site >= from && site < to && $14)
			print table + 4 + distance(5), $14
		table += 14
	}' >"$tmp/replacements"
called="entry_ibpb sync_regs fixup_bad_iret"
for function in $called; do
	symbol "$function" >/dev/null
done
{
	objdump -d --no-show-raw-insn --start-address="$from" --stop-address="$to" "$vmlinux"
	for function in $called; do
		objdump -d --no-show-raw-insn --disassemble="$function" "$vmlinux"
	done
	echo alternatives
	objdump -d --no-show-raw-insn -j .altinstr_replacement "$vmlinux"
} | sed -n 's/^ *\([0-9a-f]*\):\t/\1 /p; /^alternatives$/p' >"$tmp/code"

# Where an operand points, objdump says if it is relative to RIP. An address of data that
# is loaded is a table's: of per-CPU offsets, of which the first word will do, or the one
# that is searched, to its last.
gawk -M '
	# place KIND ADDRESS: by the last symbol before it.
	function before(kind, address,	i, best) {
		for (i = 1; i <= n && at[i] <= address; i++)
			if ((kind == "percpu") == (at[i] < 2^32))
				best = i
		return best
	}
	function place(kind, address,	best) {
		best = before(kind, address)
		if (best)
			print kind, name[best] "+" address - at[best], bytes
	}
	function table_at(address,	best) {
		best = before("data", address)
		if (best && at[best] == address && !text[best])
			print "data", name[best] "+0", name[best] == "isolated_redo_table" ? \
				size[best] : 8
	}
	FILENAME == ARGV[1] {
		if ($3 ~ /^[bBdDrRtTV]$/) {
			at[++n] = strtonum("0x" $1)
			size[n] = strtonum("0x" $2)
			text[n] = $3 ~ /[tT]/
			name[n] = $4
		}
		next
	}
	FILENAME == ARGV[2] { length_of[$1] = $2; next }
	/^alternatives/ { replacing = 1; next }
	{
		address = strtonum("0x" $1)
		if (replacing && address in length_of)
			end = address + length_of[address]
		if (replacing && address >= end)
			next
		bytes = $2 ~ /^(or|and|cmp|mov|test)b$/ ? 1 : 8
	}
	$2 ~ /^lea/ && match($0, /# [0-9a-f]+ </) {
		table_at(strtonum("0x" substr($0, RSTART + 2, RLENGTH - 4)))
	}
	$2 ~ /^(lea|nop)/ { next }
	match($0, /# [0-9a-f]+ </) {
		where = strtonum("0x" substr($0, RSTART + 2, RLENGTH - 4))
		place(/%gs:/ ? "percpu" : "data", where)
		next
	}
	match($0, /%gs:0x[0-9a-f]+/) {
		place("percpu", strtonum(substr($0, RSTART + 4, RLENGTH - 4)))
	}' "$tmp/symbols" "$tmp/replacements" "$tmp/code" | sort -u >"$tmp/list"
for known in pti_pcid isolated_redo_table __per_cpu_offset; do
	if grep -q " $known\$" "$tmp/symbols" && ! grep -q " $known+" "$tmp/list"; then
		echo "entry_data.sh: $known was not found in the entry code of $vmlinux" >&2
		exit 1
	fi
done
cat "$tmp/list"
