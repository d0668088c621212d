#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Count the guest instructions that the isolation costs: on each way into the
# kernel and back, and in what programs do with them (guest/cost.c). Ours beside
# the stock kernel's, over the stripped one, all counted in the same run. Ours may
# nowhere cost more than stock's, nor more than limits.txt has.

usage()
{
	cat <<'END'
Usage: cost.sh [--bochs | --qemu] [--more | --tcp] [--modes "MODE..."]

Without PCID, on QEMU with -icount; writes build/results/cost.txt, and the counts
themselves to cost.counts.

  --bochs   with PCID, on Bochs, with INVPCID and without; cost-pcid.txt
  --qemu    with PCID, on the QEMU of "make qemu-pcid", what Bochs cannot count: an
            interrupt or, with --tcp, that; cost-pcid-qemu.txt, cost-pcid-qemu-tcp.txt
  --modes   only these: nopti, pti=on and, with PCID, noinvpcid, parted by blanks; the names
            of the files have them at the end, as in cost-pcid-noinvpcid.txt
  --more    more ways, and all of them in 32-bit code, too (bench.sh); cost-more.txt
  --tcp     nothing but a byte over the loopback network and one back, for which the kernels
            need INET ("kernel.sh config-inet"); cost-tcp.txt

A kernel that is missing or does not run is left out, and the others are counted.

Environment: PTI_IMAGE, STOCK_IMAGE, STRIPPED_IMAGE replace the directories of the
kernels, BUILD=DIR replaces build, RESULTS=DIR replaces build/results, LIMITS=FILE
limits.txt.
Exit status: 0 ours costs nowhere more, 1 it does, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# What stock shows at all times has no price there: such ways are counted, not judged.
# On both emulators no way is so long that there is a timer interrupt in each repetition.
name=cost model=affected options=--icount more='' ways='/pti/cost_64 && /pti/cost_32'
modes="nopti pti=on"
title="Guest instructions without PCID, on QEMU's TCG"
some=
while [ $# -gt 0 ]; do
	case $1 in
	--help|-h) usage; exit ;;
	--bochs)
		name=cost-pcid model=haswell-pcid options="--ips 120000000"
		modes="nopti pti=on noinvpcid"
		title="Guest instructions with PCID, on Bochs (noinvpcid: pti=on noinvpcid)"
		;;
	--qemu)
		name=cost-pcid-qemu model=qemu-pcid
		modes="nopti pti=on noinvpcid"
		title="Guest instructions with PCID, on QEMU's TCG (noinvpcid: pti=on noinvpcid)"
		;;
	--more) more=-more ways='/pti/cost_64 more && /pti/cost_32 more && /pti/cost_64 prices' ;;
	--tcp) more=-tcp ways='/pti/cost_64 tcp && /pti/cost_32 tcp' ;;
	--modes)
		some=${2:-}
		[ "${some##* }" ] || die "--modes needs a list of modes"
		shift
		;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift
done
case $name$more in
cost-pcid-qemu) ways='/pti/cost_64 interrupt && /pti/cost_32 interrupt' ;;
cost-pcid-qemu-more) die "--qemu has no more ways than one (--help lists what there is)" ;;
esac
modes=$(chosen_modes "$modes" "$some") || exit 2
limited="$name${more:+ $name$more}"
# TCP has no limits of its own
[ "$more" != -tcp ] || limited=
[ -z "$limited" ] || limits $limited >/dev/null || exit 2
name=$name$more${some:+-$(echo "$some" | tr ' ' +)}
out=$results/$name.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"

# count KERNEL MODE DIR PARAMETERS: "KERNEL MODE way minimum repetitions", a line
# a way. Where things lie in memory makes fork() copy more or fewer page tables:
# it has to be the same in each boot.
count()
{
	echo "$me: $1, $2" >&2
	"$here/run.sh" $options ${more:+--time 1500} --image "$3" --model "$model" \
		--append "$4 norandmaps nokaslr" --name "$name-$1-$2" "$ways" >"$tmp/raw" || {
		echo "$me: the run of $3/bzImage with \"$4\" failed" >&2
		return 0
	}
	sed -n "s/^COST /$1 $2 /p" "$tmp/raw"
}

stock=${STOCK_IMAGE:-$build/stock}
count stripped - "${STRIPPED_IMAGE:-$build/stripped}" "" >"$tmp/counts"
for mode in $modes; do
	parameters=$mode
	[ "$mode" != noinvpcid ] || parameters="pti=on noinvpcid"
	count stock "$mode" "$stock" "$parameters"
	count ours "$mode" "${PTI_IMAGE:-$build}" "$parameters"
done >>"$tmp/counts"

rc=0
awk -v title="$title" -v modes="$modes" '
	$1 == "stripped" { way[++ways] = $3 }
	{
		least[$1, $2, $3] = $4
		if (!few || $5 < few)
			few = $5
	}
	END {
		nm = split(modes, mode, " ")
		print title ";"
		print "the least of " few " or more repetitions, and how much more than the stripped kernel"
		printf "%-17s %9s", "", "stripped"
		for (m = 1; m <= nm; m++)
			printf "  %15s", mode[m]
		printf "\n%-27s", ""
		for (m = 1; m <= nm; m++)
			printf "  %8s %6s", "stock", "ours"
		print ""
		for (w = 1; w <= ways; w++) {
			base = least["stripped", "-", way[w]]
			printf "%-17s %9d", way[w], base
			for (m = 1; m <= nm; m++) {
				s = least["stock", mode[m], way[w]]
				o = least["ours", mode[m], way[w]]
				printf "  %8s %6s", s == "" ? "?" : sprintf("%+d", s - base), \
					o == "" ? "?" : sprintf("%+d", o - base)
				if (s == "" || o == "")
					bad = bad sprintf("not ok: %s, %s: not counted\n", way[w], mode[m])
				else if (o > s && way[w] !~ /^price-/) {
					worse = 1
					bad = bad sprintf("not ok: %s, %s: ours %d, stock %d\n", \
							  way[w], mode[m], o, s)
				}
			}
			print ""
		}
		if (!ways)
			bad = "not ok: nothing was counted\n"
		printf "%s", bad
		exit worse ? 1 : bad != "" ? 3 : 0
	}' "$tmp/counts" >"$tmp/cost" || rc=$?
case $rc in
0|1) ;;
3) rc=2 ;;
*) exit 2 ;;
esac
limits_rc=0
[ -z "$limited" ] || awk '
	$1 == "stripped" { base[$3] = $4 }
	$1 == "ours" && $3 in base { print $3, $2, $4 - base[$3] }' "$tmp/counts" |
	hold_limits "$limited" "$modes" >>"$tmp/cost" || limits_rc=$?
rc=$(worse_of "$rc" "$limits_rc")
mv "$tmp/counts" "$results/$name.counts"
mv "$tmp/cost" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
