// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_trap - exceptions that end in a signal, registers kept both ways
 *
 * Each exception that user code can raise by an instruction, with a marker in
 * every register: the signal's context must show what was there, and after
 * sigreturn it must be there again.
 *
 * What it catches: an entry point that was left out of the user page table or
 * that touches something which is (#DF, then a triple fault), an exit through
 * IRET that loses registers while it changes stack and CR3, error codes lost
 * between the entry stack and the task's stack, and for #DB the difference
 * between the paranoid entry and the one from user mode.
 */
#include "ldt.h"
#include "regs.h"

struct trap {
	const char *name;
	const void *site;	/* where to start */
	const void *at;		/* what is reported; NULL:  */
	const void *on;		/* where to go on */
	void (*setup)(void);
	int sig;
	int code;
	int trapno;
	unsigned long err;
	unsigned long but;	/* registers that the site changes itself */
};

static const struct trap *now;
static unsigned long fault_addr;
static unsigned long seen;
static bool as_expected;
static bool have_ldt;
static bool probing;
static long probed;

static void setup_div(void)
{
	regs_in[REG_CX] = 0;
}

/* An address in the page that nobody may touch, another each time. */
static void setup_fault(void)
{
	static char *hole;

	if (!hole)
		hole = pti_map(PTI_PAGE, PROT_NONE);
	fault_addr = (unsigned long)hole + (pti_random() & 0xffc);
	regs_in[REG_AX] = fault_addr;
}

static void setup_step(void)
{
	regs_in[REG_SP] = regs_scratch_sp();
}

/* Selector 7: the first descriptor of the LDT, which is not present. */
static void setup_np(void)
{
	regs_in[REG_AX] = 7;
}

#ifndef __x86_64__
static void setup_into(void)
{
	regs_in[REG_EFL] |= FLAG_OF;
}

static void setup_bound(void)
{
	static int limits[2] = { 10, 20 };

	regs_in[REG_ESI] = (unsigned long)limits;
	regs_in[REG_EDX] = 21 + pti_random() % 1000;
}
#endif

static const struct trap traps[] = {
	{ "#DE by div", site_div, NULL, site_div_end, setup_div,
	  SIGFPE, FPE_INTDIV, TRAP_DE },
	{ "#DB by TF", site_step, site_stepped_end, site_stepped_end,
	  setup_step, SIGTRAP, TRAP_TRACE, TRAP_DB, 0, REG_BIT(REG_EFL) },
	{ "#DB by icebp", site_icebp, site_icebp_end, site_icebp_end, NULL,
	  SIGTRAP, TRAP_BRKPT, TRAP_DB },
	{ "#BP by int3", site_int3, site_int3_end, site_int3_end, NULL,
	  SIGTRAP, SI_KERNEL, TRAP_BP },
	{ "#BP by int $3", site_int3_long, site_int3_long_end,
	  site_int3_long_end, NULL, SIGTRAP, SI_KERNEL, TRAP_BP },
	{ "#UD by ud2", site_ud2, NULL, site_ud2_end, NULL,
	  SIGILL, ILL_ILLOPN, TRAP_UD },
	{ "#NP by an absent segment", site_fs, NULL, site_fs_end, setup_np,
	  SIGBUS, SI_KERNEL, TRAP_NP, 4 },
	{ "#SS by an absent stack segment", site_ss, NULL, site_ss_end,
	  setup_np, SIGBUS, SI_KERNEL, TRAP_SS, 4 },
	{ "#GP by hlt", site_hlt, NULL, site_hlt_end, NULL,
	  SIGSEGV, SI_KERNEL, TRAP_GP },
	{ "#GP by int $0x42", site_intn, NULL, site_intn_end, NULL,
	  SIGSEGV, SI_KERNEL, TRAP_GP, 2 },
	{ "#PF by read", site_read, NULL, site_read_end, setup_fault,
	  SIGSEGV, SEGV_ACCERR, TRAP_PF, PF_USER },
	{ "#PF by write", site_write, NULL, site_write_end, setup_fault,
	  SIGSEGV, SEGV_ACCERR, TRAP_PF, PF_USER | PF_WRITE },
	{ "#MF by fwait", site_fpu, site_fwait, site_fwait_end, NULL,
	  SIGFPE, FPE_FLTDIV, TRAP_MF },
#ifdef __x86_64__
	{ "#OF by int $4", site_int4, site_int4_end, site_int4_end, NULL,
	  SIGSEGV, SI_KERNEL, TRAP_OF },
#else
	{ "#OF by into", site_into, site_into_end, site_into_end, setup_into,
	  SIGSEGV, SI_KERNEL, TRAP_OF },
	{ "#BR by bound", site_bound, NULL, site_bound_end, setup_bound,
	  SIGSEGV, SI_KERNEL, TRAP_BR },
#endif
};

/* One difference is enough to end the path: say which and stop looking. */
static bool equal(const char *what, long got, long want)
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
	long err = gregs[REG_ERR];

	seen++;
	probed = gregs[REG_TRAPNO];
	gregs[REG_EFL] &= ~FLAG_TF;
	if (probing) {
		gregs[REG_IP] = (long)now->on;
		return;
	}
	/* QEMU 7.2 shifts the vector too far: look at the IDT bit alone. */
	if (now->site == site_intn)
		err &= 7;
	as_expected = equal("signal", sig, now->sig) &&
		equal("si_code", si->si_code, now->code) &&
		equal("trap number", gregs[REG_TRAPNO], now->trapno) &&
		equal("error code", err, now->err) &&
		equal("instruction pointer", gregs[REG_IP],
		      (long)(now->at ? now->at : now->site)) &&
		regs_same(now->name, gregs, now->but);
	if (now->trapno == TRAP_PF)
		as_expected &= equal("si_addr", (long)si->si_addr, fault_addr);
	gregs[REG_IP] = (long)now->on;
}

static bool once(void)
{
	seen = 0;
	regs_markers();
	if (now->setup)
		now->setup();
	regs_run(now->site);
	return equal("number of signals", seen, 1) && as_expected &&
	       regs_same(now->name, regs_out, now->but) &&
	       regs_gs_same(now->name);
}

/* Why the path cannot be taken here: not every emulator has icebp. */
static const char *unable(void)
{
	if (now->trapno == TRAP_NP || now->site == site_ss)
		return have_ldt ? NULL : "no modify_ldt()";
	if (now->on != site_icebp_end)
		return NULL;
	probing = true;
	once();
	probing = false;
	return probed == TRAP_UD ? "no icebp on this CPU" : NULL;
}

static void run(const struct trap *trap)
{
	unsigned long i, n = pti_rounds(20000);
	const char *reason;
	bool good = true;

	now = trap;
	reason = unable();
	if (reason) {
		ksft_test_result_skip("%s: %s\n", now->name, reason);
		return;
	}
	for (i = 0; good && i < n; i++)
		good = once();
	ksft_test_result(good, "%s: %lu times\n", now->name, i);
}

int main(int argc, char **argv)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	struct user_desc absent = { .seg_32bit = 1, .seg_not_present = 1,
				    .limit = 0xfffff, .limit_in_pages = 1 };
	unsigned int i;

	pti_start(argc, argv);
	ksft_set_plan(ARRAY_SIZE(traps));
	pti_altstack();
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		pti_handle(sigs[i], handler, SA_ONSTACK);
	have_ldt = !syscall(SYS_modify_ldt, 0x11, &absent, sizeof(absent));
	regs_gs_set();
	for (i = 0; i < ARRAY_SIZE(traps); i++)
		run(&traps[i]);
	ksft_finished();
}
