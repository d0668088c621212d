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

# only_help [OPTION]: what a script does with its options that has none but --help.
only_help()
{
	case ${1:-} in
	"") ;;
	--help|-h) usage; exit ;;
	*) die "unknown option $1 (--help explains)" ;;
	esac
}

# chosen_modes ALL SOME: SOME of the modes, or ALL of them, or a complaint about one.
chosen_modes()
{
	for mode in $2; do
		case " $1 " in
		*" $mode "*) ;;
		*) die "no mode \"$mode\"; there are: $1" ;;
		esac
	done
	echo "${2:-$1}"
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

# limits KIND...: the rows of limits.txt of these kinds, a line "KIND FIGURE MODE MOST" for
# each figure and mode; or a complaint, also if there are none.
limits()
{
	rows "${LIMITS:-$here/limits.txt}" | awk -F'|' -v kinds=" $* " '
		function wrong(why) {
			print "limits.txt: " why >"/dev/stderr"
			bad = 1
			exit 2
		}
		BEGIN {
			modes["cost"] = modes["cost-more"] = " nopti pti=on "
			modes["cost-pcid"] = modes["cost-pcid-more"] = modes["cost-pcid-qemu"] = \
				" nopti pti=on noinvpcid "
			modes["exposure"] = " pti=on pti=auto "
			modes["growth"] = modes["growth-over-stock"] = " - "
			modes["flushes"] = " locked memory "
		}
		{
			for (i = 1; i <= NF; i++)
				gsub(/^[ \t]+|[ \t]+$/, "", $i)
			nf = split($2, figure, /[ \t]+/)
			nm = split($3, mode, /[ \t]+/)
			if (NF != 5 || !nf || !nm || $4 !~ /^[0-9]+$/ || $5 == "")
				wrong("not a row: " $0)
			if (!($1 in modes))
				wrong("no such kind: " $1)
			for (m = 1; m <= nm; m++) {
				if (!index(modes[$1], " " mode[m] " "))
					wrong("no such mode of " $1 ": " mode[m])
				for (f = 1; f <= nf && index(kinds, " " $1 " "); f++) {
					print $1, figure[f], mode[m], $4
					found[$1] = 1
				}
			}
		}
		END {
			n = split(kinds, kind, " ")
			for (i = 1; i <= n && !bad; i++)
				if (!(kind[i] in found))
					wrong("no limits of " kind[i])
			exit bad ? 2 : 0
		}'
}

# hold_limits "KIND..." "MODE...": whether figures on stdin, lines "FIGURE MODE VALUE", are within
# their limits. Modes that are not named are left out. A complaint is a line "not ok: ...";
# 0 all are, 1 one is above, 2 one that has a limit is not among them, or there are no limits.
hold_limits()
{
	# shellcheck disable=SC2086 # kinds
	limits=$(limits $1) || return 2
	awk -v limits="$limits" -v modes=" $2 " '
		NF == 3 { value[$1, $2] = $3 }
		END {
			n = split(limits, line, "\n")
			for (i = 1; i <= n; i++) {
				split(line[i], l, " ")
				if (!index(modes, " " l[3] " "))
					continue
				what = l[2] (l[3] == "-" ? "" : ", " l[3])
				if (!((l[2], l[3]) in value)) {
					print "not ok: " what ": has a limit, and was not measured"
					missing = 1
				} else if (value[l[2], l[3]] > l[4] + 0) {
					print "not ok: " what ": " value[l[2], l[3]] ", at most " l[4]
					above = 1
				}
			}
			exit above ? 1 : missing ? 2 : 0
		}'
}

# worse_of STATUS STATUS: what both come to: a difference is one, whatever else could not
# be told.
worse_of()
{
	case " $* " in
	*" 1 "*) echo 1 ;;
	" 0 0 ") echo 0 ;;
	*) echo 2 ;;
	esac
}
