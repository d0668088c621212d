// SPDX-License-Identifier: GPL-2.0-only
/*
 * espfix - returns to a 16-bit stack segment
 *
 * IRET to such a stack restores SP only and would leave bits 31:16 of the
 * kernel's stack pointer in ESP.  The kernel therefore returns through a
 * read-only alias of a small stack, at an address that has the user's own bits
 * in that place: all 32 bits of ESP come back as they were.  That is the one
 * exit that writes a frame on the kernel page table and executes IRET
 * from it on the user page table.
 *
 * What it catches: an alias that the user page table has not, or that was
 * made after the kernel half was built (#DF, then a dead machine); the frame
 * written through the wrong page table; the wrong GS in between; a leak of
 * kernel bits.  A faulting IRET there cannot even push its exception frame,
 * as the alias is read-only: it becomes a #DF, which arrives on the user page
 * table and must return to the user page table.
 */
#include <sys/wait.h>
#include "bad_ss.h"
#include "frame.h"
#include "ldt.h"
#include "threads.h"

#define I386_GETPPID	64
#define DATA16		0
#define ABSENT		1

static alignas(4096) char stack16[65536];
static long parent;
static int cpus;

static void install(int nr, bool absent)
{
	struct user_desc desc = {
		.entry_number = nr,
		.base_addr = (unsigned int)(unsigned long)stack16,
		.limit = 0xffff,
		.seg_not_present = absent,
	};

	if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
		ksft_exit_skip("no modify_ldt(): %s\n", strerror(errno));
}

static bool same_ss(const char *when)
{
	if (ss16_seen == ss16_sel && regs_gs_same(when))
		return true;
	ksft_print_msg("%s: ss is %#x\n", when, ss16_seen);
	return false;
}

/* rt_sigreturn: all registers, ESP with all its bits, from a frame. */
static bool by_frame(void)
{
	regs_markers();
	frame_fill(ss16_back);
	gregs_set_cs_ss(frame_regs(), this_cs(), ss16_sel);
	frame_call();
	regs_run(frame_site());
	memcpy(regs_in, frame_regs(), sizeof(regs_in));
	return regs_same("frame", regs_out, 0) && same_ss("frame");
}

/* In and out: the kernel is entered with SS from the LDT already. */
static bool by_int80(void)
{
	regs_markers();
#ifdef __x86_64__
	regs_in[REG_RAX] &= ~0xffffffffL;
#else
	regs_in[REG_EAX] = 0;
#endif
	regs_in[REG_AX] |= I386_GETPPID;
	regs_run(site_ss16_int80);
	if (regs_out[REG_AX] != parent) {
		ksft_print_msg("getppid() gave %lld\n",
			       (long long)regs_out[REG_AX]);
		return false;
	}
	return regs_same("int80", regs_out, REG_BIT(REG_AX)) &&
	       same_ss("int80");
}

static bool by_fault(void)
{
	static char *page;

	if (!page)
		page = pti_map(PTI_PAGE, PROT_READ | PROT_WRITE);
	madvise(page, PTI_PAGE, MADV_DONTNEED);
	regs_markers();
	regs_in[REG_SI] = (unsigned long)page;
	regs_run(site_ss16_fault);
	return regs_same("fault", regs_out, REG_BIT(REG_AX)) &&
	       same_ss("fault");
}

/* Some milliseconds in which the timer interrupts. */
static bool by_timer(void)
{
	regs_markers();
	regs_in[REG_CX] = 1000000;
	regs_run(site_ss16_spin);
	return regs_same("timer", regs_out,
			 REG_BIT(REG_CX) | REG_BIT(REG_EFL)) &&
	       same_ss("timer");
}

static bool by_bad_frame(void)
{
	return by_bad_ss(LDT_SELECTOR(ABSENT)) &&
	       by_bad_ss(LDT_SELECTOR(NOWHERE));
}

static void run(const char *name, bool (*once)(void), unsigned long n)
{
	unsigned long i = 0, each = n / cpus + 1;
	bool good = true;
	int cpu;

	/* The small stack is each CPU's own: go through all of them. */
	for (cpu = 0; good && cpu < cpus; cpu++) {
		pti_pin(cpu);
		do
			good = once();
		while (good && ++i % each);
	}
	ksft_test_result(good, "%s: %lu times\n", name, i);
}

/* All CPUs at once: two of them must not share a stack. */
static void run_together(unsigned long n)
{
	int cpu, status, bad = 0, ended = 0;
	unsigned long i;

	fflush(stdout);
	for (cpu = 0; cpu < cpus; cpu++) {
		if (fork())
			continue;
		pti_pin(cpu);
		parent = getppid();
		for (i = 0; i < n; i++)
			if (!by_frame() || !by_int80())
				_exit(1);
		_exit(0);
	}
	for (; wait(&status) > 0; ended++)
		bad += !!status;
	ksft_test_result(!bad && ended == cpus, "on %d CPUs at once: %lu times each\n", cpus, n);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	install(DATA16, false);
	install(ABSENT, true);
	ksft_set_plan(6);
	cpus = pti_cpus();
	parent = getppid();
	ss16_sel = LDT_SELECTOR(DATA16);
	ss16_flat = this_ss();
	pti_altstack();
	bad_ss_handle();
	frame_init();
	regs_gs_set();
	run("frame with a 16-bit stack", by_frame, pti_rounds(100000));
	run("int $0x80 with a 16-bit stack", by_int80, pti_rounds(100000));
	run("page fault with a 16-bit stack", by_fault, pti_rounds(100000));
	run("interrupts with a 16-bit stack", by_timer, pti_rounds(500) / 5);
	run("IRET that faults", by_bad_frame, pti_rounds(20000) / 2);
	run_together(pti_rounds(20000));
	ksft_finished();
}
