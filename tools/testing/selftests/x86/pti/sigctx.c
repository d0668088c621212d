// SPDX-License-Identifier: GPL-2.0-only
/*
 * sigctx - signals on a stack of their own, and frames that cannot be loaded
 *
 * A frame for sigreturn may ask for selectors that do not exist and for
 * addresses that are none.  Then the kernel's IRET faults, on the stack from
 * which it wanted to leave and after the switch to the user page table, and
 * the kernel makes it look as if the fault had happened in user mode.
 *
 * What it catches: a bad IRET whose fixup runs on the user page table or with
 * the user's GS base, or whose frame is copied from a stack that the user page
 * table has not; registers lost on that long way; a SYSRET to an address that
 * is not canonical; SYSENTER from 64-bit code, which no program should do and
 * any can.  (Bad stack selectors of the LDT go through espfix: see espfix and noldt.)
 */
#include <sys/wait.h>
#include "frame.h"
#include "ldt.h"

#define ABSENT_CODE	0
#define ABSENT_DATA	1
#define NOWHERE		100	/* behind the end */
#define KERNEL_CS	0x13	/* sigreturn sets the level, 3 */
#define NO_GDT		0xfb	/* behind the end of the GDT */
#ifdef __x86_64__
#define KERNEL_TEXT	0xffffffff81000000UL
#else
#define KERNEL_TEXT	0xffff0000UL
#endif

struct bad {
	const char *name;
	unsigned int cs, ss;	/* 0: leave as it is */
	unsigned long ip;
	int sig;
	int trapno;		/* -1: not the same on all CPUs */
	unsigned long err;
};

static const struct bad bads[] = {
	{ "cs beyond the GDT", NO_GDT, 0, 0, SIGSEGV, TRAP_GP, NO_GDT & ~3 },
	{ "cs beyond the LDT", LDT_SELECTOR(NOWHERE), 0, 0,
	  SIGSEGV, TRAP_GP, LDT_SELECTOR(NOWHERE) & ~3 },
	{ "cs not present", LDT_SELECTOR(ABSENT_CODE), 0, 0,
	  SIGBUS, TRAP_NP, LDT_SELECTOR(ABSENT_CODE) & ~3 },
	{ "cs null", 3, 0, 0, SIGSEGV, TRAP_GP, 0 },
	{ "cs of the kernel", KERNEL_CS, 0, 0,
	  SIGSEGV, TRAP_GP, KERNEL_CS & ~3 },
	{ "cs a data segment", 0x2b, 0, 0, SIGSEGV, TRAP_GP, 0x28 },
	{ "ss beyond the GDT", 0, NO_GDT, 0, SIGSEGV, TRAP_GP, NO_GDT & ~3 },
	{ "ss null", 0, 3, 0, SIGSEGV, TRAP_GP, 0 },
	{ "ss a code segment", 0, 0x33, 0, SIGSEGV, TRAP_GP, 0x30 },
#ifdef __x86_64__
	{ "rip not canonical", 0, 0, 0x8000000000000000UL, SIGSEGV, -1 },
	{ "rip first not canonical", 0, 0, 0x0000800000000000UL, SIGSEGV, -1 },
	{ "rip in the hole", 0, 0, 0xffff7fffffffffffUL, SIGSEGV, -1 },
#endif
	{ "ip of the kernel", 0, 0, KERNEL_TEXT,
	  SIGSEGV, TRAP_PF, PF_USER | PF_INSTR },
};

static const struct bad *now;
static unsigned int seen;
static bool as_expected;

static bool equal(const char *what, unsigned long got, unsigned long want)
{
	if (got == want)
		return true;
	ksft_print_msg("%s: %s is %#lx, not %#lx\n", now->name, what, got,
		       want);
	return false;
}

static void handler(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;
	greg_t *loaded = frame_regs();
	bool pf = now->trapno == TRAP_PF;

	seen++;
	memcpy(regs_in, loaded, sizeof(regs_in));
	as_expected = equal("signal", sig, now->sig) &&
		equal("cs", gregs_cs(gregs), gregs_cs(loaded)) &&
		equal("ss", gregs_ss(gregs), gregs_ss(loaded)) &&
		equal("ip", gregs[REG_IP], loaded[REG_IP]) &&
		regs_same(now->name, gregs, 0);
	if (as_expected && now->trapno >= 0)
		as_expected = equal("trap", gregs[REG_TRAPNO], now->trapno) &&
			equal("error code", gregs[REG_ERR] & ~(pf * PF_PROT),
			      now->err);
	gregs_set_cs_ss(gregs, this_cs(), 0x2b);
	gregs[REG_IP] = (unsigned long)regs_back;
}

static bool once(void)
{
	unsigned long ip = now->ip ? now->ip : (unsigned long)regs_back;

	seen = 0;
	regs_markers();
	frame_fill((void *)ip);
	gregs_set_cs_ss(frame_regs(), now->cs ? now->cs : this_cs(),
			now->ss ? now->ss : 0x2b);
#ifdef __x86_64__
	/* As SYSRET would have it, if the kernel were to try. */
	if (now->ip) {
		frame_regs()[REG_RCX] = ip;
		frame_regs()[REG_R11] = frame_regs()[REG_EFL] | FLAG_IF;
	}
#endif
	frame_call();
	regs_run(frame_site());
	return equal("number of signals", seen, 1) && as_expected &&
	       regs_same(now->name, regs_out, 0) && regs_gs_same(now->name);
}

static void test_bad(const struct bad *bad)
{
	unsigned long i, n = pti_rounds(5000);
	bool good = true;

	now = bad;
	for (i = 0; good && i < n; i++)
		good = once();
	ksft_test_result(good, "%s: %lu times\n", bad->name, i);
}

/*
 * A signal that a system call sends to its own caller: delivered on the way
 * out of the call, on a stack whose pages are not there yet.
 */
static unsigned long delivered;
static bool delivered_well;

static void sigusr1(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;
	unsigned long but = REG_BIT(REG_AX);

#ifdef __x86_64__
	but |= REG_BIT(REG_RCX) | REG_BIT(REG_R11);
#endif
	delivered++;
	delivered_well = gregs[REG_AX] == 0 && regs_same("kill", gregs, but);
}

static void test_delivery(char *stack, size_t size)
{
	unsigned long i, n = pti_rounds(20000);
	bool good = true;

	delivered = 0;
	for (i = 0; good && i < n; i++) {
		if (i % 16 == 0 && madvise(stack, size, MADV_DONTNEED))
			ksft_exit_fail_perror("madvise");
		regs_markers();
#ifdef __x86_64__
		regs_in[REG_RAX] = SYS_kill;
		regs_in[REG_RDI] = getpid();
		regs_in[REG_RSI] = SIGUSR1;
#else
		regs_in[REG_EAX] = SYS_kill;
		regs_in[REG_EBX] = getpid();
		regs_in[REG_ECX] = SIGUSR1;
#endif
		regs_run(frame_site());
#ifdef __x86_64__
		regs_in[REG_RCX] = regs_out[REG_RCX];
		regs_in[REG_R11] = regs_out[REG_R11];
#endif
		regs_in[REG_AX] = 0;
		good = delivered == i + 1 && delivered_well &&
		       regs_same("after kill", regs_out, 0) &&
		       regs_gs_same("after kill");
	}
	ksft_test_result(good, "delivery to an absent stack: %lu times\n", i);
}

/* A signal stack that can never be there ends the process, nothing else. */
static void test_no_stack(void)
{
	stack_t ss = { .ss_size = 16 * PTI_PAGE };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		ss.ss_sp = pti_map(ss.ss_size, PROT_NONE);
		sigaltstack(&ss, NULL);
		raise(SIGUSR1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ksft_test_result(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
			 "signal stack that cannot be written: process ends\n");
}

#ifdef __x86_64__
/*
 * SYSENTER from 64-bit code enters the kernel by the path for compatibility
 * mode and comes back, if at all, to where the 32-bit vDSO would be.  The
 * process gets a signal for it, and nothing else happens.
 */
static void give_up(int sig, siginfo_t *si, void *ctx)
{
	_exit(1);
}

static void test_sysenter(void)
{
	unsigned long i, n = pti_rounds(500);
	bool good = true;
	int status;

	if (!pti_cpuinfo("vendor_id", "GenuineIntel")) {
		ksft_test_result_skip("SYSENTER in 64-bit code: Intel's only\n");
		return;
	}
	for (i = 0; good && i < n; i++) {
		pid_t pid = fork();

		if (!pid) {
			pti_handle(SIGSEGV, give_up, SA_ONSTACK);
			/* getpid by its 32-bit number, with no stack */
			asm volatile("xorl %%ebp, %%ebp; sysenter"
				     : : "a" (20) : "memory");
			_exit(0);
		}
		good = pid > 0 && waitpid(pid, &status, 0) == pid &&
		       (WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
	}
	ksft_test_result(good, "SYSENTER in 64-bit code: %lu times\n", i);
}
#endif

static void install(int nr, int contents)
{
	struct user_desc desc = {
		.entry_number = nr, .limit = 0xfffff, .contents = contents,
		.seg_32bit = 1, .limit_in_pages = 1, .seg_not_present = 1,
	};

	if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
		ksft_exit_skip("no modify_ldt(): %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
	stack_t ss = { .ss_size = 16 * PTI_PAGE };
	unsigned int i;

	pti_start(argc, argv);
	install(ABSENT_CODE, 2 /* code */);
	install(ABSENT_DATA, 0);
#ifdef __x86_64__
	ksft_set_plan(ARRAY_SIZE(bads) + 3);
#else
	ksft_set_plan(ARRAY_SIZE(bads) + 2);
#endif
	ss.ss_sp = pti_map(ss.ss_size, PROT_READ | PROT_WRITE);
	if (sigaltstack(&ss, NULL))
		ksft_exit_fail_perror("sigaltstack");
	pti_handle(SIGSEGV, handler, SA_ONSTACK);
	pti_handle(SIGBUS, handler, SA_ONSTACK);
	pti_handle(SIGILL, handler, SA_ONSTACK);
	pti_handle(SIGUSR1, sigusr1, SA_ONSTACK);
	frame_init();
	regs_gs_set();
	test_delivery(ss.ss_sp, ss.ss_size);
	for (i = 0; i < ARRAY_SIZE(bads); i++)
		test_bad(&bads[i]);
	test_no_stack();
#ifdef __x86_64__
	test_sysenter();
#endif
	ksft_finished();
}
