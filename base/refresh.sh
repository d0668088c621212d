#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Bring edits made in build/linux back into this repository.
#
# An edit is a new commit on branch pti, a changed one (git rebase -i), a
# "fixup!" commit (git commit --fixup), or simply a file changed and not yet
# committed: that goes to the commit that adds the file, or to the only one that
# patches it. The patches are written again, with one line of context, and files
# of ours are copied. Then the tree is made from them, and must be the edited one.

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"

need git awk
[ -d "$linux/.git" ] || die "no build/linux: 'make tree' makes it"
tmp=$(mktemp -d "$build/.refresh.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

lgit() {
	git -C "$linux" "$@"
}

igit() {
	GIT_INDEX_FILE="$tmp/index" git -C "$linux" "$@"
}

subject() {
	lgit log -1 --format=%s "$1"
}

# Is it a file that stands in this repository in full?
ours() {
	! lgit cat-file -e "stripped:$1" 2>/dev/null
}

[ ! -d "$linux/.git/rebase-merge" ] && [ ! -d "$linux/.git/rebase-apply" ] ||
	die "a rebase is going on in build/linux: finish it first"
[ "$(lgit symbolic-ref -q HEAD)" = refs/heads/pti ] ||
	die "build/linux is not on branch pti"
[ -z "$(lgit rev-list --merges stripped..pti)" ] ||
	die "there is a merge on branch pti, and a series has to be a line"
[ "$(lgit merge-base stripped pti)" = "$(lgit rev-parse stripped^0)" ] ||
	die "branch pti does not start at tag stripped"

# --- what is not committed goes to the patch it belongs to --------------------

cp "$linux/.git/index" "$tmp/index"
igit add -A
wanted=$(igit write-tree)
mkdir "$tmp/fix"
lgit diff-tree -r --name-only pti "$wanted" >"$tmp/changed"
while read -r file; do
	if ours "$file"; then
		owner=$(lgit log --diff-filter=A --format=%H stripped..pti -- "$file" | tail -n 1)
		if [ -z "$owner" ]; then
			die "commit $file: it is new, and no patch adds it so far"
		fi
	else
		owner=$(lgit rev-list stripped..pti -- "$file")
		[ -n "$owner" ] || die "commit the change of $file: no patch touches it so far"
		[ "$(echo "$owner" | wc -l)" = 1 ] ||
			die "commit the change of $file with --fixup: several patches touch it"
	fi
	lgit diff-tree -r -p --binary --full-index pti "$wanted" -- "$file" >>"$tmp/fix/$owner"
done <"$tmp/changed"

# --- the tree after each patch, with the fixups where they belong -------------

apply() {
	[ ! -s "$1" ] || igit apply --cached --3way --whitespace=nowarn "$1" \
		>"$tmp/errors" 2>&1 ||
		die "'$2' does not apply in its place: use git rebase -i in build/linux"
}

igit read-tree stripped
lgit rev-parse "stripped^{tree}" >"$tmp/trees"
: >"$tmp/commits"
lgit rev-list --reverse stripped..pti >"$tmp/all"
while read -r commit; do
	title=$(subject "$commit")
	case $title in
	"fixup! "*|"squash! "*|"amend! "*)
		target=${title#*! }
		while read -r other; do
			case $(subject "$other"):$other in
			"$target":*|*:"$target"*) continue 2 ;;
			esac
		done <"$tmp/all"
		die "'$title' is for no commit of the branch" ;;
	esac
	lgit diff-tree -p --binary --full-index "$commit^" "$commit" >"$tmp/diff"
	apply "$tmp/diff" "$title"
	while read -r other; do
		for kind in fixup squash amend; do
			case $(subject "$other") in
			"$kind! $title"|"$kind! $(echo "$commit" | cut -c 1-12)"*)
				lgit diff-tree -p --binary --full-index "$other^" "$other" >"$tmp/diff"
				apply "$tmp/diff" "$kind! $title" ;;
			esac
		done
	done <"$tmp/all"
	[ ! -f "$tmp/fix/$commit" ] || apply "$tmp/fix/$commit" "the change in $title"
	igit write-tree >>"$tmp/trees"
	echo "$commit" >>"$tmp/commits"
done <"$tmp/all"
[ "$(tail -n 1 "$tmp/trees")" = "$wanted" ] ||
	die "the fixups do not add up to what is in build/linux: use git rebase -i there"

# --- edits of this repository ------------------------------------------------------

# A file of ours that was edited here and not in build/linux stays as it is here.
# Any other edit would be lost.
made=$(lgit rev-parse refs/pti/made)
"$base/tree.sh" --commits ||
	die "the patches and files of this repository do not go together: undo their edits (git stash), and refresh again"
blob() {
	lgit rev-parse -q --verify "$1:$2" || true
}
igit read-tree "$wanted"
lgit diff-tree -r --name-only "$made" refs/pti/next | while read -r file; do
	here=$(blob refs/pti/next "$file")
	there=$(blob "$wanted" "$file")
	# Equal: written by a refresh that was interrupted
	[ "$here" != "$there" ] || continue
	if [ -z "$here" ] || [ "$there" != "$(blob "$made" "$file")" ] || ! ours "$file"; then
		echo "$file" >"$tmp/lost"
		break
	fi
	lgit ls-tree refs/pti/next -- "$file" | igit update-index --index-info
	echo "$file" >>"$tmp/kept"
done
[ ! -f "$tmp/lost" ] ||
	die "this repository has edits that build/linux lacks, of $(cat "$tmp/lost"): put them aside (git stash), refresh, and bring them back"
expected=$(igit write-tree)
touch "$tmp/kept"

# --- our files -----------------------------------------------------------------

lgit diff-tree -r --name-only --diff-filter=A stripped "$wanted" >"$tmp/ours"
lgit diff-tree -r --name-only --diff-filter=A stripped "$made" >"$tmp/before"
while read -r file; do
	if ! grep -qxF "$file" "$tmp/ours"; then
		rm -f "$top/$file"
		echo "refresh: removed $file"
	fi
done <"$tmp/before"
while read -r file; do
	! grep -qxF "$file" "$tmp/kept" || continue
	lgit cat-file blob "$wanted:$file" >"$tmp/file"
	cmp -s "$tmp/file" "$top/$file" && continue
	mkdir -p "$(dirname "$top/$file")"
	cat "$tmp/file" >"$top/$file"
	case $(lgit ls-tree "$wanted" -- "$file") in
	100755*) chmod 755 "$top/$file" ;;
	esac
	echo "refresh: $file"
done <"$tmp/ours"

lgit diff-tree -r -p -U0 stripped "$wanted" -- MAINTAINERS |
	sed -n '/^+++/d; s/^+//p' | sed '$ { /^$/d }' >"$tmp/entry"
if [ -s "$tmp/entry" ]; then
	{
		grep '^#' "$top/MAINTAINERS" || true
		cat "$tmp/entry"
	} >"$tmp/file" 2>/dev/null
	if ! grep -v '^#' "$top/MAINTAINERS" 2>/dev/null | sed '/./,$ !d' | cmp -s - "$tmp/entry"; then
		cat "$tmp/file" >"$top/MAINTAINERS"
		echo "refresh: MAINTAINERS"
	fi
fi

# --- the patches ---------------------------------------------------------------

# The Adds: lines of a message: those that still hold, and one for every file
# that none of them covers
adds() {
	lgit diff-tree -r --name-only --diff-filter=A "$2" "$3" |
		grep -xF -f "$tmp/ours" >"$tmp/new" || true
	if lgit diff-tree -r --name-only "$2" "$3" | grep -qx MAINTAINERS; then
		echo MAINTAINERS >>"$tmp/new"
	fi
	lgit log -1 --format=%B "$1" | sed -n 's/^Adds: *//p' | while read -r path; do
		if awk -v p="$path" '$0 == p || index($0, p "/") == 1 { f = 1 } END { exit !f }' \
			"$tmp/new"; then
			echo "Adds: $path"
			awk -v p="$path" '$0 != p && index($0, p "/") != 1' "$tmp/new" >"$tmp/rest"
			mv "$tmp/rest" "$tmp/new"
		fi
	done
	sed 's/^/Adds: /' "$tmp/new"
}

mkdir "$tmp/patches"
mkdir -p "$top/patches"
echo MAINTAINERS | cat - "$tmp/ours" | sed 's/^/:(exclude,literal)/' >"$tmp/exclude"
grep '^#' "$top/patches/series" >"$tmp/series" 2>/dev/null || true
number=0
while read -r commit; do
	number=$((number + 1))
	title=$(subject "$commit")
	old=$(sed -n "${number}p" "$tmp/trees")
	new=$(sed -n "$((number + 1))p" "$tmp/trees")
	adds "$commit" "$old" "$new" >"$tmp/adds"
	tr '\n' '\0' <"$tmp/exclude" | xargs -0 git -C "$linux" diff-tree -r -p -U1 \
		--no-renames "$old" "$new" -- . |
		sed '/^diff --git /d; /^index /d; s/^\(@@ [^@]* @@\).*/\1/' >"$tmp/diff"
	if [ ! -s "$tmp/diff" ] && [ ! -s "$tmp/adds" ]; then
		echo "refresh: folded, as it changes files of ours only: $title"
		continue
	fi
	name=
	for patch in $(patches); do
		[ "$(subject_of "$top/patches/$patch")" != "$title" ] || name=$patch
	done
	[ -n "$name" ] || name=$(printf '%04d-%s.patch' $number "$(echo "$title" |
		sed 's/[^A-Za-z0-9._]\{1,\}/-/g; s/^-//; s/-$//' | cut -c 1-52)")
	{
		echo "Subject: $title"
		echo
		lgit log -1 --format=%b "$commit" | sed '/^Adds: /d' | awk '
			$0 != "" { printf "%s%s\n", gap, $0; gap = ""; some = 1 }
			$0 == "" && some { gap = gap "\n" }'
		if [ -s "$tmp/adds" ]; then
			echo
			cat "$tmp/adds"
		fi
		if [ -s "$tmp/diff" ]; then
			echo
			cat "$tmp/diff"
		fi
	} | cat -s >"$tmp/patches/$name"
	echo "$name" >>"$tmp/series"
done <"$tmp/commits"

for patch in $(patches); do
	if [ ! -f "$tmp/patches/$patch" ]; then
		rm -f "$top/patches/$patch"
		echo "refresh: removed patches/$patch"
	fi
done
for name in $(rows "$tmp/series"); do
	cmp -s "$tmp/patches/$name" "$top/patches/$name" && continue
	cat "$tmp/patches/$name" >"$top/patches/$name"
	echo "refresh: patches/$name"
done
cmp -s "$tmp/series" "$top/patches/series" || cat "$tmp/series" >"$top/patches/series"

# --- and the tree from them ------------------------------------------------------

"$base/tree.sh" --commits
[ "$(lgit rev-parse "refs/pti/next^{tree}")" = "$expected" ] ||
	die "what was written does not make the tree in build/linux: nothing was changed there"
FORCE=1 "$base/tree.sh"
