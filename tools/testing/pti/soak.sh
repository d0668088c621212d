#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Soak the debug configuration of configs.txt under Debian's stress-ng, CPU
# hotplug, LDTs and perf (guest/soak.sh); the log must hold no report.
#
# Usage: soak.sh [MODEL]
#
# SOAK_SECONDS=N in the environment: so long, instead of 1800, or 300 on Bochs.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

model=${1:-affected}
image=${PTI_IMAGE:-$build}/config/debug
[ -r "$image/bzImage" ] || die "no $image/bzImage: \"make test-configs CONFIG=debug\" makes it"
need stress-ng stress-ng
cpus=4 seconds=1800
if [ "$(column "$(model_row "$model")" 2)" = bochs ]; then
	cpus=1 seconds=300
fi
seconds=${SOAK_SECONDS:-$seconds}
case $seconds in
""|*[!0-9]*) die "SOAK_SECONDS=$seconds: not a number of seconds" ;;
esac
# What comes before and after it is slow; on Bochs, a second of the guest is several.
limit=$((seconds + 1500))
[ $cpus != 1 ] || limit=$((seconds * 8 + 800))
work_dir

# The program and its libraries, with the loader, at their places.
mkdir "$tmp/root"
bin=$(command -v stress-ng)
for f in "$bin" $(ldd "$bin" | grep -o '/[^ ]*'); do
	mkdir -p "$tmp/root/$(dirname "$f")"
	cp -L "$f" "$tmp/root/$f"
done
(cd "$tmp/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) |
	gzip -1n >"$tmp/stress-ng.gz"

name=soak-$model
"$here/run.sh" --image "$image" --model "$model" --cpus $cpus --mem 1024 --append pti=on \
	--time "$limit" --name "$name" --add "$tmp/stress-ng.gz" --quiet -- \
	/pti/soak.sh "$seconds" sample_64:5 ldt_64:10 entry_syscall_64:300 mm_procs_64:3 &
child=$!
while kill -0 "$child" 2>/dev/null; do
	sleep 1
	tick=$((${tick:-0} + 1))
	[ $((tick % 60)) = 0 ] || continue
	# Of Bochs, the console comes at the end.
	left=$(tr -d '\r' <"$logs/$name.log" | sed -n 's/^# \(.* left: .*\)/\1/p' | tail -n 1)
	echo "soak: $((tick / 60)) min${left:+: $left}"
done
rc=0
wait "$child" || rc=$?
child=
guest_text <"$logs/$name.log" | grep -E '^(ok|not ok|# [A-Z].* before|# [0-9]* stressors|# .* ended with)' || :
exit $rc
