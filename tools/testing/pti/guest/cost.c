// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost - what ways into the kernel and back cost, and what programs make of them
 *
 * Bits: 64 32
 *
 * On a machine whose time stamp counter counts instructions (QEMU's -icount,
 * Bochs) the difference of two readings around a system call is the number of
 * instructions executed between them.  Timer interrupts, refilled caches and
 * the like fall into some of the repetitions only and never make one shorter,
 * so the minimum is without them, and is the figure to compare.
 *
 * Prints one line a way: name, minimum, repetitions.  cost.sh compares kernels.
 *
 * With the argument "marks" it counts nothing, but runs each way a few times between
 * two instructions at which Bochs stops, so that the instructions in between can be
 * looked at from outside (flushes.sh).
 */
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define REPS		4001
#define REPS_LONG	1001
#define REPS_MARKED	8
#define ROUNDS		162
#define REPS_ROUND	24
#define WARM_UP		64
#define PAGE		4096

static unsigned int samples[REPS];
static unsigned int empty;
static bool marks;

static int by_value(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

static void nothing(int i)
{
	(void)i;
}

#ifdef __x86_64__
static char *touched;
static char *page;
static int to_child[2], from_child[2];

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void lseek_syscall(int i)
{
	long ret = SYS_lseek;

	(void)i;
	asm volatile("syscall" : "+a" (ret)
		     : "D" (-1L), "S" (0L), "d" (0L) : "rcx", "r11", "memory");
}

static void touch(int i)
{
	char *byte = touched + (long)(i + WARM_UP) * PAGE;

	asm volatile("movb $1, %0" : "=m" (*byte));
}

/* A page that is there and dirty, so that the first change has to flush it. */
static void protect(int i)
{
	*page = i;
	if (mprotect(page, PAGE, PROT_READ) ||
	    mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		die("cost: mprotect");
}

static void unmap(int i)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("cost: mmap");
	*p = i;
	if (munmap(p, PAGE))
		die("cost: munmap");
}

static void fork_exit(int i)
{
	pid_t pid = fork();

	(void)i;
	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("cost: fork");
}

static void pipe_round(int i)
{
	char byte = i;

	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		die("cost: pipe");
}

/* The other end of pipe_round(), until this end is closed. */
static void echo(void)
{
	char byte;

	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1 && write(from_child[1], &byte, 1) == 1)
		;
	_exit(0);
}

static void handler(int sig)
{
	(void)sig;
}

static void signal_self(int i)
{
	(void)i;
	raise(SIGUSR1);
}
#else
/* The vDSO's entry: SYSENTER on the CPUs that have it for 32-bit code. */
static unsigned long vdso_entry;

static void lseek_vdso(int i)
{
	long ret = SYS_lseek;

	(void)i;
	asm volatile("call *%[entry]" : "+a" (ret)
		     : "b" (-1L), "c" (0L), "d" (0L), [entry] "m" (vdso_entry)
		     : "memory");
}

static void getppid_vdso(int i)
{
	long ret = SYS_getppid;

	(void)i;
	asm volatile("call *%[entry]" : "+a" (ret)
		     : [entry] "m" (vdso_entry) : "memory");
}
#endif

static void getppid_int80(int i)
{
	long ret = 64;		/* of the 32-bit table */

	(void)i;
#ifdef __x86_64__
	asm volatile("int $0x80" : "+a" (ret)
		     : : "r8", "r9", "r10", "r11", "memory");
#else
	asm volatile("int $0x80" : "+a" (ret) : : "memory");
#endif
}

static void mark(void)
{
	asm volatile("xchg %%bx, %%bx" : : : "memory");
}

/* One repetition after the other into the samples from @first to before @end. */
static void sample(void (*way)(int), int first, int end)
{
	unsigned long long from;
	int i;

	for (i = first; i < end; i++) {
		from = __rdtsc();
		way(i);
		samples[i] = __rdtsc() - from;
	}
}

static void report(const char *name, int reps)
{
	qsort(samples, reps, sizeof(samples[0]), by_value);
	printf("COST %s %u %d\n", name, samples[0] - empty, reps);
}

static void measure(const char *name, void (*way)(int), int reps)
{
	int i;

	for (i = -WARM_UP; i < 0; i++)
		way(i);
	if (marks) {
		for (i = 0; i < REPS_MARKED; i++) {
			mark();
			way(i);
			mark();
		}
		printf("MARKED %s %d\n", name, REPS_MARKED);
		return;
	}
	sample(way, 0, reps);
	report(name, reps);
}

/* What two readings with nothing in between differ by. */
static void measure_empty(void)
{
	sample(nothing, 0, REPS);
	qsort(samples, REPS, sizeof(samples[0]), by_value);
	empty = samples[REPS / 2];
}

#ifdef __x86_64__
static pid_t open_pipe(void)
{
	pid_t pid;

	if (pipe(to_child) || pipe(from_child))
		die("cost: pipe");
	pid = fork();
	if (pid < 0)
		die("cost: fork");
	if (!pid)
		echo();
	return pid;
}

static void close_pipe(pid_t pid)
{
	close(to_child[0]);
	close(to_child[1]);
	close(from_child[0]);
	close(from_child[1]);
	waitpid(pid, NULL, 0);
}

/*
 * With PCIDs a switch searches the ASIDs of the CPU for that of the mm, and which
 * two of them the two processes have depends on what ran before them.  A new child
 * gets the next ASID, and sooner or later this process's own, which then gets the
 * next one: so many children have been together with it in every two neighbours.
 */
static void measure_pipe(void)
{
	pid_t pid;
	int i;

	if (marks) {
		pid = open_pipe();
		measure("pipe", pipe_round, 0);
		close_pipe(pid);
		return;
	}
	for (i = 0; i < ROUNDS; i++) {
		pid = open_pipe();
		sample(pipe_round, i * REPS_ROUND, (i + 1) * REPS_ROUND);
		close_pipe(pid);
	}
	report("pipe", ROUNDS * REPS_ROUND);
}

static void measure_64(void)
{
	const size_t len = (size_t)(REPS + WARM_UP) * PAGE;

	measure("syscall-lseek", lseek_syscall, REPS);
	measure("int80-getppid", getppid_int80, REPS);

	/*
	 * The pages are there, only the mapping is not: the fault itself,
	 * without the allocation and the clearing.
	 */
	touched = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (touched == MAP_FAILED || madvise(touched, len, MADV_DONTNEED))
		die("cost: shared memory");
	measure("fault-shared", touch, REPS);
	munmap(touched, len);

	/* Between pages of another kind, so that no mapping is split or merged. */
	page = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page + PAGE, PAGE, PROT_READ | PROT_WRITE))
		die("cost: a page");
	page += PAGE;
	measure("mprotect", protect, REPS_LONG);
	measure("mmap-munmap", unmap, REPS_LONG);

	signal(SIGUSR1, handler);
	measure("signal", signal_self, REPS_LONG);

	measure("fork-exit", fork_exit, REPS_LONG);

	measure_pipe();
}
#else
static void measure_32(void)
{
	vdso_entry = getauxval(AT_SYSINFO);
	if (!vdso_entry) {
		fprintf(stderr, "cost: no vDSO entry\n");
		exit(1);
	}
	measure("sysenter-getppid", getppid_vdso, REPS);
	measure("sysenter-lseek", lseek_vdso, REPS);
	measure("int80-getppid-32", getppid_int80, REPS);
}
#endif

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 1 };

	/*
	 * Of two processes of one real-time priority each runs until it waits
	 * for the other: always the same switches.
	 */
	if (sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("cost: sched_setscheduler");
		return 2;
	}

	marks = argc > 1 && !strcmp(argv[1], "marks");

	/* No page of our own may be missing during the measurement. */
	memset(samples, 1, sizeof(samples));
	measure_empty();
#ifdef __x86_64__
	measure_64();
#else
	measure_32();
#endif
	return 0;
}
