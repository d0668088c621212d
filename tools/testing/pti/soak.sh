#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Soak the debug configuration of configs.txt under Debian's stress-ng, CPU
# hotplug, LDTs and perf (guest/soak.sh), isolation switched off and on meanwhile, and
# processes that opt out and in; the log must hold no report.

usage()
{
	cat <<'END'
Usage: soak.sh [--load] [MODEL]
  MODEL      the machine, from models.txt (default: affected)
  --load     also under Debian's trinity, with memory short (guest/fuzz.sh,
             guest/pressure.sh), with 1000 NMIs a second over all CPUs, of which
             they have to take half at least, as the guest stands still at times
             and what it has not taken by the next is one with that; and
             what user mode can reach is compared from outside at random
             instants (audit.sh --beside), 10^4 times in 1200 s of the guest,
             which stands still meanwhile, and in proportion; so is isolation
             switched, 1000 times at least

Environment: SOAK_SECONDS=N is how long (default: 1800, on Bochs 300, with --load 1200),
PTI_IMAGE=DIR where config/debug/bzImage is (default: build), BUILD=DIR replaces build.
Exit status: 0 nothing found, 1 findings, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

load=
while [ $# -gt 0 ]; do
	case $1 in
	--load) load=1; shift ;;
	--help|-h) usage; exit ;;
	-*) die "unknown option $1 (--help explains)" ;;
	*) break ;;
	esac
done
[ $# -le 1 ] || die "more than one model (--help explains)"
model=${1:-affected}
image=${PTI_IMAGE:-$build}/config/debug
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make test-configs CONFIG=debug\" makes it"
need stress-ng stress-ng
[ ! "$load" ] || need trinity trinity
cpus=4 seconds=1800
[ ! "$load" ] || seconds=1200
if [ "$(column "$(model_row "$model")" 2)" = bochs ]; then
	[ ! "$load" ] || die "--load is for QEMU"
	cpus=1 seconds=300
fi
seconds=${SOAK_SECONDS:-$seconds}
case $seconds in
""|*[!0-9]*) die "SOAK_SECONDS=$seconds: not a number of seconds" ;;
esac
# What comes before and after it is slow; on Bochs, a second of the guest is several.
limit=$((seconds + 1500))
[ $cpus != 1 ] || limit=$((seconds * 8 + 800))
[ ! "$load" ] || limit=$((seconds * 2 + 1000))
work_dir

# The programs and their libraries, with the loader, at their places.
mkdir "$tmp/root"
for program in stress-ng ${load:+trinity}; do
	bin=$(command -v "$program")
	for f in "$bin" $(ldd "$bin" | grep -o '/[^ ]*'); do
		mkdir -p "$tmp/root/$(dirname "$f")"
		cp -L "$f" "$tmp/root/$f"
	done
done
(cd "$tmp/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) |
	gzip -1n >"$tmp/programs.gz"

# What runs in loops beside the stressors: each word is one.
name=soak-$model
append=pti=on
nmis=0
loops="sample_64:5 toggle.sh:50 ldt_64:10,entry_syscall_64:300,mm_procs_64:3,opted_out_64:3"
set --
if [ "$load" ]; then
	name=load-$model
	rate=1000
	nmis=$((seconds * rate / 2))
	# NMIs on all CPUs at once, not on the first alone; a disk of memory to swap to
	append="pti=on apic_extnmi=all ramdisk_size=131072"
	loops="$loops fuzz.sh:180 pressure.sh:90"
	cat >"$tmp/attached" <<END
"$here/nmi-storm.sh" $((cpus * 1000000 / rate)) $((nmis / cpus + 1)) &
storm=\$!
rc=0
"$here/audit.sh" --beside $((seconds * 10000 / 1200)) --opted-out d0000000000-d0000001000 || rc=\$?
wait "\$storm" || rc=\$((rc == 1 ? 1 : 2))
exit "\$rc"
END
	set -- --allow "$here/allow/nmi.txt" --attach "sh '$tmp/attached'"
fi

# shellcheck disable=SC2086 # words
PROGRESS=no "$here/run.sh" --image "$image" --model "$model" --cpus $cpus --mem 1024 --append "$append" \
	--time "$limit" --name "$name" --add "$tmp/programs.gz" --quiet "$@" -- \
	/pti/soak.sh "$seconds" $loops &
child=$!
while kill -0 "$child" 2>/dev/null; do
	sleep 1
	tick=$((${tick:-0} + 1))
	[ $((tick % 60)) = 0 ] || continue
	# Of Bochs, the console comes at the end.
	left=$(tr -d '\r' <"$logs/$name.log" | sed -n 's/^# \(.* left: .*\)/\1/p' | tail -n 1)
	echo "${name%%-*}: $((tick / 60)) min${left:+: $left}"
done
rc=0
wait "$child" || rc=$?
child=
guest_text <"$logs/$name.log" >"$tmp/text"
grep -E '^(ok|not ok|# [A-Z].* before|# [0-9]* stressors|# .* ended with|# NMIs|# attach )' "$tmp/text" || :
changes=$(tr -d "\r" <"$logs/$name.log" | grep -c "isolation: switched o.* by toggle.sh" || :)
echo "isolation was switched $changes times"
demanded=$((seconds / (cpus == 1 ? 20 : 2)))
[ ! "$load" ] || demanded=$((seconds * 1000 / 1200))
if [ "$changes" -lt "$demanded" ]; then
	echo "not ok - too few changes show nothing: $demanded are demanded"
	[ "$rc" != 0 ] || rc=1
fi
taken=$(awk '/^# NMIs by CPU:/ { for (i = 5; i <= NF; i++) n += $i } END { print n + 0 }' "$tmp/text")
[ "$nmis" = 0 ] || echo "$taken NMIs taken over all CPUs, $nmis are demanded; $((taken / (seconds ? seconds : 1))) a second"
if [ "$taken" -lt "$nmis" ]; then
	echo "not ok - too few NMIs show nothing"
	[ "$rc" != 0 ] || rc=1
fi
exit $rc
