#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How much larger the isolation makes the kernel, ours and the stock one over the
# stripped one: the sizes of all symbols by what they are, and pages of memory.

usage()
{
	cat <<'END'
Usage: growth.sh

Writes build/results/growth.txt. Ours is the kernel of build/size, in which the
isolation is all there is of the series, as it is in the stock one. Code and data
of ours that stay after boot may not grow more than stock's, and an mm may not
take more pages. Symbols are counted: sections are padded to pages.

Environment: PTI_IMAGE=DIR looks for size below DIR, STOCK_IMAGE and STRIPPED_IMAGE
replace the directories of those kernels, BUILD=DIR replaces build.
Exit status: 0 ours grows no more, 1 it does, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

case ${1:-} in
"") ;;
--help|-h) usage; exit ;;
*) die "unknown option $1 (--help explains)" ;;
esac
need nm binutils
ours=${PTI_IMAGE:-$build}/size
stock=${STOCK_IMAGE:-$build/stock}
stripped=${STRIPPED_IMAGE:-$build/stripped}
for dir in "$ours" "$stock" "$stripped"; do
	[ -r "$dir/vmlinux" ] || die "no $dir/vmlinux: \"make size stock stripped\" makes it"
done
out=$results/growth.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"

# guest KERNEL DIR PROGRAM: what it prints with isolation on.
guest()
{
	"$here/run.sh" --icount --image "$2" --mem 1024 --name "growth-$1" \
		--append "pti=on norandmaps nokaslr" "$3" >"$tmp/guest-$1" ||
		die "the run of $2/bzImage failed"
}

# tables: of a dump of the page tables on stdin, how many tables lie below the
# root's kernel half. A level is named by the entries in a table; a range of
# entries, present or not, lies in tables of that level and of those above it.
# The espfix tables are the base's own, and no awk counts to 2^64: the top 16
# bits, which are all the same, go.
tables()
{
	awk '
	function hex(s,	i, v) {
		for (i = 7; i <= length(s); i++)
			v = 16 * v + index("0123456789abcdef", substr(s, i, 1)) - 1
		return v
	}
	function add(level, from, to, shift,	t) {
		for (t = int(from / 2 ^ shift); t * 2 ^ shift < to; t++)
			n += !seen[level, t]++
	}
	/^---\[/ { espfix = /ESPfix/ }
	/^0xffff[89a-f]/ && !espfix && $NF ~ /^p(te|md|ud)$/ {
		split($1, range, "-")
		from = hex(range[1])
		to = hex(range[2])
		if (to == 0)
			to = 2 ^ 48
		add("pud", from, to, 39)
		if ($NF != "pud")
			add("pmd", from, to, 30)
		if ($NF == "pte")
			add("pte", from, to, 21)
	}
	END { print n + 0 }'
}

rc=0
for kernel in "stripped $stripped" "stock $stock" "ours $ours"; do
	nm -S --defined-only "${kernel#* }/vmlinux" | sed "s/^/${kernel%% *} /"
done | awk '
	# Where a symbol lies, by the marks of the linker script: all addresses are
	# sixteen digits, and compare as strings.
	function place(address, k) {
		address = address ""
		if (address < mark[k, "__per_cpu_end"])
			return "per-CPU data"
		if (address < mark[k, "_etext"])
			return "functions"
		if (address >= mark[k, "__start_rodata"] && address < mark[k, "__end_rodata"])
			return "read-only data"
		if (address >= mark[k, "_sinittext"] && address < mark[k, "_einittext"])
			return "functions, until booted"
		if (address >= mark[k, "__init_begin"] && address < mark[k, "__init_end"])
			return "data, until booted"
		if (address >= mark[k, "__bss_start"] && address < mark[k, "__bss_stop"])
			return "zeroed data"
		return "writable data"
	}
	function value(hex,	i, v) {
		for (i = 1; i <= length(hex); i++)
			v = 16 * v + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return v
	}
	NF == 4 { mark[$1, $4] = $2 "" }
	NF == 5 { kernel[++n] = $1; address[n] = $2; size[n] = value($3); name[n] = $5 }
	END {
		for (i = 1; i <= n; i++) {
			k = kernel[i]
			p = place(address[i], k)
			sum[k, p] += size[i]
			# What the compiler splits off a function is part of it.
			sub(/\.(constprop|isra|part|cold)(\..*)?$/, "", name[i])
			of[k, name[i]] += size[i]
			known[name[i]] = 1
		}
		if (!sum["ours", "functions"]) {
			print "not ok: no symbols"
			exit 1
		}
		places = "functions|functions, until booted|read-only data|writable data|" \
			"zeroed data|per-CPU data|data, until booted"
		np = split(places, place_of, "|")
		print "Bytes over the stripped kernel, by symbols:"
		printf "%-26s %8s %8s\n", "", "stock", "ours"
		for (p = 1; p <= np; p++) {
			s = sum["stock", place_of[p]] - sum["stripped", place_of[p]]
			o = sum["ours", place_of[p]] - sum["stripped", place_of[p]]
			printf "%-26s %+8d %+8d\n", place_of[p], s, o
			if (place_of[p] ~ /until booted/)
				continue
			kind = p == 1 ? "functions" : "data"
			stock[kind] += s
			ours[kind] += o
		}
		for (kind in ours)
			if (ours[kind] > stock[kind])
				bad = bad sprintf("not ok: %s: ours %+d, stock %+d\n", \
						  kind, ours[kind], stock[kind])
		print "The largest of ours:"
		for (i = 1; i <= 10; i++) {
			most = 0
			for (s in known)
				if (of["ours", s] - of["stripped", s] > most ||
				    (of["ours", s] - of["stripped", s] == most && s < which)) {
					most = of["ours", s] - of["stripped", s]
					which = s
				}
			printf "  %+6d %s\n", most, which
			delete known[which]
		}
		printf "%s", bad
		exit bad != ""
	}' >"$tmp/growth" || rc=$?
[ "$rc" -le 1 ] || exit 2

for kernel in "stripped $stripped" "stock $stock"; do
	guest "${kernel%% *}" "${kernel#* }" /pti/mm_cost_64
done
guest ours "$ours" "/pti/mm_cost_64 && cat /sys/kernel/debug/page_tables/current_user"
sed -n 's/^MM_COST //p' "$tmp/guest-stripped" "$tmp/guest-stock" "$tmp/guest-ours" |
	awk -v tables="$(tables <"$tmp/guest-ours")" '
	{ tenths[NR] = $1 }
	END {
		if (NR != 3 || !tables) {
			print "not ok: the guests did not count"
			exit 1
		}
		s = tenths[2] - tenths[1]
		o = tenths[3] - tenths[1]
		printf "%-26s %+8.1f %+8.1f\n", "Pages, each mm", s / 10, o / 10
		printf "%-26s %8s %+8d\n", "Pages, tables of exposure", "", tables
		if (o > s) {
			printf "not ok: pages, each mm: ours %+.1f, stock %+.1f\n", o / 10, s / 10
			exit 1
		}
	}' >>"$tmp/growth" || rc=1
mv "$tmp/growth" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
