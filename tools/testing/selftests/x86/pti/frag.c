// SPDX-License-Identifier: GPL-2.0-only
/*
 * frag - many processes when memory is in single pages
 *
 * The top-level page tables of a process are two pages in a row under isolation,
 * and one without. Here another process takes nearly all memory and gives back
 * every second page of it; then processes are made that all live at the same
 * time, until no more than a few pairs of pages are left, and on from there.
 *
 * Each fork has to give a process that works, or to fail with ENOMEM. The kernel
 * does not fail so small an allocation as long as it can kill something for it:
 * whoever took the memory is what it is told to kill first.
 *
 * What it catches: a pair that is used although there was no memory for it, an
 * error other than ENOMEM, and a kernel that does not come back from looking for a
 * pair.
 */
#include <sys/wait.h>
#include "meminfo.h"

#define MOST		900	/* processes at a time */
#define KEEP_KB		(14 * 1024)
#define FEW_PAIRS	64

static pid_t children[MOST];
static unsigned int alive;
static int gate[2];		/* what the processes wait for is that it closes */

/* Free memory, in pages: single ones, and pairs in whatever larger blocks. */
struct buddies {
	unsigned long singles, pairs;
};

static struct buddies read_buddies(void)
{
	struct buddies b = { 0 };
	char line[512], *at;
	unsigned int order;
	FILE *f;

	f = fopen("/proc/buddyinfo", "r");
	if (!f)
		ksft_exit_skip("no /proc/buddyinfo\n");
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "zone");
		if (!at)
			continue;
		at += strcspn(at, " ");
		at += strspn(at, " ");
		at += strcspn(at, " ");
		for (order = 0; *at && *at != '\n'; order++) {
			unsigned long n = strtoul(at, &at, 10);

			if (order)
				b.pairs += n << (order - 1);
			else
				b.singles += n;
			at += strspn(at, " ");
		}
	}
	fclose(f);
	return b;
}

static void adjust(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, score, strlen(score)) < 0)
		_exit(1);
	close(fd);
}

/* A process that has @kb of memory, and of each two pages gives one back. */
static pid_t start_hog(unsigned long kb)
{
	size_t bytes = kb * 1024 & -(2 * PTI_PAGE), at;
	int ready[2];
	char *mem, c;
	pid_t pid;

	if (pipe(ready))
		ksft_exit_fail_perror("pipe");
	pid = fork();
	if (!pid) {
		adjust("1000");
		mem = pti_map(bytes, PROT_READ | PROT_WRITE);
		madvise(mem, bytes, MADV_NOHUGEPAGE);
		for (at = 0; at < bytes; at += PTI_PAGE)
			mem[at] = 1;
		for (at = 0; at < bytes; at += 2 * PTI_PAGE)
			madvise(mem + at, PTI_PAGE, MADV_DONTNEED);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 1)
		ksft_exit_fail_msg("no process to take the memory\n");
	close(ready[0]);
	return pid;
}

/* One that has a page of its own, and ends well only if it is what it should be. */
static void child(unsigned int nr)
{
	unsigned int *word = pti_map(PTI_PAGE, PROT_READ | PROT_WRITE);
	char c;

	close(gate[1]);
	*word = nr;
	if (read(gate[0], &c, 1) != 0)
		_exit(1);
	_exit(*word == nr ? 0 : 2);
}

/* 0, or the errno of the fork. */
static int one_more(void)
{
	pid_t pid = fork();

	if (!pid)
		child(alive);
	if (pid < 0)
		return errno;
	children[alive++] = pid;
	return 0;
}

/* All of them go on and end; how many did not do that well. */
static unsigned int end_all(void)
{
	unsigned int bad = 0;
	int status;

	close(gate[1]);
	close(gate[0]);
	while (alive)
		bad += waitpid(children[--alive], &status, 0) < 0 || status;
	return bad;
}

static void open_gate(void)
{
	if (pipe(gate))
		ksft_exit_fail_perror("pipe");
}

static void storm(bool few)
{
	unsigned long most = pti_rounds(MOST);
	unsigned int bad, failed = 0;
	struct buddies b;
	int err = 0;

	if (most > MOST)
		most = MOST;
	while (alive < most && !err) {
		if (few) {
			b = read_buddies();
			if (b.pairs < FEW_PAIRS)
				break;
		}
		err = one_more();
		if (err == ENOMEM) {
			failed++;
			err = failed < 100 ? 0 : err;
		}
	}
	if (err && err != ENOMEM)
		ksft_print_msg("fork: errno %d\n", err);
	b = read_buddies();
	ksft_print_msg("%u processes, %u forks failed; %lu single pages free, %lu pairs\n", alive,
		       failed, b.singles, b.pairs);
	if (few) {
		ksft_test_result(!err && !failed && alive,
				 "as many as there are pairs for: all can be made\n");
		return;
	}
	bad = end_all();
	ksft_test_result((!err || err == ENOMEM) && !bad,
			 "more than that: made and ended well, or ENOMEM\n");
}

static void set_vm(const char *name, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ksft_print_msg("cannot set %s\n", path);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct buddies b;
	char text[4096];
	pid_t hog;
	long kb;

	pti_start(argc, argv);
	ksft_set_plan(3);
	/* Who has which memory is of no interest. */
	set_vm("oom_dump_tasks", "0");

	if (pti_read_file("/proc/meminfo", text, sizeof(text)) < 0)
		ksft_exit_skip("no /proc/meminfo\n");
	kb = mem_counter(text, "MemFree:") - KEEP_KB;
	if (kb < 2 * KEEP_KB)
		ksft_exit_skip("too little memory\n");
	hog = start_hog(kb);
	b = read_buddies();
	ksft_test_result(b.singles > 2 * b.pairs, "memory in pieces: %lu single pages, %lu pairs\n",
			 b.singles, b.pairs);

	open_gate();
	storm(true);
	storm(false);
	kill(hog, SIGKILL);
	waitpid(hog, NULL, 0);
	ksft_finished();
}
