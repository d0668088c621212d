#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Make build/linux, a git tree of the whole series:
#
#	tag stock	the kernel source
#	tag stripped	without its own page-table isolation
#	branch pti	one commit a patch of patches/series
#
# KSRC=DIR is another source than Debian's package. Only what has changed since
# the last run is made again, and only files that change are written, so that
# a kernel build goes on where it was. FORCE=1 throws away edits in build/linux.
#
#	tree.sh			all of it
#	tree.sh --commits	the commits, as ref refs/pti/next; no file is touched

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"

archive=${ARCHIVE:-/usr/src/linux-source-6.12.tar.xz}
commits_only=
[ "${1:-}" != --commits ] || commits_only=1

need git tar xz awk
mkdir -p "$build" "$logs" || die "cannot write to $build"
exec 9>"$build/.tree.lock"
flock 9
# What a killed run has left
rm -rf "$build"/.tree.??????

tmp=$(mktemp -d "$build/.tree.XXXXXX")
trap 'end_ticker; rm -rf "$tmp" "$build/linux.new"' EXIT
trap 'exit 1' HUP INT TERM

lgit() {
	git -C "$linux" "$@"
}

state() {
	cat "$linux/.git/pti-$1" 2>/dev/null || true
}

set_state() {
	echo "$2" >"$linux/.git/pti-$1"
}

# An index of its own for making commits: build/linux's files are not touched
igit() {
	GIT_INDEX_FILE="$tmp/index" git --git-dir="$linux/.git" "$@"
}

# commit PARENT MESSAGE-FILE SECONDS: commit the index, print the id
commit() {
	tree=$(igit write-tree)
	GIT_AUTHOR_DATE="$((1700000000 + $3)) +0000"
	GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
	igit commit-tree "$tree" ${1:+-p "$1"} -F "$2"
}

# stage ROOT: put the files named on standard input, from below ROOT, into the index
stage() {
	sort >"$tmp/list"
	sed "s|^|$1/|" "$tmp/list" | igit hash-object -w --no-filters --stdin-paths >"$tmp/ids"
	paste "$tmp/ids" "$tmp/list" | while read -r id file; do
		mode=100644
		[ ! -x "$1/$file" ] || mode=100755
		printf '%s %s 0\t%s\n' $mode "$id" "$file"
	done | igit update-index --add --index-info
}

# --- the source ------------------------------------------------------------

source_id() {
	if [ -z "${KSRC:-}" ]; then
		[ -f "$archive" ] ||
			die "no $archive: 'make deps' installs linux-source-6.12; or give KSRC=DIR"
		stat -c "archive %s %Y" "$archive"
	elif [ -e "$KSRC/.git" ]; then
		# One that was never checked out has no index, and no edits
		[ ! -e "$(git -C "$KSRC" rev-parse --path-format=absolute --git-path index)" ] ||
			[ -z "$(git -C "$KSRC" status --porcelain | head -n 1)" ] ||
			die "KSRC=$KSRC: a git tree with edits, and its HEAD is what counts: commit them"
		echo "commit $(git -C "$KSRC" rev-parse HEAD)"
	else
		[ ! -e "$KSRC/.config" ] ||
			die "KSRC=$KSRC: something was built there: run 'make mrproper' in it"
		(cd "$KSRC" && find . -printf '%P %s %T@\n') | sort | sha256sum
	fi
}

unpack() {
	if [ -z "${KSRC:-}" ]; then
		tar -xf "$archive" -C "$1" --strip-components=1
	elif [ -e "$KSRC/.git" ]; then
		git -C "$KSRC" archive HEAD >"$tmp/tar" && tar -xf "$tmp/tar" -C "$1" &&
			rm -f "$tmp/tar"
	else
		cp -R "$KSRC/." "$1"
	fi
}

version_of() {
	awk '$1 ~ /^(VERSION|PATCHLEVEL|SUBLEVEL)$/ && $2 == "=" { v = v s $3; s = "." }
	     END { print v }' "$1/Makefile" 2>/dev/null
}

check_version() {
	case $1 in
	6.12.*) ;;
	*) die "the source is Linux ${1:-of no version}, and this series is for 6.12.y" ;;
	esac
}

make_stock() {
	[ -z "${KSRC:-}" ] || [ -e "$KSRC/.git" ] || check_version "$(version_of "$KSRC")"
	new=$build/linux.new
	rm -rf "$new"
	need_space 2600
	mkdir "$new"
	exec 3>&1
	errors=$(during "unpacking the source" unpack "$new" 2>&1 >&3) ||
		die "could not unpack the source: $(echo "$errors" | head -n 1)"
	version=$(version_of "$new")
	check_version "$version"

	# Debian's packaging has every file ignored, and new ones would not be seen
	[ ! -f "$new/.gitignore" ] ||
		sed -i "\|^/[*]$|d; \|^!/debian/$|d" "$new/.gitignore"

	git -C "$new" init -q -b pti
	git -C "$new" config gc.auto 0
	git -C "$new" config core.autocrlf false
	echo "Linux $version" >"$tmp/message"
	# One pack, and no search for differences: much faster than loose objects
	during "committing Linux $version" git -C "$new" -c core.bigFileThreshold=0 \
		-c core.compression=1 add -A -f . ||
		die "could not commit the source"
	linux=$new
	cp "$new/.git/index" "$tmp/index"
	id=$(commit "" "$tmp/message" 0)
	lgit update-ref refs/heads/pti "$id"
	lgit tag stock "$id"
	lgit update-ref refs/pti/made "$id"
	set_state source "$source"
	linux=$build/linux
	rm -rf "$linux" "$build/stock/linux" "$build/stripped/linux"
	mv "$new" "$linux"
}

# --- the stripped base -------------------------------------------------------

make_stripped() {
	echo "tree: stripping"
	files=$("$base/strip.sh" --files)
	rm -rf "$tmp/strip"
	mkdir "$tmp/strip"
	# A stripped source has no longer all of them
	lgit ls-tree -r --name-only stock -- $files >"$tmp/there"
	lgit archive stock -- $(cat "$tmp/there") | tar -x -C "$tmp/strip"
	"$base/strip.sh" "$tmp/strip" || exit 1

	cat >"$tmp/message" <<-END
	x86/mm: Remove page-table isolation

	Take the kernel's own page-table isolation out, so that a new one can be
	built in its place. Done by base/strip.sh, from rules.
	END
	igit read-tree stock
	while read -r file; do
		[ -f "$tmp/strip/$file" ] || echo "$file"
	done <"$tmp/there" | igit update-index --force-remove --stdin
	(cd "$tmp/strip" && find . -type f | sed 's|^\./||') | stage "$tmp/strip"
	id=$(commit "$(lgit rev-parse stock^0)" "$tmp/message" 1)
	lgit tag -f stripped "$id" >/dev/null
}

# --- the series --------------------------------------------------------------

apply_patch() {
	igit apply --cached --whitespace=nowarn "$1" 2>"$tmp/errors" && return
	where=$(sed -n 's/^error: patch failed: \(.*\):\([0-9]*\)$/\1, the hunk at line \2/p' \
		"$tmp/errors" | head -n 1)
	die "patches/$(basename "$1") does not apply: ${where:-$(head -n 1 "$tmp/errors")}"
}

# Put our part of MAINTAINERS into the kernel's, at its place in the alphabet
merge_maintainers() {
	igit show :MAINTAINERS >"$tmp/theirs"
	mkdir -p "$tmp/merged"
	awk -f "$base/maintainers.awk" "$top/MAINTAINERS" "$tmp/theirs" \
		>"$tmp/merged/MAINTAINERS" ||
		die "MAINTAINERS: no place found for our entry"
	echo MAINTAINERS | stage "$tmp/merged"
}

add_files() {
	for path in $(adds_of "$1"); do
		if [ "$path" = MAINTAINERS ]; then
			merge_maintainers
			continue
		fi
		files_of "$path" >"$tmp/added"
		[ -s "$tmp/added" ] ||
			die "patches/$(basename "$1") adds $path, which is not there"
		clash=$(tr '\n' '\0' <"$tmp/added" | xargs -0 git --git-dir="$linux/.git" \
			ls-tree -r --name-only stripped -- | head -n 1)
		[ -z "$clash" ] ||
			die "patches/$(basename "$1") adds $clash, which the kernel already has"
		stage "$top" <"$tmp/added"
	done
}

make_series() {
	tip=$(lgit rev-parse stripped^0)
	igit read-tree stripped
	n=1
	for name in $(patches); do
		patch=$top/patches/$name
		[ -f "$patch" ] || die "patches/series names $name, which is not there"
		[ -n "$(subject_of "$patch")" ] || die "patches/$name has no Subject: line"
		if grep -q '^--- ' "$patch"; then
			apply_patch "$patch"
		fi
		add_files "$patch"
		n=$((n + 1))
		message_of "$patch" >"$tmp/message"
		tip=$(commit "$tip" "$tmp/message" $n)
	done
	lgit update-ref refs/pti/next "$tip"
	set_state next "$series"
}

series_id() {
	lgit rev-parse stripped^{tree}
	cat "$base/tree.sh" "$base/lib.sh" "$base/maintainers.awk" | sha256sum
	for name in series $(patches); do
		file=$top/patches/$name
		[ -f "$file" ] || continue
		sha256sum <"$file"
		[ "$name" != series ] || continue
		for path in $(adds_of "$file"); do
			files_of "$path" | while read -r added; do
				echo "$added"
				[ ! -x "$top/$added" ] || echo x
				sha256sum <"$top/$added"
			done
		done
	done
}

# --- what has to be done -----------------------------------------------------

# Edits are kept until they are in the repository
edited() {
	[ -e "$linux/.git/pti-updating" ] && return 1
	[ "$(lgit rev-parse pti)" != "$(lgit rev-parse refs/pti/made)" ] ||
		[ "$(lgit symbolic-ref -q HEAD)" != refs/heads/pti ] ||
		[ -n "$(lgit status --porcelain | head -n 1)" ]
}

check_edits() {
	if [ -z "${FORCE:-}" ] && [ -d "$linux/.git" ] && edited; then
		die "build/linux has edits: 'make refresh' takes them over, 'make tree FORCE=1' throws them away"
	fi
}

[ -z "${KSRC:-}" ] || [ -d "$KSRC" ] || die "KSRC=$KSRC: no such directory"
source=$(source_id) || exit 1
if [ ! -d "$linux/.git" ] || [ "$(state source)" != "$source" ]; then
	check_edits
	make_stock
fi

rules=$(cat "$base/strip.sh" "$base"/strip/* | sha256sum)
if [ "$(state rules)" != "$rules" ]; then
	make_stripped
	set_state rules "$rules"
fi

series=$(series_id | sha256sum)
if [ "$(state next)" != "$series" ]; then
	make_series
fi
[ -z "$commits_only" ] || exit 0

next=$(lgit rev-parse refs/pti/next)
if [ "$next" != "$(lgit rev-parse refs/pti/made)" ] || [ -n "${FORCE:-}" ] ||
   [ -e "$linux/.git/pti-updating" ]; then
	check_edits
	# An interrupted update is done again
	: >"$linux/.git/pti-updating"
	rm -f "$linux/.git/index.lock"
	lgit symbolic-ref HEAD refs/heads/pti
	lgit reset -q --hard "$next" || die "could not update build/linux"
	lgit clean -q -d -f
	lgit update-ref refs/pti/made "$next"
	rm "$linux/.git/pti-updating"
	count=$(lgit rev-list --count stripped..pti)
	echo "tree: build/linux is $(lgit log -1 --format=%s stock), $count patches"
fi
