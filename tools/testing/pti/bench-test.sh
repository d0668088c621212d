# SPDX-License-Identifier: GPL-2.0-only
#
# What the report must say of counts that are known: of a whole set, and of that with
# something spoiled in it; and of a bench in which steps fail. Sourced by bench-report.sh
# --self-test.

# By itself it would write where an empty $tmp leads.
: "${here:?is set by bench-report.sh --self-test, which runs this}"
work_dir
. "$here/demand.sh"

sources=$("$here/bench-report.sh" --sources | sed -n 's/^sources //p')

# counts: a whole set as the tools leave it, in which ours is below stock everywhere.
counts()
{
	rm -rf "$tmp/build"
	mkdir -p "$tmp/build/bench/parts" "$tmp/build/bench/logs" "$tmp/build/host"
	cp "$build/host/bench_report" "$tmp/build/host/"
	cp "$top/README.md" "$tmp/README.md"
	echo "$sources" >"$tmp/build/bench/parts/sources"
	(
		cd "$tmp/build/bench/parts" || exit
		for way in syscall-lseek int80-getppid int80-getppid-32 sysenter-getppid \
				sysenter-lseek fault-shared fault-shared-32 interrupt interrupt-32 \
				pipe fork-exit price-ioperm; do
			echo "stripped - $way 1000 1"
			for mode in nopti pti=on; do
				echo "stock $mode $way 1020 1"
				[ "$mode" = nopti ] && echo "ours nopti $way 1000 1" ||
					echo "ours $mode $way 1004 1"
			done
		done >cost-more.counts
		sed 's/^\([a-z]* \)pti=on \(.*\)/&\n\1noinvpcid \2/' cost-more.counts \
			>cost-pcid-more.counts
		sed -n '/ interrupt/p' cost-pcid-more.counts >cost-pcid-qemu.counts
		sed -i '/ interrupt/d' cost-pcid-more.counts
		sed -n 's/ pipe / socket-tcp /p' cost-more.counts >cost-tcp.counts
		sed -n 's/ pipe / socket-tcp /p' cost-pcid-more.counts >cost-pcid-qemu-tcp.counts
		for mode in invpcid noinvpcid; do
			for way in syscall-lseek fork-exit fork-exit-32 pipe; do
				echo "stock $mode $way 99 4 4 4 4 4 4 4 4 4 40"
				echo "ours $mode $way 99 3 3 3 3 3 3 3 3 3 30"
			done
		done >flushes-more.counts
		for kernel in stripped:10 stock:20 ours:15; do
			for row in functions data mm-tenths mm-ldt-tenths mm-ldt-la57-tenths; do
				echo "${kernel%:*} - $row ${kernel#*:}"
			done
			for mode in nopti pti=on; do
				echo "[    0.5${kernel#*:}000] Run /init as init process" \
					>"../logs/cost-more-${kernel%:*}-$mode.log"
			done
			for mode in pti=on pti=auto; do
				{
					echo "row idt pages 1 leaves 1 perms r--g-"
					echo "row espfix pages 1 leaves 65536 perms r----"
					echo "row ldt pages 16 leaves 16 perms r----"
					echo "executable_bytes $((${kernel#*:} * 512))"
					for class in writable read_only total least; do
						echo "${class}_bytes $((${kernel#*:} * 4096))"
					done
					echo "each_cpu_bytes 28672"
				} >"exposure-${kernel%:*}-$mode.txt"
			done
		done >growth.counts
		for row in heads-and-tails tables-of-exposure whole-functions whole-data \
				whole-heads-and-tails; do
			echo "ours - $row 2463"
		done >>growth.counts
	)
}

# outcome STATUS TEXT WHAT [OPTION]: of the set as it is now.
outcome()
{
	demand "$1" "$2" "$3" env BUILD="$tmp/build" README="$tmp/README.md" \
		PICTURE="$tmp/picture.svg" PTI_IMAGE='' "$here/bench-report.sh" ${4:+"$4"}
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

# What Bochs prints between two marks, shortened: with the first mark 29 instructions, 14 of
# them with memory. RSP as CR3 has NOFLUSH; of INVPCID 2 and 3 drop all PCIDs; what reads CR4
# drops nothing.
trace()
{
	for line in 'xchg bx, bx' 'push rbp' 'mov rax, qword ptr gs:0x28' 'popcnt rax, rdi' \
			'lea rdi, ds:[rdi+64]' 'lock cmpxchg dword ptr ds:[rdi], edx' \
			'rep movsq qword ptr es:[rdi], qword ptr ds:[rsi]' 'nop' \
			'prefetcht0 byte ptr ds:[rbx+rax]' 'invlpg byte ptr ds:[rdi]' \
			'or byte ptr gs:[rip+2126644961], 0x80' 'xsaveopt ds:[rdi]' \
			'call .-314  (0xffffffff81402490)' 'leave' 'mov rdi, rsp' 'mfence' \
			'mov cr3, rsp' 'mov cr3, rbp' 'mov cr3, rbp' 'rdmsr' 'wrmsr' \
			'mov rax, cr4' 'mov cr4, rcx' 'invpcid ebp, xmmword ptr ss:[rsp]' \
			'invpcid r8d, xmmword ptr ss:[rsp]' 'invpcid edi, xmmword ptr ds:[rsi]' \
			'invpcid r9d, xmmword ptr ss:[rsp]' 'ret' 'iret' 'xchg bx, bx'; do
		echo 'rsp: 80000000_01234567 rbp: 00000000_00000000 rdi: 00000000_00000003'
		echo 'r8 : 00000000_00000001 r9 : 00000000_00000002'
		printf '(0).[3] [0x000000001234] 0010:ffffffff81402490 (unk. ctxt): %-26s; 00\n' "$line"
	done
}

trace >"$tmp/trace"
# shellcheck disable=SC2016 # for the other shell
demand 0 "^PAIR 29 3 2 1 2 3 2 1 7 1 14$" "a trace of instructions, with some of each kind" \
	sh -c '"$1" --trace <"$2"' - "$here/flushes.sh" "$tmp/trace"

need gnuplot gnuplot-nox
build_tool
counts
outcome 0 "above stock in 0 of [0-9]* figures, in 0 more by" "a whole set"
outcome 1 "other figures than" "a README without them" --check
outcome 0 "have the report's figures" "they come into it" --figures
demand 0 "^| at-all-times | 80 | 60 | 80 | 60 |$" "with what is exposed without ports, too" \
	cat "$tmp/README.md"
demand 0 "^4 KiB of espfix and as much of an LDT as there is, 64 KiB at most," "and on top" \
	cat "$tmp/README.md"
outcome 0 "has the report's figures" "and are the same then" --check
outcome 0 "that were brought to it" "and by their sums" --unedited
outcome 0 "has figures of these sources$" "and are of these sources" --sources
sed -i 's/^\(Measured of sources with the sum\) .*/\1 1./' "$tmp/README.md"
outcome 0 "has figures of other sources than these" "or of others" --sources
echo 1 >"$tmp/build/bench/parts/sources"
outcome 2 "the report is of other sources than these" "nor is a report of others for it" --figures
echo "$sources" >"$tmp/build/bench/parts/sources"
outcome 1 "other figures than" "which is another figure, too" --check
cp "$top/README.md" "$tmp/README.md"
outcome 0 "have the report's figures" "they come into it again" --figures
sed -i 's/| system call | +20/| system call | +99/' "$tmp/README.md"
outcome 1 "other figures than" "a figure in the README that was edited" --check
outcome 1 "are edited" "without a report, too" --unedited
cp "$top/README.md" "$tmp/README.md"
sed -i '/make bench-figures: end/d' "$tmp/README.md"
outcome 2 "two marks" "a README without a mark" --figures

spoiled 's/^ours pti=on pipe 1004/ours pti=on pipe 900/' cost-more.counts
outcome 0 "above stock in 0 of" "ours below the stripped kernel, with a bar that goes down"
spoiled 's/^ours pti=on price-ioperm 1004/ours pti=on price-ioperm 9000/' cost-more.counts
outcome 0 "above stock in 0 of" "a price is not judged"
spoiled 's/^ours pti=on syscall-lseek 1004/ours pti=on syscall-lseek 1021/' cost-more.counts
outcome 1 "^not ok: ways-tcg, pti=on, syscall-lseek: ours 21, stock 20$" "ours above stock"
spoiled 's/^\(ours invpcid syscall-lseek 99 3 3\) 3/\1 5/' flushes-more.counts
outcome 1 "^not ok: invlpg, invpcid, syscall-lseek: ours 5, stock 4$" "more flushes than stock's"
spoiled 's/^\(ours noinvpcid pipe .*\) 30$/\1 58/' flushes-more.counts
outcome 0 "above stock in 0 of [0-9]* figures, in 1 more by no more than limits.txt lets it" \
	"as many more of a switch as limits.txt lets be"
spoiled 's/^\(ours noinvpcid pipe .*\) 30$/\1 59/' flushes-more.counts
outcome 1 "^not ok: memops-spare, noinvpcid, pipe: ours 59, at most 58$" "one more than that"
outcome 1 "figures, in 0 more by .*, above its limit in 1 of" "which counts as above its limit"
for way in syscall-lseek fork-exit; do
	spoiled "s/^\\(ours noinvpcid $way .*\\) 30$/\\1 41/" flushes-more.counts
	outcome 1 "^not ok: memops, noinvpcid, $way: ours 41, stock 40$" "more accesses, $way"
done
spoiled 's/^\(ours invpcid fork-exit-32 .*\) 3 3 3 30$/\1 13 3 3 30/' flushes-more.counts
outcome 0 "above stock in 0 of [0-9]* figures, in 1 more by" \
	"as many more locked instructions as limits.txt lets be"
spoiled 's/^\(ours invpcid fork-exit-32 .*\) 3 3 3 30$/\1 14 3 3 30/' flushes-more.counts
outcome 1 "^not ok: locked-spare, invpcid, fork-exit-32: ours 14, at most 13$" "one more"
spoiled 's/^\(ours invpcid pipe .*\) 3 3 3 30$/\1 5 3 3 30/' flushes-more.counts
outcome 1 "^not ok: locked, invpcid, pipe: ours 5, stock 4$" "one more where it has none"
spoiled 's/^ours pti=on interrupt 1004/ours pti=on interrupt 1013/' cost-more.counts
outcome 1 "^not ok: ways-tcg, pti=on, interrupt: ours 13, at most 12$" "ours above its limit"
demand 0 "at most 12$" "the report says so" cat "$tmp/build/bench/report.md"
spoiled 's/^ours nopti sysenter-lseek 1000/ours nopti sysenter-lseek 1001/' cost-pcid-more.counts
outcome 1 "^not ok: ways-pcid, nopti, sysenter-lseek: ours 1, at most 0$" "a site left with nopti"
spoiled 's/^total_bytes .*/total_bytes 118784/' exposure-ours-pti=auto.txt
outcome 1 "^not ok: exposure, pti=auto, total: ours 116, stock 80$" "all of it too large"
outcome 1 "^not ok: exposure, pti=auto, total: ours 116, at most 112$" "by its limit, too"
spoiled 's/^each_cpu_bytes .*/each_cpu_bytes 49152/' exposure-ours-pti=on.txt
outcome 1 "^not ok: rows, pti=on, each-further-cpu: ours 48, at most 44$" "too much for each CPU"
spoiled 's/^ours pti=on interrupt 1004/ours pti=on interrupt 1015/' cost-pcid-qemu.counts
outcome 1 "^not ok: ways-pcid, pti=on, interrupt: ours 15, at most 14$" "with PCID, too"
spoiled d cost-pcid-qemu.counts
outcome 2 "^missing: ways-pcid, pti=on, interrupt: at most 14, and no figure$" "no interrupt with PCID"
demand 0 "^.-.: with PCID it takes what" "the README says why" \
	cat "$tmp/build/bench/figures.md"
spoiled 's/interrupt-32/irq-32/' cost-more.counts
outcome 2 "^missing: ways-tcg, pti=on, interrupt-32: at most 12, and no figure$" "a way renamed"
spoiled '/noinvpcid/d' cost-pcid-more.counts cost-pcid-qemu.counts cost-pcid-qemu-tcp.counts
outcome 2 "^missing: ways-pcid, noinvpcid: limits, and no figures$" "a mode that was not measured"
spoiled 's/^writable_bytes .*/writable_bytes 819200/' exposure-ours-pti=auto.txt
outcome 1 "^not ok: exposure, pti=auto, writable: ours 800, stock 80$" "more exposed than stock's"
spoiled 's/^ours - mm-tenths 15/ours - mm-tenths 21/' growth.counts
outcome 1 "^not ok: memory, -, each-process: ours 1.1, stock 1$" "more memory than stock's"
spoiled "s/^ours - mm-ldt-la57-tenths 15/ours - mm-ldt-la57-tenths 21/" growth.counts
outcome 0 "above stock in 0 of" "with an LDT that is a price"
demand 0 "^| five-levels | 1 | +1 | +1.1 |$" "the report has it" \
	cat "$tmp/build/bench/report.md"

spoiled '/^ours - [ht]/d' growth.counts
outcome 2 "^missing: once: no figures$" "heads and tails that nobody counted"
spoiled '/whole-/d' growth.counts
outcome 2 "^missing: whole: no figures$" "all of the series, that nobody counted"
spoiled 's/^\(ours - whole-functions\) .*/\1 999999/' growth.counts
outcome 0 "above stock in 0 of" "which is not judged"
outcome 0 "have the report's figures" "and comes into the README" --figures
demand 0 "^| functions | +10 | +5 | +999999 |$" "beside what is" cat "$tmp/README.md"
spoiled '/^stock/d' cost-pcid-more.counts cost-pcid-qemu.counts
outcome 2 "^missing: ways-pcid, pti=on: no figures of stock" "no stock kernel on one emulator"
spoiled '/^ours pti=on interrupt/d' cost-more.counts
outcome 2 "^missing: ways-tcg, pti=on, interrupt: stock 20, ours ?$" "one way missing"
outcome 2 "something is missing" "such a report does not come into the README" --figures
spoiled d flushes-more.counts
outcome 2 "^missing: cr3: no figures$" "no Bochs"
spoiled d cost-pcid-more.counts cost-pcid-qemu.counts
outcome 2 "^missing: ways-pcid: no figures$" "no PCID"
outcome 2 "something is missing" "nor does that" --figures
spoiled d growth.counts
echo "left-out growth: growth.sh: it broke" >"$tmp/build/bench/parts/left-out"
outcome 2 "^left out: growth: growth.sh: it broke$" "a step that was left out"
demand 0 "it broke" "the report says so" cat "$tmp/build/bench/report.md"
spoiled 's/^ours pti=on pipe 1004/ours pti=on pipe 1021/; /^stock nopti/d' cost-more.counts \
	cost-tcp.counts
outcome 1 "^missing: programs-tcg, nopti: no figures of stock" "above stock, and something missing"
spoiled 's/^ours pti=on pipe 1004/ours pti=on pipe many/' cost-more.counts
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

# bench.sh in a copy, with steps that find that whole set, or do what build/break says.
bed=$tmp/bed/tools/testing/pti
mkdir -p "$bed" "$tmp/bed/base" "$tmp/steps/host"
mkdir -p "$tmp/bed/arch" "$tmp/bed/security" "$tmp/bed/patches" "$tmp/bed/base/strip"
for file in bench.sh bench-report.sh bench_report.c bench-notes.txt bench.gp lib.sh limits.txt; do
	cp "$here/$file" "$bed"
done
cp "$top/base/common.sh" "$tmp/bed/base"
: >"$tmp/bed/base/small.config"
printf '%s\n' '/* Why' ' * this is */' 'int x; // y' '	*p = 1;' >"$tmp/bed/arch/code.c"
printf '%s\n' 'Subject: why' '' '--- a/arch/code.c' '+++ b/arch/code.c' '@@ -1 +1 @@ f' '-	x' '+	y' ' z' \
	'--- a/Documentation/page' '+++ b/Documentation/page' '@@ -1 +1 @@' '-page' '+PAGE' \
	>"$tmp/bed/patches/0001.patch"

# sum_of_copy: of the copy's sources, which are two.
sum_of_copy()
{
	README=$tmp/README.md "$bed/bench-report.sh" --sources | sed -n 's/^sources //p'
}
# shellcheck disable=SC2317 # demand calls it
compare_sum()
{
	[ "$(sum_of_copy)" = "$first_sum" ] && echo same || echo other
}
# summed WHAT same|other SED-COMMAND FILE: that sum after an edit, which is taken back.
summed()
{
	cp "$tmp/bed/$4" "$tmp/before"
	sed -i "$3" "$tmp/bed/$4"
	demand 0 "^$2$" "$1" compare_sum
	cp "$tmp/before" "$tmp/bed/$4"
}
first_sum=$(sum_of_copy)
summed "the sum of the sources is the same with another comment" same 's/this/that/; s/y$/z/' arch/code.c
summed "another with other code" other 's/p = 1/p = 2/' arch/code.c
summed "likewise behind a comment" other 's/int x/int y/' arch/code.c
summed "or in a hook" other 's/^+\ty/+\tz/' patches/0001.patch
summed "not where a hook stands" same 's/^ z/ y/; s/^@@ -1/@@ -2/' patches/0001.patch
summed "nor for a page" same 's/PAGE/Page/' patches/0001.patch
summed "nor for a message" same 's/why/because/' patches/0001.patch
cp "$build/host/bench_report" "$tmp/steps/host"
cat >"$bed/cost.sh" <<'END'
#!/bin/sh
me=${0##*/}
case $me,$* in
cost.sh,*--tcp*--qemu*) part=cost-pcid-qemu-tcp.counts ;;
cost.sh,*--qemu*) part=cost-pcid-qemu.counts ;;
cost.sh,*--tcp*) part=cost-tcp.counts ;;
cost.sh,*--bochs*) part=cost-pcid-more.counts ;;
cost.sh,*) part=cost-more.counts ;;
flushes.sh,*) part=flushes-more.counts ;;
growth.sh,*) part=growth.counts ;;
audit.sh,*)
	while [ "$1" != --report ]; do
		shift
	done
	part=${2##*/} ;;
esac
[ "${ACCEL:-tcg}" = tcg ] || { echo "$me: ACCEL=$ACCEL"; exit 2; }
[ ! -e "$BUILD/break" ] || . "$BUILD/break"
rc=0
case $STOCK_IMAGE,$part in
*/none,exposure-stock*)
	echo "$me: no $STOCK_IMAGE/bzImage"
	exit 2 ;;
*/none,*|*/none/*)
	echo "run.sh: no $STOCK_IMAGE/bzImage"
	rc=2 ;;
esac
sed "$([ "$rc" = 0 ] || echo /^stock/d)" "$SAMPLE/parts/$part" >"$RESULTS/$part"
[ "$me" != cost.sh ] || cp "$SAMPLE/logs"/* "$LOGS"
exit "$rc"
END
for tool in audit flushes growth; do
	cp "$bed/cost.sh" "$bed/$tool.sh"
done
chmod +x "$bed/cost.sh" "$bed/audit.sh" "$bed/flushes.sh" "$bed/growth.sh"
counts

# bench STATUS TEXT WHAT [OPTION]
bench()
{
	demand "$1" "$2" "$3" env -u PTI_IMAGE -u STOCK_IMAGE -u STRIPPED_IMAGE BUILD="$tmp/steps" \
		SAMPLE="$tmp/build/bench" README="$tmp/README.md" ${accel:+ACCEL="$accel"} \
		"$bed/bench.sh" ${4:+"$4"}
}
# reports TEXT WHAT: the report that there is now.
reports()
{
	demand 0 "$1" "$2" cat "$tmp/steps/bench/report.md"
}

accel=
bench 0 "above stock in 0 of" "a bench in which all is measured"
full=$(cksum <"$tmp/steps/bench/report.md")
demand 0 "^$first_sum$" "with the sum of its sources" cat "$tmp/steps/bench/parts/sources"
reports "^| socket-tcp | 1000 | +20 | +0 | +20 | +4 |$" "and the loopback network without PCID"
reports "^| socket-tcp | 1000 | +20 | +0 | +20 | +4 | +20 | +4 |$" "and with it"

# unchanged WHAT: the last report is as it was.
unchanged()
{
	demand 0 "^same$" "$1" sh -c '[ "$(cksum <"$1")" != "$2" ] || echo same' - \
		"$tmp/steps/bench/report.md" "$full"
}
bench 2 "unknown option --fast" "an option that there is not" --fast
unchanged "it leaves the last report"
demand 0 "^none$" "options that there are are looked at and nothing done" \
	sh -c '"$1" --check-options --quick && test ! -e "$2" && echo none' - "$bed/bench.sh" \
	"$tmp/steps/bench.new"
demand 2 "unknown option --fast" "make looks at them before it builds anything" \
	timeout 60 env -u MAKEFLAGS make -C "$top" --no-print-directory bench OPTIONS=--fast DEPS=no

# A bench that is interrupted, while it measures.
echo ': >"$BUILD/begun"; sleep 1000' >"$tmp/steps/break"
# shellcheck disable=SC2317 # demand calls it
interrupted()
{
	env -u PTI_IMAGE -u STOCK_IMAGE -u STRIPPED_IMAGE BUILD="$tmp/steps" J=1 \
		SAMPLE="$tmp/build/bench" "$bed/bench.sh" --quick &
	tries=0
	until [ -e "$tmp/steps/begun" ] || [ "$tries" -gt 100 ]; do
		tries=$((tries + 1))
		sleep 0.2
	done
	kill $!
	wait $!
}
demand 143 "instructions without PCID" "a bench that is interrupted" interrupted
unchanged "the last report stays then"

# What is left out is said with the reason, and the rest is in the report. The last one of
# all stays beside it.
rm -f "$tmp/steps/break"
bench 2 "^left out: all that needs PCID, because of --quick$" "--quick" --quick
reports "^- all that needs PCID, because of --quick$" "the report says so"
reports "^| interrupt | 1000 |" "and has the ways without PCID"
reports "^| functions |" "and the growth"
full_report=$(cksum <"$tmp/steps/bench.full/report.md")
demand 0 "^$full$" "the last full report is still there" echo "$full_report"

cat >"$tmp/steps/break" <<'END'
case $part in
*pcid*|flushes*)
	echo "$me: stripped, -"
	echo 'run.sh: no bochs-bin here: install the package bochs ("make deps" does)'
	echo "$me: the run of stripped/bzImage with \"\" failed"
	: >"$RESULTS/$part"
	exit 2 ;;
esac
END
bench 2 "^left out: instructions with PCID, on Bochs: run.sh: no bochs-bin here: " "no Bochs"
reports "^- what is dropped from the TLB, on Bochs: run.sh: no bochs-bin here: " "it says so of both"
reports "^| interrupt | 1000 |" "and has the ways without PCID"
reports "^| total |" "and the exposure"
rm "$tmp/steps/break"

cat >"$tmp/steps/break" <<'END'
case $part in
*-qemu*)
	echo 'run.sh: the model qemu-pcid needs x: "make qemu-pcid" builds it'
	: >"$RESULTS/$part"
	exit 2 ;;
esac
END
bench 2 "^left out: an interrupt with PCID, on QEMU: run.sh: the model qemu-pcid needs x" "no QEMU with PCID"
reports "^- the loopback network with PCID, on QEMU: run.sh: the model qemu-pcid " "it says so of both"
reports "^| interrupt | 1000 |" "and has interrupts without PCID"
rm "$tmp/steps/break"

: >"$tmp/steps/unbuilt-stock"
bench 2 "^left out: the stock kernel, as it does not build: \"make stock\" says why" "no stock kernel"
reports "^- exposure, stock, pti=on: audit.sh: no .*/none/bzImage " "it says what that leaves out"
reports "^| interrupt | 1000 | ? | +0 | ? | +4 |" "and has the ways of ours"
reports "^| total | ? | 60 |" "and its exposure"
rm "$tmp/steps/unbuilt-stock"

: >"$tmp/steps/unbuilt-inet"
bench 2 "^left out: the inet kernel, as it does not build: \"make inet\" says why" "no INET"
demand 0 "^none$" "and no figures of it" \
	sh -c 'grep "^. socket-tcp" "$1" || echo none' - "$tmp/steps/bench/report.md"
rm "$tmp/steps/unbuilt-inet"

accel=kvm
bench 2 "^left out: ACCEL=kvm, as only emulators count instructions; what follows is TCG's" "ACCEL=kvm"
reports "^| interrupt | 1000 | +20 | +0 | +20 | +4 |" "all the rest is there, from TCG"
accel=

echo '[ "$part" != growth.counts ] || kill -9 $$' >"$tmp/steps/break"
bench 2 "^left out: growth, and memory of a process: ended with 137 " "a step that is killed"
reports "^| total |" "and the exposure is there"
echo '[ "$me" != audit.sh ] || { echo "audit: could not tell, log: x"; exit 2; }' >"$tmp/steps/break"
bench 2 "^left out: exposure, ours, pti=auto: audit: could not tell, log: x" "one that cannot tell"
reports "^| functions |" "and the growth is there"
rm "$tmp/steps/break"

echo '[ "$me" != growth.sh ] || sleep 2' >"$tmp/steps/break"
bench 1 "^bench.sh: not ok: measuring took [0-9]* s, the limit is 1 s$" "too long a bench" --time=1
reports "^| functions |" "and all is there"
rm "$tmp/steps/break"
bench 2 "not a number of seconds" "a limit that is none" --time=30m

bench 0 "above stock in 0 of" "all of it again"
demand 0 "^gone$" "the older full report goes then" \
	sh -c 'test -e "$1" || echo gone' - "$tmp/steps/bench.full"
demanded 106
exit "$bad"
