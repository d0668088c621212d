#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How much larger the isolation makes the kernel, ours and the stock one over the
# stripped one: the sizes of all symbols by what they are, and pages of memory.

usage()
{
	cat <<'END'
Usage: growth.sh

Writes build/results/growth.txt, and the sums themselves to growth.counts. Ours is
the kernel of build/size, in which the isolation is all there is of the series, as
it is in the stock one. Code and data of ours that stay after boot may not grow more
than stock's, but by what limits.txt has, and an mm may not take more pages. Entry heads
and exit tails that the base has, too, are counted apart; the list of them is in
growth.txt. limits.txt has what either may be at most. What all of the series adds, which
is build/vmlinux, is told and not judged. Symbols are counted: sections are padded to
pages. A kernel that is missing or does not run is left out, and the others are measured.

Environment: PTI_IMAGE=DIR replaces build for the kernel of all of the series and size
below it, STOCK_IMAGE and STRIPPED_IMAGE the directories of the others, BUILD=DIR
replaces build, RESULTS=DIR build/results, LIMITS=FILE limits.txt.
Exit status: 0 ours grows no more, 1 it does, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

only_help "$@"
need nm binutils
whole=${PTI_IMAGE:-$build}
ours=$whole/size
stock=${STOCK_IMAGE:-$build/stock}
stripped=${STRIPPED_IMAGE:-$build/stripped}
out=$results/growth.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"
: >"$tmp/counts"
limits growth >/dev/null || exit 2

# guest KERNEL DIR PROGRAM [-la57]: what it prints with isolation on; with five levels.
guest()
{
	"$here/run.sh" --icount --image "$2" --model "affected${4:-}" --mem 1024 \
		--name "growth-$1${4:-}" --append "pti=on norandmaps nokaslr" "$3" \
		>"$tmp/guest-$1${4:-}" || {
		echo "$me: the run of $2/bzImage failed" >&2
		: >"$tmp/guest-$1${4:-}"
	}
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
for kernel in "stripped $stripped" "stock $stock" "ours $ours" "whole $whole"; do
	[ -r "${kernel#* }/vmlinux" ] || {
		echo "$me: no ${kernel#* }/vmlinux: \"make kernel size stock stripped\" makes it" >&2
		continue
	}
	nm -S --defined-only "${kernel#* }/vmlinux" | sed "s/^/${kernel%% *} /"
done | awk -v counts="$tmp/counts" -v more="$(limits growth-over-stock 2>/dev/null)" '
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
	# Where it counts: an entry head or exit tail of isolation apart, if the base has the
	# same one without. Each kernel that isolates then has both, so that without isolation
	# the base'\''s has no place for a switch. All else that is isolated is what only isolation
	# needs, and counts where it lies, the table of tails among the read-only data.
	function counts_as(address, k, name,	p) {
		p = place(address, k)
		return p == "functions" && counterpart(name) != "" ? "heads and tails" : p
	}
	# The base'\''s symbol for it: of the same name but for what stands in front, or by the
	# pairs below, and in any case entry code there. A tail is there with PCID and without.
	function counterpart(name,	i) {
		if (!sub(/^isolated_/, "", name))
			return ""
		sub(/_pcid$/, "", name)
		if (name in pair)
			return pair[name] in entry ? pair[name] : ""
		for (i = 1; i <= nf; i++)
			if ((front[i] name) in entry)
				return front[i] name
		return ""
	}
	BEGIN {
		# By how much ours may be above stock
		n_more = split(more, line, "\n")
		for (i = 1; i <= n_more; i++) {
			split(line[i], l, " ")
			allowed[l[2]] = l[4]
		}
		nf = split("entry_ asm_ ", front, " ")
		front[++nf] = ""
		pair["sysret"] = "syscall_return_via_sysret"
		pair["sysretl"] = "sysret32_from_system_call"
		pair["return_to_usermode"] = "swapgs_restore_regs_and_return_to_usermode"
		# .Lerror_bad_iret there, which is no symbol, in two parts
		pair["bad_iret"] = "error_entry"
		pair["fixup_bad_iret"] = "error_entry"
	}
	function value(hex,	i, v) {
		for (i = 1; i <= length(hex); i++)
			v = 16 * v + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return v
	}
	# What is more than in the stripped kernel.
	function over(k, p) {
		return !sum[k, "functions"] || !sum["stripped", "functions"] ? "?" :
			sprintf("%+d", sum[k, p] - sum["stripped", p])
	}
	function largest(	i, s, most, which) {
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
	}
	# The bytes, the symbol and the base'\''s for it: apart those that have one, and not.
	function isolated(with,	i, twin) {
		print with ? "Apart, with what the base has:" : "What the base has no counterpart of:"
		for (i = 1; i <= n; i++) {
			if (kernel[i] != "ours" || name[i] !~ /^isolated_/)
				continue
			twin = counterpart(name[i])
			if ((twin != "") == with)
				printf "  %6d %s, %s\n", size[i], name[i], \
					with ? twin : place(address[i], "ours")
		}
	}
	$1 == "stripped" { base[$NF] = $2 "" }
	NF == 4 { mark[$1, $4] = $2 "" }
	NF == 5 { kernel[++n] = $1; address[n] = $2; size[n] = value($3); name[n] = $5 }
	END {
		for (s in base)
			if (base[s] >= mark["stripped", "__entry_text_start"] &&
			    base[s] < mark["stripped", "__entry_text_end"])
				entry[s] = 1
		for (i = 1; i <= n; i++) {
			k = kernel[i]
			p = counts_as(address[i], k, name[i])
			sum[k, p] += size[i]
			# What the compiler splits off a function is part of it.
			sub(/\.(constprop|isra|part|cold)(\..*)?$/, "", name[i])
			of[k, name[i]] += size[i]
			known[name[i]] = 1
		}
		places = "functions|heads and tails|functions, until booted|read-only data|" \
			"writable data|zeroed data|per-CPU data|data, until booted"
		np = split(places, place_of, "|")
		nk = split("stripped|stock|ours|whole", kernels, "|")
		print "Bytes over the stripped kernel, by symbols:"
		printf "%-26s %8s %8s %18s\n", "", "stock", "ours", "all of the series"
		for (p = 1; p <= np; p++) {
			printf "%-26s %8s %8s %18s\n", place_of[p], over("stock", place_of[p]),
				over("ours", place_of[p]), over("whole", place_of[p])
			if (place_of[p] ~ /until booted|heads/)
				continue
			kind = p == 1 ? "functions" : "data"
			for (k = 1; k <= nk; k++)
				total[kernels[k], kind] += sum[kernels[k], place_of[p]]
		}
		nt = split("functions|data", kinds, "|")
		for (t = 1; t <= nt; t++) {
			kind = kinds[t]
			for (k = 1; k <= nk; k++)
				if (!sum[kernels[k], "functions"])
					missing[kernels[k]] = 1
				else if (kernels[k] != "whole")
					print kernels[k], "-", kind, total[kernels[k], kind] >counts
				else if (!("stripped" in missing))
					print "ours - whole-" kind,
						total["whole", kind] - total["stripped", kind] >counts
			if (!("stock" in missing) && !("ours" in missing) &&
			    total["ours", kind] > total["stock", kind] + allowed[kind]) {
				worse = 1
				bad = bad sprintf("not ok: %s: ours %+d, stock %+d\n", kind, \
						  total["ours", kind] - total["stripped", kind], \
						  total["stock", kind] - total["stripped", kind])
			}
		}
		# Without the base nothing can have a counterpart in it
		if (!("stripped" in missing || "ours" in missing))
			print "ours - heads-and-tails", sum["ours", "heads and tails"] + 0 >counts
		if (!("stripped" in missing || "whole" in missing))
			print "ours - whole-heads-and-tails", sum["whole", "heads and tails"] + 0 >counts
		for (k in missing)
			bad = bad sprintf("not ok: %s: no symbols\n", k)
		if (!("ours" in missing) && !("stripped" in missing)) {
			isolated(1)
			isolated(0)
			print "The largest of ours:"
			largest()
		}
		printf "%s", bad
		exit worse ? 1 : bad != "" ? 3 : 0
	}' >"$tmp/growth" || rc=$?
case $rc in
0|1) ;;
3) rc=2 ;;
*) exit 2 ;;
esac
limits_rc=0
awk '
	$1 == "stripped" { base[$3] = $4 }
	$1 == "ours" && $3 == "heads-and-tails" { print $3, "-", $4 }
	$1 == "ours" && $3 in base { print $3, "-", $4 - base[$3] }' "$tmp/counts" |
	hold_limits growth - >>"$tmp/growth" || limits_rc=$?
rc=$(worse_of "$rc" "$limits_rc")

cost="/pti/mm_cost_64 && /pti/mm_cost_64 ldt"
for kernel in "stripped $stripped" "stock $stock" "ours $ours"; do
	set -- "${kernel%% *}" "${kernel#* }"
	dump=
	[ "$1" != ours ] || dump=" && cat /sys/kernel/debug/page_tables/current_user"
	guest "$1" "$2" "$cost$dump"
	guest "$1" "$2" "/pti/mm_cost_64 ldt" -la57
	sed -n -e "s/^MM_COST /$1 - mm-tenths /p; s/^MM_COST_LDT /$1 - mm-ldt-tenths /p" \
		"$tmp/guest-$1"
	sed -n "s/^MM_COST_LDT /$1 - mm-ldt-la57-tenths /p" "$tmp/guest-$1-la57"
done >"$tmp/mm"
memory_rc=0
awk -v tables="$(tables <"$tmp/guest-ours")" -v counts="$tmp/tables" '
	{ tenths[$1, $3] = $4 }
	function over(k, row) {
		return (k, row) in tenths && ("stripped", row) in tenths ?
			sprintf("%+.1f", (tenths[k, row] - tenths["stripped", row]) / 10) : "?"
	}
	function say(row, text) {
		s = over("stock", row)
		o = over("ours", row)
		printf "%-26s %8s %8s\n", text, s, o
		if (s == "?" || o == "?")
			lost = 1
	}
	END {
		# Judged is the last
		say("mm-ldt-tenths", "Pages, each with an LDT")
		say("mm-ldt-la57-tenths", "the same, five levels")
		say("mm-tenths", "Pages, each mm")
		printf "%-26s %8s %+8d\n", "Pages, tables of exposure", "", tables
		if (lost || !tables) {
			print "not ok: a guest did not count"
			exit 3
		}
		print "ours - tables-of-exposure", 4096 * tables >counts
		if (o + 0 > s + 0) {
			printf "not ok: pages, each mm: ours %s, stock %s\n", o, s
			exit 1
		}
	}' "$tmp/mm" >>"$tmp/growth" || memory_rc=$?
[ "$memory_rc" -le 1 ] || memory_rc=2
rc=$(worse_of "$rc" "$memory_rc")
touch "$tmp/tables"
cat "$tmp/counts" "$tmp/mm" "$tmp/tables" >"$results/growth.counts"
mv "$tmp/growth" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
