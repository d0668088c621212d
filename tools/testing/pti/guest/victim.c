// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program that the audit runs in the guest: it takes processes through
 * everything that changes what a user page table holds, or the way in and out of
 * user mode, and stays in user mode in each state until the outside walker has
 * looked at it often enough (beacon.h) or a time is over.
 *
 *	victim [STOPS [SECONDS]]
 *
 * STOPS a phase, SECONDS at most a phase.  Says nothing about the kernel's page
 * tables itself: that is the walker's part.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "beacon.h"

#define PAGE		4096UL
#define LDT_DATA_SEL	7		/* entry 0 of the LDT, RPL 3 */
#define VSYSCALL_TIME	0xffffffffff600400UL
#define MANY		24
#define KILLED		100
#define HAVE_ALL	30		/* of them, before the first is killed */
#define PATIENCE_MS	20000
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static struct beacon *beacon;
static unsigned int stops = 20;
static unsigned long seconds = 20;
static unsigned long deadline;		/* in TSC ticks */
static unsigned long ticks_per_second;
static int ncpus;
static const char *self;

static unsigned int load(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static bool enough(void)
{
	return load(&beacon->seen) >= load(&beacon->wanted) ||
	       __builtin_ia32_rdtsc() >= deadline;
}

static void spin(void)
{
	while (!enough())
		;
}

static void spin_ms(unsigned long ms)
{
	unsigned long end = __builtin_ia32_rdtsc() + ticks_per_second / 1000 * ms;

	while (!enough() && __builtin_ia32_rdtsc() < end)
		;
}

static void map_beacon(void)
{
	void *p = mmap((void *)BEACON_VA, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)BEACON_VA) {
		perror("beacon");
		exit(1);
	}
	beacon = p;
}

static void set_deadline(void)
{
	deadline = __builtin_ia32_rdtsc() + seconds * ticks_per_second;
}

static void announce(const char *name, unsigned int wanted)
{
	memset(beacon->magic, 0, sizeof(beacon->magic));
	__atomic_store_n(&beacon->seen, 0, __ATOMIC_SEQ_CST);
	beacon->wanted = wanted;
	beacon->phase++;
	memset(beacon->name, 0, sizeof(beacon->name));
	snprintf(beacon->name, sizeof(beacon->name), "%s", name);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	memcpy(beacon->magic, BEACON_MAGIC, sizeof(beacon->magic));
	set_deadline();
	printf("victim: phase %u %s\n", beacon->phase, name);
	fflush(stdout);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("sched_setaffinity");
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return status ? 1 : 0;
}

/* One descriptor: writable data, 16 bit, at the entry that makes the LDT this long */
static int write_ldt(unsigned int entry)
{
	struct user_desc d = {
		.entry_number = entry,
		.limit = 0xffff,
		.contents = MODIFY_LDT_CONTENTS_DATA,
	};

	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d))) {
		perror("modify_ldt");
		return 1;
	}
	return 0;
}

static int phase_spin(void)
{
	spin();
	return 0;
}

static int phase_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		spin();
		_exit(0);
	}
	return pid < 0 || wait_for(pid);
}

/* The new program has a page of its own, which says which phase it is in */
static int phase_exec(void)
{
	char phase[16], wanted[16], limit[16];

	snprintf(phase, sizeof(phase), "%u", beacon->phase);
	snprintf(wanted, sizeof(wanted), "%u", beacon->wanted);
	snprintf(limit, sizeof(limit), "%lu", seconds);
	execl(self, "victim", "--exec", beacon->name, phase, wanted, limit, NULL);
	perror(self);
	return 1;
}

static void *thread(void *cpu)
{
	pin((long)cpu);
	spin();
	return NULL;
}

static int phase_threads(void)
{
	pthread_t t[ncpus];
	long i;

	for (i = 0; i < ncpus; i++)
		if (pthread_create(&t[i], NULL, thread, (void *)i))
			return 1;
	for (i = 0; i < ncpus; i++)
		pthread_join(t[i], NULL);
	return 0;
}

static int phase_ldt(void)
{
	if (write_ldt(0))
		return 1;
	spin();
	return 0;
}

static int phase_ldt_long(void)
{
	if (write_ldt(0) || write_ldt(LDT_ENTRIES - 1))
		return 1;
	spin();
	return 0;
}

static int phase_ldt_fork(void)
{
	pid_t pid;

	if (write_ldt(600))
		return 1;
	pid = fork();
	if (!pid) {
		spin();
		_exit(0);
	}
	return pid < 0 || wait_for(pid);
}

static int phase_ldt_threads(void)
{
	return write_ldt(1) || phase_threads();
}

static int phase_ldt_exec(void)
{
	return write_ldt(700) || phase_exec();
}

/* LDTs come, grow and go: whatever they leave behind shows in the next process */
static int phase_ldt_churn(void)
{
	while (!enough()) {
		pid_t pid = fork();

		if (!pid) {
			if (write_ldt(0))
				_exit(1);
			spin_ms(2);
			if (write_ldt(LDT_ENTRIES - 1))
				_exit(1);
			spin_ms(2);
			_exit(0);
		}
		if (pid < 0 || wait_for(pid))
			return 1;
		spin_ms(2);
	}
	return 0;
}

/*
 * Spin with SS from the LDT, 16 bit wide: each interrupt returns through espfix.
 * The stack lies below 4 GiB, because not every emulator brings back the upper half.
 */
static int spin_on_16_bits(void)
{
	char *stack = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (stack == MAP_FAILED)
		return 1;
	asm volatile("mov %%rsp, %%r12\n"
		     "mov %%ss, %%r13d\n"
		     "mov %[stack], %%rsp\n"
		     "mov %[sel], %%ss\n"
		     "1: mov %[wanted], %%eax\n"
		     "cmp %%eax, %[seen]\n"
		     "jae 2f\n"
		     "rdtsc\n"
		     "shl $32, %%rdx\n"
		     "or %%rdx, %%rax\n"
		     "cmp %[deadline], %%rax\n"
		     "jb 1b\n"
		     "2: mov %%r13d, %%ss\n"
		     "mov %%r12, %%rsp\n"
		     : : [stack] "r" (stack + 4 * PAGE), [sel] "r" (LDT_DATA_SEL),
			 [wanted] "m" (*(__u32 *)(BEACON_VA + offsetof(struct beacon, wanted))),
			 [seen] "m" (*(__u32 *)(BEACON_VA + offsetof(struct beacon, seen))),
			 [deadline] "r" (deadline)
		     : "rax", "rdx", "r12", "r13", "memory", "cc");
	munmap(stack, 4 * PAGE);
	return 0;
}

static int phase_espfix(void)
{
	return write_ldt(0) || spin_on_16_bits();
}

/* "r-xp", "--xp", or "" if the page is not there */
static void vsyscall_perms(char *perms, size_t size)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[256];

	*perms = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vsyscall]"))
			snprintf(perms, size, "%.4s", strchr(line, ' ') + 1);
	if (f)
		fclose(f);
}

static int phase_vsyscall(void)
{
	long (*vsyscall_time)(long *) = (long (*)(long *))VSYSCALL_TIME;
	char perms[8];

	vsyscall_perms(perms, sizeof(perms));
	while (!enough()) {
		if (vsyscall_time(NULL) < 0)
			return 1;
		if (*perms == 'r' && *(unsigned char *)VSYSCALL_TIME == 0)
			return 1;
		spin_ms(1);
	}
	return 0;
}

static int phase_ioperm(void)
{
	if (ioperm(0x80, 1, 1)) {
		perror("ioperm");
		return 1;
	}
	while (!enough()) {
		inb(0x80);
		spin_ms(1);
	}
	return 0;
}

/* Shared by those who ask for all at the same moment */
struct moment {
	__u32 go;
	__u32 have_all;
};

/*
 * All that is shown while a process needs it only, but for a debug store, which no emulator
 * has. The ports are the first of a word of the bitmap, which looks like no address then.
 */
static void ask_for_everything(unsigned int i, struct moment *m)
{
	while (!load(&m->go))
		sched_yield();
	if (ioperm(0x80 + i % 16, 1, 1) || write_ldt(0) || write_ldt(i + 1))
		exit(1);
	__atomic_add_fetch(&m->have_all, 1, __ATOMIC_SEQ_CST);
	spin_on_16_bits();
	for (;;)
		pause();
}

static void sleep_ms(unsigned long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/*
 * Kill half of them at once as soon as some have what they asked for, then one by one.
 * This is to run whenever it wakes: in its turn among so many, it would find all where they
 * wanted to be.
 */
static int kill_among(const pid_t *pid, struct moment *m)
{
	const struct sched_param first = { .sched_priority = 1 }, none = { 0 };
	unsigned int i, patience = PATIENCE_MS;

	if (sched_setscheduler(0, SCHED_FIFO, &first))
		perror("sched_setscheduler");
	__atomic_store_n(&m->go, 1, __ATOMIC_SEQ_CST);
	while (load(&m->have_all) < HAVE_ALL && patience--)
		sleep_ms(1);
	for (i = KILLED; i--;) {
		kill(pid[i], SIGKILL);
		if (i < KILLED / 2)
			sleep_ms(i % 4);
	}
	sched_setscheduler(0, SCHED_OTHER, &none);
	printf("victim: %u of %u had all\n", load(&m->have_all), KILLED);
	return load(&m->have_all) < HAVE_ALL || load(&m->have_all) == KILLED;
}

/*
 * Many processes ask at the same moment, and are killed wherever they are by then: some
 * have all, and others have not. What that leaves shows in the next phase.
 */
static int phase_killed(void)
{
	struct moment *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, bad;
	pid_t pid[KILLED];
	unsigned int i;

	if (m == MAP_FAILED)
		return 1;
	for (i = 0; i < KILLED; i++) {
		pid[i] = fork();
		if (!pid[i])
			ask_for_everything(i, m);
		if (pid[i] < 0) {
			while (i--)
				kill(pid[i], SIGKILL);
			return 1;
		}
	}
	bad = kill_among(pid, m);
	for (i = 0; i < KILLED; i++)
		bad |= waitpid(pid[i], &status, 0) != pid[i] ||
		       !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
	spin();
	return bad;
}

static int phase_syscalls(void)
{
	while (!enough()) {
		int i;

		for (i = 0; i < 200; i++)
			syscall(SYS_getppid);
		for (i = 0; i < 200; i++) {
			long nr = 64;	/* getppid of the 32-bit table */

			asm volatile("int $0x80" : "+a" (nr) : : "r8", "r9", "r10", "r11",
				     "memory");
		}
	}
	return 0;
}

static int phase_faults(void)
{
	while (!enough()) {
		char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int i;

		if (p == MAP_FAILED)
			return 1;
		for (i = 0; i < 64; i++)
			p[i * PAGE] = i;
		mprotect(p, 32 * PAGE, PROT_READ);
		spin_ms(1);
		munmap(p, 64 * PAGE);
	}
	return 0;
}

/* Mappings under many top-level entries, and with 5 levels above the 47 bits */
static int phase_spread(void)
{
	void *p[18];
	unsigned long i;

	for (i = 0; i < 18; i++) {
		unsigned long at = i < 16 ? (3 + 7 * i) << 39 : 1UL << (32 + i);

		p[i] = mmap((void *)at, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p[i] == MAP_FAILED)
			return 1;
		*(char *)p[i] = 1;
	}
	while (!enough() && load(&beacon->seen) < load(&beacon->wanted) / 2)
		;
	for (i = 0; i < 18; i++)
		munmap(p[i], 2 * PAGE);
	spin();
	return 0;
}

/* After int3, RIP is behind it already; ud2 has two bytes to be skipped */
static void on_trap(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	if (sig == SIGILL)
		uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static int phase_traps(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	while (!enough()) {
		asm volatile("int3" : : : "memory");
		asm volatile("ud2" : : : "memory");
		/* single-step two instructions */
		asm volatile("lea -128(%%rsp), %%rsp\n"
			     "pushf\n"
			     "orl $0x100, (%%rsp)\n"
			     "popf\n"
			     "nop\n"
			     "pushf\n"
			     "andl $~0x100, (%%rsp)\n"
			     "popf\n"
			     "lea 128(%%rsp), %%rsp\n" : : : "memory", "cc");
		spin_ms(1);
	}
	return 0;
}

/*
 * Do something in the kernel while a process on each CPU spins in user mode: on the
 * other CPUs beside it, on this one whenever the work waits or its time is up.
 */
static int among_spinners(int (*work)(void))
{
	pid_t pid[ncpus];
	int i, bad;

	for (i = 0; i < ncpus; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			return 1;
		if (!pid[i]) {
			pin(i);
			spin();
			_exit(0);
		}
	}
	bad = work();
	for (i = 0; i < ncpus; i++)
		bad |= wait_for(pid[i]);
	return bad;
}

/* The first and the last user of a perf event patch jump labels into the text */
static int patch_text(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CONTEXT_SWITCHES,
	};

	while (!enough()) {
		int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

		if (fd < 0) {
			perror("perf_event_open");
			return 1;
		}
		spin_ms(2);
		close(fd);
		spin_ms(2);
	}
	return 0;
}

static int phase_patching(void)
{
	return among_spinners(patch_text);
}

/*
 * The kernel's test modules.  Loading makes memory executable and read-only, removing
 * gives it back, and the static keys of the last one patch the kernel's text.
 */
static const char * const modules[] = {
	"test_module", "test_static_key_base", "test_static_keys",
};

static int load_modules(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		char path[80];
		int fd, bad;

		snprintf(path, sizeof(path), "/modules/%s.ko", modules[i]);
		fd = open(path, O_RDONLY);
		bad = fd < 0 || syscall(SYS_finit_module, fd, "", 0);
		if (bad)
			perror(path);
		if (fd >= 0)
			close(fd);
		if (bad)
			return 1;
	}
	return 0;
}

static int remove_modules(void)
{
	size_t i;

	for (i = ARRAY_SIZE(modules); i--;) {
		if (syscall(SYS_delete_module, modules[i], O_NONBLOCK)) {
			perror(modules[i]);
			return 1;
		}
	}
	return 0;
}

static int phase_modules(void)
{
	if (load_modules())
		return 1;
	spin();
	return 0;
}

static int phase_no_modules(void)
{
	if (remove_modules())
		return 1;
	spin();
	return 0;
}

static int load_and_remove(void)
{
	do {
		if (load_modules() || remove_modules())
			return 1;
	} while (!enough());
	return 0;
}

static int phase_modules_churn(void)
{
	return among_spinners(load_and_remove);
}

static int phase_many(void)
{
	pid_t pid[MANY];
	int i, bad = 0;

	for (i = 0; i < MANY; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			return 1;
		if (!pid[i]) {
			if (i % 3 == 0 && write_ldt(i))
				_exit(1);
			spin();
			_exit(0);
		}
	}
	for (i = 0; i < MANY; i++)
		bad |= wait_for(pid[i]);
	return bad;
}

static const struct {
	const char *name;
	int (*run)(void);
	bool all_cpus;		/* wants its stops of each CPU */
	bool modules;		/* for a kernel that has them */
} phases[] = {
	{ "forked child",	phase_spin, false },
	{ "vfork child",	phase_vfork, false },
	{ "exec",		phase_exec, false },
	{ "threads",		phase_threads, true },
	{ "LDT of one page",	phase_ldt, false },
	{ "LDT of 16 pages",	phase_ldt_long, false },
	{ "fork with LDT",	phase_ldt_fork, false },
	{ "threads with LDT",	phase_ldt_threads, true },
	{ "exec with LDT",	phase_ldt_exec, false },
	{ "after LDT",		phase_spin, false },
	{ "LDTs come and go",	phase_ldt_churn, false },
	{ "16-bit stack",	phase_espfix, false },
	{ "vsyscall",		phase_vsyscall, false },
	{ "ioperm",		phase_ioperm, false },
	{ "ioperm and all, killed", phase_killed, false },
	{ "after the killed",	phase_spin, false },
	{ "system calls",	phase_syscalls, false },
	{ "faults",		phase_faults, false },
	{ "spread mappings",	phase_spread, false },
	{ "traps",		phase_traps, false },
	{ "text patching",	phase_patching, true },
	{ "modules loaded",	phase_modules, false, .modules = true },
	{ "modules removed",	phase_no_modules, false, .modules = true },
	{ "modules come and go", phase_modules_churn, true, .modules = true },
	{ "many processes",	phase_many, true },
	{ "last",		phase_threads, true },
};

static int run_phase(unsigned int i)
{
	char perms[8];
	pid_t pid;

	vsyscall_perms(perms, sizeof(perms));
	if (phases[i].run == phase_vsyscall && !*perms)
		return 0;
	if (phases[i].modules && access("/proc/modules", F_OK))
		return 0;
	beacon->last = i == ARRAY_SIZE(phases) - 1;
	announce(phases[i].name, phases[i].all_cpus ? stops * ncpus : stops);
	pid = fork();
	if (!pid)
		exit(phases[i].run());
	if (pid < 0 || wait_for(pid)) {
		printf("victim: phase %s failed\n", phases[i].name);
		return 1;
	}
	return 0;
}

static void calibrate(void)
{
	struct timespec t = { .tv_nsec = 50000000 };
	unsigned long start = __builtin_ia32_rdtsc();

	nanosleep(&t, NULL);
	ticks_per_second = (__builtin_ia32_rdtsc() - start) * 20;
}

/* The program that phase_exec turns into */
static int main_exec(char **argv)
{
	seconds = strtoul(argv[5], NULL, 0);
	calibrate();
	map_beacon();
	beacon->phase = strtoul(argv[3], NULL, 0) - 1;
	announce(argv[2], strtoul(argv[4], NULL, 0));
	spin();
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0, cpu;
	unsigned int i;

	if (argc == 6 && !strcmp(argv[1], "--exec"))
		return main_exec(argv);
	if (argc > 1)
		stops = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seconds = strtoul(argv[2], NULL, 0);

	self = "/proc/self/exe";
	ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	calibrate();
	map_beacon();
	for (cpu = 0; cpu < ncpus; cpu++) {
		char name[40];

		snprintf(name, sizeof(name), "first process, CPU %d", cpu);
		pin(cpu);
		announce(name, stops);
		spin();
	}
	for (i = 0; i < ARRAY_SIZE(phases); i++)
		bad |= run_phase(i);
	printf("victim: %s\n", bad ? "FAILED" : "done");
	return bad;
}
