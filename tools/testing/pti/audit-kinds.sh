#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Processes of every kind (guest/kinds.c), each seen from three sides: what debugfs
# x86/pti_audit says of it, what the outside walker finds in the guest's memory, and how many
# pages the kernel's own dump has. For each, ptaudit has to find the first two the same, frames
# and flags included, and the policy held; and the third has to be as many.

usage()
{
	cat <<'END'
Usage: audit-kinds.sh [OPTION...]
  --image DIR      where bzImage and vmlinux are (default: $PTI_IMAGE or build)
  --model NAME     the machine, from models.txt (default: affected)
  --append ARGS    kernel parameters (default: pti=on vsyscall=emulate)
  --keep DIR       leave the dumps there: N.inside, N.outside
Exit status: 0 all agree, 1 some do not, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

image=${PTI_IMAGE:-$build} model=affected append="pti=on vsyscall=emulate" keep=
while [ $# -gt 0 ]; do
	case $1 in
	--help|-h) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || die "unknown option or no value: $1 (--help lists them)"
	case $1 in
	--image) image=$2 ;;
	--model) model=$2 ;;
	--append) append=$2 ;;
	--keep) keep=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done

work_dir
mkdir -p "$build/host"
make -s -C "$top/tools/pti/ptaudit" OUT="$build/host" || die "cannot build ptaudit"
ptaudit=$build/host/ptaudit
dumps=${keep:-$tmp/dumps}
mkdir -p "$dumps"
rm -f "$dumps"/*.inside "$dumps"/*.outside

name=audit-kinds-$model
rc=0
"$here/audit.sh" --image "$image" --model "$model" --append "$append" --name "$name" --stops 2 \
	--report "$tmp/exposure" --program "/pti/kinds_64 /pti/kinds_32" --dumps "$dumps" >"$tmp/out" 2>&1 || rc=$?
grep -v '^ ' "$tmp/out" | tail -n 12
[ "$rc" != 2 ] || die "the audit could not tell"

guest_text <"$logs/$name.log" >"$tmp/text"
awk -v dir="$dumps" '
	/^AUDIT [0-9]+$/ { file = dir "/" $2 ".inside"; next }
	/^AUDIT-END / { close(file); file = ""; next }
	file { print >file }' "$tmp/text"
sed -n 's/^KIND //p' "$tmp/text" >"$tmp/kinds"
[ "$(sed -n 's/^KINDS //p' "$tmp/text")" = "$(wc -l <"$tmp/kinds")" ] ||
	die "not all kinds were there, log: $logs/$name.log"

bad=$rc
number=0
while read -r n pages espfix what; do
	number=$((number + 1))
	why=
	for side in inside outside; do
		[ -s "$dumps/$n.$side" ] || why="no look from the $side"
	done
	[ "$why" ] || "$ptaudit" --check "$dumps/$n.inside" >"$tmp/check" 2>&1 ||
		why="check: $(head -n 1 "$tmp/check")"
	[ "$why" ] || "$ptaudit" --diff --exact "$dumps/$n.inside" "$dumps/$n.outside" >"$tmp/diff" 2>&1 ||
		why="diff: $(sed -n '3p;$p' "$tmp/diff" | tr '\n' ' ')"
	# Of espfix the kernel's own dump has some lines
	for side in inside outside; do
		[ "$why" ] || why=$(awk -v pages="$pages" -v espfix="$espfix" -v side="$side" '
			$1 == "map" && $10 == "espfix" { aliases += $5; next }
			$1 == "map" { n += $5 }
			END {
				if (n != pages || aliases != 65536 * espfix)
					print side ": " n " pages, " aliases + 0 " aliases; " \
						"the kernel dumps " pages
			}' "$dumps/$n.$side")
	done
	if [ "$why" ]; then
		bad=1
		echo "not ok $number - $what: $why"
	else
		echo "ok $number - $what: $pages pages$([ "$espfix" = 0 ] || echo ', espfix'), from three sides"
	fi
done <"$tmp/kinds"
echo "audit-kinds: $number kinds"
[ "$number" -ge 20 ] || die "fewer than 20 kinds"
exit "$bad"
