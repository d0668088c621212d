#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does somebody see each break of the policy table? rows.mutants lists every row of
# arch/x86/mm/pti_exposure.c dropped, a page larger, and with each flag the other way
# round, and who has to say what about it. No kernel is built for that: rows_plant.c
# changes the table in the memory of a guest that boots, before the kernel reads it.

usage()
{
	cat <<'END'
Usage: rows-mutate.sh [OPTION...] [PATTERN]
  PATTERN    only the breaks whose name, "ROW CHANGE", matches
  --sample   three of them: one that the kernel refuses, one that the audit finds and
             one of which the guest dies, drawn anew after a change of table or tests
  --list     print the names, and who has to see each, and end
The kernel is that of $PTI_IMAGE (default: build), with kunit/ beside it for the rows
of run time. What was seen is remembered, so that an interrupted run goes on where it was.
Exit status: 0 each was seen, 1 one was not, 2 could not tell.
END
}

set -eu
set -f
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

sample='' list=''
while [ $# -gt 0 ]; do
	case $1 in
	--sample) sample=1 ;;
	--list) list=1 ;;
	--help|-h) usage; exit ;;
	-*) die "unknown option $1 (--help lists them)" ;;
	*) break ;;
	esac
	shift
done
pattern=${1:-*}
[ $# -le 1 ] || die "more than one pattern (--help explains)"
image=${PTI_IMAGE:-$build}
header=$top/arch/x86/mm/pti_exposure.h
state=$build/mutants/rows
mkdir -p "$state" "$logs/rows"
work_dir

# One break a line: its name, who sees it, what is said, and the kernel's parameters.
rows "$here/rows.mutants" | awk -F'|' -v OFS='|' '
	function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
	NF < 4 || NF > 5 { print "rows.mutants: not four columns: " $0 >"/dev/stderr"; exit 1 }
	{
		n = split(trim($1), row, " ")
		m = split(trim($2), change, " ")
		for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) {
			text = trim($4)
			gsub(/NAME/, row[i], text)
			print row[i] " " change[j], trim($3), text, trim($5)
		}
	}' >"$tmp/all" || exit 2
while IFS='|' read -r name who rest; do
	# shellcheck disable=SC2254 # a pattern is what it is meant to be
	case $name in
	$pattern) printf '%s|%s|%s\n' "$name" "$who" "$rest" ;;
	esac
done <"$tmp/all" >"$tmp/wanted"
[ -s "$tmp/wanted" ] || die "no break matches \"$pattern\" (--list prints them)"
if [ "$list" ]; then
	cut -d'|' -f1,2 "$tmp/wanted" | tr '|' '\t'
	exit
fi

[ -r "$image/vmlinux" ] || die "no $image/vmlinux: \"make kernel\" makes it"
# The form of the rows is the kernel's own.
{
	echo '#define BIT(n) (1U << (n))'
	sed -n '/^enum pti_where {/,/^};/p; /^#define PTI_/p; /^struct pti_row {/,/^};/p' "$header"
} >"$tmp/rows.h"
${HOSTCC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -include "$tmp/rows.h" \
	-o "$tmp/rows_plant" "$here/rows_plant.c" "$here/walk_remote.c" "$here/walk_syms.c" ||
	die "cannot build rows_plant.c"
cut -d'|' -f1 "$tmp/all" | sort >"$tmp/named"
PTI_VMLINUX=$image/vmlinux "$tmp/rows_plant" --list >"$tmp/possible" ||
	die "no table of the exposure in $image/vmlinux: \"make kernel\" makes one that has it"
sort -o "$tmp/possible" "$tmp/possible"
diff "$tmp/possible" "$tmp/named" >"$tmp/diff" || {
	sed -n 's/^</missing: /p; s/^>/no such break, or twice: /p' "$tmp/diff" >&2
	die "rows.mutants and the table of $image/vmlinux are not of the same breaks"
}

tests=$( (sum_of_tests; cksum <"$image/vmlinux") | cksum | cut -d' ' -f1)
if [ "$sample" ]; then
	while IFS='|' read -r name who rest; do
		echo "$(echo "$tests $name" | cksum | cut -d' ' -f1)|$name|$who|$rest"
	done <"$tmp/wanted" | sort -n |
		awk -F'|' '$3 ~ /^(refused|audit|dies)$/ && !seen[$3]++' |
		cut -d'|' -f2- >"$tmp/drawn"
	mv "$tmp/drawn" "$tmp/wanted"
fi
total=$(wc -l <"$tmp/wanted")
[ "$total" -gt 0 ] || die "nothing that matches \"$pattern\" is for a sample"

# said TEXT: whether something in what came of the break says so.
said()
{
	grep -q -e "$1" "$tmp/out" || {
		echo "nobody says \"$1\""
		return 1
	}
}

# in_row ADDRESS: whether it is in the row that was planted.
in_row()
{
	# shellcheck disable=SC2046 # two words
	set -- "$1" $(sed -n 's/.*planted .*: \([0-9a-f]*\) \([0-9a-f]*\)$/\1 \2/p' "$log")
	[ $# = 3 ] && [ "$1" != "$3" ] &&
		printf '%s\n' "$2" "$1" "$3" | LC_ALL=C sort -c 2>/dev/null || {
		echo "the address $1 is not in the row, $2 to $3"
		return 1
	}
}

# address TEXT: that behind the text.
address()
{
	sed -n "s/.*$1\([0-9a-f]*\) .*/\1/p" "$tmp/out" | head -n 1
}

# guest WANTED-STATUS OPTION... PROGRAM: run one, in which the break is planted.
guest()
{
	want=$1
	shift
	rc=0
	run "$here/run.sh" --image "$image$kunit" --name "rows/$log_name" --cpus "$cpus" \
		--time 100 --append "pti=on nokaslr${append:+ $append}" --quiet --stopped \
		--attach "$plant" "$@" >"$tmp/out" 2>&1 || rc=$?
	tr -d '\r\000' <"$log" >>"$tmp/out"
	case " $want " in
	*" $rc "*) ;;
	*) echo "the guest ended with $rc, not $want"; return 1 ;;
	esac
}

# audit WANTED-STATUS: what user mode can reach then.
audit()
{
	rc=0
	run "$here/audit.sh" --image "$image" --name "rows/$log_name" --cpus 1 --stops 1 \
		--append "pti=on nokaslr${append:+ $append}" --plant "$plant" \
		--report "$tmp/figures" >"$tmp/out" 2>&1 || rc=$?
	[ "$rc" = "$1" ] || { echo "the audit ended with $rc, not $1"; return 1; }
}

# judge NAME WHO TEXT APPEND: 0 if who has to say something of it says that.
judge()
{
	plant="'$tmp/rows_plant' $1" text=$3 append=$4 kunit='' cpus=1
	log_name=$(echo "$1" | tr ' ' -)
	log=$logs/rows/$log_name.log
	rm -f "$log"
	case $2 in
	refused)
		# The message has to come, and no other complaint.
		{
			echo "page tables isolation: row $text\$"
			echo 'page tables isolation: disabled \(the exposure could not be built\)$'
		} >"$tmp/allow"
		guest 0 --allow "$tmp/allow" \
			'/pti/status.sh off yes 4 1 no any the.exposure.could.not.be.built' ;;
	audit)
		audit 1 || return 1
		# Behind the row that is larger there is a page too much.
		page=$(sed -n 's/.*planted .* \([0-9a-f]*\)$/\1/p' "$log" | head -n 1)
		said "DIFFERENT: .* ${text%% *} [1-9]" &&
			said "$(echo "${text#* }" | sed "s/PAGE/$page/")" ;;
	dies|panics)
		# It starts again, with its table as it was: the reset shows where it died.
		guest 1 --reboots '/pti/entry_syscall_64 100' && said "$text" || return 1
		[ "$2" = panics ] || in_row "$(address 'CR2[=:] *')" ;;
	stuck)
		# With no handler for the fault of having none, a CPU faults for ever.
		plant="$plant && until grep -q -a 'Run /init' \"\$PTI_LOG\"; do sleep 0.2; done &&
			sleep 3 && '$tmp/rows_plant' --where; exit 1"
		guest 1 '/pti/entry_syscall_64 100' && said "$text" &&
			in_row "$(address 'stopped at RIP=')" ;;
	kunit)
		# A test that fails is no failure to the runner; a warning is. Behind the row
		# of a CPU is what the next one has.
		kunit=/kunit cpus=2
		guest "0 1" true || return 1
		said "not ok .* $(echo "$append" | sed 's/.*\.//')" && said "$text" ;;
	same|uncaught) audit 0 && said "audit: CLEAN" ;;
	*) die "rows.mutants: $1: nobody is called \"$2\"" ;;
	esac
}

progress()
{
	echo "[$number/$total] $name, $1 s"
}
# counts: the break is as rows.mutants has it.
counts()
{
	case $who in
	uncaught) uncaught=$((uncaught + 1)) ;;
	*) passed=$((passed + 1)) ;;
	esac
}

number=0 passed=0 uncaught=0 failed='' planted=0
started=$(date +%s)
while IFS='|' read -r name who text append <&3; do
	number=$((number + 1))
	key=$(echo "$who|$text|$append" | cksum | cut -d' ' -f1)
	key=$state/$(echo "$name" | tr ' ' -)-$key-$tests
	if [ -e "$key" ] && [ -z "$sample" ]; then
		counts
		echo "[$number/$total] seen earlier  $name: $who"
		continue
	fi
	begun=$(date +%s)
	planted=$((planted + 1))
	start_ticker progress
	if PROGRESS=no judge "$name" "$who" "$text" "$append" >"$tmp/why" 2>&1; then
		: >"$key"
		counts
		echo "[$number/$total] seen      $(($(date +%s) - begun)) s  $name: $who, $text"
	else
		failed="$failed, $name"
		echo "[$number/$total] NOT SEEN  $(($(date +%s) - begun)) s  $name"
		tail -n 5 "$tmp/out" "$tmp/why" | sed 's/^/        /'
		echo "        full log: $log"
	fi
	end_ticker
	left=$((($(date +%s) - started) * (total - number) / planted / 60 + 1))
	[ $((planted % 10)) != 0 ] || echo "about $left min left, if the others are all due"
done 3<"$tmp/wanted"
[ -z "$failed" ] || echo "Not seen:${failed#,}"
[ "$uncaught" = 0 ] || echo "Nobody sees $uncaught of them here, as rows.mutants says"
echo "$passed passed, $((total - passed - uncaught)) failed, $uncaught skipped"
[ -z "$failed" ]
