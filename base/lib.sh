# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of base/ share. Sourced, never run; the script that sources
# it has set $base to this directory.

top=$(cd "$base/.." && pwd)
build=${BUILD:-$top/build}
linux=$build/linux
logs=$build/logs
me=$(basename "$0" .sh)
. "$top/base/common.sh"

# Where the strip and the series change code
our_dirs="arch/x86 fs init kernel mm security"

# die TEXT: one line on stderr, and stop
die() {
	echo "$me: $*" >&2
	exit 1
}

# need PROGRAM...: stop if one is missing
need() {
	for program; do
		command -v "$program" >/dev/null ||
			die "$program is missing: 'make deps' installs it"
	done
}

# rows FILE: its lines, without comments and empty ones
rows() {
	sed '/^#/d; /^[[:space:]]*$/d' "$1"
}

# need_space MEGABYTES: stop if the disk below build/ has not that much left
need_space() {
	mkdir -p "$build" || die "cannot write to $build"
	free=$(df -Pm "$build" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "the disk of $build is full: $1 MB needed, $free MB free"
}

# patches: the patches of the series, in order
patches() {
	[ ! -f "$top/patches/series" ] || rows "$top/patches/series" | awk '{ print $1 }'
}

# subject_of PATCH, message_of PATCH: the parts of its header
subject_of() {
	sed -n 's/^Subject: *\(\[[^]]*\] *\)*//p; /^$/q' "$1"
}

message_of() {
	subject_of "$1"
	awk '/^(---|diff |Index: |=====)/ { exit }
	     body && $0 != "" { printf "%s%s\n", gap, $0; gap = "" }
	     $0 == "" { gap = gap "\n"; body = 1 }' "$1"
}

# adds_of PATCH: the paths that its message says it adds
adds_of() {
	message_of "$1" | sed -n 's/^Adds: *//p'
}

# files_of PATH: the files in the repository that an added path stands for
files_of() {
	if [ -f "$top/$1" ]; then
		echo "$1"
	elif git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
		git -C "$top" ls-files -co --exclude-standard "$1" |
			while read -r file; do
				[ ! -f "$top/$file" ] || echo "$file"
			done | sort
	else
		(cd "$top" && find "$1" -type f | sort)
	fi
}

# Git must not depend on who runs it: the same input makes the same commits
GIT_CONFIG_GLOBAL=/dev/null
GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME="PTI series"
GIT_AUTHOR_EMAIL=pti@localhost
GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME
GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
LC_ALL=C
GIT_CONFIG_COUNT=1
GIT_CONFIG_KEY_0=safe.directory
GIT_CONFIG_VALUE_0="*"
GIT_CEILING_DIRECTORIES=$build
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL \
	GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL LC_ALL \
	GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CEILING_DIRECTORIES
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
