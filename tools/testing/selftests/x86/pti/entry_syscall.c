// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_syscall - system calls by every instruction and exit, registers kept
 *
 * Each way into the kernel that user code can choose, and each way out of it,
 * taken many times with a marker in every register, the stack pointer and the
 * flags included.
 *
 * What it catches: a CR3 switch that eats a register which it took for free
 * (rsp on SYSCALL, rax on SYSENTER, r8/r9 or rdi on the way out), an exit
 * that reads its frame from a stack which the user page table does not hold
 * (a triple fault: the run has no end), a SWAPGS out of step with the switch
 * (the user's GS base is read after each round), and a path that was left
 * without any switch, which goes wrong at the first call.
 *
 * getppid() is the call: no arguments, a known answer.  rt_sigreturn() is the
 * one for the IRET exits: it loads all registers from a frame, rcx and r11
 * among them, so that SYSRET cannot serve, and it needs no signal.
 */
#include <sys/auxv.h>
#include "frame.h"

#define I386_GETPPID		64

enum exit_check { CALL, FRAME, FAULT, REFUSED };

struct path {
	const char *name;
	const void *site;
	void (*setup)(void);
	enum exit_check check;
	unsigned long but;		/* registers that the ABI clobbers */
	const char *(*unless)(void);	/* a reason to skip */
	unsigned long lost;		/* flags that the entry may lose */
};

static long parent;

static void setup_sigreturn(void)
{
	frame_fill(regs_back);
	frame_call();
}

static void setup_flags(void)
{
	regs_in[REG_EFL] |= pti_random() & (FLAG_NT | FLAG_AC | FLAG_ID);
}

#ifdef __x86_64__
static void setup_syscall(void)
{
	setup_flags();
	regs_in[REG_RAX] = SYS_getppid;
}

static void setup_int80(void)
{
	setup_flags();
	/* The number is 32 bits wide; the rest of rax is not looked at. */
	regs_in[REG_RAX] &= ~0xffffffffL;
	regs_in[REG_RAX] |= I386_GETPPID;
}

/* In compatibility mode the upper halves of the eight old ones are lost. */
static void setup_compat(void)
{
	static const int old[] = {
		REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(old); i++)
		regs_in[old[i]] &= 0xffffffff;
	regs_in[REG_RAX] = I386_GETPPID;
}

static const char *no_ia32(void)
{
	const char *param = pti_bootparam("ia32_emulation");

	if (param && (*param == '0' || *param == 'n' || !strcmp(param, "off")))
		return "ia32_emulation is off";
	return NULL;
}

/* Intel's CPUs have no such SYSCALL; emulators do not all raise #UD. */
static const char *have_ia32(void)
{
	if (!pti_cpuinfo("vendor_id", "AuthenticAMD"))
		return "SYSCALL in compatibility mode is AMD's";
	return no_ia32() ? NULL : "ia32_emulation is on";
}

static struct path paths[] = {
	{ "SYSCALL, SYSRET exit", site_syscall, setup_syscall, CALL,
	  REG_BIT(REG_RCX) | REG_BIT(REG_R11) },
	{ "SYSCALL, IRET exit", site_syscall, setup_sigreturn, FRAME },
	{ "int $0x80 in 64-bit code", site_int80, setup_int80, CALL,
	  0, no_ia32 },
	{ "int $0x80 in a compatibility segment", site_int80_compat,
	  setup_compat, CALL, 0, no_ia32 },
	{ "SYSCALL in a compatibility segment, refused", site_syscall_compat,
	  setup_compat, REFUSED, REG_BIT(REG_RCX) | REG_BIT(REG_R11), have_ia32 },
};

#else /* 32-bit */

static void setup_int80(void)
{
	setup_flags();
	regs_in[REG_EAX] = I386_GETPPID;
}

static void setup_fast(void)
{
	setup_flags();
	regs_in[REG_EAX] = I386_GETPPID;
	regs_in[REG_ESP] = regs_scratch_sp();
}

/* SYSENTER takes the user's stack from ebp, and finds nothing there. */
static void setup_fault(void)
{
	setup_flags();
	regs_in[REG_EAX] = I386_GETPPID;
	regs_in[REG_EBP] = pti_random() % PTI_PAGE & ~3;
	regs_in[REG_ESP] = regs_in[REG_EBP];
}

/*
 * Intel's CPUs have SYSENTER in compatibility mode and no SYSCALL there,
 * AMD's the reverse.  Emulators do not all raise #UD for the wrong one.
 */
static const char *not_intel(void)
{
	return pti_cpuinfo("vendor_id", "GenuineIntel") ?
		NULL : "SYSENTER in compatibility mode is Intel's";
}

static const char *not_amd(void)
{
	return pti_cpuinfo("vendor_id", "AuthenticAMD") ?
		NULL : "SYSCALL in compatibility mode is AMD's";
}

static const char *no_vdso(void)
{
	return regs_vdso ? NULL : "no 32-bit vDSO";
}

static const char *no_sysenter(void)
{
	return regs_vdso ? not_intel() : no_vdso();
}

static const char *no_syscall32(void)
{
	return regs_vdso ? not_amd() : no_vdso();
}

static struct path paths[] = {
	{ "int $0x80", site_int80, setup_int80, CALL },
	{ "int $0x80, frame loaded", site_int80, setup_sigreturn, FRAME },
	{ "vDSO's system call", site_vdso, setup_fast, CALL, 0, no_vdso,
	  FLAG_ARITH },
	{ "SYSENTER, SYSRET exit", site_sysenter, setup_fast, CALL,
	  0, no_sysenter, FLAG_ARITH },
	{ "SYSENTER, IRET exit", site_sysenter_bare, setup_sigreturn, FRAME,
	  0, no_sysenter },
	{ "SYSENTER, no stack, IRET exit", site_sysenter_bare, setup_fault,
	  FAULT, REG_BIT(REG_EBP), no_sysenter, FLAG_ARITH },
	{ "32-bit SYSCALL, SYSRET exit", site_syscall32, setup_fast, CALL,
	  0, no_syscall32 },
	{ "32-bit SYSCALL, IRET exit", site_syscall32_bare, setup_sigreturn,
	  FRAME, 0, no_syscall32 },
};
#endif

static bool same_result(const struct path *p)
{
	long want = p->check == CALL ? parent :
		    p->check == REFUSED ? (__u32)-ENOSYS : -EFAULT;

	if (regs_out[REG_AX] != want) {
		ksft_print_msg("%s: result %lld\n", p->name,
			       (long long)regs_out[REG_AX]);
		return false;
	}
#ifdef __x86_64__
	if (p->check == CALL && p->but & REG_BIT(REG_RCX)) {
		unsigned long flags = regs_in[REG_EFL] | FLAG_IF;

		if ((void *)regs_out[REG_RCX] != site_syscall_end ||
		    (unsigned long)regs_out[REG_R11] != flags) {
			ksft_print_msg("%s: rcx %llx r11 %llx\n", p->name,
				       regs_out[REG_RCX], regs_out[REG_R11]);
			return false;
		}
	}
#endif
	return true;
}

static bool check(const struct path *p)
{
	unsigned long but = p->but;

	if (p->check == FRAME) {
		memcpy(regs_in, frame_regs(), sizeof(regs_in));
	} else {
		if (!same_result(p))
			return false;
		but |= REG_BIT(REG_AX);
		regs_in[REG_EFL] &= ~p->lost;
		regs_in[REG_EFL] |= regs_out[REG_EFL] & p->lost;
	}
	return regs_same(p->name, regs_out, but) && regs_gs_same(p->name);
}

/* The landing pad of a fast call found no stack to pop from. */
static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	uc->uc_mcontext.gregs[REG_IP] = (unsigned long)regs_back;
}

static void run(const struct path *p)
{
	const char *reason = p->unless ? p->unless() : NULL;
	unsigned long i, n = pti_rounds(100000);
	bool same = true;

	if (reason) {
		ksft_test_result_skip("%s: %s\n", p->name, reason);
		return;
	}
	for (i = 0; same && i < n; i++) {
		regs_markers();
		p->setup();
		regs_run(p->site);
		same = check(p);
	}
	ksft_test_result(same, "%s: %lu times\n", p->name, i);
}

int main(int argc, char **argv)
{
	unsigned int i;

	pti_start(argc, argv);
	ksft_set_plan(ARRAY_SIZE(paths));
	parent = getppid();
#ifndef __x86_64__
	regs_vdso = (void *)getauxval(AT_SYSINFO);
#endif
	pti_altstack();
	pti_handle(SIGSEGV, sigsegv, SA_ONSTACK);
	frame_init();
	regs_gs_set();
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		run(&paths[i]);
	ksft_finished();
}
