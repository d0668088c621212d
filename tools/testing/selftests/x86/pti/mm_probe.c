// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm_probe - count the pages whose translation outlives a change
 *
 * Where mm_stale looks for the first translation that is out of date and stops,
 * this program takes one away in every way there is, attempts to use it on each
 * page, and says how many pages were probed and on how many it worked. It
 * changes mappings by itself, and lets other mms run before it looks; has a thread
 * change them while another mm is loaded on its CPU; forks and has pages
 * copied on write, by itself and by the kernel; looks for what an mm
 * before it left behind, by exit and by exec; and loads segments from an LDT
 * whose pages were replaced.
 *
 * What it catches: a flush that is missing or is lost for a user PCID, where
 * the CPU keeps translations of PCIDs that are not loaded. An emulator that has
 * none, or forgets all on each CR3 write, shows 0 whatever the kernel does.
 */
#include <sys/prctl.h>
#include <sys/wait.h>
#include "change.h"
#include "ldt.h"
#include "threads.h"

#define OTHERS		8	/* the kernel has 6 ASIDs */
#define ARENA		0x200000000UL
#define LEFT_BEHIND	((char *)0x100000000UL)

struct tally {
	unsigned long probed, stale;
};

static const struct {
	const char *name;
	unsigned int others;	/* that run between the change and the probe */
	bool away;		/* a thread changes, while another mm is loaded */
} ways[] = {
	{ "", 0, false },
	{ ", then 2 other mms", 2, false },
	{ ", then 8 other mms", 8, false },
	{ " by a thread, another mm loaded", 1, true },
};

#define WAYS		ARRAY_SIZE(ways)

/* What processes tell each other. */
static struct {
	int loaded, changed, ready, go, done;
	unsigned long stale;
} *shared;

/* What the thread has to do once another mm is loaded. */
static struct {
	enum change change;
	char *region;
	size_t size;
} job;

static struct tally total;
static int to_other[OTHERS], from_other[OTHERS];

static void set(int *what, int value)
{
	__atomic_store_n(what, value, __ATOMIC_RELEASE);
}

/* Wait until it is set, and clear it. */
static void take(int *what)
{
	while (!__atomic_load_n(what, __ATOMIC_ACQUIRE))
		sched_yield();
	set(what, 0);
}

static void report(const char *what, const char *how, unsigned int pages,
		   struct tally t)
{
	total.probed += t.probed;
	total.stale += t.stale;
	ksft_test_result(!t.stale, "%s%s, %u at a time: %lu pages probed, %lu stale (%lu %%)\n",
			 what, how, pages, t.probed, t.stale,
			 t.probed ? 100 * t.stale / t.probed : 0);
}

/* A process that only runs, and, when told to, waits for the thread. */
static void other(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1) {
		if (c == 'w') {
			set(&shared->loaded, 1);
			take(&shared->changed);
		}
		if (write(out, &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_others(void)
{
	int to[2], from[2];
	int i;

	for (i = 0; i < OTHERS; i++) {
		if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
			ksft_exit_fail_perror("pipe");
		switch (fork()) {
		case -1:
			ksft_exit_fail_perror("fork");
		case 0:
			close(to[1]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			other(to[0], from[1]);
		}
		to_other[i] = to[1];
		from_other[i] = from[0];
	}
}

static void visit(unsigned int n, char what)
{
	unsigned int i;
	char c;

	for (i = 0; i < n; i++)
		if (write(to_other[i], &what, 1) != 1 ||
		    read(from_other[i], &c, 1) != 1)
			ksft_exit_fail_msg("another process is gone\n");
}

static void changer(void *arg)
{
	pti_pin(pti_cpus() > 1);
	for (;;) {
		take(&shared->loaded);
		change_apply(job.change, job.region, job.size,
			     job.region + MANY * PTI_PAGE);
		set(&shared->changed, 1);
	}
}

/* Is the translation in use from which the change took something away? */
static bool stale(enum change change, char *word, unsigned long old)
{
	switch (change) {
	case REPLACE:
	case DROP:
		return get(word) != 0;
	case READONLY:
		return writes(word, old);
	default:
		return reads(word);
	}
}

static char *map_fixed(char *where, size_t bytes)
{
	if (mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	return where;
}

/*
 * Pages filled with what is in no other. No address is used twice: through a
 * translation that was kept, a write would go to memory that is not ours.
 */
static char *fill(unsigned int pages)
{
	static char *next = (char *)ARENA;
	char *region = map_fixed(next, pages * PTI_PAGE);
	unsigned int p;

	next += 2 * MANY * PTI_PAGE;
	for (p = 0; p < pages; p++)
		put(region + p * PTI_PAGE, pti_random() | 1);
	return region;
}

static void release(char *region)
{
	munmap(region, 2 * MANY * PTI_PAGE);
}

static void probe_change(enum change change, unsigned int way,
			 unsigned int pages)
{
	unsigned long i, n = pti_rounds(pages == 1 ? 200 : 10);
	struct tally t = { 0 };
	unsigned int p;

	for (i = 0; i < n; i++) {
		char *region = fill(pages);

		if (ways[way].away) {
			job.change = change;
			job.region = region;
			job.size = pages * PTI_PAGE;
			visit(ways[way].others, 'w');
		} else {
			change_apply(change, region, pages * PTI_PAGE,
				     region + MANY * PTI_PAGE);
			visit(ways[way].others, 'r');
		}
		/* The last page first: the first may be flushed by chance. */
		for (p = pages; p--; t.probed++)
			t.stale += stale(change, region + p * PTI_PAGE, i);
		release(region);
	}
	report(change_names[change], ways[way].name, pages, t);
}

/*
 * A child that has copies of our pages, and waits until it is told to go. It is
 * ready when it has a stack that no write of its parent's can reach, even by
 * a translation that the fork should have taken away.
 */
static pid_t copy_holder(char *region, unsigned int pages, unsigned long added)
{
	pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	unsigned int p;

	if (pid) {
		if (pid > 0)
			take(&shared->ready);
		return pid;
	}
	set(&shared->ready, 1);
	take(&shared->go);
	for (p = 0; p < pages; p++)
		shared->stale += get(region + p * PTI_PAGE) == added + p;
	set(&shared->done, 1);
	_exit(0);
}

/*
 * What we write after a fork, the child must not see. The vfork() flavour of
 * it, with an mm of its own, has the parent sleep in the kernel between the
 * flush and its way to user mode; the child's child is what looks.
 */
static void probe_fork(unsigned int pages)
{
	unsigned long i, n = pti_rounds(10);
	struct tally t = { 0 };
	unsigned int p;
	pid_t pid;

	for (i = 0; i < n; i++) {
		unsigned long mark = pti_random() | 1UL << 63;
		char *region = fill(pages);

		shared->stale = 0;
		pid = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
		if (!pid)
			_exit(copy_holder(region, pages, mark) < 0);
		for (p = 0; p < pages; p++)
			put(region + p * PTI_PAGE, mark + p);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			ksft_exit_fail_perror("clone");
		set(&shared->go, 1);
		take(&shared->done);
		wait(NULL);
		t.probed += pages;
		t.stale += shared->stale;
		release(region);
	}
	report("forked", ", asleep before the way back", pages, t);
}

/* What the kernel writes for us to a page that a child shares, we must see. */
static void probe_copy(unsigned int pages)
{
	unsigned long i, zero = 0, n = pti_rounds(10);
	struct tally t = { 0 };
	unsigned int p;
	int data[2];
	pid_t pid;

	if (pipe2(data, O_CLOEXEC))
		ksft_exit_fail_perror("pipe");
	for (i = 0; i < n; i++) {
		char *region = fill(pages);

		pid = copy_holder(region, pages, 0);
		if (pid < 0)
			ksft_exit_fail_perror("clone");
		for (p = 0; p < pages; p++)
			get(region + p * PTI_PAGE);
		for (p = 0; p < pages; p++, t.probed++) {
			char *word = region + p * PTI_PAGE;

			if (write(data[1], &zero, sizeof(zero)) < 0 ||
			    read(data[0], word, sizeof(zero)) < 0)
				ksft_exit_fail_perror("pipe");
			t.stale += get(word) != 0;
		}
		set(&shared->go, 1);
		take(&shared->done);
		waitpid(pid, NULL, 0);
		release(region);
	}
	close(data[0]);
	close(data[1]);
	report("copied", ", written by the kernel", 1, t);
}

/* Look for the pages of the mm before, and leave some to the next. */
static struct tally look_and_leave(void)
{
	struct tally t = { 0 };
	unsigned int p;

	for (p = 0; p < MANY; p++, t.probed++)
		t.stale += reads(LEFT_BEHIND + p * PTI_PAGE);
	map_fixed(LEFT_BEHIND, MANY * PTI_PAGE);
	for (p = 0; p < MANY; p++)
		put(LEFT_BEHIND + p * PTI_PAGE, p + 1);
	return t;
}

/* The new image: tells what it found, and gives way to the next. */
static int exec_step(const char *left, const char *fd)
{
	unsigned long n = strtoul(left, NULL, 0);
	char count[24];
	struct tally t;

	change_start();
	t = look_and_leave();
	if (write(atoi(fd), &t, sizeof(t)) != sizeof(t))
		return 1;
	snprintf(count, sizeof(count), "%lu", n - 1);
	if (n > 1)
		execl("/proc/self/exe", "mm_probe", "exec", count, fd, NULL);
	return n > 1;
}

static void probe_left(bool exec)
{
	unsigned long i, n = pti_rounds(24);
	struct tally t = { 0 }, one;
	char count[24], fd[24];
	int result[2];
	pid_t pid = -1;

	if (pipe(result))
		ksft_exit_fail_perror("pipe");
	snprintf(count, sizeof(count), "%lu", n);
	snprintf(fd, sizeof(fd), "%d", result[1]);
	for (i = 0; i < n; i++) {
		if (!exec || !i) {
			pid = fork();
			if (!pid && exec) {
				execl("/proc/self/exe", "mm_probe", "exec",
				      count, fd, NULL);
				_exit(1);
			}
			if (!pid) {
				one = look_and_leave();
				_exit(write(result[1], &one, sizeof(one)) !=
				      sizeof(one));
			}
		}
		if (pid < 0 || read(result[0], &one, sizeof(one)) !=
		    sizeof(one))
			ksft_exit_fail_perror("a process before");
		t.probed += one.probed;
		t.stale += one.stale;
		if (!exec)
			waitpid(pid, NULL, 0);
	}
	if (exec)
		waitpid(pid, NULL, 0);
	close(result[0]);
	close(result[1]);
	report("left behind", exec ? " by exec" : " by exit", MANY, t);
}

/*
 * Take the page that the kernel has freed last: another LDT at the same address would get it
 * again, and what is out of date would be right. A pipe holds 16 pages.
 */
static void hold_page(unsigned long i)
{
	static const char page[PTI_PAGE];
	static int fds[2];

	if (i % 16 == 0 && pipe2(fds, O_CLOEXEC))
		ksft_exit_fail_perror("pipe");
	if (write(fds[1], page, sizeof(page)) != sizeof(page))
		ksft_exit_fail_perror("write");
}

/* By itself, for what siglongjmp() does to variables that have changed. */
static bool ldt_is_stale(unsigned int value)
{
	bool stale = true;

	change_expected = true;
	if (!sigsetjmp(change_back, 1))
		stale = ldt_load(0) != value;
	change_expected = false;
	return stale;
}

/* Each write of an entry gives the process another page for its LDT. */
static void probe_ldt(void)
{
	unsigned long i, n = pti_rounds(200);
	struct tally t = { 0 };
	unsigned int *words;

	/* A pipe of each sixteen has two descriptors. */
	if (n > 4000)
		n = 4000;

	words = mmap(NULL, PTI_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		     MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (words == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	for (i = 0; i < n; i++, t.probed++) {
		unsigned int *word = words + i % 1000;

		*word = i + 1;
		if (ldt_write(ldt_desc(0, word, LDT_DATA)))
			ksft_exit_fail_perror("modify_ldt");
		hold_page(i);
		t.stale += ldt_is_stale(i + 1);
	}
	report("LDT", " written", 1, t);
}

int main(int argc, char **argv)
{
	struct pti_thread thread;
	unsigned int way;
	int change;

	if (argc == 4 && !strcmp(argv[1], "exec"))
		return exec_step(argv[2], argv[3]);
	pti_start(argc, argv);
	ldt_need();
	ksft_set_plan(2 * CHANGES * WAYS + 6);
	change_start();
	pti_pin(0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, PTI_PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	probe_fork(1);
	probe_fork(MANY);
	probe_copy(MANY);
	probe_left(false);
	probe_left(true);
	probe_ldt();
	start_others();
	pti_thread_start(&thread, changer, NULL);
	for (change = 0; change < CHANGES; change++)
		for (way = 0; way < WAYS; way++) {
			probe_change(change, way, 1);
			probe_change(change, way, MANY);
		}
	ksft_print_msg("%lu pages probed, %lu stale\n", total.probed,
		       total.stale);
	ksft_finished();
}
