#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Count what each way into the kernel and back, and what programs do with them
# (guest/cost.c), drops from the TLB, with PCID, and the instructions in it that take
# longer than cost.sh counts them for, and those that access memory: ours beside the
# stock kernel's, in the same run. Nothing in the kernel counts: Bochs shows every
# instruction that runs, with all registers, between the marks that the program sets.
# Ours may nowhere do more of any of them than stock, but for accesses to memory and locked
# instructions on the ways that limits.txt names, and there by no more than it says.

usage()
{
	cat <<'END'
Usage: flushes.sh [--more] [--modes "MODE..."]

On Bochs, with INVPCID and without; writes build/results/flushes.txt, and the counts
themselves to flushes.counts.

  --more    more ways, and all of them in 32-bit code, too (bench.sh); flushes-more.txt
  --modes   only these: invpcid, noinvpcid, parted by blanks; the names of the files have
            them at the end, as in flushes-invpcid.txt
  --judge FILE
            run nothing, write nothing: the table and the verdict of such counts
  --trace   nothing but counting what Bochs printed, on stdin (bench-report.sh --self-test)

A kernel that is missing or does not run is left out, and the other is counted.

Environment: PTI_IMAGE, STOCK_IMAGE replace the directories of the kernels, BUILD=DIR
replaces build, RESULTS=DIR replaces build/results.
Exit status: 0 ours does nowhere more, 1 it does, 2 could not tell.
END
}

set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# More than the marks that cost.c sets; what is left over is never read.
MARKS=300

# count: beside the guest, for Bochs's debugger. Of each pair of marks one line: number
# of instructions, CR3 writes, those that flush, INVLPG, INVPCID, flushes of all PCIDs,
# RDMSR and WRMSR, locked instructions, those that serialise (SDM volume 3, "Serializing
# Instructions"), fences, those that access memory.
#
# An instruction accesses memory if it has an operand there, or if it pushes or pops, what
# CALL, RET, IRET, INT, ENTER and LEAVE do too. It counts once, whether it reads, writes or
# both; with REP it counts for each repetition. LEA, NOP, PREFETCH, CLFLUSH and INVLPG have
# an operand that they neither read nor write. What the processor does beside instructions
# does not count, as to push the frame of an exception or to read a descriptor: it does so
# whether there is isolation or not.
count()
{
	exec 3<>"$PTI_BOCHS.in"
	{
		echo c
		mark=0
		while [ "$mark" -lt "$MARKS" ]; do
			printf '%s\n' "trace-reg on" "trace on" c "trace off" "trace-reg off" c
			mark=$((mark + 1))
		done
	} >&3
	pairs <"$PTI_BOCHS.out"
}

pairs()
{
	gawk '
		# The registers stand before the instruction.
		function value(name,	m) {
			if (match(regs, "(^| )" name ": ([0-9a-f]+)_([0-9a-f]+)", m))
				return m[2] m[3]
			print "no register " name " before: " $0 >"/dev/stderr"
			exit 2
		}
		/^CPU0:/ { regs = ""; next }
		/^ ?r[a-z0-9]+ *: [0-9a-f]+_/ { gsub(/ *: /, ": "); regs = regs " " $0; next }
		!/^\(0\)\.\[/ { next }
		/xchg bx, bx/ && n {
			print "PAIR", n, cr3 + 0, flush + 0, invlpg + 0, invpcid + 0, all + 0,
				msr + 0, locked + 0, serial + 0, fence + 0, memops + 0
			n = cr3 = flush = invlpg = invpcid = all = msr = locked = serial = fence = 0
			memops = 0
			next
		}
		{ n++ }
		/: (rd|wr)msr/ { msr++ }
		# XCHG with memory locks without the prefix.
		/: lock / || /: xchg .*\[/ { locked++ }
		/: (wrmsr|invlpg|lgdt|lidt|lldt|ltr|cpuid|iret[dq]?|wbinvd|invd|serialize)( |$)/ ||
		/: mov [cd]r[0-7], / { serial++ }
		/: [lms]fence/ { fence++ }
		/: (rep )?(push[af]?|pop[af]?|call|i?ret|int[13o]?|enter|leave)[dfq]? / ||
		(/: .*( ptr |[c-gs]s:\[)/ && !/: (lea |nop|prefetch|clflush|invlpg)/) { memops++ }
		/: mov cr3, / {
			match($0, /mov cr3, (r[a-z0-9]+)/, reg)
			cr3++
			flush += value(reg[1]) !~ /^[89a-f]/
		}
		/: mov cr4, / { all++ }
		/: invlpg / { invlpg++ }
		/: invpcid / {
			# Bochs prints the names of 32-bit registers here.
			match($0, /invpcid [er]([a-z]+|[0-9]+)/, reg)
			if (value("r" reg[1]) ~ /[23]$/)
				all++
			else
				invpcid++
		}'
}

more='' modes="invpcid noinvpcid" some='' counts=''
while [ $# -gt 0 ]; do
	case $1 in
	--count) count; exit ;;
	--trace) pairs; exit ;;
	--more) more="more" ;;
	--modes)
		some=${2:-}
		[ "${some##* }" ] || die "--modes needs a list of modes"
		shift
		;;
	--judge)
		counts=${2:-}
		[ -s "$counts" ] || die "--judge needs a file of counts"
		shift
		;;
	--help|-h) usage; exit ;;
	*) die "unknown option $1 (--help lists them)" ;;
	esac
	shift
done
modes=$(chosen_modes "$modes" "$some") || exit 2
spare=$(limits flushes) || exit 2
need gawk gawk
name=flushes${more:+-more}${some:+-$(echo "$some" | tr ' ' +)}
out=$results/$name.txt
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP

# flushes KERNEL MODE DIR PARAMETERS: "KERNEL MODE way" and the counts, a line for
# each of the repetitions of a way, of which the timer interrupts hardly any: see cost.sh.
# The one CPU must not take the locks out of the code.
flushes()
{
	echo "$me: $1, $2" >&2
	"$here/run.sh" --image "$3" --model haswell-pcid --ips 120000000 --time 3000 \
		--append "$4 norandmaps nokaslr noreplace-smp" --name "$name-$1-$2" \
		--attach "$here/flushes.sh --count" \
		"/pti/cost_64 marks $more && /pti/cost_32 marks $more" >"$tmp/raw" || {
		echo "$me: the run of $3/bzImage with \"$4\" failed" >&2
		return 0
	}
	awk -v prefix="$1 $2" '
		/^MARKED / { for (i = 0; i < $3; i++) way[++ways] = $2 }
		/^PAIR / { pair[++pairs] = substr($0, 6) }
		END {
			if (!ways || ways != pairs) {
				print ways + 0 " marked, " pairs + 0 " seen" >"/dev/stderr"
				exit 1
			}
			for (i = 1; i <= ways; i++)
				print prefix, way[i], pair[i]
		}' "$tmp/raw" || die "what $3/bzImage marked is not what was seen"
}

if [ -z "$counts" ]; then
	mkdir -p "$results"
	for mode in $modes; do
		parameters=pti=on
		[ "$mode" = invpcid ] || parameters="pti=on noinvpcid"
		flushes stock "$mode" "${STOCK_IMAGE:-$build/stock}" "$parameters"
		flushes ours "$mode" "${PTI_IMAGE:-$build}" "$parameters"
	done >"$tmp/counts"
fi

rc=0
awk -v modes="$modes" -v kinds=10 -v spare="$spare" '
	BEGIN {
		n = split(spare, line, "\n")
		for (i = 1; i <= n; i++) {
			split(line[i], l, " ")
			may[l[2], l[3]] = l[4]
		}
	}
	# The least of the repetitions: interrupts make more, and where in the round of
	# ASIDs one begins.
	{
		for (i = 1; i <= kinds; i++)
			if (!(($1, $2, $3, i) in count) || $(4 + i) < count[$1, $2, $3, i])
				count[$1, $2, $3, i] = $(4 + i)
	}
	!($3 in known) { known[$3] = 1; way[++ways] = $3 }
	END {
		modes = split(modes, mode, " ")
		split("CR3|flush|INVLPG|INVPCID|all|MSR|locked|serial|fence|memory", what, "|")
		print "What is dropped from the TLB with PCID, on Bochs, stock/ours: writes of CR3, those without"
		print "NOFLUSH, INVLPG, INVPCID of one PCID, flushes of all PCIDs (INVPCID, CR4); and RDMSR and"
		print "WRMSR, locked instructions, serialising ones (of CR3 too), LFENCE and the like, all that"
		print "access memory"
		for (m = 1; m <= modes; m++) {
			printf "%-19s", mode[m]
			for (i = 1; i <= kinds; i++)
				printf i < kinds ? " %9s" : " %13s", what[i]
			print ""
			for (w = 1; w <= ways; w++) {
				printf "  %-17s", way[w]
				for (i = 1; i <= kinds; i++) {
					s = count["stock", mode[m], way[w], i]
					o = count["ours", mode[m], way[w], i]
					seen[i] += s
					printf i < kinds ? " %9s" : " %13s", s "/" o
					if (s == "" || o == "")
						bad = bad sprintf("not ok: %s, %s: not counted\n", way[w], mode[m])
					else if (o > s + (more = may[way[w], what[i]])) {
						worse = 1
						bad = bad sprintf("not ok: %s, %s, %s: ours %d, stock %d%s\n", \
								  way[w], mode[m], what[i], o, s, \
								  more ? ", at most " more " more" : "")
					}
				}
				print ""
			}
		}
		# What is not seen is not counted: a system call has two on any kernel that isolates.
		for (m = 1; m <= modes; m++)
			if (count["stock", mode[m], "syscall-lseek", 1] < 2)
				bad = bad sprintf("not ok: %s: no writes of CR3 were seen\n", mode[m])
		# Nor is what has another name: each kind is somewhere in them, but a flush of
		# all PCIDs and an MSR, which none of the ways needs. Those are in the trace of
		# bench-report.sh --self-test, as all others are.
		for (i = 1; i <= kinds; i++)
			if (i != 5 && i != 6 && (i != 4 || mode[1] == "invpcid") && !seen[i])
				bad = bad sprintf("not ok: %s: none was seen\n", what[i])
		printf "%s", bad
		exit worse ? 1 : bad != "" ? 3 : 0
	}' "${counts:-$tmp/counts}" >"$tmp/flushes" || rc=$?
case $rc in
0|1) ;;
3) rc=2 ;;
*) exit 2 ;;
esac
if [ "$counts" ]; then
	cat "$tmp/flushes"
	exit "$rc"
fi
mv "$tmp/counts" "$results/$name.counts"
mv "$tmp/flushes" "$out"
cat "$out"
echo "$me: $out"
exit "$rc"
