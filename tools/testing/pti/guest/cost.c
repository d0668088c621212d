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
 * looked at from outside (flushes.sh).  With "more" it goes more ways, and all of
 * them in 32-bit code, too (bench.sh).
 *
 * With "prices" it goes those where something has to be paid for being shown to user
 * mode only while it is needed, or for leaving nothing behind on a stack that user mode
 * has mapped.  That is for the end: for a second after the last event of perf is gone,
 * each switch of tasks takes longer.
 *
 * With "tcp" it sends a byte over the loopback network and one back, and nothing else;
 * with "interrupt" it is interrupted, and nothing else.
 */
#include <asm/ldt.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/serial.h>
#include <linux/serial_reg.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define REPS		4001
#define REPS_LONG	1001
#define REPS_EXEC	101
#define REPS_MARKED	8
#define REPS_MARKED_FEW	3
#define ROUNDS		162
#define REPS_ROUND	24
#define FEW_TCP		8
#define WARM_UP		64
#define PAGE		4096

/* What names of ways end in that both programs go; fork() is slow to count twice. */
#ifdef __x86_64__
#define BITS		""
#define REPS_FORK	REPS_LONG
#else
#define BITS		"-32"
#define REPS_FORK	201
#endif

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

static char *touched;
static char *page;
static int to_child[2], from_child[2];
static unsigned int port;
static unsigned char ier;

static void die(const char *what)
{
	perror(what);
	_exit(1);
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

static void wait_for(pid_t pid, const char *what)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die(what);
}

static void fork_exit(int i)
{
	pid_t pid = fork();

	(void)i;
	if (!pid)
		_exit(0);
	wait_for(pid, "cost: fork");
}

/* This program again, which then ends at once; no page tables are copied for it. */
static void vfork_exec(int i)
{
	pid_t pid = vfork();

	(void)i;
	if (!pid) {
		execl("/proc/self/exe", "cost", "nothing", NULL);
		_exit(1);
	}
	wait_for(pid, "cost: exec");
}

static void round_trip(int i)
{
	char byte = i;

	if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
		die("cost: round");
}

/* The other end of round_trip(), until this end is closed. */
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

/* A port that has nothing to send interrupts as soon as it is told to say so. */
static void interrupt(int i)
{
	(void)i;
	outb(ier, port + UART_IER);
	outb(ier | UART_IER_THRI, port + UART_IER);
}

#ifdef __x86_64__
static void lseek_syscall(int i)
{
	long ret = SYS_lseek;

	(void)i;
	asm volatile("syscall" : "+a" (ret)
		     : "D" (-1L), "S" (0L), "d" (0L) : "rcx", "r11", "memory");
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

/* The least that so many repetitions have. */
static void report(const char *name, int reps, int few)
{
	int i = 0;

	qsort(samples, reps, sizeof(samples[0]), by_value);
	while (i < reps - few && samples[i + few - 1] != samples[i])
		i++;
	printf("COST %s %u %d\n", name, samples[i] - empty, reps);
}

static void measure(const char *name, void (*way)(int), int reps)
{
	/*
	 * What is hardly repeated takes long, and to look at it a hundred times so. A fork
	 * needs more: what the allocators have at hand differs by a lock or two each time.
	 */
	int few = reps && reps <= REPS_EXEC, marked = few ? REPS_MARKED_FEW : REPS_MARKED;
	int i;

	for (i = -WARM_UP; i < 0; i++)
		way(i);
	if (marks) {
		for (i = 0; i < marked; i++) {
			mark();
			way(i);
			mark();
		}
		printf("MARKED %s %d\n", name, marked);
		return;
	}
	sample(way, 0, reps);
	report(name, reps, 1);
}

/* What two readings with nothing in between differ by. */
static void measure_empty(void)
{
	sample(nothing, 0, REPS);
	qsort(samples, REPS, sizeof(samples[0]), by_value);
	empty = samples[REPS / 2];
}

static void open_pipes(void)
{
	if (pipe(to_child) || pipe(from_child))
		die("cost: pipe");
}

/* Both directions on one pair of sockets. */
static void use_sockets(int ours, int theirs)
{
	to_child[1] = ours;
	from_child[0] = ours;
	to_child[0] = theirs;
	from_child[1] = theirs;
}

static void open_unix(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("cost: socketpair");
	use_sockets(pair[0], pair[1]);
}

static void open_tcp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	struct sockaddr *any = (struct sockaddr *)&address;
	int door = socket(AF_INET, SOCK_STREAM, 0);
	int ours = socket(AF_INET, SOCK_STREAM, 0);
	int theirs;

	if (door < 0 || ours < 0 || bind(door, any, len) || listen(door, 1) ||
	    getsockname(door, any, &len) || connect(ours, any, len))
		die("cost: loopback");
	theirs = accept(door, NULL, NULL);
	if (theirs < 0)
		die("cost: loopback");
	close(door);
	use_sockets(ours, theirs);
}

static pid_t open_other_end(void (*open_both)(void))
{
	pid_t pid;

	open_both();
	pid = fork();
	if (pid < 0)
		die("cost: fork");
	if (!pid)
		echo();
	return pid;
}

static void close_other_end(pid_t pid)
{
	close(to_child[0]);
	close(to_child[1]);
	if (from_child[0] != to_child[1]) {
		close(from_child[0]);
		close(from_child[1]);
	}
	waitpid(pid, NULL, 0);
}

/*
 * With PCIDs a switch searches the ASIDs of the CPU for that of the mm, and which
 * two of them the two processes have depends on what ran before them.  A new child
 * gets the next ASID, and sooner or later this process's own, which then gets the
 * next one: so many children have been together with it in every two neighbours.
 */
static void measure_rounds(const char *name, void (*open_both)(void), int few)
{
	pid_t pid;
	int i;

	if (marks) {
		pid = open_other_end(open_both);
		measure(name, round_trip, 0);
		close_other_end(pid);
		return;
	}
	for (i = 0; i < ROUNDS; i++) {
		pid = open_other_end(open_both);
		sample(round_trip, i * REPS_ROUND, (i + 1) * REPS_ROUND);
		close_other_end(pid);
	}
	report(name, ROUNDS * REPS_ROUND, few);
}

/* What programs do with memory, processes and signals. */
static void measure_programs(void)
{
	const size_t len = (size_t)(REPS + WARM_UP) * PAGE;

	/*
	 * The pages are there, only the mapping is not: the fault itself,
	 * without the allocation and the clearing.
	 */
	touched = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (touched == MAP_FAILED || madvise(touched, len, MADV_DONTNEED))
		die("cost: shared memory");
	measure("fault-shared" BITS, touch, REPS);
	munmap(touched, len);

	/* Between pages of another kind, so that no mapping is split or merged. */
	page = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page + PAGE, PAGE, PROT_READ | PROT_WRITE))
		die("cost: a page");
	page += PAGE;
	measure("mprotect" BITS, protect, REPS_LONG);
	measure("mmap-munmap" BITS, unmap, REPS_LONG);

	signal(SIGUSR1, handler);
	measure("signal" BITS, signal_self, REPS_LONG);

	measure("fork-exit" BITS, fork_exit, REPS_FORK);

	measure_rounds("pipe" BITS, open_pipes, 1);
}

/*
 * The second port, which the kernel's driver has open, and to which nothing is written:
 * it finds nothing to do.  Bochs has none, and its first one never stops.
 */
static void measure_interrupt(void)
{
	struct serial_struct serial = { 0 };
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TIOCGSERIAL, &serial) || !serial.type || !serial.irq ||
	    !serial.port || ioperm(serial.port, 8, 1)) {
		fprintf(stderr, "cost: no second serial port, interrupts are not counted\n");
		return;
	}
	port = serial.port;
	ier = inb(port + UART_IER) & ~UART_IER_THRI;
	measure("interrupt" BITS, interrupt, REPS_LONG);
	outb(ier, port + UART_IER);
	ioperm(port, 8, 0);
	close(fd);
}

#ifdef __x86_64__
/* The first and the last task that has a port. */
static void price_ioperm(int i)
{
	(void)i;
	if (ioperm(0x80, 1, 1) || ioperm(0x80, 1, 0))
		die("cost: ioperm");
}

/* An LDT that takes the place of another, with a 16-bit stack segment in it. */
static void price_ldt(int i)
{
	const struct user_desc desc = {
		.limit = 0xffff,
		.contents = MODIFY_LDT_CONTENTS_DATA,
	};

	(void)i;
	if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc)))
		die("cost: modify_ldt");
}

/* A system call of a task on that segment, to which IRET comes back by way of espfix. */
static void price_espfix(int i)
{
	unsigned int segment = 7, back;
	long ret = 64;

	(void)i;
	asm volatile("mov %%ss, %[back]\n\t"
		     "mov %[segment], %%ss\n\t"
		     "int $0x80\n\t"
		     "mov %[back], %%ss"
		     : "+a" (ret), [back] "=&r" (back) : [segment] "r" (segment)
		     : "r8", "r9", "r10", "r11", "memory");
}

static unsigned long long watched;
static int zero;

/* The kernel writes what a breakpoint is on: a #DB that was taken in the kernel. */
static void price_db_in_kernel(int i)
{
	(void)i;
	if (read(zero, &watched, sizeof(watched)) != sizeof(watched))
		die("cost: read");
}

static void measure_price_of_db(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (unsigned long)&watched,
		.bp_len = HW_BREAKPOINT_LEN_8,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	unsigned long long hits;

	zero = open("/dev/zero", O_RDONLY);
	if (fd < 0 || zero < 0)
		die("cost: a breakpoint");
	measure("price-db-in-kernel", price_db_in_kernel, REPS_LONG);
	if (read(fd, &hits, sizeof(hits)) != sizeof(hits) || hits < REPS_LONG) {
		fprintf(stderr, "cost: the breakpoint was not hit each time\n");
		exit(1);
	}
	close(zero);
	close(fd);
}

static int measure_prices(void)
{
	measure("price-ioperm", price_ioperm, REPS_LONG);
	measure("price-ldt", price_ldt, REPS_LONG);
	measure("price-espfix", price_espfix, REPS_LONG);
	measure_price_of_db();
	return 0;
}
#else
static int measure_prices(void)
{
	fprintf(stderr, "cost: prices are those of 64-bit programs\n");
	return 2;
}
#endif

static void measure_more(void)
{
	measure("vfork-exec" BITS, vfork_exec, REPS_EXEC);
	measure_rounds("socket-unix" BITS, open_unix, 1);
	measure_interrupt();
}

static void measure_all(bool more)
{
#ifdef __x86_64__
	measure("syscall-lseek", lseek_syscall, REPS);
	measure("int80-getppid", getppid_int80, REPS);
	measure_programs();
#else
	vdso_entry = getauxval(AT_SYSINFO);
	if (!vdso_entry) {
		fprintf(stderr, "cost: no vDSO entry\n");
		exit(1);
	}
	measure("sysenter-getppid", getppid_vdso, REPS);
	measure("sysenter-lseek", lseek_vdso, REPS);
	measure("int80-getppid-32", getppid_int80, REPS);
	if (more)
		measure_programs();
#endif
	if (more)
		measure_more();
}

int main(int argc, char **argv)
{
	const struct sched_param first = { .sched_priority = 1 };
	bool more = false, prices = false, tcp = false, irq = false;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "nothing"))
			return 0;
		if (!strcmp(argv[i], "marks")) {
			marks = true;
		} else if (!strcmp(argv[i], "more")) {
			more = true;
		} else if (!strcmp(argv[i], "prices")) {
			prices = true;
		} else if (!strcmp(argv[i], "tcp")) {
			tcp = true;
		} else if (!strcmp(argv[i], "interrupt")) {
			irq = true;
		} else {
			fprintf(stderr, "Usage: cost [marks] [more | prices | tcp | interrupt]\n");
			return 2;
		}
	}

	/*
	 * Of two processes of one real-time priority each runs until it waits
	 * for the other: always the same switches.
	 */
	if (sched_setscheduler(0, SCHED_FIFO, &first)) {
		perror("cost: sched_setscheduler");
		return 2;
	}

	/* No page of our own may be missing during the measurement. */
	memset(samples, 1, sizeof(samples));
	measure_empty();
	if (prices)
		return measure_prices();
	if (irq)
		measure_interrupt();
	else if (tcp)
		/* One repetition of all may go a way of its own, some hundreds shorter. */
		measure_rounds("socket-tcp" BITS, open_tcp, FEW_TCP);
	else
		measure_all(more);
	return 0;
}
