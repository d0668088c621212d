// SPDX-License-Identifier: GPL-2.0-only
/*
 * dbg_movss - a breakpoint that MOV SS carries into the entry code
 *
 * MOV SS holds back a #DB for its own operand until after the next
 * instruction.  If that one enters the kernel, the #DB arrives at the first
 * instruction of the entry code: in kernel mode, with the user's GS base and
 * on the user page table (CVE-2018-8897).
 *
 * What it catches: a #DB entry that takes the mode of the interrupted code
 * for that of the page table, or restores the wrong CR3 on its way out; a
 * #DB stack that the user page table has not.
 *
 * What emulators cannot show: QEMU's TCG raises this #DB at once, in user mode,
 * so there the two entries follow each other.  Bochs 2.7 carries it over to
 * SYSCALL, as a CPU does, and forgets it where the next instruction faults or
 * traps.  So every round must give all registers back, but only a CPU is held
 * to one hit a round.
 */
#include "breakpoint.h"
#include "regs.h"

#define I386_GETPPID	64

struct way {
	const char *name;
	const char *site, *end;
	int sig;		/* 0: a system call */
};

static const struct way ways[] = {
	{ "MOV SS, nop", movss_nop, movss_nop_end, -1 },
	{ "MOV SS, int3", movss_int3, movss_int3_end, SIGTRAP },
	{ "MOV SS, int $3", movss_int3_long, movss_int3_long_end, SIGTRAP },
	{ "MOV SS, ud2", movss_ud2, movss_ud2_end, SIGILL },
	{ "MOV SS, hlt", movss_hlt, movss_hlt_end, SIGSEGV },
	{ "MOV SS, page fault", movss_fault, movss_fault_end, SIGSEGV },
	{ "MOV SS, int $0x80", movss_int80, movss_int80_end, 0 },
#ifdef __x86_64__
	{ "MOV SS, SYSCALL", movss_syscall, movss_syscall_end, 0 },
#else
	{ "MOV SS, SYSENTER", movss_sysenter, movss_sysenter_end, SIGSEGV },
#endif
};

static const struct way *now;
static unsigned int seen;
static bool as_expected;
static unsigned long but;	/* registers that the way changes */

static void handler(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;

	seen++;
	as_expected = sig == now->sig && regs_same(now->name, gregs, but);
	gregs[REG_IP] = (unsigned long)now->end;
}

static void setup(void)
{
	regs_markers();
	but = 0;
	if (now->site == movss_fault)
		regs_in[REG_AX] = 16;	/* nothing is there */
	if (now->site == movss_int80)
		regs_in[REG_AX] = I386_GETPPID;
#ifdef __x86_64__
	if (now->site == movss_syscall) {
		regs_in[REG_RAX] = SYS_getppid;
		but = REG_BIT(REG_RCX) | REG_BIT(REG_R11);
	}
	/* To lose an entry with the user's stack pointer at once. */
	regs_in[REG_RSP] |= 1UL << 63;
#else
	if (now->site == movss_sysenter) {
		/* No stack: it comes back with EFAULT to a fault. */
		regs_in[REG_EAX] = I386_GETPPID;
		regs_in[REG_EBP] = 16;
		regs_in[REG_ESP] = 16;
		but = REG_BIT(REG_EAX) | REG_BIT(REG_EBP) | REG_BIT(REG_EFL);
	}
#endif
}

static bool once(void)
{
	unsigned int wanted = now->sig > 0;

	seen = 0;
	as_expected = true;
	setup();
	regs_run(now->site);
	if (!now->sig) {
		but |= REG_BIT(REG_AX);
		as_expected = regs_out[REG_AX] == getppid();
	}
	if (seen == wanted && as_expected)
		return regs_same(now->name, regs_out, but) &&
		       regs_gs_same(now->name);
	ksft_print_msg("%s: %u signals\n", now->name, seen);
	return false;
}

static void run(const struct way *way)
{
	unsigned long i, n = pti_rounds(10000);
	bool good = true;
	__u64 hits;
	int fd;

	now = way;
#ifndef __x86_64__
	if (way->site == movss_sysenter &&
	    !pti_cpuinfo("vendor_id", "GenuineIntel")) {
		ksft_test_result_skip("%s: SYSENTER in compatibility mode is Intel's\n",
				      way->name);
		return;
	}
#endif
	fd = breakpoint_open((unsigned long)&movss_word, HW_BREAKPOINT_RW, 2,
			     true, true);
	if (fd < 0) {
		ksft_test_result_skip("%s: perf_event_open: %s\n", way->name,
				      strerror(errno));
		return;
	}
	for (i = 0; good && i < n; i++)
		good = once();
	hits = breakpoint_close(fd);
	/* Bochs gives all or none; never one too many. */
	if (hits != i && (hits || way->sig < 0)) {
		ksft_print_msg("%s: %lu hits\n", way->name,
			       (unsigned long)hits);
		good = false;
	}
	ksft_test_result(good, "%s: %lu times, %lu hits\n", way->name, i,
			 (unsigned long)hits);
}

int main(int argc, char **argv)
{
	unsigned int i;

	pti_start(argc, argv);
	ksft_set_plan(ARRAY_SIZE(ways));
	asm("mov %%ss, %0" : "=m" (movss_word));
	pti_altstack();
	pti_handle(SIGTRAP, handler, SA_ONSTACK);
	pti_handle(SIGILL, handler, SA_ONSTACK);
	pti_handle(SIGSEGV, handler, SA_ONSTACK);
	regs_gs_set();
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		run(&ways[i]);
	ksft_finished();
}
