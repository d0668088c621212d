#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Audit what user mode can reach of a kernel: boot it, take a program through
# everything that changes page tables (guest/victim.c), stop the machine at some
# hundred instants, walk the page tables from outside (walk.c), and compare with
# exposure.expected, and how much there is with limits.txt.

usage()
{
	cat <<'END'
Usage: audit.sh [OPTION...]

  --image DIR      where bzImage and vmlinux are (default: build)
  --model NAME     the machine, from models.txt (default: affected). On one with
                   PCIDs, some must be met in CR3, in user and in kernel mode; on
                   Bochs, the TLBs are looked at, too
  --cpus N         number of CPUs (default: 2, on Bochs 1)
  --append ARGS    kernel parameters (default: pti=on)
  --mem MB         memory of the guest (default: 256, at most 2047)
  --stops N        stops in user mode a phase (default: 12, on Bochs 6)
  --name NAME      name of the log in build/logs
  --report FILE    where the figures go (default: build/results/exposure.txt,
                   with another image or machine that is in the name)
  --total BYTES    do not compare, but demand this many distinct bytes: a check
                   of the walker on a kernel whose figure is known
  --dump           also print both page tables of the first stop
  --beside N       a command for run.sh --attach: start no guest, but compare one with
                   whatever load at random instants until it ends; fewer than N times
                   is not enough to tell
  --opted-out FROM-TO  beside a load: user mode may run on the kernel page table with RIP
                   in that range (guest/opted_out.c), and has to be met so; in hexadecimal
  --plant CMD      run the host command CMD first, on the guest as it is before its first
                   instruction; it has to let it run
  --program PROG   run this in the guest, not /pti/victim_64; it takes the same arguments, behind
                   those that are given here
  --dumps DIR      write what is shown in each phase there, as ptaudit reads it
  --self-test      only run the walker's own test, on fabricated page tables

Environment: LIMITS=FILE replaces limits.txt, which has bounds for pti=on and pti=auto.
Exit status: 0 clean, 1 differences, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

image=$build model=${PTI_MODEL:-affected} cpus= append=pti=on mem=256 stops= beside=
name= report= total= dump= self_test= plant= program=/pti/victim_64 dumps= opted_out=
while [ $# -gt 0 ]; do
	case $1 in
	--dump) dump=--dump; shift; continue ;;
	--self-test) self_test=1; shift; continue ;;
	--help|-h) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)"
	case $1 in
	--image) image=$2 ;;
	--model) model=$2 ;;
	--cpus) cpus=$2 ;;
	--append) append=$2 ;;
	--mem) mem=$2 ;;
	--stops) stops=$2 ;;
	--name) name=$2 ;;
	--report) report=$2 ;;
	--total) total=$2 ;;
	--beside) beside=$2 ;;
	--plant) plant=$2 ;;
	--program) program=$2 ;;
	--dumps) dumps=$2 ;;
	--opted-out) opted_out="--opted-out $2" ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done

tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti-audit.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# build_tool NAME: a host program from NAME.c and the walker's other files, if
# one of them is newer. Another run may be building it too.
build_tool()
{
	tool=$build/host/$1
	if [ -x "$tool" ] && [ -z "$(find "$here" \( -name 'walk*.[ch]' -o -name beacon.h \) \
	    -newer "$tool")" ]; then
		return
	fi
	mkdir -p "$build/host"
	${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -o "$tmp/$1" "$here/$1.c" \
		"$here"/walk_[!t]*.c "$here/walk_table.c" || die "cannot build $1.c"
	mv "$tmp/$1" "$tool"
}

if [ "$self_test" ]; then
	build_tool walk_test
	"$build/host/walk_test" "$here/exposure.expected"
	exit
fi

row=$(model_row "$model") || exit 2
# Rows of exposure.expected with a condition.
when=
case " $append " in
*" vsyscall=emulate "*) when="$when --when vsyscall=emulate" ;;
esac

mode=
for word in $append; do
	case $word in
	pti=on|pti=auto) mode=$word ;;
	esac
done
[ -z "$mode" ] || limits exposure >/dev/null || exit 2

pcid=
case "$(column "$row" 5) $append " in
"yes "*" nopcid "*|"only "*" nopcid "*) ;;
"yes "*|"only "*) pcid=--pcid ;;
esac

build_tool walk
if [ "$beside" ]; then
	[ "${PTI_GDB:-}" ] || die "no PTI_GDB: run.sh --attach starts this, for a guest of QEMU"
	# The runner has the limit; where CPUs are is known when the guest's programs begin.
	until grep -q -a PTI-RUN-BEGIN "$PTI_LOG"; do
		[ -S "$PTI_GDB" ] || die "the guest ended before its programs began"
		sleep 0.1
	done
	echo "walk: seed 1"
	rc=0
	# shellcheck disable=SC2086 # options and their values
	"$build/host/walk" --expected "$here/exposure.expected" $when $pcid \
		$opted_out --load "$beside" --seed 1 --time 86400 || rc=$?
	exit $rc
fi

case $(column "$row" 2) in
bochs) : "${cpus:=1}" "${stops:=6}"; limit=900 ;;
*) : "${cpus:=2}" "${stops:=12}"; limit=300 ;;
esac
limit=$((limit * ${PTI_SLOW:-1}))
[ "$mem" -le 2047 ] || die "--mem $mem: the walker takes at most 2047 MB"
for f in bzImage vmlinux; do
	[ -r "$image/$f" ] || die "no $image/$f: \"make kernel\" or \"make stock\" makes it"
done
kind=
[ "$(cd "$image" && pwd)" = "$build" ] || kind=-$(basename "$image")
other=
[ "$append" = pti=on ] || other=+$(printf %s "$append" | tr -c 'A-Za-z0-9=._-' +)
: "${name:=audit$kind-$model-$cpus$other}"
[ "$model $cpus $other" = "affected 2 " ] || kind=$kind-$model-$cpus$other
: "${report:=$results/exposure$kind.txt}"
mkdir -p "$(dirname "$report")"
rm -f "$report"

cat >"$tmp/attached" <<END
rc=0
${plant:-:} || exit 2
"$build/host/walk" --expected "$here/exposure.expected" $when $pcid $dump ${dumps:+--dumps "$dumps"} \\
	--time $((limit - 10)) --out "$tmp/report" --report "$tmp/exposure" || rc=\$?
echo \$rc >"$tmp/status"
[ -z "$total" ] || [ \$rc != 1 ] || rc=0
exit \$rc
END
run_rc=0
# shellcheck disable=SC2086 # a program and its arguments
PROGRESS=${PROGRESS:-3} "$here/run.sh" --image "$image" --model "$model" --cpus "$cpus" --append "$append" \
	--mem "$mem" --time $limit --name "$name" --quiet ${plant:+--stopped} --attach "sh '$tmp/attached'" \
	$program "$stops" 20 3>&2 2>"$tmp/errors" || run_rc=$?
walk_rc=2
[ ! -s "$tmp/status" ] || walk_rc=$(cat "$tmp/status")

[ ! -s "$tmp/report" ] || cat "$tmp/report"
# What is kept is what the kernel shows, not what an audit that went wrong has seen.
if [ "$run_rc" = 0 ] && [ -s "$tmp/exposure" ] && { [ "$walk_rc" = 0 ] || [ "$total" ]; }; then
	mv "$tmp/exposure" "$report"
fi
[ -z "$dump" ] || sed -n 's/^# attach  //p' "$logs/$name.log"
if [ "$total" ] && [ "$walk_rc" != 2 ]; then
	[ -s "$report" ] || die "the kernel of $image complained, log: $logs/$name.log"
	found=$(sed -n 's/^total_bytes //p' "$report")
	echo "audit: $found distinct bytes, $total expected"
	[ "$found" = "$total" ] && exit 0
	exit 1
fi
case $walk_rc,$run_rc in
0,0)
	[ "$mode" ] || exit 0
	awk -v mode="$mode" '
		$1 == "executable_bytes" { print "executable", mode, $2 }
		$1 == "two_cpus_bytes" { print "total", mode, $2 }
		$1 == "each_cpu_bytes" { print "each-further-cpu", mode, $2 }' "$report" |
		hold_limits exposure "$mode"
	exit ;;
1,*) exit 1 ;;
esac
cat "$tmp/errors" >&2
echo "audit: could not tell, log: $logs/$name.log" >&2
exit 2
