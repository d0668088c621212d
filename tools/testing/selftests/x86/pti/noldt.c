// SPDX-License-Identifier: GPL-2.0-only
/*
 * noldt - returns to a stack segment of an LDT, in a process that has none
 *
 * A frame for sigreturn may ask for any selector, and so may a tracer. One of an LDT
 * takes the exit to 16-bit stacks (espfix), which reads its frame where the user page
 * table may have nothing in a process without an LDT.
 *
 * What it catches: an IRET from there, of which the #DF cannot even be delivered or
 * reports another address; a way out of it that loses registers, returns with the wrong
 * GS base or on the kernel page table.
 */
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "bad_ss.h"

#ifdef __x86_64__
#define TRACED_SS(regs)	((regs)->ss)
#define TRACED_NR(regs)	((regs)->orig_rax)
#else
#define TRACED_SS(regs)	((regs)->xss)
#define TRACED_NR(regs)	((regs)->orig_eax)
#endif

static bool by_frame(void)
{
	return by_bad_ss(LDT_SELECTOR(0)) && by_bad_ss(LDT_SELECTOR(NOWHERE)) &&
	       regs_gs_same("bad frame");
}

/* The child's next stop, which has to be by @sig. */
static bool stops(pid_t child, int sig, struct user_regs_struct *regs)
{
	int status;

	if (waitpid(child, &status, 0) == child && WIFSTOPPED(status) &&
	    WSTOPSIG(status) == sig && !ptrace(PTRACE_GETREGS, child, NULL, regs))
		return true;
	ksft_print_msg("traced: status %#x instead of signal %d\n", status, sig);
	return false;
}

/* A tracer gives a process without an LDT such a stack, and takes it away again. */
static bool by_tracer(void)
{
	struct user_regs_struct set, got;
	bool good = false;
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return false;
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	if (stops(child, SIGSTOP, &set)) {
		TRACED_SS(&set) = LDT_SELECTOR(0);
		TRACED_NR(&set) = -1;
		good = !ptrace(PTRACE_SETREGS, child, NULL, &set) &&
		       !ptrace(PTRACE_CONT, child, NULL, NULL) &&
		       stops(child, SIGSEGV, &got);
		TRACED_NR(&got) = TRACED_NR(&set);
		if (good && memcmp(&got, &set, sizeof(got))) {
			ksft_print_msg("traced: not the registers that were set\n");
			good = false;
		}
		TRACED_SS(&set) = ss16_flat;
		good = good && !ptrace(PTRACE_SETREGS, child, NULL, &set) &&
		       !ptrace(PTRACE_CONT, child, NULL, NULL) &&
		       waitpid(child, &status, 0) == child && !status;
	}
	if (!good)
		kill(child, SIGKILL);
	if (!good)
		waitpid(child, NULL, 0);
	return good;
}

static void run(const char *name, bool (*once)(void), unsigned long n)
{
	unsigned long i = 0;
	bool good = true;

	while (good && i < n) {
		good = once();
		i++;
	}
	ksft_test_result(good, "%s: %lu times\n", name, i);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	ldt_need();
	ksft_set_plan(2);
	ss16_flat = this_ss();
	pti_altstack();
	bad_ss_handle();
	frame_init();
	regs_gs_set();
	run("frame", by_frame, pti_rounds(20000));
	run("tracer", by_tracer, pti_rounds(20000) / 100 + 1);
	ksft_finished();
}
