// SPDX-License-Identifier: GPL-2.0-only
/*
 * dbg_break - hardware breakpoints on user text and data
 *
 * A tracer's breakpoints stop its child at the right place, and a watched word
 * of user memory counts each access that the kernel makes to it on behalf of
 * a system call.
 *
 * What it catches: #DB from user mode by the wrong stack, DR6 and DR7 lost in
 * the entry, and #DB in kernel mode (the paranoid entry, on an IST stack) that
 * does not leave the page table as it found it: the access is repeated on the
 * user page table, or the call returns on it.
 */
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "breakpoint.h"
#include "regs.h"

#define DR(n)		offsetof(struct user, u_debugreg[n])
#define DR7_ON(rw, len)	(1 | (rw) << 16 | ((len) - 1) << 18)
#define RW_EXEC		0
#define RW_WRITE	1

static unsigned long word;
static pid_t child;

static void childs_rounds(const void *site, unsigned long n)
{
	while (n--) {
		regs_markers();
		regs_in[REG_SI] = (unsigned long)&word;
		regs_run(site);
		if (!regs_same("breakpoint", regs_out, 0) ||
		    !regs_gs_same("breakpoint"))
			_exit(1);
	}
}

/* The child is stopped by its breakpoint: where, and by which? */
static bool stopped_at(const void *ip)
{
	struct user_regs_struct regs;
	unsigned long dr6;
	int status;

	if (ptrace(PTRACE_CONT, child, 0, 0) ||
	    waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTRAP ||
	    ptrace(PTRACE_GETREGS, child, 0, &regs))
		return false;
	dr6 = ptrace(PTRACE_PEEKUSER, child, DR(6), 0);
#ifdef __x86_64__
	if (regs.rip == (unsigned long)ip && (dr6 & 15) == 1)
		return true;
#else
	if (regs.eip == (long)ip && (dr6 & 15) == 1)
		return true;
#endif
	ksft_print_msg("stopped elsewhere than at %p, DR6 %lx\n", ip, dr6);
	return false;
}

static void test_tracer(const char *name, const void *site, const void *addr,
			unsigned long dr7, const void *ip)
{
	unsigned long i = 0, n = pti_rounds(5000);
	bool good;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_kill, getpid(), SIGSTOP);
		childs_rounds(site, n);
		_exit(0);
	}
	waitpid(child, &status, 0);
	good = !ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL) &&
	       !ptrace(PTRACE_POKEUSER, child, DR(0), addr) &&
	       !ptrace(PTRACE_POKEUSER, child, DR(7), dr7);
	if (!good)
		ksft_perror("PTRACE_POKEUSER");
	for (; good && i < n; i++)
		good = stopped_at(ip);
	if (good)
		ptrace(PTRACE_CONT, child, 0, 0);
	else
		kill(child, SIGKILL);
	waitpid(child, &status, 0);
	ksft_test_result(good && !status, "%s: %lu times\n", name, i);
}

/* Kernel mode writes a watched word, then reads it. */
static void test_kernel_access(void)
{
	const char *name = "watched by the kernel's own access";
	unsigned long i, n = pti_rounds(20000);
	bool good = true;
	__u64 hits;
	int fd, bp;

	fd = memfd_create("words", MFD_CLOEXEC);
	if (fd < 0)
		ksft_exit_fail_perror("memfd_create");
	bp = breakpoint_open((unsigned long)&word, HW_BREAKPOINT_RW, 4, true,
			     true);
	if (bp < 0) {
		ksft_test_result_skip("%s: perf_event_open: %s\n", name,
				      strerror(errno));
		close(fd);
		return;
	}
	for (i = 0; good && i < n; i++)
		good = pwrite(fd, &word, sizeof(word), 0) == sizeof(word) &&
		       pread(fd, &word, sizeof(word), 0) == sizeof(word);
	hits = breakpoint_close(bp);
	close(fd);
	/* A copy byte by byte hits more than once. */
	if (hits < 2 * i)
		good = false;
	ksft_test_result(good, "%s: %lu times, %lu hits\n", name, i,
			 (unsigned long)hits);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	ksft_set_plan(3);
	regs_gs_set();
	test_tracer("breakpoint on text", site_nop, site_nop,
		    DR7_ON(RW_EXEC, 1), site_nop);
	test_tracer("breakpoint on data", site_touch_write, &word,
		    DR7_ON(RW_WRITE, 4), site_touch_write_end);
	test_kernel_access();
	ksft_finished();
}
