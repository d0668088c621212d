// SPDX-License-Identifier: GPL-2.0-only
/*
 * badarg - system calls that are given addresses of the exposure
 *
 * User page tables map a little of the kernel half, at addresses that a program
 * can guess. Here they are passed wherever a call takes an address: as a buffer,
 * a mapping, a stack, an FS base, a breakpoint, a place to go on; by the process
 * itself, by its tracer, and in a frame for sigreturn. So are addresses that are
 * none. Each call has to say no by the error that it has for that, or the process
 * has to end by a signal; the log stays quiet, and the isolation as it was.
 *
 * What it catches: a check that goes by what the page tables map, of which the
 * user page table maps other things; a non-canonical address that reaches an MSR
 * or an IRET; a mapping made or taken away in the kernel half.
 */
#include <sched.h>
#include <sys/klog.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include "breakpoint.h"
#include "frame.h"
#include "ldt.h"

#define USER_TABLE	"/sys/kernel/debug/page_tables/current_user"
#define TRACE		"/proc/sys/debug/exception-trace"
#define VSYSCALL	0xffffffffff600000UL
#define MAX_ADDRS	80
#define NR_FIXED	10	/* of them here, the rest by the dump */

static unsigned long addrs[MAX_ADDRS] = {
	0xfffffe0000000000,	/* the IDT */
	0xffff880000000000,	/* LDT, four levels */
	0xff10000000000000,	/* LDT, five levels */
	VSYSCALL + 0x10,	/* no entry point of it */
	0xffffff0000000000,	/* espfix */
	0xffffffff81000000,	/* kernel text without KASLR */
	0xfffffffffffffff8,
	0x0100000000000000,	/* canonical with no number of levels */
	0x7ffffffffffffff8,
	0x8000000000000000,
};

static unsigned int nr_addrs = NR_FIXED;

static int pipe_in, zero;
static pid_t child;		/* stopped, and traced by us */
static void *page;		/* of our own */

/* Both ends of what the user page table maps of the kernel, if there is a dump. */
static void find_addrs(void)
{
	unsigned long from, to;
	char line[256];
	FILE *f;

	f = pti_on() ? fopen(USER_TABLE, "r") : NULL;
	while (f && nr_addrs <= MAX_ADDRS - 2 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%lx-0x%lx", &from, &to) != 2 || !(from >> 63) ||
		    (from & -PTI_PAGE) == VSYSCALL || !strstr(line, " pte") ||
		    (!strstr(line, " RW ") && !strstr(line, " ro ")))
			continue;
		addrs[nr_addrs++] = from;
		addrs[nr_addrs++] = to - 8;
	}
	if (f)
		fclose(f);
}

/* Calls of this process, and the errno that they have to fail with. */
static long call_ldt(int func, unsigned long a, unsigned long bytes)
{
	int ret = ldt_call(func, (void *)a, bytes);

	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

static long call_ldt_read(unsigned long a)
{
	return call_ldt(LDT_READ, a, 64);
}

static long call_ldt_default(unsigned long a)
{
	return call_ldt(LDT_READ_DFLT, a, 64);
}

static long call_ldt_write(unsigned long a)
{
	return call_ldt(LDT_WRITE, a, sizeof(struct user_desc));
}

static long call_read(unsigned long a)
{
	return syscall(SYS_read, zero, a, 8);
}

static long call_write(unsigned long a)
{
	return syscall(SYS_write, pipe_in, a, 8);
}

static long call_futex(unsigned long a)
{
	return syscall(SYS_futex, a, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
}

static long call_sigaction(unsigned long a)
{
	return syscall(SYS_rt_sigaction, SIGUSR1, a, NULL, 8);
}

static long call_sigaltstack(unsigned long a)
{
	return syscall(SYS_sigaltstack, a, NULL);
}

static long call_perf_attr(unsigned long a)
{
	return syscall(SYS_perf_event_open, a, 0, -1, -1, 0);
}

static long call_mmap(unsigned long a)
{
	return syscall(SYS_mmap, a & -PTI_PAGE, PTI_PAGE, PROT_READ,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long call_munmap(unsigned long a)
{
	return syscall(SYS_munmap, a & -PTI_PAGE, PTI_PAGE);
}

static long call_mprotect(unsigned long a)
{
	return syscall(SYS_mprotect, a & -PTI_PAGE, PTI_PAGE, PROT_READ | PROT_WRITE);
}

static long call_mremap(unsigned long a)
{
	return syscall(SYS_mremap, page, PTI_PAGE, PTI_PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, a & -PTI_PAGE);
}

static long call_fs_base(unsigned long a)
{
	return syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, a);
}

static long call_gs_base(unsigned long a)
{
	return syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, a);
}

static long call_clone_tls(unsigned long a)
{
	return syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, NULL, NULL, NULL, a);
}

static long call_bp_write(unsigned long a)
{
	return breakpoint_open(a, HW_BREAKPOINT_W, 8, true, false);
}

static long call_bp_exec(unsigned long a)
{
	return breakpoint_open(a, HW_BREAKPOINT_X, 8, true, false);
}

/* The same of its tracer. */
static long poke_fs_base(unsigned long a)
{
	return ptrace(PTRACE_POKEUSER, child, offsetof(struct user, regs.fs_base), a);
}

static long poke_gs_base(unsigned long a)
{
	return ptrace(PTRACE_POKEUSER, child, offsetof(struct user, regs.gs_base), a);
}

static long poke_dr0(unsigned long a)
{
	return ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[0]), a);
}

static long poke_dr4(unsigned long a)
{
	return ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[4]), a);
}

static long poke_place(unsigned long a)
{
	return ptrace(PTRACE_POKEUSER, child, a, 0);
}

static long poke_data(unsigned long a)
{
	return ptrace(PTRACE_POKEDATA, child, a, 0);
}

static long poke_regs(unsigned long a)
{
	return ptrace(PTRACE_SETREGS, child, 0, a);
}

static long peek_regs(unsigned long a)
{
	return ptrace(PTRACE_GETREGS, child, 0, a);
}

static const struct call {
	const char *name;
	long (*make)(unsigned long addr);
	int err;
} calls[] = {
	{ "modify_ldt, read", call_ldt_read, EFAULT },
	{ "modify_ldt, default", call_ldt_default, EFAULT },
	{ "modify_ldt, write", call_ldt_write, EFAULT },
	{ "read", call_read, EFAULT },
	{ "write", call_write, EFAULT },
	{ "futex", call_futex, EFAULT },
	{ "rt_sigaction", call_sigaction, EFAULT },
	{ "sigaltstack", call_sigaltstack, EFAULT },
	{ "perf_event_open", call_perf_attr, EFAULT },
	{ "mmap", call_mmap, ENOMEM },
	{ "munmap", call_munmap, EINVAL },
	{ "mprotect", call_mprotect, ENOMEM },
	{ "mremap", call_mremap, EINVAL },
	{ "arch_prctl, FS", call_fs_base, EPERM },
	{ "arch_prctl, GS", call_gs_base, EPERM },
	{ "clone, TLS", call_clone_tls, EPERM },
	{ "breakpoint, write", call_bp_write, EINVAL },
	{ "breakpoint, execute", call_bp_exec, EINVAL },
	{ "ptrace, fs_base", poke_fs_base, EIO },
	{ "ptrace, gs_base", poke_gs_base, EIO },
	{ "ptrace, DR0", poke_dr0, EINVAL },
	{ "ptrace, DR4", poke_dr4, EIO },
	{ "ptrace, POKEUSER there", poke_place, EIO },
	{ "ptrace, POKEDATA", poke_data, EIO },
	{ "ptrace, SETREGS", poke_regs, EFAULT },
	{ "ptrace, GETREGS", peek_regs, EFAULT },
};

static void test_calls(void)
{
	unsigned int i, a, bad;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		for (a = bad = 0; a < nr_addrs; a++) {
			long ret;

			errno = 0;
			ret = calls[i].make(addrs[a]);
			if (ret == -1 && errno == calls[i].err)
				continue;
			bad++;
			ksft_print_msg("%s, %lx: %ld, errno %d instead of %d\n", calls[i].name,
				       addrs[a], ret, errno, calls[i].err);
		}
		ksft_test_result(!bad, "%s: %u refused\n", calls[i].name, nr_addrs - bad);
	}
}

/* Selectors that are not user mode's: of the kernel, of the TSS, of the LDT. */
static void test_selectors(void)
{
	static const unsigned int regs[] = {
		offsetof(struct user, regs.cs), offsetof(struct user, regs.ss),
		offsetof(struct user, regs.ds), offsetof(struct user, regs.es),
		offsetof(struct user, regs.fs), offsetof(struct user, regs.gs),
	};
	static const unsigned int selectors[] = { 0x10, 0x18, 0x40, 0x50, 0x51, 0x2a, 4, 0 };
	unsigned int r, s, bad = 0;

	for (r = 0; r < ARRAY_SIZE(regs); r++) {
		for (s = 0; s < ARRAY_SIZE(selectors); s++) {
			/* None is no selector for code and stack only. */
			if (!selectors[s] && r > 1)
				continue;
			errno = 0;
			if (ptrace(PTRACE_POKEUSER, child, regs[r], selectors[s]) != -1 ||
			    errno != EIO) {
				bad++;
				ksft_print_msg("register %u takes %x\n", r, selectors[s]);
			}
		}
	}
	ksft_test_result(!bad, "ptrace, selectors: all refused\n");
}

/* What a process may ask for and does not survive, or -1. */
static long end_sigreturn(unsigned long a)
{
	regs_markers();
	regs_in[REG_RAX] = SYS_rt_sigreturn;
	regs_in[REG_RSP] = a;
	regs_run(site_syscall);
	return 0;
}

static void by_frame(unsigned long ip, unsigned long sp, unsigned long fp)
{
	frame_init();
	regs_markers();
	frame_fill((void *)ip);
	frame_regs()[REG_RSP] = sp;
	frame.uc.uc_mcontext.fpregs = (void *)fp;
	frame_call();
	regs_run(site_syscall);
}

static long end_frame_ip(unsigned long a)
{
	by_frame(a, regs_scratch_sp(), 0);
	return 0;
}

/* Its signal has no other stack to go to. */
static long end_frame_sp(unsigned long a)
{
	by_frame((unsigned long)site_ud2, a, 0);
	return 0;
}

static long end_frame_fpu(unsigned long a)
{
	by_frame((unsigned long)regs_back, regs_scratch_sp(), a);
	return 0;
}

static long end_altstack(unsigned long a)
{
	stack_t ss = { .ss_sp = (void *)a, .ss_size = 16 * PTI_PAGE };

	if (sigaltstack(&ss, NULL))
		_exit(1);
	raise(SIGUSR1);
	return 0;
}

static const struct end {
	const char *name;
	long (*make)(unsigned long addr);
} ends[] = {
	{ "sigreturn there", end_sigreturn },
	{ "sigreturn, RIP", end_frame_ip },
	{ "sigreturn, RSP", end_frame_sp },
	{ "sigreturn, FPU state", end_frame_fpu },
	{ "signal stack", end_altstack },
};

static void nothing(int sig, siginfo_t *si, void *ctx)
{
}

static void test_ends(void)
{
	unsigned int i, a, bad;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		for (a = bad = 0; a < nr_addrs; a++) {
			pid = fork();
			if (!pid) {
				pti_handle(SIGILL, nothing, SA_ONSTACK);
				pti_handle(SIGUSR1, nothing, SA_ONSTACK);
				ends[i].make(addrs[a]);
				_exit(0);
			}
			if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
			    WTERMSIG(status) == SIGSEGV)
				continue;
			bad++;
			ksft_print_msg("%s, %lx: status %x\n", ends[i].name, addrs[a], status);
		}
		ksft_test_result(!bad, "%s: %u ended by SIGSEGV\n", ends[i].name, nr_addrs - bad);
	}
}

/* A child that waits for what its tracer does to it; it may not live on. */
static void start_child(void)
{
	child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		syscall(SYS_kill, getpid(), SIGSTOP);
		_exit(0);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		ksft_exit_fail_msg("no child to trace\n");
}

static void end_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* Its tracer sends it there: it gets SIGSEGV, or SIGBUS for a stack that is none. */
static void test_sent(const char *name, unsigned int reg)
{
	unsigned int a, bad = 0;
	int status;

	for (a = 0; a < nr_addrs; a++) {
		start_child();
		if (ptrace(PTRACE_POKEUSER, child, reg, addrs[a]) ||
		    ptrace(PTRACE_CONT, child, NULL, NULL) ||
		    waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
		    (WSTOPSIG(status) != SIGSEGV && WSTOPSIG(status) != SIGBUS)) {
			bad++;
			ksft_print_msg("%s, %lx: status %x\n", name, addrs[a], status);
		}
		end_child();
	}
	ksft_test_result(!bad, "%s: %u stopped by a signal\n", name, nr_addrs - bad);
}

/* The kernel half of the user page table, as text. */
static char *kernel_half(void)
{
	char line[256], *text = NULL;
	size_t size;
	FILE *f, *to;

	f = pti_on() ? fopen(USER_TABLE, "r") : NULL;
	to = f ? open_memstream(&text, &size) : NULL;
	while (to && fgets(line, sizeof(line), f))
		if (!strncmp(line, "0xff", 4))
			fputs(line, to);
	if (f)
		fclose(f);
	if (to)
		fclose(to);
	return text;
}

static void test_isolation(const char *before)
{
	char *after = kernel_half();

	if (!pti_on())
		ksft_test_result_skip("user page table: isolation is off\n");
	else
		ksft_test_result(before && after && nr_addrs > NR_FIXED && !strcmp(before, after),
				 "user page table: as before, %u addresses of it tried\n",
				 nr_addrs - NR_FIXED);
	free(after);
}

/* The kernel names the process in what it says of it. */
static void test_log(const char *mark)
{
	static char text[1 << 18];
	char *line, *save;
	bool quiet = true;
	int len = klogctl(3 /* read all */, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = 0;
	line = strstr(text, mark);
	if (!line) {
		ksft_test_result_skip("log: it cannot be read\n");
		return;
	}
	for (line = strtok_r(line + strlen(mark), "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strstr(line, "badarg"))
			continue;
		ksft_print_msg("%s\n", line);
		quiet = false;
	}
	ksft_test_result(quiet, "log: quiet\n");
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		ksft_print_msg("cannot write to %s\n", path);
	close(fd);
}

int main(int argc, char **argv)
{
	static unsigned int word;
	char trace[8] = "1", mark[64], *before;
	int fds[2];

	pti_start(argc, argv);
	ldt_need();
	/* The alias of an LDT is there to be aimed at, then. */
	if (ldt_write(ldt_desc(0, &word, LDT_DATA)))
		ksft_exit_fail_msg("no LDT\n");
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (zero < 0 || pipe(fds))
		ksft_exit_fail_perror("/dev/zero or pipe");
	pipe_in = fds[1];
	page = pti_map(PTI_PAGE, PROT_READ | PROT_WRITE);
	ksft_set_plan(ARRAY_SIZE(calls) + ARRAY_SIZE(ends) + 5);
	find_addrs();
	before = kernel_half();

	/* What is told of each signal that nobody handles is not meant here. */
	pti_read_file(TRACE, trace, sizeof(trace));
	write_text(TRACE, "0");
	snprintf(mark, sizeof(mark), "begin of bad arguments, %d\n", getpid());
	write_text("/dev/kmsg", mark);

	start_child();
	test_calls();
	test_selectors();
	end_child();
	test_ends();
	test_sent("ptrace, RIP", offsetof(struct user, regs.rip));
	test_sent("ptrace, RSP", offsetof(struct user, regs.rsp));
	test_isolation(before);
	test_log(mark);
	write_text(TRACE, trace);
	ksft_finished();
}
