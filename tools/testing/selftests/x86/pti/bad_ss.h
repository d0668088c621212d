/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bad_ss.h - frames for rt_sigreturn whose stack selector cannot be loaded
 */
#ifndef PTI_SELFTEST_BAD_SS_H
#define PTI_SELFTEST_BAD_SS_H

#include "frame.h"
#include "ldt.h"

#define NOWHERE		100	/* behind the end of an LDT */

static struct {
	unsigned int n, trapno, sel;
	bool regs;
} segv;

static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	greg_t *gregs = uc->uc_mcontext.gregs;

	segv.n++;
	segv.trapno = gregs[REG_TRAPNO];
	segv.sel = gregs_ss(gregs);
	/* What the frame held is what must be reported. */
	memcpy(regs_in, frame_regs(), sizeof(regs_in));
	segv.regs = regs_same("bad frame", gregs, 0);
	gregs_set_cs_ss(gregs, this_cs(), ss16_flat);
	gregs[REG_IP] = (unsigned long)ss16_back;
}

static bool by_bad_ss(unsigned int sel)
{
	regs_markers();
	frame_fill(ss16_back);
	gregs_set_cs_ss(frame_regs(), this_cs(), sel);
	frame_call();
	segv.n = 0;
	regs_run(frame_site());
	if (segv.n == 1 && segv.trapno == TRAP_GP && segv.sel == sel &&
	    segv.regs)
		return true;
	ksft_print_msg("bad ss %#x: %u signals, trap %u, ss %#x\n", sel,
		       segv.n, segv.trapno, segv.sel);
	return false;
}

static inline void bad_ss_handle(void)
{
	pti_handle(SIGSEGV, sigsegv, SA_ONSTACK);
}

#endif /* PTI_SELFTEST_BAD_SS_H */
