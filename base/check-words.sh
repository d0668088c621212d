#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Look for a word of page-table isolation that the strip has left behind:
#
#	check-words.sh DIR
#
# What counts, and what does not, is in words.txt.

set -eu

words=$(dirname "$0")/words.txt
tab=$(printf '\t')
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

sed -n "s/^word$tab//p" "$words" >"$tmp/words"
sed -n "s/^ok$tab//p" "$words" >"$tmp/ok"
dirs=$(sed -n "s/^dir$tab//p" "$words")

cd "$1"
rc=0
grep -rnIEi -f "$tmp/words" $dirs >"$tmp/hits" || rc=$?
[ $rc -lt 2 ] || exit 1

# Each hit has to be excused, and each excuse to be needed
rc=0
while IFS=$tab read -r file re; do
	if grep -q "^$file:.*$re" "$tmp/hits"; then
		grep -v "^$file:.*$re" "$tmp/hits" >"$tmp/rest" || true
		mv "$tmp/rest" "$tmp/hits"
	else
		echo "check-words: not found, so not to be excused: $re in $file"
		rc=1
	fi
done <"$tmp/ok"
if [ -s "$tmp/hits" ]; then
	sed 's/^/check-words: left behind: /' "$tmp/hits"
	rc=1
fi
[ $rc = 0 ] && echo "check-words: nothing left of the kernel's own PTI"
exit $rc
