// SPDX-License-Identifier: GPL-2.0-only
/*
 * alloc_fail - fork, exec and modify_ldt when there is no memory for them
 *
 * The kernel's fault injection makes the first allocation of a call fail, in
 * the next call the second, and so on until a call needs no more of them.
 * Each of these calls has to fail with ENOMEM or to do without that memory,
 * to leave nothing changed or half made, and to work when it is made again.
 *
 * What it catches: the result of an allocation used unseen (an oops), a pair
 * of roots or page tables of the LDT lost or freed twice on the way out of an
 * error, an LDT that is installed without being mapped for user mode.
 */
#include <errno.h>
#include <limits.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include "ldt.h"
#include "meminfo.h"
#include "threads.h"

#define FAULTS		"/sys/kernel/debug/"
#define MOST_POINTS	2000

/* How a process that tried one point ends. */
enum outcome {
	FAILED,		/* the call failed, and all was as it has to be */
	COPED,		/* an allocation failed, and the call did not */
	REACHED_END,	/* there are not so many allocations */
	WRONG,
};

/* Of all calls: points tried, and those that ended as they have to. */
static unsigned int tried, as_defined;

static char self[PATH_MAX];
static unsigned int word = 0x600df00d;

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return good;
}

static int fail_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Let allocations fail that may wait for memory, of single pages too. */
static void fail_need(void)
{
	int fd = fail_open(getpid());

	if (fd < 0)
		ksft_exit_skip("no fail-nth: the kernel has no fault injection\n");
	close(fd);
	if (!write_file(FAULTS "failslab/ignore-gfp-wait", "N") ||
	    !write_file(FAULTS "failslab/verbose", "0") ||
	    !write_file(FAULTS "fail_page_alloc/ignore-gfp-wait", "N") ||
	    !write_file(FAULTS "fail_page_alloc/min-order", "0") ||
	    !write_file(FAULTS "fail_page_alloc/verbose", "0"))
		ksft_exit_skip("no fail-nth for pages and slabs in debugfs\n");
}

/* From here on the allocation that is the @nth fails. */
static void fail_arm(int fd, unsigned int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	if (pwrite(fd, text, strlen(text), 0) < 0)
		_exit(WRONG);
}

/* Has it failed? None fails from here on. */
static bool fail_disarm(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 1)
		_exit(WRONG);
	fail_arm(fd, 0);
	return !atoi(text);
}

/* How a child ended, or WRONG for any other end. */
static enum outcome outcome_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return WRONG;
	return WEXITSTATUS(status);
}

/* Without libc's handlers: there is nothing but the call between two lines. */
static pid_t plain_fork(void)
{
	return syscall(SYS_fork);
}

/* A system call that comes back to a stack segment of the LDT, and so through espfix. */
static bool ldt_stack_works(void)
{
	unsigned int sel = LDT_SELECTOR(0), back;
	long nr = 64;		/* getppid of the 32-bit table */

	asm volatile("mov %%ss, %[back]\n\t"
		     "mov %[sel], %%ss\n\t"
		     "int $0x80\n\t"
		     "mov %[back], %%ss"
		     : "+a" (nr), [back] "=&r" (back) : [sel] "r" (sel)
		     : "r8", "r9", "r10", "r11", "memory");
	return nr == getppid();
}

/* Does the LDT of this process, if it has one, serve user mode? */
static bool ldt_works(bool have)
{
	struct { __u64 entry[LDT_ENTRIES]; } ldt;

	if (!have)
		return ldt_call(LDT_READ, &ldt, sizeof(ldt)) == 0;
	return ldt_load(0) == word && ldt_stack_works();
}

static enum outcome fork_once(int fd, unsigned int nth, bool ldt)
{
	bool failed;
	pid_t pid;
	int err;

	fail_arm(fd, nth);
	pid = plain_fork();
	if (!pid)
		_exit(ldt_works(ldt) ? COPED : WRONG);
	err = errno;
	failed = fail_disarm(fd);
	if (pid < 0) {
		if (err != ENOMEM || !failed) {
			ksft_print_msg("fork, point %u: errno %d\n", nth, err);
			return WRONG;
		}
		return FAILED;
	}
	if (outcome_of(pid) != COPED)
		return WRONG;
	return failed ? COPED : REACHED_END;
}

static enum outcome try_fork(unsigned int nth, bool ldt)
{
	int fd = fail_open(getpid());
	enum outcome out;

	/* A full one: what is lost of it would be seen soonest. */
	if (ldt && (ldt_write(ldt_desc(0, &word, LDT_DATA)) ||
		    ldt_write(ldt_desc(LDT_ENTRIES - 1, &word, LDT_DATA))))
		return WRONG;
	out = fork_once(fd, nth, ldt);
	/* As if nothing had been, in the parent and in the next child. */
	if (out == FAILED && (!ldt_works(ldt) || fork_once(fd, 0, ldt) != COPED))
		return WRONG;
	return out;
}

static enum outcome fork_plain(unsigned int nth)
{
	return try_fork(nth, false);
}

static enum outcome fork_with_ldt(unsigned int nth)
{
	return try_fork(nth, true);
}

/*
 * The tracer of a process hears of its exec before the new image has run: what
 * fails from then on is the image's own affair. An old image that is gone
 * already cannot be told of an error; SIGSEGV is what it gets instead.
 */
static enum outcome exec_once(unsigned int nth)
{
	pid_t pid = fork();
	bool failed;
	int fd, err, status;

	if (!pid) {
		fd = fail_open(getpid());
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		fail_arm(fd, nth);
		execl(self, "alloc_fail", "end", NULL);
		err = errno;
		failed = fail_disarm(fd);
		/*
		 * The ELF loader calls a file without memory for its headers no
		 * program, and arguments without a page for them too long.
		 */
		if (failed && (err == ENOMEM || err == ENOEXEC || err == E2BIG))
			_exit(FAILED);
		ksft_print_msg("exec, point %u: errno %d\n", nth, err);
		_exit(WRONG);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return WRONG;
	/* The tracer hears of the signal first. */
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSEGV &&
	    (ptrace(PTRACE_CONT, pid, NULL, SIGSEGV) ||
	     waitpid(pid, &status, 0) != pid))
		return WRONG;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		return FAILED;
	if (WIFEXITED(status) && WEXITSTATUS(status) == FAILED)
		return FAILED;
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
		ksft_print_msg("exec, point %u: status %x\n", nth, status);
		return WRONG;
	}

	fd = fail_open(pid);
	failed = fail_disarm(fd);
	close(fd);
	if (ptrace(PTRACE_CONT, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid || status)
		return WRONG;
	return failed ? COPED : REACHED_END;
}

static enum outcome try_exec(unsigned int nth)
{
	enum outcome out = exec_once(nth);

	if (out == FAILED && exec_once(MOST_POINTS * 10) != REACHED_END)
		return WRONG;
	return out;
}

/* @nr is written anew; all below it are there before and have to stay. */
static enum outcome try_ldt(unsigned int nth, unsigned int nr)
{
	static __u64 before[LDT_ENTRIES], after[LDT_ENTRIES];
	struct user_desc desc = ldt_desc(nr, &word, LDT_DATA);
	int fd = fail_open(getpid()), ret, bytes;
	bool failed;

	if (nr && ldt_write(ldt_desc(0, &word, LDT_DATA)))
		return WRONG;
	bytes = ldt_call(LDT_READ, before, sizeof(before));

	fail_arm(fd, nth);
	ret = ldt_write(desc);
	failed = fail_disarm(fd);
	if (!ret)
		return ldt_load(nr) != word ? WRONG : failed ? COPED : REACHED_END;

	if (ret != -ENOMEM || !failed) {
		ksft_print_msg("modify_ldt, point %u: %d\n", nth, ret);
		return WRONG;
	}
	if (ldt_call(LDT_READ, after, sizeof(after)) != bytes ||
	    memcmp(before, after, sizeof(after)) || !ldt_works(nr)) {
		ksft_print_msg("modify_ldt, point %u: the LDT has changed\n", nth);
		return WRONG;
	}
	if (ldt_write(desc) || ldt_load(nr) != word || !ldt_works(true))
		return WRONG;
	return FAILED;
}

static enum outcome ldt_first(unsigned int nth)
{
	return try_ldt(nth, 0);
}

static enum outcome ldt_second(unsigned int nth)
{
	return try_ldt(nth, 1);
}

/* One point, in a process whose page tables are new. */
static enum outcome try(enum outcome (*way)(unsigned int nth), unsigned int nth)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		enum outcome out = way(nth);

		fflush(stdout);
		_exit(out);
	}
	return outcome_of(pid);
}

/*
 * All points of a call, of which @least must fail; and @rounds times more with
 * memory counted: what a failed call left would add up.
 */
static void test(const char *name, enum outcome (*way)(unsigned int nth), unsigned int least,
		 unsigned long rounds)
{
	unsigned int nth, failed = 0, coped = 0;
	struct mem_sample before;
	enum outcome out = WRONG;
	unsigned long i = 0;
	bool good;

	for (nth = 1; nth < MOST_POINTS; nth++) {
		out = try(way, nth);
		if (out != FAILED && out != COPED)
			break;
		failed += out == FAILED;
		coped += out == COPED;
	}
	as_defined += failed + coped;
	tried += failed + coped;
	if (out != REACHED_END) {
		tried++;
		ksft_print_msg("%s: it is wrong at point %u\n", name, nth);
	}
	ksft_test_result(out == REACHED_END && failed >= least,
			 "%s: %u points fail, %u are coped with\n", name, failed, coped);

	good = out == REACHED_END;
	before = mem_take();
	for (; good && i < rounds * nth; i++)
		good = try(way, 1 + i % nth) != WRONG;
	ksft_test_result(good && mem_same(name, &before, rounds),
			 "%s leaves nothing: %lu rounds\n", name, rounds);
}

int main(int argc, char **argv)
{
	unsigned long n;
	ssize_t len;

	if (argc == 2 && !strcmp(argv[1], "end"))
		return 0;
	pti_start(argc, argv);
	ldt_need();
	fail_need();
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		ksft_exit_fail_perror("readlink");
	self[len] = 0;
	ksft_set_plan(10);
	n = pti_rounds(300);
	/* Other CPUs would keep pages of their own: less to see. */
	pti_pin(0);

	/* The mm, its root and one level of tables at the least. */
	test("fork", fork_plain, 5, n / 10 + 1);
	test("fork with an LDT", fork_with_ldt, 7, n / 10 + 1);
	test("exec", try_exec, 5, n / 10 + 1);
	/* The LDT and its entries; under isolation the tables of the alias. */
	test("first LDT", ldt_first, pti_on() ? 5 : 2, n);
	test("another LDT", ldt_second, 2, n);
	ksft_print_msg("%u failing points tried, %u ended as defined\n", tried, as_defined);
	ksft_finished();
}
