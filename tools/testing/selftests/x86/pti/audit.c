// SPDX-License-Identifier: GPL-2.0-only
/*
 * audit - what debugfs x86/pti_audit says of a process, and what it takes
 *
 * The file is written a PID and read. It has to say the same as the kernel's own dump of
 * the page table (page_tables/current_user) of pages, permissions and totals; have the
 * LDT of the process that was asked for and of no other; refuse what is no PID, is a
 * kernel thread or has gone, each by the error that it has for that; keep what it had
 * where it refuses; and stay whole while many ask at once for processes that come and go
 * and change their LDTs. The log stays quiet: the runner sees to that.
 *
 * What it catches: the walk of another page table, or of another process's; a leaf left
 * out or counted twice; permissions of one level only; one open file that changes what
 * another reads; a reference to a process or to its memory that is kept or lost.
 */
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include "ldt.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define AUDIT		DEBUGFS "x86/pti_audit"
#define USER_TABLE	DEBUGFS "page_tables/current_user"
#define ESPFIX		0xffffff0000000000UL
#define ESPFIX_END	0xffffff8000000000UL
#define MAX_PAGES	4096
#define TEXT		(4096 * 1024)
#define CALLERS		1000

struct page {
	unsigned long va;
	bool write, exec, global, user;
};

/* The pages of a kernel half, but for the aliases of espfix */
struct view {
	unsigned int n;
	struct page page[MAX_PAGES];
	unsigned long espfix;	/* aliases */
	long pid;
	bool whole;		/* the last line is there */
	bool on;
};

static struct view audit, dump;
static char *text;

/* All that is to be read from here on; -1 with errno */
static ssize_t read_all(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, to + n, size - 1 - n);
		if (got < 0)
			return -1;
		n += got;
	} while (got && n < size - 1);
	to[n] = 0;
	return n;
}

static void add_pages(struct view *v, unsigned long va, unsigned long count, struct page like)
{
	/* So many are too many anyway */
	for (; count-- && v->n < MAX_PAGES; va += PTI_PAGE) {
		v->page[v->n] = like;
		v->page[v->n++].va = va;
	}
}

static void parse_line(struct view *v, const char *line)
{
	unsigned long va, pa, size, count, va_step, pa_step;
	char perms[8];

	if (sscanf(line, "process %ld", &v->pid) == 1)
		return;
	v->on |= !strncmp(line, "isolation on ", 13);
	if (sscanf(line, "end %lu", &count) == 1)
		v->whole = true;
	if (sscanf(line, "map %lx %lx %lx %lu %lx %lx %7s", &va, &pa, &size, &count, &va_step,
		   &pa_step, perms) != 7)
		return;
	if (va >= ESPFIX && va < ESPFIX_END)
		v->espfix += count;
	else if (v->on && va_step == size)
		add_pages(v, va, count * size / PTI_PAGE, (struct page) {
			.write = strchr(perms, 'w'), .exec = strchr(perms, 'x'),
			.global = strchr(perms, 'g'), .user = strchr(perms, 'u') });
}

static void parse_audit(struct view *v, const char *all)
{
	memset(v, 0, sizeof(*v));
	while (*all) {
		const char *end = strchr(all, '\n');

		parse_line(v, all);
		if (!end)
			break;
		all = end + 1;
	}
}

/* Ask for a process, and read. Return: 0, or the errno of the write or the read */
static int ask(int fd, const char *pid, struct view *v)
{
	if (pid && write(fd, pid, strlen(pid)) != (ssize_t)strlen(pid))
		return errno;
	if (read_all(fd, text, TEXT) < 0)
		return errno;
	parse_audit(v, text);
	return 0;
}

static int open_audit(void)
{
	int fd = open(AUDIT, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		ksft_exit_fail_perror(AUDIT);
	return fd;
}

static int ask_once(const char *pid, struct view *v)
{
	int fd = open_audit(), ret = ask(fd, pid, v);

	close(fd);
	return ret;
}

static int ask_pid(pid_t pid, struct view *v)
{
	char number[24];

	snprintf(number, sizeof(number), "%d\n", pid);
	return ask_once(number, v);
}

/* The kernel's own dump, page by page */
static bool read_dump(struct view *v)
{
	FILE *f = fopen(USER_TABLE, "r");
	unsigned long from, to;
	char line[256];
	int used;

	memset(v, 0, sizeof(*v));
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		bool write;

		if (sscanf(line, "0x%lx-0x%lx %*s%n", &from, &to, &used) != 2 || !(from >> 63))
			continue;
		write = pti_has_word(line + used, "RW");
		if (!write && !pti_has_word(line + used, "ro"))
			continue;
		if (from >= ESPFIX && from < ESPFIX_END)
			v->espfix += (to - from) / PTI_PAGE;
		else
			add_pages(v, from, (to - from) / PTI_PAGE, (struct page) {
				.write = write, .exec = pti_has_word(line + used, "x"),
				.global = pti_has_word(line + used, "GLB"),
				.user = pti_has_word(line + used, "USR") });
	}
	fclose(f);
	return true;
}

static bool same_views(const struct view *a, const struct view *b)
{
	unsigned int i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (memcmp(&a->page[i], &b->page[i], sizeof(a->page[i]))) {
			ksft_print_msg("page %lx and page %lx\n", a->page[i].va, b->page[i].va);
			return false;
		}
	if (a->n != b->n)
		ksft_print_msg("%u pages and %u pages\n", a->n, b->n);
	return a->n == b->n;
}

static bool set_ldt(unsigned int entry)
{
	struct user_desc desc = { .entry_number = entry, .limit = 0xfffff };

	return !syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc));
}

static void test_same_as_dump(void)
{
	bool good = !ask_once(NULL, &audit) && audit.whole && audit.pid == getpid();

	if (!pti_on()) {
		ksft_test_result(good && !audit.on,
				 "isolation off: said so\n");
		return;
	}
	if (!read_dump(&dump)) {
		ksft_test_result_skip("the kernel's own dump: none in " DEBUGFS "\n");
		return;
	}
	ksft_test_result(good && audit.on && !audit.espfix && !dump.espfix &&
			 same_views(&audit, &dump), "as the kernel's own dump: %u pages\n",
			 audit.n);
}

/* A child in each of several states: its own, and not the parent's */
static void test_processes(void)
{
	unsigned int before, ldt_pages = LDT_ENTRIES * LDT_ENTRY_SIZE / PTI_PAGE;
	int up[2], down[2], state, bad = 0;
	char c;

	if (!pti_on()) {
		ksft_test_result_skip("LDT of another process: isolation is off\n");
		return;
	}
	ask_once("self", &audit);
	before = audit.n;
	for (state = 0; state < 3; state++) {
		unsigned int want = state == 0 ? 0 : state == 1 ? 1 : ldt_pages;
		pid_t pid;

		if (pipe(up) || pipe(down))
			ksft_exit_fail_perror("pipe");
		fflush(stdout);
		pid = fork();
		if (!pid) {
			if (state && !set_ldt(state == 1 ? 0 : LDT_ENTRIES - 1))
				_exit(1);
			if (write(up[1], "", 1) != 1 || read(down[0], &c, 1) != 1)
				_exit(1);
			_exit(0);
		}
		if (read(up[0], &c, 1) != 1 || ask_pid(pid, &audit) || audit.pid != pid ||
		    !audit.whole || audit.n != before + want || !audit.espfix != !state ||
		    (state && audit.espfix % 65536)) {
			ksft_print_msg("state %d: PID %ld, %u pages, %lu aliases\n", state,
				       audit.pid, audit.n, audit.espfix);
			bad++;
		}
		if (write(down[1], "", 1) != 1)
			bad++;
		waitpid(pid, NULL, 0);
		close(up[0]);
		close(up[1]);
		close(down[0]);
		close(down[1]);
	}
	if (ask_once("self\n", &audit) || audit.n != before || audit.espfix)
		bad++;
	ksft_test_result(!bad, "LDT of another process: it and espfix of who was asked for\n");
}

static void test_bad_input(void)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{ "x", EINVAL }, { "0", EINVAL }, { "-1", EINVAL }, { "1 1", EINVAL },
		{ "0x1", EINVAL }, { "1,2", EINVAL }, { "self1", EINVAL }, { "\xff\xfe", EINVAL },
		{ "2147483648", ERANGE }, { "18446744073709551616", ERANGE },
		{ "2147483647", ESRCH },
		{ "                                               1", EINVAL },
		{ "123456789012345678901234567890123456789012345678", EINVAL },
	};
	int fd = open_audit(), got, bad = 0;
	unsigned int i;

	/* What it had stays, whatever is refused. */
	bad += ask(fd, "self", &audit) != 0;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		got = 0;
		if (write(fd, cases[i].text, strlen(cases[i].text)) < 0)
			got = errno;
		if (got != cases[i].err) {
			ksft_print_msg("'%s': %d, and not %d\n", cases[i].text, got, cases[i].err);
			bad++;
		}
	}
	bad += write(fd, "1\0002", 3) >= 0 || errno != EINVAL;
	bad += syscall(SYS_write, fd, 8, 2) >= 0 || errno != EFAULT;
	bad += syscall(SYS_read, fd, 8, 4096) > 0;
	lseek(fd, 0, SEEK_SET);
	bad += ask(fd, NULL, &audit) != 0 || audit.pid != getpid() || !audit.whole;
	/* A PID in two writes is two PIDs. */
	bad += write(fd, "", 0) != 0;
	bad += ask(fd, "1", &audit) != 0 || audit.pid != 1 || !audit.whole;
	bad += ask(fd, "self", &audit) != 0 || audit.pid != getpid();
	close(fd);
	ksft_test_result(!bad, "bad input: %zu writes refused\n", ARRAY_SIZE(cases) + 2);
}

/* Read a byte at a time, and from the middle, the text is the same */
static void test_partial_reads(void)
{
	int fd = open_audit();
	static char whole[64 * 1024], part[64 * 1024];
	ssize_t n = read_all(fd, whole, sizeof(whole)), at, step;
	bool good = n > 0;

	for (step = 1; good && step < 5000; step = step * 7 + 1) {
		lseek(fd, 0, SEEK_SET);
		for (at = 0; at < n && at < 20 * step; at += step) {
			ssize_t want = step < n - at ? step : n - at;
			ssize_t got = read(fd, part + at, want);

			while (got > 0 && got < want) {
				ssize_t more = read(fd, part + at + got, want - got);

				got = more > 0 ? got + more : -1;
			}
			good = good && got == want && !memcmp(part + at, whole + at, want);
		}
		good = good && pread(fd, part, 10, n / 2) == 10 && !memcmp(part, whole + n / 2, 10);
	}
	good = good && pread(fd, part, 10, n) == 0;
	close(fd);
	ksft_test_result(good, "read in parts: %zd bytes\n", n);
}

/* The first child of kthreadd, by its parent */
static pid_t kernel_thread(void)
{
	char path[64], stat[512];
	pid_t pid;
	int parent;

	for (pid = 2; pid < 400; pid++) {
		const char *at;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (pti_read_file(path, stat, sizeof(stat)) <= 0)
			continue;
		at = strrchr(stat, ')');
		if (at && sscanf(at, ") %*c %d", &parent) == 1 && parent == 2)
			return pid;
	}
	return 0;
}

static void test_gone(void)
{
	int bad = 0, err;
	pid_t pid, thread = kernel_thread();

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(0);
	/* A zombie has a PID, and no memory any more. */
	waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
	err = ask_pid(pid, &audit);
	bad += err != ESRCH;
	if (err != ESRCH)
		ksft_print_msg("zombie: %d\n", err);
	waitpid(pid, NULL, 0);
	err = ask_pid(pid, &audit);
	bad += err != ESRCH;
	if (err != ESRCH)
		ksft_print_msg("gone: %d\n", err);
	err = thread ? ask_pid(thread, &audit) : EINVAL;
	bad += err != EINVAL;
	if (err != EINVAL)
		ksft_print_msg("kernel thread %d: %d\n", thread, err);
	ksft_test_result(!bad, "zombie, gone, kernel thread: each has its error\n");
}

/* PIDs are those of the namespace of who asks; others there have none */
static void test_namespace(void)
{
	pid_t outer = getpid(), pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(4);
		pid = fork();
		if (!pid)
			_exit(ask_once("1", &audit) || audit.pid != 1 || getpid() != 1 ||
			      (outer != 1 && ask_pid(outer, &audit) != ESRCH));
		waitpid(pid, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		ksft_test_result_skip("PID namespace: none to be had\n");
	else
		ksft_test_result(!status, "PID namespace: its own PIDs\n");
}

/* Only root may open it */
static void test_permission(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(2);
		_exit(open(AUDIT, O_RDONLY) < 0 && errno == EACCES ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ksft_test_result(!status, "not for others than root\n");
}

/* Fork, LDT, exit, over and over, until killed; its children's PIDs are near its own */
static void come_and_go(void)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			set_ldt(0);
			set_ldt(LDT_ENTRIES - 1);
			set_ldt(1);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

/* Many ask at once, each a file of its own or all the same one, for what comes and goes */
static void test_many(void)
{
	unsigned long callers = pti_rounds(pti_on() ? CALLERS : CALLERS / 20);
	unsigned long i, asked = 0, bad = 0;
	int shared = open_audit(), status;
	pid_t churn[2], pid[64];

	fflush(stdout);
	for (i = 0; i < ARRAY_SIZE(churn); i++) {
		churn[i] = fork();
		if (!churn[i])
			come_and_go();
	}
	while (asked < callers) {
		unsigned int n = 0;

		for (; n < ARRAY_SIZE(pid) && asked + n < callers; n++) {
			pid[n] = fork();
			if (!pid[n]) {
				pid_t of = churn[n % 2] + pti_random() % 3 * (n % 7);
				int err = ask_pid(of, &audit);
				char c[512];

				/* One file for all: whose text it is does not matter */
				lseek(shared, 0, SEEK_SET);
				if (write(shared, "self", 4) != 4 || read(shared, c, sizeof(c)) < 0)
					_exit(1);
				if (err)
					_exit(err == ESRCH ? 0 : 2);
				/* Two LDTs there at once, one of them whole, or the one only */
				_exit(!audit.whole || audit.pid != of ? 3 : 0);
			}
			if (pid[n] < 0)
				break;
		}
		asked += n;
		while (n--) {
			waitpid(pid[n], &status, 0);
			bad += !!status;
			if (status && bad < 5)
				ksft_print_msg("status %x\n", status);
		}
	}
	for (i = 0; i < ARRAY_SIZE(churn); i++) {
		kill(churn[i], SIGKILL);
		waitpid(churn[i], NULL, 0);
	}
	close(shared);
	ksft_test_result(!bad, "%lu callers, 64 at a time, of processes that come and go\n", asked);
}

int main(int argc, char **argv)
{
	pti_start(argc, argv);
	if (access(AUDIT, F_OK))
		ksft_exit_skip("no " AUDIT "\n");
	text = pti_map(TEXT, PROT_READ | PROT_WRITE);
	ksft_set_plan(8);
	test_same_as_dump();
	test_processes();
	test_bad_input();
	test_partial_reads();
	test_gone();
	test_namespace();
	test_permission();
	test_many();
	ksft_finished();
}
