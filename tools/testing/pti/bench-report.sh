#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the report of what bench.sh measured, and bring its short table and its picture
# to the README: no figure there is written by hand.

usage()
{
	cat <<'END'
Usage: bench-report.sh [OPTION]

  (none)       read build/bench/parts, write report.md, CSV files and charts beside it
  --figures    put the report's short table and picture into README.md
  --check      compare those in README.md with the report
  --unedited   only see that both are as --figures left them, by bench.sum beside the picture
  --sources    say the sum of the kernel's sources, and whether the figures are of them
  --self-test  make reports of counts whose outcome is known

Environment: BUILD=DIR replaces build, BENCH=DIR build/bench, README=FILE and
PICTURE=FILE what is in the repository.
Exit status: 0 all is there and ours is nowhere above stock or what limits.txt has, 1 it
is somewhere, or README.md has other figures, 2 something is missing.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

bench=${BENCH:-$build/bench}
parts=$bench/parts
readme=${README:-$top/README.md}
picture=${PICTURE:-$here/bench.svg}
sums=${picture%.svg}.sum
chart=ways-tcg-pti-on.svg
limited="cost cost-more cost-pcid cost-pcid-more cost-pcid-qemu exposure growth"

build_tool()
{
	tool=$build/host/bench_report
	[ -z "$(find "$tool" -newer "$here/bench_report.c" 2>/dev/null)" ] || return 0
	mkdir -p "$build/host"
	${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tool" \
		"$here/bench_report.c" -lm || die "cannot build bench_report.c"
}

# part NAME COMMAND...: what the command makes of that file of counts, if it is there.
part()
{
	file=$parts/$1
	shift
	[ ! -s "$file" ] || "$@" "$file"
}

# instructions EMULATOR FILE: cost.sh's counts; ways in and out apart from what
# programs do with them, which takes a thousand times as many, and from prices.
instructions()
{
	awk -v emulator="$1" '{
		kind = $3 ~ /^(syscall|int80|sysenter|fault|interrupt)/ ? "ways" :
			$3 ~ /^price-/ ? "price" : "programs"
		sub(/^price-/, "", $3)
		print kind "-" emulator, $1, $2, $4, $3
	}' "$2"
}

# drops FILE: those of flushes.sh, in its order; apart, what limits.txt lets be above stock,
# and that limit.
drops()
{
	awk -v spare="$(limits flushes)" '
		BEGIN {
			n = split(spare, line, "\n")
			for (i = 1; i <= n; i++) {
				split(line[i], l, " ")
				more[l[2], l[3]] = l[4]
			}
			n = split("cr3 flush invlpg invpcid all msr locked serial fence memory",
				  what, " ")
		}
		function topic(kind) { return kind == "memory" ? "memops" : kind }
		{
			for (i = 1; i <= n && 4 + i <= NF; i++) {
				spared = ($3, what[i]) in more
				print topic(what[i]) (spared ? "-spare" : ""), $1, $2, $(4 + i), $3
				if (spared && $1 == "stock" &&
				    (!(($2, $3, what[i]) in least) ||
				     $(4 + i) < least[$2, $3, what[i]]))
					least[$2, $3, what[i]] = $(4 + i)
			}
		}
		END {
			for (each in least) {
				split(each, e, SUBSEP)
				print topic(e[3]) "-spare most", e[1],
					least[each] + more[e[2], e[3]], e[2]
			}
		}' "$1"
}

# exposure KERNEL MODE FILE: the walker's figures.
exposure()
{
	awk -v kernel="$1" -v mode="$2" '
		/^(executable|writable|read_only|total|least)_bytes / {
			class = $1
			sub(/_bytes/, "", class)
			sub(/_/, "-", class)
			if (class == "least")
				class = "at-all-times"
			print "exposure", kernel, mode, $2 / 1024, class
		}
		$1 == "row" && kernel == "ours" { print "rows", kernel, mode, $4 * 4, $2 }
		$1 == "each_cpu_bytes" && kernel == "ours" {
			print "rows", kernel, mode, $2 / 1024, "each-further-cpu"
		}' "$3"
}

# most: the rows of limits.txt, of the topics that the figures have here.
most()
{
	# shellcheck disable=SC2086 # kinds
	limits $limited | awk '
		$1 ~ /^cost-pcid/ { print "ways-pcid most", $3, $4, $2; next }
		$1 ~ /^cost/ { print "ways-tcg most", $3, $4, $2; next }
		$2 == "each-further-cpu" { print "rows most", $3, $4 / 1024, $2; next }
		$1 == "exposure" { print "exposure most", $3, $4 / 1024, $2; next }
		$2 == "heads-and-tails" { print "once most", $3, $4, $2; next }
		{ print "growth most", $3, $4, $2 }'
}

growth()
{
	awk '$3 ~ /^mm-ldt/ {
			print "price-memory", $1, $2, $4 / 10, $3 ~ /la57/ ? "five-levels" : "four-levels"
			next
		}
		sub(/^whole-/, "", $3) { print "whole", $1, $2, $4, $3; next }
		$3 == "mm-tenths" { print "memory", $1, $2, $4 / 10, "each-process"; next }
		$3 ~ /^(heads-and-tails|tables-of-exposure)$/ { print "once", $1, $2, $4, $3; next }
		{ print "growth", $1, $2, $4, $3 }' "$1"
}

# boot KERNEL MODE LOG: without waiting the clock is one instruction a nanosecond.
boot()
{
	tr -d '\r\000' <"$3" | awk -v kernel="$1" -v mode="$2" '
		/\] Run .* as init process/ && match($0, /[0-9]+\.[0-9]+/) {
			print "boot", kernel, mode, 1000 * substr($0, RSTART, RLENGTH), "until-init"
			exit
		}'
}

figures()
{
	part left-out cat
	part cost-more.counts instructions tcg
	part cost-tcp.counts instructions tcg
	part cost-pcid-more.counts instructions pcid
	part cost-pcid-qemu.counts instructions pcid
	part cost-pcid-qemu-tcp.counts instructions pcid
	part flushes-more.counts drops
	part growth.counts growth
	for kernel in stock ours; do
		for mode in pti=on pti=auto; do
			part "exposure-$kernel-$mode.txt" exposure "$kernel" "$mode"
		done
		for mode in nopti pti=on; do
			part "../logs/cost-more-$kernel-$mode.log" boot "$kernel" "$mode"
		done
	done
	most
	rows "$here/bench-notes.txt" | sed 's/^/note /'
}

make_report()
{
	[ -d "$parts" ] || die "nothing was measured: \"make bench\" does it"
	build_tool
	# shellcheck disable=SC2086 # kinds
	limits $limited flushes >/dev/null || exit 2
	rm -f "$bench"/*.svg "$bench"/*.csv
	charts=
	figures >"$bench/figures"
	if ! command -v gnuplot >/dev/null 2>&1; then
		charts=--no-charts
		echo 'left-out the charts: no gnuplot here, the package gnuplot-nox has it' \
			>>"$bench/figures"
	fi
	rc=0
	"$build/host/bench_report" $charts "$bench/figures" "$bench" || rc=$?
	[ "$rc" -le 2 ] || die "the figures cannot be read: $bench/figures"
	printf '\nMeasured of sources with the sum %s.\n' "$(cat "$parts/sources" 2>/dev/null || echo '?')" \
		>>"$bench/figures.md"
	if [ -z "$charts" ] &&
	   ! (cd "$bench" && gnuplot -e "bench='$here/bench.gp'" charts.gp) \
			2>"$bench/gnuplot.log"; then
		cat "$bench/gnuplot.log"
		echo "$me: left out: charts, as gnuplot failed"
		[ "$rc" = 1 ] || rc=2
	fi
	echo "$me: $bench/report.md"
	return "$rc"
}

# with_figures: README.md with what stands between the two marks replaced.
with_figures()
{
	awk -v table="$bench/figures.md" '
		/^<!-- make bench-figures: end -->$/ { inside = 0 }
		!inside { print }
		/^<!-- make bench-figures: begin -->$/ {
			inside = 1
			while ((getline line < table) > 0)
				print line
			marks++
		}
		END { exit marks != 1 || inside }' "$readme" ||
		die "README.md has not its two marks"
}

# sums: of what stands between the two marks, and of the picture.
sums()
{
	sed -n "/^<!-- make bench-figures: begin -->$/,/^<!-- make bench-figures: end -->$/p" "$readme" |
		cksum
	cksum <"$picture"
}

# sources: a sum of what the kernels that are compared are built of, as far as it is compiled:
# without comments, tests and documentation. Of a patch, what it takes away and adds.
sources()
{
	(cd "$top" && find arch security patches base/strip base/small.config -type f \
			! -name '*_test.c' ! -name cover-letter.txt | LC_ALL=C sort | xargs awk '
		FNR == 1 {
			patch = FILENAME ~ /\.patch$/
			wanted = !patch
			inside = 0
			print FILENAME
		}
		patch && /^\+\+\+ / { wanted = $2 !~ /^[^\/]*\/(Documentation|tools|MAINTAINERS)|_test\.c$/ }
		patch && /^@@/ { inside = 0 }
		!wanted || (patch && (!/^[-+]/ || /^(---|\+\+\+) /)) { next }
		{
			line = patch ? substr($0, 1, 1) : ""
			$0 = substr($0, 1 + length(line))
			while ((i = index($0, inside ? "*/" : "/*"))) {
				if (!inside)
					line = line substr($0, 1, i - 1)
				$0 = substr($0, i + 2)
				inside = !inside
			}
			if (!inside)
				line = line $0
			sub(/\/\/.*/, "", line)
			# The middle of a comment, of which a patch shows neither end
			if (patch && line ~ /^[-+][ \t]* \*( |$)/)
				next
			gsub(/[ \t]+/, " ", line)
			if (line !~ /^[-+]? ?$/)
				print line
		}') | cksum | cut -d ' ' -f 1
}

# of_sources: whether the README's figures are of these sources, in words.
of_sources()
{
	sum=$(sed -n "s/^Measured of sources with the sum \([0-9]*\)[.]$/\1/p" "$readme")
	case $sum in
	"") echo "README.md does not say of which sources its figures are" ;;
	"$(sources)") echo "README.md has figures of these sources" ;;
	*) echo "README.md has figures of other sources than these: \"make bench\" measures them" ;;
	esac
}

# finished: a report in which nothing is missing, of the kernel in build/ and of these sources.
finished()
{
	{ [ -f "$bench/figures.md" ] && [ -f "$bench/$chart" ]; } ||
		die "there is no report with charts: \"make bench\" makes it"
	! grep -q '?' "$bench/figures.md" ||
		die "something is missing in the report: $bench/report.md"
	[ ! -f "$build/vmlinux" ] || [ -z "$(find -L "$build/vmlinux" -newer "$bench/figures")" ] ||
		die "the report is not of $build/vmlinux: \"make bench\" makes it anew"
	[ "$(cat "$parts/sources" 2>/dev/null)" = "$(sources)" ] ||
		die "the report is of other sources than these: \"make bench\" makes it anew"
}

case ${1:-} in
"") make_report ;;
--figures)
	finished
	with_figures >"$bench/README.md"
	cat "$bench/README.md" >"$readme"
	cp "$bench/$chart" "$picture"
	sums >"$sums"
	echo "$me: README.md and $picture have the report's figures" ;;
--check)
	finished
	with_figures | diff "$readme" - ||
		{ echo "$me: README.md has other figures than $bench/report.md"; exit 1; }
	cmp "$bench/$chart" "$picture" ||
		{ echo "$me: $picture is not that of $bench/report.md"; exit 1; }
	echo "$me: README.md has the report's figures" ;;
--unedited)
	sums | cmp -s - "$sums" ||
		{ echo "$me: the figures of README.md or $picture are edited"; exit 1; }
	echo "$me: README.md has the figures that were brought to it"
	echo "$me: $(of_sources)" ;;
--sources)
	echo "sources $(sources)"
	echo "$me: $(of_sources)" ;;
--self-test) . "$here/bench-test.sh" ;;
--help|-h) usage ;;
*) die "unknown option $1 (--help lists them)" ;;
esac
