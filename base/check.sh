#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The checks of the base and of the series, one each call:
#
#	check.sh words | strip | copies | style | docs | bugs | warnings | exports | off | ksrc | refresh
#	check.sh objects some | all
#	check.sh versions oldest | all
#
# The Makefile says what each of them shows.

set -eu
base=$(cd "$(dirname "$0")" && pwd)
. "$base/lib.sh"
me="check-${1:-}"

mkdir -p "$build"
# What killed runs have left; the others of this one are younger
find "$build" -maxdepth 1 -name '.check.??????' -mmin +120 -exec rm -rf {} +
tmp=$(mktemp -d "$build/.check.XXXXXX")
trap 'end_ticker; rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

lgit() {
	git -C "$linux" "$@"
}

ok() {
	echo "$me: $*"
}

# extract COMMIT DIR [PATH...]: its files, in DIR
extract() {
	commit=$1
	dir=$2
	shift 2
	mkdir -p "$dir"
	lgit archive "$commit" -- "$@" | tar -x -C "$dir"
}

# A program of base/, built
program() {
	need gcc
	gcc -O2 -Wall -Wextra -Werror -o "$tmp/$1" "$base/$1.c" $2 ||
		die "base/$1.c does not build"
}

# Every file that is, or could be, in this repository
tracked() {
	git -C "$top" rev-parse -q --verify HEAD >/dev/null || die "$top is no git checkout: its files cannot be told"
	(cd "$top" && git ls-files -co --exclude-standard) | while read -r file; do
		[ ! -f "$top/$file" ] || echo "$file"
	done
}

check_words() {
	extract stripped "$tmp/tree" $(sed -n 's/^dir	//p' "$base/words.txt")
	"$base/check-words.sh" "$tmp/tree"
}

# spoiled RULE FILE SED-COMMAND: strip a tree with that edit; the rule has to be named
spoiled() {
	rm -rf "$tmp/spoiled"
	cp -R "$tmp/stock" "$tmp/spoiled"
	sed -i "$3" "$tmp/spoiled/$2"
	cp -R "$tmp/spoiled" "$tmp/before"
	if "$base/strip.sh" "$tmp/spoiled" >"$tmp/out" 2>&1; then
		die "the strip accepts a tree that rule $1 does not apply to"
	fi
	grep -q "$1" "$tmp/out" || die "the strip does not name rule $1: $(cat "$tmp/out")"
	diff -r "$tmp/before" "$tmp/spoiled" >/dev/null ||
		die "the strip leaves a tree changed when rule $1 fails"
	rm -rf "$tmp/before"
}

check_strip() {
	if [ "$(lgit rev-parse "stock^{tree}")" = "$(lgit rev-parse "stripped^{tree}")" ]; then
		ok "the source has no PTI of its own, nothing to check"
		return
	fi
	extract stock "$tmp/stock" $("$base/strip.sh" --files)
	start=$(date +%s)
	cp -R "$tmp/stock" "$tmp/tree"
	"$base/strip.sh" "$tmp/tree"
	time=$(($(date +%s) - start))

	cp -R "$tmp/tree" "$tmp/once"
	"$base/strip.sh" "$tmp/tree" | grep -q 'nothing to do' ||
		die "a stripped tree is not recognised"
	diff -r "$tmp/once" "$tmp/tree" >/dev/null || die "stripping twice changes the tree"

	spoiled head_64.S arch/x86/kernel/head_64.S s/CONFIG_MITIGATION_PAGE/CONFIG_OTHER_PAGE/
	spoiled user_pcid arch/x86/mm/tlb.c 's/u16 user_pcid(/u16 other_pcid(/'
	spoiled entry64-syscall arch/x86/entry/entry_64.S \
		'/SWITCH_TO_KERNEL_CR3 scratch_reg=%rsp/d'
	[ "$time" -lt 60 ] || die "the strip takes $time s, and may take 60"
	ok "stripped in $time s; a second time changes nothing; a rule that fails is named"
}

# changed COMMIT1 COMMIT2: lines and files that differ, of files that both have
changed() {
	lgit diff --numstat --no-renames --diff-filter=M "$1" "$2" |
		awk '{ lines += $1 + $2; files++ } END { print lines + 0, files + 0 }'
}

# The hooks of the isolation itself into the kernel's files are fewer and shorter than those that
# the strip took out. What comes behind it, from the audit on, has options of its own, and
# nothing of the kind was in stock; with that they are still shorter.
check_hooks() {
	more=$(lgit log -1 --diff-filter=A --format=%H refs/pti/next -- arch/x86/mm/pti_audit.c)
	[ "$more" ] || die "no patch adds arch/x86/mm/pti_audit.c, where the isolation itself ends"
	ours=$(changed stripped "$more^")
	all=$(changed stripped refs/pti/next)
	stocks=$(changed stock stripped)
	ok "hooks: ours are ${ours% *} lines in ${ours#* } files, the stock kernel's were ${stocks% *} in ${stocks#* }"
	ok "hooks: with what has an option of its own, ${all% *} lines in ${all#* } files"
	[ "${stocks% *}" = 0 ] ||
		{ [ "${ours% *}" -lt "${stocks% *}" ] && [ "${ours#* }" -lt "${stocks#* }" ] &&
			[ "${all% *}" -lt "${stocks% *}" ]; }
}

check_copies() {
	need git
	program copies ""
	lgit diff -U0 --no-renames stock stripped >"$tmp/removed.diff"
	cd "$top"
	tracked >"$tmp/files"
	rc=0
	if [ -s "$tmp/removed.diff" ]; then
		"$tmp/copies" removed "$tmp/removed.diff" $(cat "$tmp/files") || rc=1
	else
		ok "the source has no PTI of its own to compare with"
	fi
	check_hooks || rc=1
	lgit archive stock | "$tmp/copies" source $(grep -v '^COPYING$' "$tmp/files") || rc=1
	[ $rc = 0 ] || die "lines of the kernel stand in our files, or hooks are more than stock's"
	ok "$(wc -l <"$tmp/files") files: no 6 lines that the strip removes, no 20 lines of the source"
}

check_style() {
	need perl sparse gcc
	rc=0
	for script in $(tracked | grep -e '\.sh$' -e '/guest/init$' -e '^\.ci/run$'); do
		sh -n "$top/$script" || rc=1
	done
	# What stands at a path of the kernel has to be in the series
	lgit diff-tree -r --name-only stripped refs/pti/next >"$tmp/new"
	tracked | grep -E '^(MAINTAINERS$|(arch|include|mm|kernel|lib|security|Documentation)/|tools/testing/selftests/)' |
		grep -vxF -f "$tmp/new" >"$tmp/left" || true
	sed 's/^/check-style: no patch adds /' "$tmp/left"
	[ ! -s "$tmp/left" ] || rc=1

	count=$(lgit rev-list --count stripped..refs/pti/next)
	if [ "$count" = 0 ]; then
		[ $rc = 0 ] || exit 1
		ok "the scripts are clean, and the series is empty"
		return
	fi
	lgit format-patch -q --no-signature -o "$tmp/mails" stripped..refs/pti/next
	# Paths may be longer than a line of a message
	sed -i '/^Adds: /d' "$tmp"/mails/*
	# The tree that checkpatch looks things up in is the one with the series
	(cd "$linux" && perl scripts/checkpatch.pl --strict --no-signoff --quiet --terse \
		--showfile --show-types --color=never "$tmp"/mails/* 2>/dev/null) |
		grep -E ': (ERROR|WARNING|CHECK):' | sed "s|^$tmp/mails/||" >"$tmp/hits" || true
	rows "$base/checkpatch.txt" | awk -F '\t' '
		NR == FNR { excuse[$1 FS $2] = 1; next }
		{
			file = $0
			sub(/:.*/, "", file)
			match($0, /: (ERROR|WARNING|CHECK):[A-Z_]*/)
			type = substr($0, RSTART + 2, RLENGTH - 2)
			sub(/.*:/, "", type)
			used[file FS type] = 1
			if (!((file FS type) in excuse) && !(("*" FS type) in excuse))
				print
		}
		END {
			for (e in excuse)
				if (e !~ /^[*]/ && !(e in used))
					print "excused for nothing: " e
		}' - "$tmp/hits" >"$tmp/left"
	sed 's/^/check-style: /' "$tmp/left"
	[ ! -s "$tmp/left" ] || rc=1

	# What comments say of functions and structures, in the files that it adds
	lgit diff-tree -r --name-only --diff-filter=A stripped refs/pti/next -- arch include mm >"$tmp/new"
	(cd "$linux" && perl scripts/kernel-doc -none -Wall $(grep '\.[ch]$' "$tmp/new")) \
		>"$tmp/left" 2>&1 || rc=1
	sed 's/^/check-style: /' "$tmp/left"
	[ ! -s "$tmp/left" ] || rc=1

	# All files that the series adds or changes; but of what it changes, the
	# kernel's own lines may be as they are
	lgit diff-tree -r --name-only stripped refs/pti/next -- $our_dirs >"$tmp/new"
	objects=
	for object in $(sed -n 's/\.[cS]$/.o/p' "$tmp/new"); do
		case $object in
		# Built in ways of their own, included, or only where the configuration has them
		arch/x86/boot/*|arch/x86/entry/isolated_*.o|arch/x86/entry/opted_out.o|arch/x86/realmode/*) ;;
		arch/x86/kernel/asm-offsets_64.o|arch/x86/kernel/vmlinux.lds.o) ;;
		*) objects="$objects $object" ;;
		esac
	done
	"$base/kernel.sh" style - $objects
	lgit diff -U0 --no-renames stripped refs/pti/next | awk '
		/^\+\+\+ / { file = substr($2, 3) }
		/^@@ / {
			split($3, at, ",")
			count = at[2] == "" ? 1 : at[2]
			for (i = 0; i < count; i++)
				print file ":" substr(at[1], 2) + i
		}' >"$tmp/lines"
	# ccache makes the path relative, make without it the real one
	sed -E -n "s,^($linux|$(realpath "$linux")|([.][.]/)+linux)/,,; s,^([^: ]*:[0-9]*):.*(warning|error): .*,\\1\t&,p" \
		"$logs/kernel-style.log" | awk -F '\t' '
		NR == FNR { ours[$1] = 1; next }
		$1 in ours { print $2 }' "$tmp/lines" - | sort -u >"$tmp/left"
	sed 's/^/check-style: /' "$tmp/left"
	[ ! -s "$tmp/left" ] || die "sparse or W=1 is not clean"
	[ $rc = 0 ] || die "the series is not clean"
	ok "checkpatch --strict on $count patches, sparse and W=1 on $(echo $objects | wc -w) objects are clean"
}

# The pages of the series, by the kernel's own rules; read all anew, or warnings of
# pages that have not changed would not come again. No other directory than that of
# pti.rst: of what the series changes elsewhere, all is literal text.
make_docs() {
	make -C "$linux" O="$build/docs" htmldocs SPHINXDIRS=arch/x86 >"$logs/docs.log" 2>&1
}

check_docs() {
	"$top/tools/testing/pti/bench-report.sh" --unedited >"$tmp/figures" ||
		die "$(cat "$tmp/figures"): \"make bench-figures\" brings those of the report"
	# No reason to fail: to measure takes half an hour, and not each change alters a figure
	sed -n '2s/^[^:]*/check-docs/p' "$tmp/figures"
	need sphinx-build make
	rm -rf "$build/docs"
	mkdir -p "$build/docs" "$logs"
	during "making the pages of arch/x86" make_docs ||
		die "make htmldocs fails; the full log is $logs/docs.log"
	lgit diff-tree -r --name-only stripped refs/pti/next -- Documentation/arch/x86 >"$tmp/new"
	grep -F -f "$tmp/new" "$logs/docs.log" | sed "s|^$linux/||" >"$tmp/left" || true
	sed 's/^/check-docs: /' "$tmp/left"
	[ ! -s "$tmp/left" ] || die "the documentation has warnings"
	page=$build/docs/Documentation/output/arch/x86/pti.html
	[ -f "$page" ] || die "there is no $page"
	ok "$(wc -l <"$tmp/new") pages without a warning; read $page"
}

check_bugs() {
	bed=$top/tools/testing/pti
	"$bed/suite.sh" --list >"$tmp/cases"
	rc=0
	rows "$bed/past-bugs.txt" >"$tmp/rows"
	number=0
	while IFS='|' read -r what answer cases mutants why; do
		number=$((number + 1))
		what=$(echo $what)
		[ "${what%% *}" = $number ] || die "past-bugs.txt: row $number is missing: $what"
		case $(echo $answer) in
		test)
			[ "$(echo $cases)" ] || die "past-bugs.txt: no case: $what"
			[ "$(echo $mutants)" ] || die "past-bugs.txt: no mutant: $what" ;;
		cannot) [ "$(echo $why)" ] || die "past-bugs.txt: no reason: $what" ;;
		open) ;;
		*) die "past-bugs.txt: neither test, cannot nor open: $what" ;;
		esac
		for case in $cases; do
			# A pattern of the shell, for grep
			regex=$(echo "$case" | sed 's/[.]/\\&/g; s/[*]/.*/g')
			grep -q -x -e "$regex" "$tmp/cases" || { ok "no case $case: $what"; rc=1; }
		done
		for mutant in $mutants; do
			patch=$bed/mutants/$mutant.patch
			[ -f "$patch" ] || { ok "no mutant $mutant: $what"; rc=1; continue; }
			hit=
			for by in $(sed -n '/^--- /q; s/^Caught-by: *//p' "$patch"); do
				case " $cases " in
				*" $by "*) hit=1 ;;
				esac
			done
			[ "$hit" ] || { ok "$mutant is caught by nothing that the row has: $what"; rc=1; }
		done
	done <"$tmp/rows"

	# Each row of cases.txt is seen to fail on a planted break, or says why not
	sed -s -n '/^--- /,$d; s/^Caught-by: *//p' "$bed"/mutants/*.patch | sort -u >"$tmp/caught"
	rows "$bed/cases.txt" | grep -v '^@' | cut -d'|' -f1 | tr -d ' \t' | sort -u | while read -r row; do
		why=$(rows "$bed/unplanted.txt" | awk -F'|' -v row="$row" '
			{ gsub(/[ \t]/, "", $1) }
			$1 == row { print $2 }')
		if grep -q -x -e "$row\(-\(affected\|unaffected\|amd\|haswell\|qemu\).*\)\{0,1\}" "$tmp/caught"; then
			[ -z "$why" ] || echo "unplanted.txt excuses a case with a mutant: $row"
		elif [ -z "$why" ]; then
			echo "no mutant is caught by it, and unplanted.txt has no reason: $row"
		fi
	done >"$tmp/unplanted"
	cat "$tmp/unplanted"
	[ ! -s "$tmp/unplanted" ] || rc=1

	# A mutant that no longer applies would be known when it is replayed, and late
	GIT_INDEX_FILE=$tmp/index lgit read-tree refs/pti/next
	for patch in "$bed"/mutants/*.patch; do
		where=$(sed -n '/^--- /q; s/^Where: *//p' "$patch")
		if [ "$where" = repository ]; then
			(cd "$top" && patch -s -f -p1 --dry-run <"$patch")
		else
			GIT_INDEX_FILE=$tmp/index lgit apply --cached --check --recount -C1 "$patch"
		fi >"$tmp/out" 2>&1 || { ok "$(basename "$patch") does not apply: $(head -n 1 "$tmp/out")"; rc=1; }
	done
	[ $rc = 0 ] || die "the tests, their planted breaks and past-bugs.txt do not go together"
	ok "$number bugs: $(grep -c '| test |' "$tmp/rows") have a test," \
		"$(grep -c '| cannot |' "$tmp/rows") cannot happen, $(grep -c '| open |' "$tmp/rows") are open"
}

# The compiler's, the assembler's, objtool's and the linker's; kernel.sh has each
# build that warns warn again
check_warnings() {
	image=${PTI_IMAGE:-$build}
	name=ours
	[ "$(realpath -m "$image")" = "$build" ] || name=$(basename "$image")
	[ -f "$logs/kernel-$name.log" ] || die "no $logs/kernel-$name.log: 'make kernel' makes it"
	if [ -f "$logs/kernel-$name.log.warnings" ]; then
		cat "$logs/kernel-$name.log.warnings"
		die "the kernel builds with warnings"
	fi
	ok "the kernel builds without a warning, objtool's included"
}

check_exports() {
	ours=${PTI_IMAGE:-$build}/obj/Module.symvers
	stock=$build/stock/obj/Module.symvers
	for file in "$ours" "$stock"; do
		[ -f "$file" ] || die "no $file: 'make kernel stock' makes it"
	done
	cut -f2,4 "$ours" | sort >"$tmp/ours"
	cut -f2,4 "$stock" | sort >"$tmp/stock"
	diff "$tmp/stock" "$tmp/ours" ||
		die "modules find other exports than in the stock kernel"
	ok "$(wc -l <"$tmp/ours") exports, the stock kernel's"
}

# compare_objects KERNEL1 KERNEL2 EXCEPTIONS: in the directories of $our_dirs, what
# is there without a link
compare_objects() {
	for kernel in "$1" "$2"; do
		mkdir "$tmp/$kernel"
		(cd "$build/$kernel/obj" && find $our_dirs -name '*.o' ! -path 'arch/x86/boot/*' \
			! -path init/version-timestamp.o \
			-exec cp --parents -l -t "$tmp/$kernel" {} +)
	done
	awk -F '\t' '/^#/ || $1 !~ /^arch.x86.boot/' "$3" >"$tmp/exceptions"
	"$tmp/objcmp" "$tmp/$1" "$tmp/$2" "$tmp/exceptions"
}

# only_in_our_dirs COMMIT1 COMMIT2: code that differs somewhere else would go unseen
only_in_our_dirs() {
	lgit diff --name-only "$1" "$2" -- '*.[chS]' ':!tools' ':!Documentation' |
		while read -r file; do
			for dir in include $our_dirs; do
				case $file in "$dir"/*) continue 2 ;; esac
			done
			echo "$file"
		done >"$tmp/elsewhere"
	[ ! -s "$tmp/elsewhere" ] ||
		die "not in $our_dirs, which are all that is compared: $(head -n 1 "$tmp/elsewhere")"
}

check_objects() {
	[ "$(lgit rev-parse "stock^{tree}")" != "$(lgit rev-parse "stripped^{tree}")" ] ||
		die "the source has no PTI of its own to compare with"
	program objcmp -lelf
	"$base/kernel.sh" stripped
	if [ "$1" = all ]; then
		"$base/kernel.sh" stockoff
		"$tmp/objcmp" "$build/stockoff/obj" "$build/stripped/obj" "$base/exceptions.txt"
	else
		only_in_our_dirs stock stripped
		DIRS=$our_dirs "$base/kernel.sh" stockoff
		compare_objects stockoff stripped "$base/exceptions.txt"
	fi || die "the stripped kernel is not stock with its isolation off"
}

check_off() {
	program objcmp -lelf
	only_in_our_dirs stripped refs/pti/next
	"$base/kernel.sh" stripped
	DIRS=$our_dirs "$base/kernel.sh" off
	compare_objects stripped off "$base/exceptions-off.txt" ||
		die "our kernel with the option off is not the stripped one"
}

check_ksrc() {
	need_space 2700
	git clone -q --shared --no-checkout "$linux" "$tmp/export"
	git -C "$tmp/export" update-ref --no-deref HEAD "$(lgit rev-parse stripped^0)"
	BUILD=$tmp/build KSRC=$tmp/export FORCE='' "$base/tree.sh"
	for repo in "$linux" "$tmp/build/linux"; do
		git -C "$repo" log --format='%T %an %ae %ad %s%n%b' stripped..refs/pti/next
		git -C "$repo" rev-parse "stripped^{tree}"
	done >"$tmp/both"
	half=$(($(wc -l <"$tmp/both") / 2))
	head -n $half "$tmp/both" >"$tmp/ours"
	tail -n +$((half + 1)) "$tmp/both" | cmp -s - "$tmp/ours" ||
		die "a tree made from the stripped base differs"
	ok "a tree made from the stripped base has the same trees and messages"
}

check_refresh() {
	# A copy of the repository, and of build/linux with few of its files
	mkdir -p "$tmp/top/build"
	tracked >"$tmp/list"
	tar -cf - -C "$top" -T "$tmp/list" | tar -xf - -C "$tmp/top"
	git init -q "$tmp/top"
	copy=$tmp/top/build/linux
	git clone -q --shared --no-checkout "$linux" "$copy"
	git -C "$copy" sparse-checkout set arch/x86/mm arch/x86/entry mm init
	for ref in made next; do
		git -C "$copy" update-ref refs/pti/$ref "$(lgit rev-parse refs/pti/next)"
	done
	git -C "$copy" checkout -q -B pti refs/pti/next
	for file in source rules next; do
		cp "$linux/.git/pti-$file" "$copy/.git/"
	done
	refresh() {
		BUILD='' "$tmp/top/base/refresh.sh" >"$tmp/out" 2>&1 || die "$(cat "$tmp/out")"
	}

	# Without an edit, the tree may not change
	refresh
	cp -R "$tmp/top/patches" "$tmp/patches"
	git -C "$copy" diff --quiet refs/pti/next pti || die "an empty refresh changes the tree"

	# A hook and a new file, as a commit; and an edit of that file without one
	echo "# A line of a hook" >>"$copy/mm/Makefile"
	printf '%s\n' '/* A new file */' 'int pti_refresh_check;' >"$copy/mm/pti_refresh_check.c"
	git -C "$copy" add -A
	git -C "$copy" commit -q -m "mm: Check refresh" -m "Body of it."
	echo 'int pti_refresh_more;' >>"$copy/mm/pti_refresh_check.c"
	sed -i 's/^# A line of a hook$/# A line of a hook, edited/' "$copy/mm/Makefile"
	git -C "$copy" commit -q -m "fixup! mm: Check refresh" mm/Makefile
	refresh
	cmp -s "$copy/mm/pti_refresh_check.c" "$tmp/top/mm/pti_refresh_check.c" ||
		die "a new file does not come back"
	patch=$(grep -l '^Subject: mm: Check refresh$' "$tmp/top/patches/"*.patch) ||
		die "a new commit does not become a patch"
	grep -q '^Adds: mm/pti_refresh_check.c$' "$patch" || die "a new file is not in Adds:"
	grep -q '^+# A line of a hook, edited$' "$patch" || die "a hook does not come back"
	[ "$(git -C "$copy" rev-list --count stripped..pti)" = \
		$(($(lgit rev-list --count stripped..refs/pti/next) + 1)) ] ||
		die "the fixup has not become part of its patch"
	[ -z "$(git -C "$copy" status --porcelain)" ] || die "the tree is not clean afterwards"

	# An edit of the repository stays, if the tree has none of the same file
	echo 'int pti_refresh_here;' >>"$tmp/top/mm/pti_refresh_check.c"
	refresh
	grep -q pti_refresh_here "$tmp/top/mm/pti_refresh_check.c" ||
		die "an edit of the repository is lost"
	grep -q pti_refresh_here "$copy/mm/pti_refresh_check.c" ||
		die "an edit of the repository does not reach the tree"
	echo 'int pti_refresh_mine;' >>"$tmp/top/mm/pti_refresh_check.c"
	echo 'int pti_refresh_yours;' >>"$copy/mm/pti_refresh_check.c"
	if BUILD='' "$tmp/top/base/refresh.sh" >"$tmp/out" 2>&1; then
		die "an edit of the repository is overwritten"
	fi
	grep -q 'edits that build/linux lacks, of mm/pti_refresh_check.c' "$tmp/out" ||
		die "an edit of the repository is not named: $(tail -n 1 "$tmp/out")"
	git -C "$copy" checkout -q mm/pti_refresh_check.c
	cp "$copy/mm/pti_refresh_check.c" "$tmp/top/mm/"

	# And back again: the repository is as it was
	git -C "$copy" reset -q --hard pti~1
	refresh
	diff -r "$tmp/patches" "$tmp/top/patches" >"$tmp/out" ||
		die "patches that were not edited have changed: $(head -n 1 "$tmp/out")"
	[ ! -e "$tmp/top/mm/pti_refresh_check.c" ] || die "a removed file stays"
	ok "edits, new files and fixups come back, and nothing else changes"
}

check_versions() {
	need apt-cache apt-get dpkg-deb xz
	known() {
		apt-cache madison linux-source-6.12 | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | sort -uV
	}
	versions=$(known)
	[ -n "$versions" ] || { apt-get update >/dev/null 2>&1 && versions=$(known); } || :
	[ -n "$versions" ] || die "Debian's archive is not known here: run apt-get update"
	[ "$1" = all ] || versions=$(echo "$versions" | head -n 1)
	store=$build/versions
	mkdir -p "$store"
	paths="Makefile MAINTAINERS $("$base/strip.sh" --files)
		$(sed -n 's/^dir	//p' "$base/words.txt")"
	for name in $(patches); do
		paths="$paths $(sed -n 's/^--- a\/\([^	]*\).*/\1/p' "$top/patches/$name")"
	done
	for version in $versions; do
		deb=$store/linux-source-6.12_${version}_all.deb
		if [ ! -f "$deb" ]; then
			rm -rf "$tmp/get"
			mkdir "$tmp/get"
			(cd "$tmp/get" && apt-get download "linux-source-6.12=$version" >get.log 2>&1) ||
				die "cannot download linux-source-6.12 $version: $(tail -n 1 "$tmp/get/get.log")"
			mv "$tmp"/get/*.deb "$deb"
		fi
		rm -rf "$tmp/source" "$tmp/build"
		mkdir "$tmp/source"
		# A file below a directory of the list must not be in the list again
		echo "$paths" | tr -s ' \t\n' '\n' | sort -u | awk '{
			if (dir == "" || index($0, dir "/") != 1) {
				print "linux-source-6.12/" $0
				dir = $0
			}
		}' >"$tmp/paths"
		dpkg-deb --fsys-tarfile "$deb" |
			tar -xOf - ./usr/src/linux-source-6.12.tar.xz |
			xz -dc -T0 | tar -xf - -C "$tmp/source" --strip-components=1 -T "$tmp/paths" ||
			die "$version: a file that the strip or the series changes is not there"
		BUILD=$tmp/build KSRC=$tmp/source FORCE='' "$base/tree.sh" >"$tmp/out" 2>&1 ||
			die "$version: $(tail -n 1 "$tmp/out")"
		git -C "$tmp/build/linux" worktree add -q --detach "$tmp/build/stripped" stripped
		"$base/check-words.sh" "$tmp/build/stripped" >"$tmp/out" ||
			die "$version: $(head -n 1 "$tmp/out")"
		ok "$version: the strip and $(git -C "$tmp/build/linux" rev-list --count stripped..pti) patches apply"
	done
}

case ${1:-} in
words|strip|copies|style|docs|bugs|warnings|exports|off|ksrc|refresh)
	[ -d "$linux/.git" ] || die "no build/linux: 'make tree' makes it"
	check_"$1" ;;
objects)
	[ -d "$linux/.git" ] || die "no build/linux: 'make tree' makes it"
	check_objects "${2:-all}" ;;
versions)
	check_versions "${2:-all}" ;;
*)
	die "usage: check.sh words | strip | copies | style | docs | bugs | warnings | exports | objects | off | ksrc | refresh | versions" ;;
esac
