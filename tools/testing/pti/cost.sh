#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Count the guest instructions that the isolation costs on each way into the
# kernel and back: ours beside the stock kernel's, over the stripped one.
# Writes build/results/cost.txt. Ours may not cost more than stock's, with
# pti=on and with nopti, nor with pti=on more than the limits below.
#
# Usage: cost.sh [--bochs]	--bochs adds the ways with PCID, for information

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

ours=${PTI_IMAGE:-$build}
stock=${STOCK_IMAGE:-$build/stock}
stripped=${STRIPPED_IMAGE:-$build/stripped}
out=$build/results/cost.txt
bochs=
[ "${1:-}" != --bochs ] || bochs=1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$build/results"

# count MODEL COLUMN DIR PARAMETERS: "COLUMN way minimum median", a line a way.
count()
{
	icount=--icount
	[ "$1" = affected ] || icount=
	"$here/run.sh" $icount --image "$3" --model "$1" --append "$4" \
		--name "cost-$1-$2" '/pti/cost_64 && /pti/cost_32' >"$tmp/raw" ||
		die "the run of $3/bzImage with \"$4\" failed"
	sed -n "s/^COST /$2 /p" "$tmp/raw"
}

# table MODEL TITLE: count on all kernels, print the table, judge it.
table()
{
	{
		count "$1" stripped "$stripped" ""
		count "$1" stock-nopti "$stock" nopti
		count "$1" ours-nopti "$ours" nopti
		count "$1" stock-pti "$stock" pti=on
		count "$1" ours-pti "$ours" pti=on
	} >"$tmp/counts"
	awk -v title="$2" -v judge="$3" '
		BEGIN {
			nc = split("stripped stock-nopti ours-nopti stock-pti ours-pti", col, " ")
			# More than stock documents over the stripped base, a way.
			limit["syscall-lseek"] = 12
			limit["int80-getppid"] = limit["int80-getppid-32"] = 20
			limit["fault-shared"] = 20
			limit["sysenter-getppid"] = limit["sysenter-lseek"] = 12
		}
		{
			if (!($2 in known))
				way[++nw] = $2
			known[$2] = 1
			low[$1, $2] = $3
			mid[$1, $2] = $4
		}
		END {
			print title
			printf "%-18s", ""
			for (c = 1; c <= nc; c++)
				printf " %14s", col[c]
			print ""
			for (w = 1; w <= nw; w++) {
				printf "%-18s", way[w]
				for (c = 1; c <= nc; c++) {
					v = low[col[c], way[w]]
					printf " %14s", c == 1 ? v : sprintf("%d (%+d)", v, v - low["stripped", way[w]])
				}
				print ""
				# The median has to agree, or an interrupt fell into most calls.
				for (c = 1; c <= nc; c++)
					if (mid[col[c], way[w]] != low[col[c], way[w]])
						other = other sprintf("  %s, %s: median %d\n", \
							way[w], col[c], mid[col[c], way[w]])
			}
			if (other != "")
				printf "Medians that are not the minimum:\n%s", other
			if (!judge)
				exit
			if (nw < 6) {
				print "not ok: only " nw " ways were counted"
				bad = 1
			}
			for (w = 1; w <= nw; w++)
				for (c = 2; c <= nc; c++) {
					if (!((col[c], way[w]) in low)) {
						print "not ok: " way[w] " was not counted on " col[c]
						bad = 1
					}
				}
			for (w = 1; w <= nw; w++) {
				k = way[w]
				for (m = 1; m <= 2; m++) {
					mode = m == 1 ? "nopti" : "pti"
					o = "ours-" mode
					s = "stock-" mode
					if (low[o, k] > low[s, k] || mid[o, k] > mid[s, k]) {
						printf "not ok: %s, %s: ours %d/%d, stock %d/%d\n", k, mode, \
							low[o, k], mid[o, k], low[s, k], mid[s, k]
						bad = 1
					}
				}
				over = low["ours-pti", k] - low["stripped", k]
				if (over > limit[k]) {
					printf "not ok: %s: %d over the stripped kernel, the limit is %d\n", \
						k, over, limit[k]
					bad = 1
				}
			}
			exit bad
		}' "$tmp/counts"
}

rc=0
table affected "Guest instructions a call, no PCID (QEMU TCG, -icount; what is over the stripped kernel in brackets)" 1 \
	>"$tmp/cost" || rc=$?
[ "$rc" -le 1 ] || exit "$rc"
if [ "$bochs" ]; then
	echo >>"$tmp/cost"
	table haswell-pcid "The same with PCID (Bochs)" 0 >>"$tmp/cost"
fi
mv "$tmp/cost" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
