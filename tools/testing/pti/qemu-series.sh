#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Write the patches of qemu/ as mails to build/qemu/series, with a cover letter made
# from qemu/cover-letter.txt, of which the first line is the subject; and have QEMU's
# own checkpatch.pl look at each. What it may say is in qemu/checkpatch.txt. The source
# is what qemu.sh has unpacked, and what it builds.

usage()
{
	cat <<'END'
Usage: qemu-series.sh

Writes the patches in qemu/ as mails to build/qemu/series, with a cover letter, and has
QEMU's checkpatch.pl look at each.

Environment: AUTHOR="NAME <ADDRESS>" is who the mails are from, and who signs them off;
BUILD=DIR replaces build.
Exit status: 0 checkpatch is content, 1 it is not, 2 there are no mails.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

only_help "$@"
need git git
need perl perl
src=$build/qemu/src
out=$build/qemu/series
[ -r "$src/scripts/checkpatch.pl" ] || die "no $src: \"make qemu-pcid\" unpacks it"
author=${AUTHOR:-PTI series <pti@localhost>}
case $author in
?*" <"?*@?*">") ;;
*) die "AUTHOR=\"$author\" is not of the form NAME <ADDRESS>" ;;
esac
work_dir

# What the mails say must not depend on who runs git, nor on when.
GIT_CONFIG_GLOBAL=/dev/null
GIT_CONFIG_NOSYSTEM=1
GIT_COMMITTER_NAME=${author% <*}
GIT_COMMITTER_EMAIL=${author##*<}
GIT_COMMITTER_EMAIL=${GIT_COMMITTER_EMAIL%>}
GIT_AUTHOR_NAME=$GIT_COMMITTER_NAME
GIT_AUTHOR_EMAIL=$GIT_COMMITTER_EMAIL
date=1700000000
GIT_AUTHOR_DATE="$date +0000"
GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE \
	GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

# A repository of the files that the patches touch, as they were before.
patches=$(rows "$here/qemu/series")
(cd "$here/qemu" && echo "$patches" | xargs cat) >"$tmp/all"
(cd "$tmp" && git apply --numstat all) | cut -f3 | sort -u >"$tmp/files"
mkdir "$tmp/repo"
(cd "$src" && tar -c -f - -T "$tmp/files") | tar -x -f - -C "$tmp/repo" ||
	die "$src is not of the patches in $here/qemu: \"make qemu-pcid\" makes it so"
cd "$tmp/repo"
git init -q -b pcid
for patch in $(echo "$patches" | tac); do
	git apply -R "$here/qemu/$patch" ||
		die "$src is not of the patches in $here/qemu: \"make qemu-pcid\" makes it so"
done
git add -A
git commit -q -m "Debian's QEMU"
git tag base
for patch in $patches; do
	{
		echo "From: $author"
		date=$((date + 1))
		echo "Date: $(date -u -R -d "@$date")"
		cat "$here/qemu/$patch"
	} >"$tmp/mail"
	git am -q --signoff "$tmp/mail" || die "$here/qemu/$patch is no mail that git takes"
done
version=$(cat "$src/VERSION")
git config branch.pcid.description "$(sed "s/@version@/$version/" "$here/qemu/cover-letter.txt")"
rm -rf "$out"
git format-patch -q --cover-letter --cover-from-description=subject --no-signature -n -o "$out" base

# Each complaint that is not expected, and each expected one that does not come.
list=qemu/checkpatch.txt
for mail in "$out"/000[1-9]*.patch; do
	(cd "$src" && perl scripts/checkpatch.pl "$mail") >"$tmp/said" || :
	grep -q '^total: ' "$tmp/said" || die "checkpatch.pl did not read $mail"
	awk -v OFS='\t' -v mail="${mail##*/}" '
		what && /^#.*FILE: / { sub(/:[0-9]*:$/, ""); print $NF, what; what = ""; next }
		what { print mail, what; what = "" }
		/^(ERROR|WARNING): / { what = $0 }' "$tmp/said"
done | sort -u >"$tmp/complaints"
rows "$here/$list" | cut -f1,2 | sort >"$tmp/expected"
rc=0
comm -23 "$tmp/complaints" "$tmp/expected" | sed 's/^/not expected: /' | grep . && rc=1
comm -13 "$tmp/complaints" "$tmp/expected" | sed "s|^|in $list, but not said: |" | grep . && rc=1
echo "$me: $(echo "$patches" | wc -l) patches and a cover letter in $out, from $author"
[ "${AUTHOR:-}" ] || echo "$me: AUTHOR='Name <address>' makes them yours"
if [ "$rc" = 0 ]; then
	echo "$me: QEMU's checkpatch.pl is content, with $(wc -l <"$tmp/expected") lines of $list"
fi
exit $rc
