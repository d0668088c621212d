// SPDX-License-Identifier: GPL-2.0-only
/*
 * dbg_ptrace - a tracer sees and changes every register at a system call
 *
 * A child makes system calls with markers in all registers.  The tracer finds
 * them at the stop on entry, puts others there at the stop on exit, and the
 * child finds those.  Both draw the markers from the same sequence, so neither
 * has to tell the other.
 *
 * What it catches: an entry that puts something else into pt_regs than what
 * user code had (rsp goes through a scratch word in the TSS, rax through the
 * entry stack), an exit that takes SYSRET although the tracer changed rcx, r11,
 * flags or rip, and a SYSRET to an address that is not canonical, which faults
 * in kernel mode on the user's stack; a selector for gs that faults when the kernel
 * loads it, which it does with the user's GS base.
 */
#include <asm/hwcap2.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "regs.h"

#define CHILD_FAILED	3

/* Where PEEKUSER finds the registers. */
#define AT(reg)	offsetof(struct user_regs_struct, reg)
static const struct {
	int nr;
	unsigned int at;
} where[] = {
#ifdef __x86_64__
	{ REG_RAX, AT(rax) }, { REG_RBX, AT(rbx) }, { REG_RCX, AT(rcx) },
	{ REG_RDX, AT(rdx) }, { REG_RSI, AT(rsi) }, { REG_RDI, AT(rdi) },
	{ REG_RBP, AT(rbp) }, { REG_RSP, AT(rsp) }, { REG_R8, AT(r8) },
	{ REG_R9, AT(r9) }, { REG_R10, AT(r10) }, { REG_R11, AT(r11) },
	{ REG_R12, AT(r12) }, { REG_R13, AT(r13) }, { REG_R14, AT(r14) },
	{ REG_R15, AT(r15) }, { REG_EFL, AT(eflags) },
#define AT_IP	AT(rip)
#define AT_NR	AT(orig_rax)
#define SITE	site_syscall
#define BAD_IP	0x0000800000000000UL
	/* SYSCALL itself changes these two. */
#define LOST	(REG_BIT(REG_AX) | REG_BIT(REG_RCX) | REG_BIT(REG_R11))
#else
	{ REG_EAX, AT(eax) }, { REG_EBX, AT(ebx) }, { REG_ECX, AT(ecx) },
	{ REG_EDX, AT(edx) }, { REG_ESI, AT(esi) }, { REG_EDI, AT(edi) },
	{ REG_EBP, AT(ebp) }, { REG_ESP, AT(esp) }, { REG_EFL, AT(eflags) },
#define AT_IP	AT(eip)
#define AT_NR	AT(orig_eax)
#define SITE	site_int80
#define BAD_IP	0xfffff000UL
#define LOST	REG_BIT(REG_AX)
#endif
};

static pid_t child;

static unsigned long peek(unsigned int at)
{
	return ptrace(PTRACE_PEEKUSER, child, at, 0);
}

static bool poke(unsigned int at, unsigned long value)
{
	return !ptrace(PTRACE_POKEUSER, child, at, value);
}

/* The next stop of the child, or false if it ended. */
static bool next_stop(int request, int signal)
{
	int status;

	if (ptrace(request, child, 0, 0))
		return false;
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return false;
	if (WSTOPSIG(status) == signal)
		return true;
	ksft_print_msg("child stopped by signal %d\n", WSTOPSIG(status));
	return false;
}

static bool wait_child(void)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* The tracer's side of one round. */
static bool trace_call(void)
{
	greg_t got[NGREG] = { 0 };
	unsigned int i;

	if (!next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80))
		return false;
	regs_markers();
	for (i = 0; i < ARRAY_SIZE(where); i++)
		got[where[i].nr] = peek(where[i].at);
	if (!regs_same("entry stop", got, LOST))
		return false;
	if (peek(AT_NR) != SYS_getppid) {
		ksft_print_msg("system call number %ld\n", peek(AT_NR));
		return false;
	}

	if (!next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80))
		return false;
	regs_markers();
	for (i = 0; i < ARRAY_SIZE(where); i++) {
		if (poke(where[i].at, regs_in[where[i].nr]) &&
		    (where[i].nr == REG_EFL ||
		     peek(where[i].at) == (unsigned long)regs_in[where[i].nr]))
			continue;
		ksft_print_msg("cannot set register at %u\n", where[i].at);
		return false;
	}
	return true;
}

static void child_calls(unsigned long n)
{
	while (n--) {
		regs_markers();
		regs_in[REG_AX] = SYS_getppid;
		regs_run(SITE);
		regs_markers();
		if (!regs_same("after the call", regs_out, 0) ||
		    !regs_gs_same("after the call"))
			_exit(CHILD_FAILED);
	}
}

static sig_atomic_t segvs;

static void sigsegv(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	segvs++;
	if ((unsigned long)uc->uc_mcontext.gregs[REG_IP] != BAD_IP)
		_exit(CHILD_FAILED);
	uc->uc_mcontext.gregs[REG_IP] = (unsigned long)regs_back;
}

static void child_bad_ip(unsigned long n)
{
	while (n--) {
		segvs = 0;
		regs_markers();
		regs_in[REG_AX] = SYS_getppid;
		regs_run(SITE);
		if (segvs != 1 || !regs_gs_same("bad ip"))
			_exit(CHILD_FAILED);
	}
}

/* rcx as well, so that everything but the address is as SYSRET likes it. */
static bool trace_bad_ip(void)
{
	if (!next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80) ||
	    !next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80))
		return false;
#ifdef __x86_64__
	if (!poke(AT(rcx), BAD_IP))
		return false;
#endif
	if (!poke(AT_IP, BAD_IP) || !next_stop(PTRACE_SYSCALL, SIGSEGV))
		return false;
	/* Into the handler; it ends with the two stops of rt_sigreturn. */
	if (ptrace(PTRACE_SYSCALL, child, 0, SIGSEGV))
		return false;
	waitpid(child, NULL, 0);
	return next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80);
}

#ifdef __x86_64__
#define NO_LDT	7	/* the first of an LDT that there is not */

/* The kernel loads it, with the user's GS base, when the child runs again. */
static bool trace_bad_gs(void)
{
	return next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80) &&
	       next_stop(PTRACE_SYSCALL, SIGTRAP | 0x80) && poke(AT(gs), NO_LDT);
}

static void child_bad_gs(unsigned long n)
{
	unsigned int sel;

	while (n--) {
		regs_markers();
		regs_in[REG_AX] = SYS_getppid;
		regs_run(SITE);
		asm volatile("movl %%gs, %0" : "=r" (sel));
		/* Without FSGSBASE, its base has gone with the selector. */
		if (sel || !regs_same("bad gs", regs_out, LOST) ||
		    (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE && !regs_gs_same("bad gs")))
			_exit(CHILD_FAILED);
	}
}
#endif

static void run(const char *name, void (*body)(unsigned long n),
		bool (*traced)(void), unsigned long n)
{
	unsigned long i;
	bool good;

	fflush(stdout);
	child = fork();
	if (!child) {
		regs_gs_set();
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_kill, getpid(), SIGSTOP);
		body(n);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	if (ptrace(PTRACE_SETOPTIONS, child, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) {
		ksft_test_result_skip("%s: no ptrace()\n", name);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		return;
	}
	for (i = 0, good = true; good && i < n; i++)
		good = traced();
	if (good) {
		ptrace(PTRACE_CONT, child, 0, 0);
		good = wait_child();
	} else {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	ksft_test_result(good, "%s: %lu times\n", name, i);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
#ifdef __x86_64__
	ksft_set_plan(3);
#else
	ksft_set_plan(2);
#endif
	pti_altstack();
	pti_handle(SIGSEGV, sigsegv, SA_ONSTACK);
	run("registers at system calls", child_calls, trace_call,
	    pti_rounds(3000));
	run("return address that is none", child_bad_ip, trace_bad_ip,
	    pti_rounds(3000));
#ifdef __x86_64__
	run("gs selector that is none", child_bad_gs, trace_bad_gs,
	    pti_rounds(3000));
#endif
	ksft_finished();
}
