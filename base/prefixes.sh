#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does every prefix of the series build without a warning, and boot? Goes on
# where it was: what has passed is remembered in build/prefix/passed.

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"

out=$build/prefix
mkdir -p "$out/passed"
commits=$(git -C "$linux" rev-list --reverse stripped..refs/pti/next)
total=$(echo "$commits" | wc -l)
number=0
isolated=0
for commit in stripped $commits; do
	title=$(git -C "$linux" log -1 --format=%s "$commit")
	id=$(git -C "$linux" rev-parse "$commit^{tree}")-$(cksum <"$base/small.config" | tr ' ' -)
	# Isolated from the patch on that says so, and not before
	[ "$title" != "x86/mm: Turn page-table isolation on" ] || isolated=1
	if [ ! -f "$out/passed/$id" ]; then
		echo "prefixes: $number of $total: $title"
		"$base/kernel.sh" prefix "$commit" ||
			die "the series does not build up to patch $number: $title"
		[ ! -f "$logs/kernel-prefix.log.warnings" ] ||
			die "the series builds with warnings up to patch $number: $title"
		"$top/tools/testing/pti/run.sh" --image "$out" --name "prefix-$number" \
			"test \"\$(grep -c '^flags.* pti' /proc/cpuinfo)\" = $isolated" ||
			die "the series does not boot, or is isolated too soon or not at all, up to patch $number: $title"
		: >"$out/passed/$id"
	fi
	number=$((number + 1))
done
[ "$isolated" = 1 ] || die "no patch of the series turns isolation on"
echo "prefixes: all $total build and boot"
