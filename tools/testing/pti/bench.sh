#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Measure ours, the stock and the stripped kernel side by side: what is measured, and
# in which order. Each step is a tool of its own, which interleaves the kernels and
# leaves its counts in build/bench/parts; bench-report.sh makes the report of them. A
# step that cannot be done is left out with its reason, and the others are done.

usage()
{
	cat <<'END'
Usage: bench.sh [OPTION]

Writes build/bench/report.md, CSV files and charts. At most half an hour on two
processors; the kernels have to be built ("make bench" builds them, too). It measures in
build/bench.new, and the last report stays until there is a new one; one from which nothing
was left out stays as build/bench.full when there is one with less.

  --quick          without Bochs, that is without all that needs PCID: some minutes
  --time=N         the seconds that it has for measuring (default: 1800, times PTI_SLOW)
  --check-options  only look at the options

Environment: PTI_IMAGE, STOCK_IMAGE, STRIPPED_IMAGE replace the directories of the
kernels, in each of which config/inet is the one with INET ("make inet"), BUILD=DIR
replaces build, J=1 does one thing at a time.
Exit status: 0 all was measured in time and ours is nowhere above stock or what limits.txt
has, 1 it is somewhere, or measuring took longer, 2 something was left out.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

quick='' check='' limit=$((1800 * ${PTI_SLOW:-1}))
for option; do
	case $option in
	--quick) quick=1 ;;
	--time=*) limit=${option#*=} ;;
	--check-options) check=1 ;;
	--help|-h) usage; exit ;;
	*) die "unknown option $option (--help lists them)" ;;
	esac
done
case $limit in
""|*[!0-9]*) die "--time=$limit: not a number of seconds" ;;
esac
[ -z "$check" ] || exit 0
last=$build/bench
bench=$build/bench.new
RESULTS=$bench/parts LOGS=$bench/logs PROGRESS=no
export RESULTS LOGS PROGRESS
rm -rf "$bench"
mkdir -p "$RESULTS" "$LOGS" || die "cannot write to $bench"

# leave_out TEXT: for the report, and at once.
leave_out()
{
	echo "$me: left out: $*"
	echo "left-out $*" >>"$RESULTS/left-out"
}

# without KERNEL: one that does not build is none, whatever an earlier build left there.
# "make bench" leaves a mark then.
without()
{
	[ -f "$build/unbuilt-$1" ] || return 1
	leave_out "the $1 kernel, as it does not build: \"make $1\" says why"
}
! without stock || export STOCK_IMAGE="$bench/none"
! without stripped || export STRIPPED_IMAGE="$bench/none"
no_inet=
! without inet || no_inet=1
: "${STOCK_IMAGE:=$build/stock}"
if [ "${ACCEL:-tcg}" != tcg ]; then
	leave_out "ACCEL=$ACCEL, as only emulators count instructions; what follows is TCG's"
	export ACCEL=tcg
fi

# into LOG COMMAND...: its output, and an end in any case.
into()
{
	log=$1
	shift
	run timeout -k 5 3000 "$@" >"$log" 2>&1 </dev/null
}

# step WHAT NAME COMMAND...: a tool, whose status 1, a difference, is for the report to
# judge. What it could count counts.
step()
{
	what=$1 step_log=$LOGS/$2.txt
	shift 2
	rc=0
	during "$what" into "$step_log" "$@" || rc=$?
	[ "$rc" -gt 1 ] || return 0
	why=$(grep -v -e ' runs, [0-9]* s of' -e '^[a-z]*\.sh: [a-z]*, [^ ]*$' "$step_log" |
		grep -m 1 -E '^[a-z]*\.sh: |^audit: [cC]') || why="ended with $rc"
	leave_out "$what: $why (log: $last/logs/${step_log##*/})"
}

# tcp WHAT LOG [OPTION]: the loopback network, on kernels of another configuration.
tcp()
{
	[ -z "$no_inet" ] || return 0
	step "$1" "$2" env \
		PTI_IMAGE="${PTI_IMAGE:-$build}/config/inet" \
		STOCK_IMAGE="$STOCK_IMAGE/config/inet" \
		STRIPPED_IMAGE="${STRIPPED_IMAGE:-$build/stripped}/config/inet" \
		"$here/cost.sh" --tcp ${3:+"$3"}
}

# exposure KERNEL MODE DIR [OPTION...]: the options are audit.sh's.
exposure()
{
	kernel=$1 kind=$2 image=$3
	shift 3
	step "exposure, $kernel, $kind" "exposure-$kernel-$kind" "$here/audit.sh" \
		--image "$image" --append "$kind" --stops 4 --name "audit-$kernel-$kind" \
		--report "$RESULTS/exposure-$kernel-$kind.txt" "$@"
}

# Of stock no list is expected, and no figure known: its figures are only kept.
without_pcid()
{
	step "instructions without PCID, on QEMU" cost "$here/cost.sh" --more
	tcp "the loopback network without PCID, on QEMU" cost-tcp
	for mode in pti=on pti=auto; do
		exposure stock "$mode" "$STOCK_IMAGE" --total 0
		exposure ours "$mode" "${PTI_IMAGE:-$build}"
	done
	without size || step "growth, and memory of a process" growth "$here/growth.sh"
}

instructions_with_pcid()
{
	step "instructions with PCID, on Bochs" cost-pcid "$here/cost.sh" --bochs --more
}

# On the QEMU that keeps translations, which is built apart.
what_bochs_cannot()
{
	step "an interrupt with PCID, on QEMU" cost-pcid-qemu "$here/cost.sh" --qemu
	tcp "the loopback network with PCID, on QEMU" cost-pcid-qemu-tcp --qemu
}

flushes()
{
	step "what is dropped from the TLB, on Bochs" flushes "$here/flushes.sh" --more
}

# lane FUNCTION...: beside the other lanes. An end of this script is one of theirs.
lanes=
lane()
{
	(
		child=
		trap 'end_ticker; [ -z "$child" ] || kill "$child"; exit 143' TERM
		for steps; do
			"$steps"
		done
	) &
	lanes="$lanes $!"
	[ "${J:-$(nproc)}" -gt 1 ] || wait_lanes
}
wait_lanes()
{
	for pid in $lanes; do
		wait "$pid" || leave_out "a step, which ended early"
	done
	lanes=
}
end_lanes()
{
	trap '' INT TERM HUP
	for pid in $lanes; do
		kill "$pid" 2>/dev/null || :
	done
	wait
}
trap end_lanes EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

"$here/bench-report.sh" --sources | sed -n 's/^sources //p' >"$RESULTS/sources"
begun=$(date +%s)
if [ "$quick" ]; then
	leave_out "all that needs PCID, because of --quick"
	lane without_pcid
else
	lane flushes what_bochs_cannot
	lane without_pcid instructions_with_pcid
fi
wait_lanes
took=$(($(date +%s) - begun))
echo "$me: measured in $((took / 60)) min"

# full DIR: whether its report has all.
full()
{
	[ -f "$1/report.md" ] && [ ! -e "$1/parts/left-out" ] &&
		! grep -q -e '^- missing: ' -e '^- the charts: ' "$1/report.md"
}
rc=0
BENCH=$bench "$here/bench-report.sh" || rc=$?
if [ "$took" -gt "$limit" ]; then
	echo "$me: not ok: measuring took $took s, the limit is $limit s"
	rc=1
fi
[ -f "$bench/report.md" ] || die "there is no report of what was measured, $bench"
if full "$bench"; then
	rm -rf "$build/bench.full"
elif full "$last"; then
	rm -rf "$build/bench.full"
	mv "$last" "$build/bench.full"
fi
rm -rf "$last"
mv "$bench" "$last"
echo "$me: $last/report.md"
[ ! -d "$build/bench.full" ] || echo "$me: the last one of all: $build/bench.full/report.md"
exit "$rc"
