# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts of the test bed share: where things are, how to complain,
# and how to read the table of models. Sourced, never run; a script that
# sources it has set $here to this directory.

: "${here:=tools/testing/pti}"
top=$(cd "$here/../../.." && pwd)
build=${BUILD:-$top/build}
logs=${LOGS:-$build/logs}
# Figures are of one kernel, and stand beside it: a mutant's are not for the series.
results=${RESULTS:-${PTI_IMAGE:-$build}/results}
me=${0##*/}
. "$top/base/common.sh"

# die TEXT: one line on stderr, and the exit status that means "could not tell".
die()
{
	echo "$me: $*" >&2
	exit 2
}

# need PROGRAM PACKAGE: stop if a host program is missing.
need()
{
	command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ||
		die "no $1 here: install the package $2 (\"make deps\" does)"
}

# rows FILE: the rows of a table, without comments and empty lines.
rows()
{
	sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$1"
}

# model_row NAME: the row of a model with the blanks round the bars removed,
# or a complaint that lists the names.
model_row()
{
	rows "$here/models.txt" | sed 's/[[:space:]]*|[[:space:]]*/|/g' |
		awk -F'|' -v n="$1" '$1 == n { print; f = 1 } END { exit !f }' && return
	echo "$me: no model \"$1\"; there are: $(rows "$here/models.txt" |
		cut -d'|' -f1 | tr -d ' \t' | tr '\n' ' ')" >&2
	return 1
}

# column ROW N: the Nth field of a row of a table with bars.
column()
{
	printf '%s\n' "$1" | cut -d'|' -f"$2"
}

# guest_text: what the programs of a guest wrote, out of the log on stdin. The
# kernel's lines go; one that cut another writer's line in two is taken out of it.
guest_text()
{
	tr -d '\r\000' | awk '
		match($0, /\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] /) {
			printf "%s", substr($0, 1, RSTART - 1)
			text = substr($0, RSTART)
			if (text ~ /PTI-(RUN|CASE)-/) {
				sub(/^.*PTI-/, "PTI-", text)
				print text
			}
			next
		}
		{ print }'
}

# linux_tree SCRATCH: the kernel tree as it stands in build/linux, committed or not;
# SCRATCH is a file that nobody needs.
linux_tree()
{
	cp "$(git -C "$build/linux" rev-parse --path-format=absolute --git-path index)" "$1"
	GIT_INDEX_FILE=$1 git -C "$build/linux" add -A
	GIT_INDEX_FILE=$1 git -C "$build/linux" write-tree
}

# sum_of_tests [FIND-EXPRESSION...]: a number that changes with anything that builds
# or tests a kernel.
sum_of_tests()
{
	(cd "$top" && find base tools/testing -type f ! -path '*/mutants/*' "$@" -print0 |
		LC_ALL=C sort -z | xargs -0 cksum) | cksum | cut -d' ' -f1
}

# work_dir: $tmp, a directory that is gone when the script has ended, and with it the
# process in $child, if there is one.
work_dir()
{
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/pti.XXXXXX") ||
		die "cannot write to ${TMPDIR:-/tmp}: set TMPDIR to a directory that can be written"
	child=
	trap end_of_work EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
end_of_work()
{
	trap '' INT TERM HUP
	end_ticker
	[ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || :
	rm -rf "$tmp"
}

# run COMMAND...: as a child that an interrupt ends too.
run()
{
	"$@" &
	child=$!
	run_rc=0
	wait "$child" || run_rc=$?
	child=
	return "$run_rc"
}
