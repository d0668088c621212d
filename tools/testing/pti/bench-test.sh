# SPDX-License-Identifier: GPL-2.0-only
#
# What the report must say of counts that are known: of a whole set, and of that with
# something spoiled in it. Sourced by bench-report.sh --self-test.

# By itself it would write where an empty $tmp leads.
: "${here:?is set by bench-report.sh --self-test, which runs this}"
work_dir
n=0
bad=0

# counts: a whole set as the tools leave it, in which ours is below stock everywhere.
counts()
{
	rm -rf "$tmp/build"
	mkdir -p "$tmp/build/bench/parts" "$tmp/build/bench/logs" "$tmp/build/host"
	cp "$build/host/bench_report" "$tmp/build/host/"
	cp "$top/README.md" "$tmp/README.md"
	(
		cd "$tmp/build/bench/parts" || exit
		for way in syscall-lseek int80-getppid sysenter-getppid fault-shared interrupt \
				pipe fork-exit price-ioperm; do
			echo "stripped - $way 1000 1"
			for mode in nopti pti=on; do
				echo "stock $mode $way 1020 1"
				echo "ours $mode $way 1010 1"
			done
		done >cost-more.counts
		sed 's/^\([a-z]* \)pti=on \(.*\)/&\n\1noinvpcid \2/' cost-more.counts \
			>cost-pcid-more.counts
		for mode in invpcid noinvpcid; do
			echo "stock $mode syscall-lseek 99 4 4 4 4 4 4 4 4 4"
			echo "ours $mode syscall-lseek 99 3 3 3 3 3 3 3 3 3"
		done >flushes-more.counts
		for kernel in stripped:10 stock:20 ours:15; do
			for row in functions data mm-tenths; do
				echo "${kernel%:*} - $row ${kernel#*:}"
			done
			for mode in nopti pti=on; do
				echo "[    0.5${kernel#*:}000] Run /init as init process" \
					>"../logs/cost-more-${kernel%:*}-$mode.log"
			done
			for mode in pti=on pti=auto; do
				{
					echo "row idt pages 1 leaves 1 perms r--g-"
					for class in executable writable read_only total; do
						echo "${class}_bytes $((${kernel#*:} * 4096))"
					done
				} >"exposure-${kernel%:*}-$mode.txt"
			done
		done >growth.counts
		for row in heads-and-tails tables-of-exposure; do
			echo "ours - $row 2463"
		done >>growth.counts
	)
}

# outcome STATUS TEXT WHAT [OPTION]: of the set as it is now.
outcome()
{
	n=$((n + 1))
	rc=0
	BUILD=$tmp/build README=$tmp/README.md PICTURE=$tmp/picture.svg PTI_IMAGE='' \
		"$here/bench-report.sh" ${4:+"$4"} >"$tmp/out" 2>&1 || rc=$?
	if [ "$rc" = "$1" ] && grep -q -e "$2" "$tmp/out"; then
		echo "ok $n - $3"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n - $3: status $rc instead of $1, or without \"$2\""
		bad=1
	fi
}

# spoiled SED-COMMAND FILE...: a whole set with that edit.
spoiled()
{
	counts
	edit=$1
	shift
	for file; do
		sed -i "$edit" "$tmp/build/bench/parts/$file"
	done
}

need gnuplot gnuplot-nox
build_tool
counts
outcome 0 "above stock in 0 of" "a whole set"
outcome 1 "other figures than" "a README without them" --check
outcome 0 "have the report's figures" "they come into it" --figures
outcome 0 "has the report's figures" "and are the same then" --check
sed -i 's/| system call | +20/| system call | +99/' "$tmp/README.md"
outcome 1 "other figures than" "a figure in the README that was edited" --check
cp "$top/README.md" "$tmp/README.md"
sed -i '/make bench-figures: end/d' "$tmp/README.md"
outcome 2 "two marks" "a README without a mark" --figures

spoiled 's/^ours pti=on pipe 1010/ours pti=on pipe 900/' cost-more.counts
outcome 0 "above stock in 0 of" "ours below the stripped kernel, with a bar that goes down"
spoiled 's/^ours pti=on price-ioperm 1010/ours pti=on price-ioperm 9000/' cost-more.counts
outcome 0 "above stock in 0 of" "a price is not judged"
spoiled 's/^ours pti=on syscall-lseek 1010/ours pti=on syscall-lseek 1021/' cost-more.counts
outcome 1 "^not ok: ways-tcg, pti=on, syscall-lseek: ours 21, stock 20$" "ours above stock"
spoiled 's/^\(ours invpcid syscall-lseek 99 3 3\) 3/\1 5/' flushes-more.counts
outcome 1 "^not ok: invlpg, invpcid, syscall-lseek: ours 5, stock 4$" "more flushes than stock's"
spoiled 's/^writable_bytes .*/writable_bytes 819200/' exposure-ours-pti=auto.txt
outcome 1 "^not ok: exposure, pti=auto, writable: ours 800, stock 80$" "more exposed than stock's"
spoiled 's/^ours - mm-tenths 15/ours - mm-tenths 21/' growth.counts
outcome 1 "^not ok: memory, -, each-process: ours 1.1, stock 1$" "more memory than stock's"

spoiled '/heads-and-tails\|tables-of/d' growth.counts
outcome 2 "^missing: once: no figures$" "heads and tails that nobody counted"
spoiled '/^stock/d' cost-pcid-more.counts
outcome 2 "^missing: ways-pcid, pti=on: no figures of stock" "no stock kernel on one emulator"
spoiled '/^ours pti=on interrupt/d' cost-more.counts
outcome 2 "^missing: ways-tcg, pti=on, interrupt: stock 20, ours ?$" "one way missing"
outcome 2 "something is missing" "such a report does not come into the README" --figures
spoiled d flushes-more.counts
outcome 2 "^missing: cr3: no figures$" "no Bochs"
spoiled d cost-pcid-more.counts
outcome 2 "^missing: ways-pcid: no figures$" "no PCID"
outcome 2 "something is missing" "nor does that" --figures
spoiled d growth.counts
echo "left-out growth: growth.sh: it broke" >"$tmp/build/bench/parts/left-out"
outcome 2 "^left out: growth: growth.sh: it broke$" "a step that was left out"
grep -q "it broke" "$tmp/build/bench/report.md" || {
	echo "not ok - the report does not say what was left out"
	bad=1
}
spoiled 's/^ours pti=on pipe 1010/ours pti=on pipe 1021/; /^stock nopti/d' cost-more.counts
outcome 1 "^missing: programs-tcg, nopti: no figures of stock" "above stock, and something missing"
spoiled 's/^ours pti=on pipe 1010/ours pti=on pipe many/' cost-more.counts
outcome 2 "not a figure" "counts that are no numbers"

# All programs but gnuplot
counts
mkdir "$tmp/bin"
for program in $(IFS=:; for d in $PATH; do ls -d "$d"/* || :; done 2>/dev/null); do
	ln -s "$program" "$tmp/bin/" 2>/dev/null || :
done
rm -f "$tmp/bin"/gnuplot*
PATH=$tmp/bin outcome 2 "^left out: the charts: no gnuplot here" "no gnuplot"
rm -rf "$tmp/build/bench"
outcome 2 "nothing was measured" "no bench before"
exit "$bad"
