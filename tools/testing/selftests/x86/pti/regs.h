/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * regs.h - marker values for all registers, and their comparison
 *
 * The C side of regs.S and sites.S.  A round is: regs_markers() fills
 * regs_in, the caller sets the few registers that the site needs, regs_run()
 * runs it, and regs_same() compares what came back.
 */
#ifndef PTI_SELFTEST_REGS_H
#define PTI_SELFTEST_REGS_H

#include "common.h"

extern greg_t regs_in[NGREG], regs_out[NGREG];
extern unsigned long regs_spins;
extern int regs_stop;
extern void *regs_vdso;

void regs_run(const void *site);
extern char regs_back[];

#define DECLARE_SITE(name)	extern char name[], name##_end[]

DECLARE_SITE(site_spin);
DECLARE_SITE(site_int80);
DECLARE_SITE(site_syscall);
DECLARE_SITE(site_ud2);
DECLARE_SITE(site_hlt);
DECLARE_SITE(site_intn);
DECLARE_SITE(site_int3);
DECLARE_SITE(site_int3_long);
DECLARE_SITE(site_icebp);
DECLARE_SITE(site_div);
DECLARE_SITE(site_read);
DECLARE_SITE(site_write);
DECLARE_SITE(site_fs);
DECLARE_SITE(site_nop);
DECLARE_SITE(site_out);
DECLARE_SITE(site_smsw);
DECLARE_SITE(site_sidt);
DECLARE_SITE(site_fwait);
DECLARE_SITE(site_touch_read);
DECLARE_SITE(site_touch_write);
DECLARE_SITE(site_touch_exec);
DECLARE_SITE(site_ss);
DECLARE_SITE(site_stepped);
DECLARE_SITE(movss_nop);
DECLARE_SITE(movss_int3);
DECLARE_SITE(movss_int3_long);
DECLARE_SITE(movss_ud2);
DECLARE_SITE(movss_hlt);
DECLARE_SITE(movss_fault);
DECLARE_SITE(movss_int80);
extern char site_fpu[], site_step[];
extern char step_0[], step_1[], step_2[], step_3[], step_nr[], step_4[];
extern char step_5[], step_6[], step_end[], site_self_step[];
extern char ss16_back[], site_ss16_int80[], site_ss16_fault[], site_ss16_spin[];
extern unsigned short ss16_sel, ss16_flat, ss16_seen;
extern unsigned short movss_word, ldt_cs_seen;
extern char ldt_code[];
#ifdef __x86_64__
DECLARE_SITE(site_int4);
DECLARE_SITE(movss_syscall);
extern char site_int80_compat[], site_syscall_compat[];
#else
DECLARE_SITE(site_into);
DECLARE_SITE(movss_sysenter);
DECLARE_SITE(site_bound);
DECLARE_SITE(site_sysenter_bare);
DECLARE_SITE(site_syscall32_bare);
extern char site_sysenter[], site_syscall32[], site_vdso[];
#endif

#define REG_BIT(n)	(1UL << (n))
/* Flags that user code may choose and that every entry must bring back. */
#define FLAGS_KEPT	(FLAG_ARITH | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID)

static const struct {
	int nr;
	const char *name;
} regs_gpr[] = {
#ifdef __x86_64__
	{ REG_RAX, "rax" }, { REG_RBX, "rbx" }, { REG_RCX, "rcx" },
	{ REG_RDX, "rdx" }, { REG_RSI, "rsi" }, { REG_RDI, "rdi" },
	{ REG_RBP, "rbp" }, { REG_RSP, "rsp" }, { REG_R8, "r8" },
	{ REG_R9, "r9" }, { REG_R10, "r10" }, { REG_R11, "r11" },
	{ REG_R12, "r12" }, { REG_R13, "r13" }, { REG_R14, "r14" },
	{ REG_R15, "r15" },
#else
	{ REG_EAX, "eax" }, { REG_EBX, "ebx" }, { REG_ECX, "ecx" },
	{ REG_EDX, "edx" }, { REG_ESI, "esi" }, { REG_EDI, "edi" },
	{ REG_EBP, "ebp" }, { REG_ESP, "esp" },
#endif
};

/* A new value in every register, and new arithmetic flags with DF. */
static inline void regs_markers(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs_gpr); i++)
		regs_in[regs_gpr[i].nr] = pti_random();
#ifndef __x86_64__
	/* Nowhere near the signal stack, or signals would nest on it. */
	regs_in[REG_ESP] = (regs_in[REG_ESP] & 0x3fffffff) | 0x40000000;
#endif
	regs_in[REG_EFL] = (pti_random() & (FLAG_ARITH | FLAG_DF)) | 2;
}

/*
 * Compare @got, in the order of gregs, with regs_in.  The registers of the
 * mask @but are not looked at; REG_BIT(REG_EFL) leaves the flags out.
 */
static inline bool regs_same(const char *when, const greg_t *got,
			     unsigned long but)
{
	unsigned long diff;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs_gpr); i++) {
		int nr = regs_gpr[i].nr;

		if ((but & REG_BIT(nr)) || got[nr] == regs_in[nr])
			continue;
		ksft_print_msg("%s: %s is %lx, was %lx\n", when,
			       regs_gpr[i].name, (unsigned long)got[nr],
			       (unsigned long)regs_in[nr]);
		return false;
	}
	diff = (got[REG_EFL] ^ regs_in[REG_EFL]) & FLAGS_KEPT;
	if (diff && !(but & REG_BIT(REG_EFL))) {
		ksft_print_msg("%s: flags are %lx, were %lx\n", when,
			       (unsigned long)got[REG_EFL],
			       (unsigned long)regs_in[REG_EFL]);
		return false;
	}
	return true;
}

/* A stack for sites that push a little; the pointer moves about in it. */
static inline unsigned long regs_scratch_sp(void)
{
	static alignas(64) char scratch[2 * PTI_PAGE];

	return (unsigned long)scratch + PTI_PAGE +
	       (pti_random() % PTI_PAGE & ~(sizeof(long) - 1));
}

#ifdef __x86_64__
/*
 * The user's GS base is what a lost or doubled SWAPGS mixes up.  Programs
 * that watch it set it here once and ask after each round.
 */
#define GS_MARKER	0x6d61726b65727321UL

static inline void regs_gs_set(void)
{
	static unsigned long word = GS_MARKER;

	if (syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, &word))
		ksft_exit_fail_perror("arch_prctl");
}

static inline bool regs_gs_same(const char *when)
{
	unsigned long word;

	asm volatile("movq %%gs:0, %0" : "=r" (word));
	if (word == GS_MARKER)
		return true;
	ksft_print_msg("%s: %%gs:0 reads %lx\n", when, word);
	return false;
}
#else
/* 32-bit code has its thread pointer in %gs: libc dies of a wrong one. */
static inline void regs_gs_set(void)
{
}

static inline bool regs_gs_same(const char *when)
{
	return true;
}
#endif

#endif /* PTI_SELFTEST_REGS_H */
