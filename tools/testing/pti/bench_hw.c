// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench_hw - what ways into the kernel and back take on the machine that this runs on
 *
 * The emulators of "make bench" count instructions; only a real processor says what a
 * write of CR3 takes, and what the TLB loses.  This program is static and needs nothing
 * of this repository: copy it to the machine, run it under pti=on and under nopti, and
 * compare.
 *
 * 64-bit programs make their system calls with SYSCALL, 32-bit ones by the entry of the vDSO;
 * both with int $0x80, too.
 *
 * Each way is gone often enough to take ROUND_NS, after a warm-up, and that is repeated;
 * of the rounds the median counts, and the two quartiles say how far it is to be
 * trusted.  Cycles are the processor's own counter of the CPU that this is pinned to, or
 * of these processes if that is not allowed; without a counter there is the time only.
 * A way that fails here is named, and the others are measured.
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
#include <sys/auxv.h>
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
#define NOTHING		"nothing"	/* the name of a program that is to do so */
#define UNSTEADY	10		/* percent between the quartiles */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct way {
	const char *name;
	bool (*begin)(void);
	bool (*prepare)(void);		/* before each round, and not measured */
	bool (*go)(unsigned long n);
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

static bool succeeded(long ret)
{
	if (ret < 0)
		errno = -ret;
	return ret >= 0;
}

#ifdef __x86_64__
#define ENTRY	"SYSCALL"
#define ENTRY_TEXT "SYSCALL"

static bool begin_entry(void)
{
	return true;
}

static long enter(long nr, long a, long b, long c)
{
	asm volatile("syscall" : "+a" (nr)
		     : "D" (a), "S" (b), "d" (c) : "rcx", "r11", "memory");
	return nr;
}
#else
#define ENTRY	"vDSO"
#define ENTRY_TEXT "the entry of the vDSO: SYSENTER, on processors of AMD SYSCALL"

static unsigned long vdso_entry;

static bool begin_entry(void)
{
	vdso_entry = getauxval(AT_SYSINFO);
	errno = EOPNOTSUPP;
	return vdso_entry;
}

static long enter(long nr, long a, long b, long c)
{
	asm volatile("call *%[entry]" : "+a" (nr)
		     : "b" (a), "c" (b), "d" (c), [entry] "m" (vdso_entry) : "memory");
	return nr;
}
#endif

static bool begin_lseek(void)
{
	return begin_entry() && open_self();
}

static bool go_lseek(unsigned long n)
{
	long ret = 0;

	while (n--)
		ret = enter(SYS_lseek, file, 0, SEEK_SET);
	return succeeded(ret);
}

static bool go_getppid(unsigned long n)
{
	long ret = 0;

	while (n--)
		ret = enter(SYS_getppid, 0, 0, 0);
	return succeeded(ret);
}

static bool go_int80(unsigned long n)
{
	long ret = 0;

	while (n--) {
		ret = 64;		/* getppid of the 32-bit table */
#ifdef __x86_64__
		asm volatile("int $0x80" : "+a" (ret) : : "r8", "r9", "r10", "r11", "memory");
#else
		asm volatile("int $0x80" : "+a" (ret) : : "memory");
#endif
	}
	return succeeded(ret);
}

/* The child's end, if it is the one that is wanted. */
static bool ended_well(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	errno = EOPNOTSUPP;
	return !status;
}

/* A kernel without 32-bit system calls ends who tries. */
static bool begin_int80(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(!go_int80(1));
	return ended_well(pid);
}

/* The pages are there, only the mapping is not: the fault itself, not the clearing. */
static bool begin_fault(void)
{
	pages = mmap(NULL, FAULT_PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return pages != MAP_FAILED;
}

static bool prepare_fault(void)
{
	return !madvise(pages, FAULT_PAGES * PAGE, MADV_DONTNEED);
}

static void touch(char *byte)
{
	asm volatile("movb $1, %0" : "=m" (*byte));
}

static bool go_fault(unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		touch(pages + i * PAGE);
	return true;
}

static void end_fault(void)
{
	munmap(pages, FAULT_PAGES * PAGE);
}

static bool go_mmap(unsigned long n)
{
	char *p;

	while (n--) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return false;
		touch(p);
		if (munmap(p, PAGE))
			return false;
	}
	return true;
}

/* Between pages of another kind, so that no mapping is split or merged. */
static bool begin_mprotect(void)
{
	pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages != MAP_FAILED && !mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE);
}

/* There and back, of a page that is there, so that the first change has to flush it. */
static bool go_mprotect(unsigned long n)
{
	while (n--) {
		touch(pages + PAGE);
		if (mprotect(pages + PAGE, PAGE, PROT_READ) ||
		    mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE))
			return false;
	}
	return true;
}

static void end_mprotect(void)
{
	munmap(pages, 3 * PAGE);
}

static void handler(int sig)
{
	(void)sig;
}

static bool begin_signal(void)
{
	return signal(SIGUSR1, handler) != SIG_ERR;
}

static bool go_signal(unsigned long n)
{
	while (n--)
		if (raise(SIGUSR1))
			return false;
	return true;
}

static bool go_fork(unsigned long n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (!ended_well(pid))
			return false;
	}
	return true;
}

/* This program again, which then ends at once. */
static bool exec_once(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/proc/self/exe", NOTHING, NULL);
		_exit(1);
	}
	return ended_well(pid);
}

static bool go_exec(unsigned long n)
{
	while (n--)
		if (!exec_once())
			return false;
	return true;
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

static bool go_pipe(unsigned long n)
{
	char byte = 0;

	while (n--)
		if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
			return false;
	return true;
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
	{ "lseek, " ENTRY, .begin = begin_lseek, .go = go_lseek, .end = close_self,
			.compare = "KAISER's table: 5.2M a second without it; "
				   "with it 3.0M, without PCID 2.2M" },
	{ "getppid, " ENTRY, .begin = begin_entry, .go = go_getppid },
	{ "getppid, int 0x80", .begin = begin_int80, .go = go_int80 },
	{ "page fault",	.begin = begin_fault, .prepare = prepare_fault, .go = go_fault,
			.end = end_fault, .most = FAULT_PAGES },
	{ "mmap+touch+munmap", .go = go_mmap },
	{ "mprotect, and back", .begin = begin_mprotect, .go = go_mprotect, .end = end_mprotect },
	{ "signal",	.begin = begin_signal, .go = go_signal },
	{ "pipe, there and back", .begin = begin_pipe, .go = go_pipe, .end = end_pipe },
	{ "fork+exit",	.go = go_fork },
	{ "vfork+exec+exit", .go = go_exec },
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

static bool go_once(const struct way *way, unsigned long n, double *ns, double *used)
{
	__u64 from, cycles_from;

	if (way->prepare && !way->prepare())
		return false;
	from = now();
	cycles_from = cycles();
	if (!way->go(n))
		return false;
	*used = (double)(cycles() - cycles_from) / n;
	*ns = (double)(now() - from) / n;
	return true;
}

/* How often a way is gone in ROUND_NS; 0 if it cannot be. */
static unsigned long enough(const struct way *way)
{
	unsigned long n = 1;
	double ns, used;

	for (;;) {
		if (!go_once(way, n, &ns, &used))
			return 0;
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

static bool not_measured(const struct way *way)
{
	printf("%-21s not measured: %s\n", way->name, strerror(errno));
	return false;
}

static bool go_rounds(const struct way *way, int rounds, double *ns, double *used)
{
	unsigned long n = enough(way);
	bool gone = n;
	int i;

	for (i = 0; gone && i < WARM_UP; i++)
		gone = go_once(way, n, &ns[0], &used[0]);
	for (i = 0; gone && i < rounds; i++)
		gone = go_once(way, n, &ns[i], &used[i]);
	return gone;
}

static bool measure(const struct way *way, int rounds)
{
	static double ns[MAX_ROUNDS], used[MAX_ROUNDS];
	const double *v = counter < 0 ? ns : used;
	double low, high, median;
	bool gone;
	int why;

	if (way->begin && !way->begin())
		return not_measured(way);
	gone = go_rounds(way, rounds, ns, used);
	why = errno;
	if (way->end)
		way->end();
	errno = why;
	if (!gone)
		return not_measured(way);
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
	printf("system calls   by %s\n", ENTRY_TEXT);
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

	if (!strcmp(argv[0], NOTHING))
		return 0;
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
	signal(SIGPIPE, SIG_IGN);
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
