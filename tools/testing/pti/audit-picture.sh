#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Draw what user mode can reach of the stock kernel beside ours, as README.md shows it: each
# is booted with pti=on and without KASLR, and says it itself.
#
# Usage: audit-picture.sh [OUTPUT]	(default: exposure.svg beside this)

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

out=${1:-$here/exposure.svg}
work_dir
mkdir -p "$build/host"
make -s -C "$top/tools/pti/ptaudit" OUT="$build/host" || die "cannot build ptaudit"

# text IMAGE NAME FILE: what a guest reads there, in a file of that name
text()
{
	run "$here/run.sh" --image "$1" --model affected --cpus 2 --append "pti=on nokaslr" \
		--name "audit-picture-$2" --quiet "echo PICTURE-BEGIN; cat $3; echo PICTURE-END" ||
		die "no guest of $1, log: $logs/audit-picture-$2.log"
	guest_text <"$logs/audit-picture-$2.log" |
		sed -n '/^PICTURE-BEGIN/,/^PICTURE-END/p' | sed '1d; $d' >"$tmp/$2"
	[ -s "$tmp/$2" ] || die "nothing in $3 of $1"
}

text "${STOCK_IMAGE:-$build/stock}" stock /sys/kernel/debug/page_tables/current_user
text "${PTI_IMAGE:-$build}" ours /sys/kernel/debug/x86/pti_audit
cd "$tmp"
"$build/host/ptaudit" --svg --output "$tmp/picture" stock ours || die "no picture"
mv "$tmp/picture" "$out"
echo "$me: $out"
