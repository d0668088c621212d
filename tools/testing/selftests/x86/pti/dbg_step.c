// SPDX-License-Identifier: GPL-2.0-only
/*
 * dbg_step - single steps across system calls
 *
 * A tracer steps a child through SYSCALL, int $0x80 and the vDSO's fast call,
 * and a process steps itself with TF.  Every stop must be at the next
 * instruction with the registers as they were.
 *
 * What it catches: TF that leaks into the entry code (SYSENTER does not clear
 * it: the kernel takes #DB at its own first instruction, on the entry stack
 * and still on the user page table), a #DB from there that returns on the
 * wrong page table, and an exit that takes SYSRET although a step is pending.
 *
 * Not for Bochs 2.7, which raises #DB in the kernel after SYSCALL with TF set,
 * as no CPU does: the kernel warns of it.
 */
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "regs.h"

#ifdef __x86_64__
#define GET(regs, name)	((regs).r##name)
#else
#define GET(regs, name)	((regs).e##name)
#endif
#define MAX_STEPS	64	/* through the 32-bit vDSO */

static pid_t child;

/* Both sides draw the same markers. */
static void markers(void)
{
	regs_markers();
	regs_in[REG_AX] = SYS_getppid;
	regs_in[REG_SP] = regs_scratch_sp();
	regs_in[REG_EFL] &= ~FLAG_DF;
}

static bool step(struct user_regs_struct *regs)
{
	int status;

	return !ptrace(PTRACE_SINGLESTEP, child, 0, 0) &&
	       waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == SIGTRAP &&
	       !ptrace(PTRACE_GETREGS, child, 0, regs);
}

static bool kept(const struct user_regs_struct *regs)
{
	return GET(*regs, bx) == (unsigned long)regs_in[REG_BX] &&
	       GET(*regs, dx) == (unsigned long)regs_in[REG_DX] &&
	       GET(*regs, si) == (unsigned long)regs_in[REG_SI] &&
	       GET(*regs, di) == (unsigned long)regs_in[REG_DI] &&
	       GET(*regs, bp) == (unsigned long)regs_in[REG_BP] &&
	       GET(*regs, sp) == (unsigned long)regs_in[REG_SP];
}

/* Step until the child is at @ip: at most @most steps. */
static bool step_to(const char *ip, unsigned int most)
{
	struct user_regs_struct regs;
	unsigned int i;

	for (i = 0; i < most; i++) {
		if (!step(&regs)) {
			ksft_print_msg("no step to %p\n", ip);
			return false;
		}
		if (GET(regs, ip) == (unsigned long)ip) {
			if (kept(&regs))
				return true;
			ksft_print_msg("registers changed on the way to %p\n",
				       ip);
			return false;
		}
	}
	ksft_print_msg("%u steps, and not at %p but %lx\n", most, ip,
		       (unsigned long)GET(regs, ip));
	return false;
}

/* The child stops behind the int3 that comes before the first step. */
static bool trace_round(void)
{
	struct user_regs_struct regs;

	markers();
	if (ptrace(PTRACE_GETREGS, child, 0, &regs) ||
	    GET(regs, ip) != (unsigned long)step_1 || !step_to(step_2, 1))
		return false;
#ifdef __x86_64__
	return step_to(step_3, 1) && step_to(step_nr, 1) &&
	       step_to(step_4, 1) && step_to(step_5, 1) &&
	       step_to(step_6, 1) && step_to(step_end, 1);
#else
	return step_to(step_3, MAX_STEPS) && step_to(step_4, 1) &&
	       step_to(step_5, 1) && step_to(step_6, 1) &&
	       step_to(step_end, 1);
#endif
}

static void childs_rounds(unsigned long n)
{
	long parent = getppid();

	while (n--) {
		markers();
		regs_run(step_0);
		if (regs_out[REG_AX] != parent)
			_exit(1);
	}
}

static void test_tracer(void)
{
	unsigned long i, n = pti_rounds(1000);
	bool good = true;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		childs_rounds(n);
		_exit(0);
	}
	for (i = 0; good && i < n; i++) {
		if (i)
			ptrace(PTRACE_CONT, child, 0, 0);
		good = waitpid(child, &status, 0) == child &&
		       WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP &&
		       !ptrace(PTRACE_SETOPTIONS, child, 0,
			       PTRACE_O_EXITKILL) && trace_round();
	}
	if (good)
		ptrace(PTRACE_CONT, child, 0, 0);
	else
		kill(child, SIGKILL);
	waitpid(child, &status, 0);
	ksft_test_result(good && !status, "stepped by a tracer: %lu times\n",
			 i);
}

static unsigned int traps;

static void sigtrap(int sig, siginfo_t *si, void *ctx)
{
	traps++;
}

static void test_self(void)
{
	unsigned long i, n = pti_rounds(5000);
	unsigned int first = 0;
	bool good = true;
	long parent = getppid();
	unsigned long but = REG_BIT(REG_AX) | REG_BIT(REG_EFL);

#ifdef __x86_64__
	but |= REG_BIT(REG_RCX) | REG_BIT(REG_R11);
#endif
	pti_altstack();
	pti_handle(SIGTRAP, sigtrap, SA_ONSTACK);
	for (i = 0; good && i < n; i++) {
		traps = 0;
		markers();
		regs_run(site_self_step);
		if (!i)
			first = traps;
		good = traps >= 3 && traps == first &&
		       regs_out[REG_AX] == parent &&
		       regs_same("self", regs_out, but);
	}
	if (!good)
		ksft_print_msg("%u traps, %u at first\n", traps, first);
	ksft_test_result(good, "stepping itself: %lu times\n", i);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
#ifndef __x86_64__
	regs_vdso = (void *)getauxval(AT_SYSINFO);
	if (!regs_vdso)
		ksft_exit_skip("no 32-bit vDSO\n");
#endif
	ksft_set_plan(2);
	test_tracer();
	test_self();
	ksft_finished();
}
