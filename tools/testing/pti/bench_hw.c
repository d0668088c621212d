// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_hw - what ways into the kernel and back take on the machine that this runs on
 *
 * The emulators of "make bench" count instructions; only a real processor says what a
 * write of CR3 takes, and what the TLB loses.  This program is static and needs nothing
 * of this repository: copy it to the machine, run it under pti=on and under nopti, and
 * compare.
 *
 * Each way is gone often enough to take ROUND_NS, after a warm-up, and that is repeated;
 * of the rounds the median counts, and the two quartiles say how far it is to be
 * trusted.  Cycles are the processor's own counter of the CPU that this is pinned to, or
 * of these processes if that is not allowed; without a counter there is the time only.
 *
 * Exit status: 0 all was measured, 1 something was not, 2 the options are wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MELTDOWN	"/sys/devices/system/cpu/vulnerabilities/meltdown"
#define ROUND_NS	10000000ULL
#define ROUNDS		41
#define MAX_ROUNDS	1001
#define WARM_UP		3		/* rounds */
#define PAGE		4096
#define FAULT_PAGES	4096
#define UNSTEADY	10		/* percent between the quartiles */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct way {
	const char *name;
	bool (*begin)(void);
	void (*prepare)(void);		/* before each round, and not measured */
	void (*go)(unsigned long n);
	void (*end)(void);
	unsigned long most;		/* in a round */
	const char *compare;		/* what others have published of it */
};

static int counter = -1;
static int file = -1;
static char *pages;
static int to_child[2], from_child[2];
static pid_t child;

static void __attribute((noreturn)) die(const char *what)
{
	fprintf(stderr, "bench_hw: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool open_self(void)
{
	file = open("/proc/self/exe", O_RDONLY);
	return file >= 0;
}

static void close_self(void)
{
	close(file);
}

/* By system call, whatever the library makes of it. */
static void go_lseek(unsigned long n)
{
	while (n--)
		syscall(SYS_lseek, file, 0L, SEEK_SET);
}

static void go_getppid(unsigned long n)
{
	while (n--)
		syscall(SYS_getppid);
}

/* The pages are there, only the mapping is not: the fault itself, not the clearing. */
static bool begin_fault(void)
{
	pages = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return pages != MAP_FAILED;
}

static void prepare_fault(void)
{
	if (madvise(pages, FAULT_PAGES * PAGE, MADV_DONTNEED))
		die("madvise");
}

static void touch(char *byte)
{
	asm volatile("movb $1, %0" : "=m" (*byte));
}

static void go_fault(unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		touch(pages + i * PAGE);
}

static void end_fault(void)
{
	munmap(pages, FAULT_PAGES * PAGE);
}

static void go_mmap(unsigned long n)
{
	char *p;

	while (n--) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			die("mmap");
		touch(p);
		munmap(p, PAGE);
	}
}

static void handler(int sig)
{
	(void)sig;
}

static bool begin_signal(void)
{
	return signal(SIGUSR1, handler) != SIG_ERR;
}

static void go_signal(unsigned long n)
{
	while (n--)
		raise(SIGUSR1);
}

static void go_fork(unsigned long n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
}

/* The other end, on the same CPU, until this one is closed. */
static void echo(void)
{
	char byte;

	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1 && write(from_child[1], &byte, 1) == 1)
		;
	_exit(0);
}

static bool begin_pipe(void)
{
	if (pipe(to_child) || pipe(from_child))
		return false;
	child = fork();
	if (!child)
		echo();
	return child > 0;
}

static void go_pipe(unsigned long n)
{
	char byte = 0;

	while (n--)
		if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
			die("pipe");
}

static void end_pipe(void)
{
	close(to_child[0]);
	close(to_child[1]);
	close(from_child[0]);
	close(from_child[1]);
	waitpid(child, NULL, 0);
}

static const struct way ways[] = {
	{ "lseek",	.begin = open_self, .go = go_lseek, .end = close_self,
			.compare = "KAISER's table: 5.2M a second without it; "
				   "with it 3.0M, without PCID 2.2M" },
	{ "getppid",	.go = go_getppid },
	{ "page fault",	.begin = begin_fault, .prepare = prepare_fault, .go = go_fault,
			.end = end_fault, .most = FAULT_PAGES },
	{ "mmap+touch+munmap", .go = go_mmap },
	{ "signal",	.begin = begin_signal, .go = go_signal },
	{ "pipe, there and back", .begin = begin_pipe, .go = go_pipe, .end = end_pipe },
	{ "fork+exit",	.go = go_fork },
};

static __u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static __u64 cycles(void)
{
	__u64 value;

	if (counter < 0)
		return 0;
	if (read(counter, &value, sizeof(value)) != sizeof(value))
		die("the cycle counter");
	return value;
}

static int open_counter(pid_t pid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.inherit = pid != -1,
		.exclude_hv = 1,
	};

	return syscall(SYS_perf_event_open, &attr, pid, cpu, -1, 0);
}

/* A counter may be there and never count, as in some virtual machines. */
static bool counts(void)
{
	__u64 from;
	int i;

	if (counter < 0)
		return false;
	from = cycles();
	for (i = 0; i < 100000; i++)
		asm volatile("");
	if (cycles() != from)
		return true;
	close(counter);
	counter = -1;
	errno = ENODATA;
	return false;
}

static void choose_counter(int cpu)
{
	counter = open_counter(-1, cpu);
	if (counts()) {
		printf("counted        cycles of CPU %d\n", cpu);
		return;
	}
	counter = open_counter(0, -1);
	if (counts()) {
		printf("counted        cycles of these processes\n");
		return;
	}
	printf("counted        no cycles: the counter cannot be used (%s); time is used\n",
	       strerror(errno));
}

static double go_once(const struct way *way, unsigned long n, double *ns)
{
	__u64 from, cycles_from;
	double used;

	if (way->prepare)
		way->prepare();
	from = now();
	cycles_from = cycles();
	way->go(n);
	used = cycles() - cycles_from;
	*ns = (double)(now() - from) / n;
	return used / n;
}

/* How often a way is gone in ROUND_NS. */
static unsigned long enough(const struct way *way)
{
	unsigned long n = 1;
	double ns;

	for (;;) {
		go_once(way, n, &ns);
		if (ns * n >= ROUND_NS || (way->most && n >= way->most))
			return n;
		n *= 2;
		if (way->most && n > way->most)
			n = way->most;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool measure(const struct way *way, int rounds)
{
	static double ns[MAX_ROUNDS], used[MAX_ROUNDS];
	const double *v = counter < 0 ? ns : used;
	unsigned long n;
	double low, high, median;
	int i;

	if (way->begin && !way->begin()) {
		printf("%-21s not measured: %s\n", way->name, strerror(errno));
		return false;
	}
	n = enough(way);
	for (i = 0; i < WARM_UP; i++)
		go_once(way, n, &ns[0]);
	for (i = 0; i < rounds; i++)
		used[i] = go_once(way, n, &ns[i]);
	if (way->end)
		way->end();
	qsort(ns, rounds, sizeof(ns[0]), by_value);
	qsort(used, rounds, sizeof(used[0]), by_value);
	low = v[rounds / 4];
	median = v[rounds / 2];
	high = v[rounds - 1 - rounds / 4];
	printf("%-21s", way->name);
	if (counter >= 0)
		printf(" %10.0f", median);
	printf(" %10.1f %12.0f   %.*f to %.*f%s\n", ns[rounds / 2], 1e9 / ns[rounds / 2],
	       counter < 0, low, counter < 0, high,
	       high - low > median * UNSTEADY / 100 ? "  unsteady" : "");
	if (way->compare)
		printf("  (%s)\n", way->compare);
	return true;
}

/* The rest of the first line of @path that begins with @key, or the line itself. */
static bool line_of(const char *path, const char *key, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	bool found = false;
	char *colon;

	while (f && !found && fgets(text, size, f))
		found = !strncmp(text, key, strlen(key));
	if (f)
		fclose(f);
	if (!found)
		return false;
	text[strcspn(text, "\n")] = '\0';
	colon = strchr(text, ':');
	if (*key && colon)
		memmove(text, colon + 2, strlen(colon + 2) + 1);
	return true;
}

static const char *has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);
	const char *at = flags;

	while ((at = strstr(at, flag))) {
		if ((at == flags || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return "yes";
		at += len;
	}
	return "no";
}

/* Those that turn it on or off. */
static void describe_parameters(char *text)
{
	char *word;

	printf("parameters    ");
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		if (!strcmp(word, "nopti") || !strcmp(word, "nopcid") ||
		    !strcmp(word, "noinvpcid") || !strncmp(word, "pti=", 4) ||
		    !strncmp(word, "mitigations=", 12))
			printf(" %s", word);
	putchar('\n');
}

/* What the machine says of isolation. */
static void describe(void)
{
	static char text[16384];
	struct utsname name;

	if (!uname(&name))
		printf("kernel         %s, %zu-bit program\n", name.release, 8 * sizeof(void *));
	if (line_of("/proc/cpuinfo", "model name", text, sizeof(text)))
		printf("processor      %s\n", text);
	printf("meltdown       %s\n",
	       line_of(MELTDOWN, "", text, sizeof(text)) ? text : "the kernel does not say");
	if (line_of("/proc/cpuinfo", "flags", text, sizeof(text)))
		printf("flags          pti %s, pcid %s, invpcid %s, hypervisor %s\n",
		       has_flag(text, "pti"), has_flag(text, "pcid"), has_flag(text, "invpcid"),
		       has_flag(text, "hypervisor"));
	if (line_of("/proc/cmdline", "", text, sizeof(text)))
		describe_parameters(text);
	if (line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", text,
		    sizeof(text)))
		printf("governor       %s%s\n", text,
		       strcmp(text, "performance") ? "; times are steadier with performance" : "");
}

/* The last CPU that this may use: the first one has the most to do besides. */
static int pin(int cpu)
{
	cpu_set_t set;
	int i;

	if (cpu < 0) {
		if (sched_getaffinity(0, sizeof(set), &set))
			die("sched_getaffinity");
		for (i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				cpu = i;
	}
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		fprintf(stderr, "bench_hw: cannot use CPU %d: %s; --cpu takes another\n", cpu,
			strerror(errno));
		exit(2);
	}
	return cpu;
}

static void __attribute((noreturn)) usage(FILE *f, int status)
{
	fprintf(f,
		"Usage: bench_hw [--cpu N] [--rounds N]\n\n"
		"Measures ways into the kernel and back on this machine, each %d times (--rounds),\n"
		"on the last CPU that it may use (--cpu). Run it under pti=on and under nopti.\n"
		"As root, or with kernel.perf_event_paranoid at 0, it counts the CPU's cycles.\n",
		ROUNDS);
	exit(status);
}

static int value_of(const char *text, int least, int most)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < least || n > most) {
		fprintf(stderr, "bench_hw: %s: not from %d to %d\n", text, least, most);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cpu", required_argument, NULL, 'c' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int cpu = -1, rounds = ROUNDS, c;
	bool all = true;
	unsigned int i;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			cpu = value_of(optarg, 0, CPU_SETSIZE - 1);
			break;
		case 'r':
			rounds = value_of(optarg, 4, MAX_ROUNDS);
			break;
		case 'h':
			usage(stdout, 0);
		default:
			usage(stderr, 2);
		}
	}
	if (optind < argc)
		usage(stderr, 2);
	setvbuf(stdout, NULL, _IOLBF, 0);
	cpu = pin(cpu);
	describe();
	printf("rounds         %d of %llu ms or more, on CPU %d\n", rounds,
	       ROUND_NS / 1000000, cpu);
	choose_counter(cpu);
	printf("\n%-21s%s %10s %12s   half of the rounds, %s\n", "",
	       counter < 0 ? "" : "     cycles", "ns", "a second", counter < 0 ? "ns" : "cycles");
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		all &= measure(&ways[i], rounds);
	return !all;
}
