#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the cases of cases.txt, tell of each how it went, and count.

usage()
{
	cat <<'END'
Usage: suite.sh [OPTION...]
  --quick          only the cases tagged quick
  --long           only the cases tagged long, which are left out otherwise, part by part
  --part NAME      of these, only the part of that name
  --again          with --long or --part: also what has passed, for the same kernel and
                   the same tests
  --part-time N    the seconds that a part has (default: 3600, times PTI_SLOW); what does
                   not come to its end, or to its turn, in them has failed
  --long-time N    the seconds that all parts have (default: 18000, times PTI_SLOW)
  --whole-time N   the seconds that make test has: all cases and, if it is known when that
                   began, the build (default: 2700, times PTI_SLOW)
  --only PATTERN   only the cases whose name matches the shell pattern; can be repeated
  --image DIR      the kernel's directory (default: build)
  --jobs N         guests at a time (default: one more than processors, at most 3)
  --list           print the names and end
  --emulators      print the emulators that they need and end: those of their models, of the models
                   that a host command names, and of one in its options
Exit status: 0 if nothing failed, 1 otherwise.

A run of --long or --part that was interrupted goes on where it was, if there is no
--only: what has passed is remembered in build/suite, and when it was run. At the end
stands what each part has taken, and all of them, over such runs and without the time
between them; more than the limit is a failure.

Environment: PTI_BEGUN, the second in which the build began; what both took is said at the end,
and has to be within --whole-time.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

tag='' part='' only='' image=$build list='' emulators='' again=''
part_time=$((3600 * ${PTI_SLOW:-1})) long_time=$((18000 * ${PTI_SLOW:-1}))
whole_time=$((2700 * ${PTI_SLOW:-1}))
# One more, as guests that wait for a timer or a debugger leave a processor idle.
jobs=$(($(nproc) + 1))
[ "$jobs" -le 3 ] || jobs=3
while [ $# -gt 0 ]; do
	case $1 in
	--quick|--long) tag=${1#--}; shift; continue ;;
	--list) list=1; shift; continue ;;
	--emulators) list=1 emulators=1; shift; continue ;;
	--again) again=1; shift; continue ;;
	--help|-h) usage; exit ;;
	--*) [ $# -ge 2 ] || die "$1 needs a value" ;;
	esac
	case $1 in
	--part) tag=long part=$2 ;;
	--only) only="$only $2" ;;
	--image) image=$(realpath -m "$2") ;;
	--jobs) jobs=$2 ;;
	--part-time) part_time=$2 ;;
	--long-time) long_time=$2 ;;
	--whole-time) whole_time=$2 ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift 2
done

case $part_time in
""|*[!0-9]*) die "--part-time $part_time: not a number of seconds" ;;
esac
case $long_time in
""|*[!0-9]*) die "--long-time $long_time: not a number of seconds" ;;
esac
case $whole_time in
""|*[!0-9]*) die "--whole-time $whole_time: not a number of seconds" ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/pti-suite.XXXXXX")
workers=
cleanup()
{
	trap '' INT TERM HUP
	end_ticker
	for w in $workers; do
		kill "$w" 2>/dev/null || :
	done
	for w in $workers; do
		wait "$w" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

[ "$tag" ] || { [ -z "$only" ] && [ -z "$list" ] && tag=normal; } || tag=any

# The combinations, one a line: name, model, cpus, parameters, programs,
# options, part, separated by tabs; the slow ones first.
{
	rows "$here/models.txt" | sed 's/^/model|/'
	rows "$here/cases.txt" | sed 's/^/case|/'
} | awk -F'|' -v tag="$tag" -v part="$part" -v list_of_parts="$work/parts" '
	function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
	# What the kernel must decide, by the parameters and the CPU.
	function status(model, cpus, par,	state, levels, pcid, invpcid, reason, bogus, n, word) {
		# What is behind the comma does not change the decision (pti_switch.c).
		gsub(/,(switchable|lock)( |$)/, " ", par)
		state = affected[model] == "yes" ? "on" : "off"
		if (par ~ /(^| )(nopti|pti=off|mitigations=off)( |$)/)
			state = "off"
		else if (par ~ /(^| )pti=on( |$)/)
			state = "on"
		# The last one that the kernel cannot know, as it has to name it.
		bogus = ""
		for (n = split(par, word, " "); n && bogus == ""; n--) {
			if (word[n] ~ /^(nopti=|pti(=|$))/ && word[n] !~ /^pti=(on|off|auto)$/)
				bogus = word[n] == "pti" ? "pti=" : word[n]
		}
		levels = par ~ /(^| )no5lvl( |$)/ ? 4 : level[model]
		pcid = has_pcid[model] == "no" || par ~ /(^| )nopcid( |$)/ ? "no" : "yes"
		invpcid = has_pcid[model] == "no" ? "any" :
			has_pcid[model] == "only" || par ~ /(^| )noinvpcid( |$)/ ? "no" : "yes"
		reason = affected[model] == "yes" ? "CPU.affected.by.Meltdown" : "CPU.not.affected.by.Meltdown"
		if (match(par, /(^| )(nopti|pti=off|mitigations=off|pti=on)( |$)/)) {
			reason = substr(par, RSTART, RLENGTH)
			gsub(/ /, "", reason)
		}
		return "status.sh " state " " affected[model] " " levels " " \
			cpus " " pcid " " invpcid " " reason (bogus == "" ? "" : " " bogus)
	}
	$1 == "model" {
		affected[trim($2)] = trim($4)
		level[trim($2)] = trim($5)
		has_pcid[trim($2)] = trim($6)
		next
	}
	# A list of programs that several rows have.
	$2 ~ /^[ \t]*@/ {
		list[trim($2)] = trim($3)
		next
	}
	NF < 7 || NF > 8 { print "cases.txt: not seven columns: " $0 >"/dev/stderr"; exit 1 }
	{
		tags = trim($3)
		# A row of make test-long belongs to a part of it, in the order of the table.
		in_part = ""
		if (match(tags, /(^| )long[^ ]*/)) {
			in_part = substr(tags, RSTART, RLENGTH)
			sub(/^ ?long:?/, "", in_part)
			if (in_part == "")
				in_part = "rest"
			if (!(in_part in place)) {
				place[in_part] = ++parts
				part_name[parts] = in_part
				names = names " " in_part
			}
		}
		if ((tag == "normal" && tags ~ /long/) ||
		    (tag ~ /quick|long/ && tags !~ tag))
			next
		nm = split(trim($4), ms, " ")
		nc = split(trim($5), cs, " ")
		np = split($6, ps, ";")
		if (np == 0)
			ps[np = 1] = ""
		for (m = 1; m <= nm; m++) for (c = 1; c <= nc; c++) for (p = 1; p <= np; p++) {
			par = trim(ps[p])
			prog = trim($7)
			while (match(prog, /@[a-z0-9-]+/)) {
				word = substr(prog, RSTART, RLENGTH)
				if (!(word in list)) {
					print "cases.txt: no list " word >"/dev/stderr"
					exit 1
				}
				prog = substr(prog, 1, RSTART - 1) list[word] \
					substr(prog, RSTART + RLENGTH)
			}
			name = trim($2)
			if (prog !~ /^host:/) {
				if (!(ms[m] in level)) {
					print "cases.txt: no model " ms[m] >"/dev/stderr"
					exit 1
				}
				name = name "-" ms[m] "-" cs[c]
				if (par != "")
					name = name "-" par
				gsub(/[ \t]+/, "+", name)
			}
			expected = status(ms[m], cs[c], par)
			if (match(prog, /(^|[; ])status($|[; ])/))
				prog = substr(prog, 1, RSTART - 1) "; " expected "; " \
					substr(prog, RSTART + RLENGTH)
			# The same combination may stand in two rows.
			if (name in done)
				continue
			done[name] = 1
			cases[in_part]++
			if (part != "" && in_part != part)
				continue
			print place[in_part] * 2 + (tags ~ /slow/ ? 0 : 1) "\t" name "\t" ms[m] "\t" cs[c] \
				"\t" par "\t" prog "\t" trim($8) "\t" in_part
		}
	}
	END {
		if (part != "" && !(part in place)) {
			print "suite.sh: make test-long has no part \"" part "\"; there are:" names >"/dev/stderr"
			exit 2
		}
		for (m = 1; m <= parts; m++)
			print part_name[m] "\t" cases[part_name[m]] + 0 >list_of_parts
	}' >"$work/all" || exit 2
set -f
sort -s -n -k1,1 "$work/all" | cut -f2- | while IFS= read -r line; do
	wanted=
	for pattern in ${only:-*}; do
		# shellcheck disable=SC2254 # a pattern is what it is meant to be
		case ${line%%	*} in
		$pattern)
			wanted=1
			printf '%s\n' "$pattern" >&3 ;;
		esac
	done
	[ -z "$wanted" ] || printf '%s\n' "$line"
done >"$work/cases" 3>"$work/matched"
for pattern in $only; do
	grep -q -x -F -e "$pattern" "$work/matched" || die "no case matches \"$pattern\""
done
set +f
total=$(wc -l <"$work/cases")
[ "$total" -gt 0 ] || die "there is no such case"
if [ "$emulators" ]; then
	rows "$here/models.txt" | tr -d ' \t' | awk -F'[|]' '
		FILENAME == "-" { emulator[$1] = $2; next }
		{
			split($0, field, "\t")
			n = split(field[2] " " field[5] " " field[6], word, /[ =]+/)
			for (i = 1; i <= n; i++)
				if (word[i] in emulator)
					print emulator[word[i]]
		}' - "$work/cases" | sort -u
	exit
fi
if [ "$list" ]; then
	cut -f1 "$work/cases"
	exit
fi
mkdir -p "$logs/suite"

# All that a result depends on, but for the row: what has passed with it need not again.
depends=
passed=$build/suite
if [ "$tag" = long ] && [ -z "$only" ]; then
	[ -d "$build/linux/.git" ] || die "no build/linux: \"make tree\" makes it"
	mkdir -p "$passed"
	depends=$(linux_tree "$work/index") || die "cannot read the tree of build/linux"
	depends="$depends $(sum_of_tests) $image ${ACCEL:-tcg} ${PTI_SLOW:-1} ${SOAK_SECONDS:-}"
	depends=$(echo "$depends" | cksum)
fi
# Of the guests, as it has lines of its own
export PROGRESS=no

now()
{
	date +%s%N | cut -c1-13
}

# option NAME DEFAULT: the value in $options.
option()
{
	for o in $options; do
		case $o in
		"$1="*) printf '%s\n' "${o#*=}"; return ;;
		esac
	done
	printf '%s\n' "$2"
}

# seconds OPTION DEFAULT: those of a time limit, times PTI_SLOW.
seconds()
{
	echo $(($(option "$1" "$2") * ${PTI_SLOW:-1}))
}

# result STATUS MILLISECONDS NAME [TEXT-FILE]: one line of the count, and of the screen.
result()
{
	printf '%s\t%s\n' "$1" "$3" >>"$work/results"
	# One write a result, so that two workers do not mix.
	{
		printf '[%3d/%d] %-4s %5d.%d s  %s\n' "$number" "$total" "$1" \
			"$(($2 / 1000))" "$(($2 % 1000 / 100))" "$3"
		if [ "$1" = FAIL ] && [ -s "${4:-}" ]; then
			tail -n 25 "$4" | sed 's/^/        /'
		fi
		[ "$1" != FAIL ] || [ -z "${left:-}" ] || [ "$(part_left)" -gt 0 ] ||
			echo "        its part, $in_part, has had its $part_time s"
	} >"$work/say.$worker"
	cat "$work/say.$worker"
}

# results_of NAME: those that a case has.
results_of()
{
	awk -F'\t' -v name="$1" '$2 == name || index($2, name ": ") == 1' "$work/results"
}

# passed_earlier: whether the case has, with all the same; its results count again.
passed_earlier()
{
	[ "$depends" ] || return 1
	key=$(printf '%s\n' "$depends|$name|$model|$cpus|$append|$programs|$options" | cksum)
	if [ "$again" ] || [ "$(head -n 1 "$passed/$name" 2>/dev/null)" != "$key" ]; then
		rm -f "$passed/$name"
		return 1
	fi
	sed 1,2d "$passed/$name" >>"$work/results"
	echo "$name" >>"$work/earlier"
	printf '[%3d/%d] passed earlier  %s\n' "$number" "$total" "$name"
}

# remember TIME: that the case has passed, if it has, and when it was run.
remember()
{
	[ "$depends" ] || return 0
	{
		echo "$key"
		printf '%s\t%s\n' "$depends" "$1"
		results_of "$name"
	} >"$work/new.$worker"
	if grep -q '^ok' "$work/new.$worker" && ! grep -q '^FAIL' "$work/new.$worker"; then
		mv "$work/new.$worker" "$passed/$name"
	fi
}

# part_left: the seconds that the part of the case has left, since its first began.
part_left()
{
	ln -s "$(date +%s)" "$work/part.$in_part" 2>/dev/null || :
	echo $(($(readlink "$work/part.$in_part") + part_time - $(date +%s)))
}

# skips PROGRAM MODEL FILE: the skips in the TAP output that nothing allows;
# all of them are kept for the check that each ran somewhere.
skips()
{
	rows "$here/skips.txt" >"$work/skips.$worker"
	awk -F'|' -v prog="$1" -v model="$2" -v tap="$work/tap.$worker" '
		function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
		FILENAME != ARGV[2] {
			p[++n] = trim($1); m[n] = " " trim($2) " "; t[n] = trim($3)
			next
		}
		# The name of a sub-test ends at its first colon or count.
		!/^(not )?ok / { next }
		{
			line = $0
			name = line
			sub(/^(not )?ok [0-9]+ *(- )?/, "", name)
			skipped = sub(/^# SKIP[ :]*/, "", name) || sub(/[ \t]*# SKIP.*/, "", name)
			sub(/:.*/, "", name)
			print (skipped ? "skip" : "ran") "\t" prog "\t" name >>tap
			if (!skipped)
				next
			for (i = 1; i <= n; i++)
				if ((p[i] == "*" || p[i] == prog) &&
				    (m[i] == " * " || index(m[i], " " model " ")) &&
				    line ~ t[i])
					next
			print "skipped, and skips.txt does not allow it: " line
		}' "$work/skips.$worker" "$3"
}

# one_guest: run the case in $name $model $cpus $append $programs $options.
one_guest()
{
	out=$work/out.$worker
	err=$work/err.$worker
	log=$logs/suite/$name.log
	oldifs=$IFS
	IFS=';'
	set --
	for p in $programs; do
		p=${p#"${p%%[! ]*}"}
		p=${p%"${p##*[! ]}"}
		case $p in
		"") ;;
		/*) set -- "$@" "$p" ;;
		*) set -- "$@" "/pti/$p" ;;
		esac
	done
	IFS=$oldifs
	bochs=
	[ "$(column "$(model_row "$model")" 2)" != bochs ] || bochs=1
	each=$(option each "${bochs:+6}60")
	limit=$(seconds time $((${bochs:+2}60 + each * $#)))
	[ "${left:-$limit}" -ge "$limit" ] || limit=$left
	each=$((each * ${PTI_SLOW:-1}))
	allow=$(option allow "")
	efi=$(option efi "")
	xen=$(option xen "")
	dimm=$(option dimm "")
	roots=$(option roots "")
	case $(option reboots "") in
	1) reboots=--reboots ;;
	2) reboots="--reboots --triple-fault" ;;
	*) reboots= ;;
	esac
	attach=$(option attach "")
	kernel=$(option kernel "")
	begun=$(now)
	rm -f "$log"
	"$here/run.sh" --image "$image${kernel:+/$kernel}" --model "$model" --cpus "$cpus" \
		--append "$append" --mem "$(option mem 256)" --time "$limit" \
		${allow:+--allow "$here/$allow"} ${attach:+--attach "$here/$attach"} ${efi:+--efi} $reboots \
		${xen:+--xen} ${dimm:+--dimm "$dimm"} ${roots:+--roots} \
		--name "suite/$name" --quiet \
		-- /pti/several.sh "$each" "$@" >"$out" 2>"$err" &
	child=$!
	rc=0
	wait "$child" || rc=$?
	child=
	took=$(($(now) - begun))
	# A guest that was never started has none.
	[ -f "$log" ] || cp "$err" "$log"
	guest_text <"$log" >"$work/all.$worker"
	for p in "$@"; do
		short=$name
		[ $# -eq 1 ] || short="$name: ${p#/pti/}"
		base=${p%% *}
		base=${base##*/}
		awk -v p="$p" '
			$0 == "PTI-CASE-BEGIN " p { on = 1; next }
			/^PTI-(CASE|RUN)-/ { on = 0 }
			on' "$work/all.$worker" >"$work/text.$worker"
		: >"$work/tap.$worker"
		skips "$base" "$model" "$work/text.$worker" >"$work/bad.$worker"
		end=$(awk -v p="$p" '
			$1 == "PTI-CASE-END" {
				command = $0
				sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", command)
				if (command != p)
					next
				split($2, rc, "="); split($3, from, "="); split($4, to, "=")
				print rc[2], int((to[2] - from[2]) * 1000)
				exit
			}' "$work/all.$worker")
		ms=$took
		[ $# -eq 1 ] || [ -z "$end" ] || ms=${end#* }
		case "$rc:${end%% *}" in
		*:)
			cat "$err" >>"$work/text.$worker"
			[ -z "$p" ] || echo "not reached, or no end: $p" >>"$work/text.$worker"
			result FAIL "$ms" "$short" "$work/text.$worker"
			;;
		0:0)
			if [ -s "$work/bad.$worker" ]; then
				result FAIL "$ms" "$short" "$work/bad.$worker"
			else
				cat "$work/tap.$worker" >>"$work/tap"
				echo "$base" >>"$work/ran"
				result ok "$ms" "$short"
			fi
			;;
		0:4)
			sed -n 's/^\(1\.\.0 # SKIP\)/ok 0 \1/p' "$work/text.$worker" >"$work/whole.$worker"
			[ -s "$work/whole.$worker" ] || echo "ok 0 # SKIP all" >"$work/whole.$worker"
			if [ -n "$(skips "$base" "$model" "$work/whole.$worker")" ]; then
				echo "skipped, and skips.txt does not allow it" >>"$work/text.$worker"
				result FAIL "$ms" "$short" "$work/text.$worker"
			else
				result skip "$ms" "$short"
			fi
			;;
		0:*)
			echo "ended with ${end%% *}; full log: $log" >>"$work/text.$worker"
			result FAIL "$ms" "$short" "$work/text.$worker"
			;;
		*)
			# The program may have gone well; the kernel did not.
			cat "$err" >>"$work/text.$worker"
			result FAIL "$ms" "$short" "$work/text.$worker"
			;;
		esac
	done
}

# one_host: the same for a command on the host.
one_host()
{
	log=$logs/suite/$name.log
	begun=$(now)
	limit=$(seconds time 600)
	[ "${left:-$limit}" -ge "$limit" ] || limit=$left
	(cd "$top" && PTI_IMAGE=$image BUILD=$build exec timeout -k 5 "$limit" \
		sh -c "${programs#host:}") >"$log" 2>&1 </dev/null &
	child=$!
	rc=0
	wait "$child" || rc=$?
	child=
	took=$(($(now) - begun))
	if [ "$rc" = 0 ]; then
		result ok "$took" "$name"
	else
		{
			cat "$log"
			echo "ended with $rc; full log: $log"
		} >"$work/text.$worker"
		result FAIL "$took" "$name" "$work/text.$worker"
	fi
}

worker()
{
	worker=$1
	child=
	trap 'trap "" TERM; [ -z "$child" ] || { kill "$child"; wait "$child"; } 2>/dev/null; exit 143' TERM
	trap - EXIT
	number=0
	while IFS='	' read -r name model cpus append programs options in_part; do
		number=$((number + 1))
		mkdir "$work/claim.$number" 2>/dev/null || continue
		! passed_earlier || continue
		left=
		if [ "$tag" = long ]; then
			left=$(part_left)
			if [ "$left" -le 0 ]; then
				result late 0 "$name"
				continue
			fi
		fi
		from=$(now)
		printf '%s\t%s\n' "$from" "$name" >"$work/now.$worker"
		case $programs in
		host:*) one_host ;;
		*) one_guest ;;
		esac
		ran="$name	$in_part	$from	$(now)"
		printf '%s\n' "$ran" >>"$work/times"
		remember "$ran"
	done
}

: >"$work/results"
: >"$work/tap"
: >"$work/ran"
: >"$work/earlier"
: >"$work/times"
# A tab is a blank to read, which would join empty fields: a dash holds the place.
sed -e ':a' -e 's/\t\t/\t-\t/;ta' -e 's/\t$/\t-/' "$work/cases" >"$work/todo"
begun=$(now)
w=0
while [ "$w" -lt "$jobs" ]; do
	w=$((w + 1))
	worker "$w" <"$work/todo" &
	workers="$workers $!"
done
# What goes on, where nothing has ended for a while.
running()
{
	[ -z "$(find "$work" -maxdepth 1 -name 'say.*' -newermt '-10 seconds' 2>/dev/null)" ] || return 0
	cat "$work"/now.* 2>/dev/null | while IFS='	' read -r from name; do
		printf '%s, %d s; ' "$name" "$((($(now) - from) / 1000))"
	done | sed 's/^/        running: /; s/; $/\n/'
}
start_ticker running
stumbled=
for w in $workers; do
	wait "$w" || stumbled=1
done
end_ticker
workers=

# A worker that stumbled must not pass for one that had nothing to do.
number=0 worker=0
while IFS='	' read -r name _; do
	number=$((number + 1))
	[ "$(results_of "$name")" ] || result FAIL 0 "$name" /dev/null
done <"$work/todo"

if [ "$stumbled" ]; then
	echo "a worker ended early: is the disk of $work full?" >"$work/text.0"
	number=$total worker=0
	result FAIL 0 "the suite itself" "$work/text.0"
fi

# A program, or a part of one, that only ever skipped has shown nothing.
number=$total worker=0
if [ "$tag" = normal ]; then
	gzip -dc "$build/initramfs.cpio.gz" | (cd "$work" && cpio --quiet -i --to-stdout ./pti/list pti/list) |
		grep . | sort -u >"$work/programs" || echo "the list of programs in the initramfs" >"$work/programs"
	missing=$(while read -r p; do
		grep -q -x "$p" "$work/ran" || echo "$p"
	done <"$work/programs")
	for p in $missing; do
		echo "no case ran it with success" >"$work/text.0"
		result FAIL 0 "$p ran nowhere" "$work/text.0"
	done
	sort -u "$work/tap" | awk -F'\t' '
		$1 == "ran" { ran[$2 "\t" $3] = 1 }
		$1 == "skip" { skip[$2 "\t" $3] = 1 }
		END { for (s in skip) if (!(s in ran)) print s }' | sort >"$work/never"
	while IFS='	' read -r p what; do
		result FAIL 0 "$p: $what: skipped on every model"
	done <"$work/never"
fi

# time_of_parts: what each part has taken, now and in earlier runs for the same kernel and tests.
# Cases that ran at the same time share it, and nothing counts in which none ran.
time_of_parts()
{
	find "$passed" -type f -exec sed -s -n 2p {} + >"$work/earlier-times"
	awk -F'\t' -v OFS='\t' -v same="$depends" '
		FILENAME == ARGV[1] { again[$1] = 1; print; next }
		$1 == same && !($2 in again) { print $2, $3, $4, $5 }' "$work/times" "$work/earlier-times" |
		sort -t '	' -k3,3n >"$work/all-times"
	awk -F'\t' -v limit="$part_time" -v all="$long_time" -v over="$work/over" '
		function add(what) {
			cases[what]++
			from = $3 < end[what] ? end[what] : $3
			if ($4 <= from)
				return
			took[what] += $4 - from
			end[what] = $4
		}
		function say(what, limit, of) {
			printf "%-12s %7d %7d  %d of %d\n", what, took[what] / 1000, limit, cases[what], of
			if (int(took[what] / 1000) > limit)
				printf "%s: %d s, the limit is %d s\n", what, took[what] / 1000,
					limit >over
		}
		FILENAME == ARGV[1] { add($2); add("total"); next }
		FNR == 1 { printf "%-12s %7s %7s  %s\n", "part", "seconds", "limit", "cases run" }
		{ say($1, limit, $2); of += $2 }
		END { say("total", all, of) }' "$work/all-times" "$work/parts"
}
: >"$work/over"
[ -z "$depends" ] || time_of_parts
took=$((($(now) - begun) / 1000))
# Of make test, the limit is that of all of it: who waits for it waits for the build, too.
whole=$took what="all cases" both=
[ -z "${PTI_BEGUN:-}" ] || {
	whole=$(($(date +%s) - PTI_BEGUN)) what="the build and all cases"
	both=" with the build $((whole / 60)) min $((whole % 60)) s;"
}
if [ "$tag" = normal ] && [ "$whole" -gt "$whole_time" ]; then
	echo "$what: $whole s, the limit is $whole_time s" >>"$work/over"
fi
while IFS= read -r text; do
	result FAIL 0 "$text"
done <"$work/over"

count()
{
	grep -c "^$1	" "$work/results" || :
}
failed=$(count FAIL)
late=$(count late)
if [ "$failed" -gt 0 ]; then
	echo "Failed:"
	sed -n 's/^FAIL\t/  /p' "$work/results"
fi
if [ "$late" -gt 0 ]; then
	echo "Did not come to their turn in the $part_time s that a part has (run it again):"
	sed -n 's/^late\t/  /p' "$work/results"
fi
if [ -s "$work/earlier" ]; then
	echo "$(wc -l <"$work/earlier") of $total passed earlier, for the same kernel and tests;" \
		"--again runs them, too"
fi
# What allocation was made to fail, by all the ways that there are to do so.
cut -f1 "$work/cases" | while IFS= read -r name; do
	tr -d '\r\000' <"$logs/suite/$name.log" 2>/dev/null || :
done | awk '
	match($0, /[0-9]+ failing points tried, [0-9]+ ended as defined/) {
		split(substr($0, RSTART, RLENGTH), word, " ")
		tried += word[1]
		fine += word[5]
	}
	END { if (tried) print tried " failing points tried, " fine " ended as defined" }'
echo "$((took / 60)) min $((took % 60)) s;$both logs in $logs/suite"
echo "$(count ok) passed, $((failed + late)) failed, $(count skip) skipped"
[ "$((failed + late))" = 0 ]
