// SPDX-License-Identifier: GPL-2.0-only
/*
 * kinds - processes of every kind, each looked at from three sides
 *
 * Bits: 64 32
 *
 * One process after the other gets into the state that is its kind and stays in user mode,
 * until this program has printed what debugfs x86/pti_audit says of it and the outside
 * walker has looked at it as often as it wants (beacon.h). Before that each one counts the
 * pages of the kernel half in the kernel's own dump (page_tables/current_user).
 *
 *	kinds PROGRAM [STOPS [SECONDS]]	PROGRAM is this one, of 32 bits
 *	kinds --kind NAME		one process, after an exec
 *
 * It prints "KIND NUMBER PAGES ESPFIX NAME" of each, ESPFIX 1 if that is there, the text of
 * the audit between lines "AUDIT NUMBER" and "AUDIT-END NUMBER", and at last "KINDS N".
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
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
#define THREADS		3
#define SHARED		"/tmp/kinds.page"
#define AUDIT		"/sys/kernel/debug/x86/pti_audit"
#define USER_TABLE	"/sys/kernel/debug/page_tables/current_user"
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Shared by all, over an exec too */
struct shared {
	__u32 number, stops, seconds;
	__u32 pid;		/* of who spins; 0: not yet */
	__u32 read;		/* the audit has been read */
	__u32 last;		/* this kind is the last */
};

static struct shared *shared;
static struct beacon *beacon;
static const char *program_32;

static unsigned int load(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void *must_map(unsigned long at, int fd, int flags)
{
	void *p = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED || (at && p != (void *)at)) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void map_shared(bool first)
{
	int fd = open(SHARED, O_RDWR | O_CREAT | (first ? O_TRUNC : 0), 0600);

	if (fd < 0 || (first && ftruncate(fd, PAGE))) {
		perror(SHARED);
		exit(1);
	}
	shared = must_map(0, fd, MAP_SHARED);
	close(fd);
}

/* The reader's own pages, as the kernel dumps them */
static void count_pages(const char *name)
{
	FILE *f = fopen(USER_TABLE, "r");
	unsigned long long from, to, pages = 0;
	bool espfix = false;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "0x%llx-0x%llx", &from, &to) != 2 || !(from >> 63) ||
		    (!strstr(line, " ro ") && !strstr(line, " RW ")))
			continue;
		if (from >= 0xffffff0000000000ULL && to <= 0xffffff8000000000ULL)
			espfix = true;
		else
			pages += (to - from) / PAGE;
	}
	if (f)
		fclose(f);
	printf("KIND %u %llu %d %s\n", shared->number, pages, espfix, name);
	fflush(stdout);
}

/* This is the state: say so, and stay in user mode until it has been looked at */
static void show(const char *name)
{
	time_t end = time(NULL) + shared->seconds;
	unsigned int round = 0;

	count_pages(name);
	beacon = must_map(BEACON_VA, -1, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
	beacon->wanted = shared->stops;
	beacon->phase = shared->number;
	beacon->last = shared->last;
	snprintf(beacon->name, sizeof(beacon->name), "%s", name);
	__atomic_store_n(&shared->pid, syscall(SYS_getpid), __ATOMIC_SEQ_CST);
	/* Who reads may be on this CPU */
	while (!load(&shared->read))
		usleep(1000);
	memcpy(beacon->magic, BEACON_MAGIC, sizeof(beacon->magic));
	/* In 32 bits in the kernel, as the walker cannot look at such code */
	while (load(&beacon->seen) < beacon->wanted) {
		if (sizeof(long) == 4)
			syscall(SYS_getppid);
		if (!(++round % (sizeof(long) == 4 ? 1000 : 10000000)) && time(NULL) > end)
			break;
	}
}

static void must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

/* One descriptor, 16-bit data, at the entry that makes the LDT this long */
static void ldt(unsigned int entry)
{
	struct user_desc d = {
		.entry_number = entry,
		.limit = 0xffff,
		.contents = MODIFY_LDT_CONTENTS_DATA,
	};

	must(!syscall(SYS_modify_ldt, 1, &d, sizeof(d)), "modify_ldt");
}

static void plain(const char *name)
{
	show(name);
}

static void ldt_of_one_page(const char *name)
{
	ldt(0);
	show(name);
}

static void ldt_of_all_pages(const char *name)
{
	ldt(LDT_ENTRIES - 1);
	show(name);
}

/* Each one that replaces another is at the other place of the two */
static void ldt_in_the_second_half(const char *name)
{
	ldt(0);
	ldt(3 * 512);
	show(name);
}

static void ldt_back_in_the_first_half(const char *name)
{
	ldt(0);
	ldt(600);
	ldt(5 * 512 + 1);
	show(name);
}

static void wait_for(pid_t pid)
{
	int status;

	must(pid > 0, "fork");
	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR, "waitpid");
	if (status)
		exit(1);
}

static void forked(const char *name)
{
	pid_t pid = fork();

	if (!pid) {
		show(name);
		_exit(0);
	}
	wait_for(pid);
}

static void ldt_inherited(const char *name)
{
	ldt(1000);
	forked(name);
}

/* Of what it wrote into the memory of its parent, it has its own word only */
static void vforked(const char *name)
{
	pid_t pid = vfork();

	if (!pid) {
		show(name);
		_exit(0);
	}
	wait_for(pid);
}

static void ldt_vforked(const char *name)
{
	ldt(0);
	vforked(name);
}

static void *thread(void *unused)
{
	while (!beacon || load(&beacon->seen) < beacon->wanted)
		sched_yield();
	return unused;
}

static void threads(const char *name)
{
	pthread_t t[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		must(!pthread_create(&t[i], NULL, thread, NULL), "pthread_create");
	show(name);
}

static void threads_with_ldt(const char *name)
{
	ldt(513);
	threads(name);
}

static void again(const char *program, const char *name)
{
	execl(program, program, "--kind", name, NULL);
	perror(program);
	exit(1);
}

static void executed(const char *name)
{
	again("/proc/self/exe", name);
}

/* An LDT does not outlive exec */
static void ldt_and_exec(const char *name)
{
	ldt(700);
	executed(name);
}

/* A frame of this is read by way of espfix; the stack is left before anything is called */
static void stack_of_16_bits(const char *name)
{
#ifdef __x86_64__
	char *stack = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned long rounds = 100000;

	must(stack != MAP_FAILED, "mmap");
	ldt(0);
	asm volatile("mov %%rsp, %%r12\n"
		     "mov %%ss, %%r13d\n"
		     "mov %[stack], %%rsp\n"
		     "mov %[sel], %%ss\n"
		     "1: dec %[rounds]\n"
		     "jnz 1b\n"
		     "mov %%r13d, %%ss\n"
		     "mov %%r12, %%rsp\n"
		     : [rounds] "+r" (rounds)
		     : [stack] "r" (stack + 4 * PAGE), [sel] "r" (LDT_DATA_SEL)
		     : "r12", "r13", "memory", "cc");
#endif
	show(name);
}

static void one_port(const char *name)
{
	must(!ioperm(0x80, 1, 1), "ioperm");
	show(name);
}

static void all_ports(const char *name)
{
	must(!iopl(3), "iopl");
	show(name);
}

static void port_and_ldt(const char *name)
{
	ldt(0);
	one_port(name);
}

static void port_given_back(const char *name)
{
	must(!ioperm(0x80, 1, 1) && !ioperm(0x80, 1, 0), "ioperm");
	show(name);
}

static void vsyscall(const char *name)
{
	long (*vsyscall_time)(long *) = (long (*)(long *))0xffffffffff600400UL;

	if (sizeof(long) == 8)
		must(vsyscall_time(NULL) > 0, "vsyscall");
	show(name);
}

/* Many entries of the root, above 47 bits too where there are five levels */
static void spread(const char *name)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		void *at = (void *)((unsigned long)(i + 1) << (sizeof(long) == 8 ? 43 : 26));

		mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
	show(name);
}

static void of_32_bits(const char *name)
{
	again(program_32, name);
}

static const struct kind {
	const char *name;
	void (*run)(const char *name);
	void (*after_exec)(const char *name);
} kinds[] = {
	{ "plain", plain },
	{ "forked", forked },
	{ "vforked", vforked },
	{ "threads", threads },
	{ "executed", executed, plain },
	{ "spread mappings", spread },
	{ "vsyscall", vsyscall },
	{ "LDT of one page", ldt_of_one_page },
	{ "LDT of 16 pages", ldt_of_all_pages },
	{ "LDT replaced", ldt_in_the_second_half },
	{ "LDT replaced twice", ldt_back_in_the_first_half },
	{ "LDT inherited", ldt_inherited },
	{ "LDT of a vforked", ldt_vforked },
	{ "LDT of threads", threads_with_ldt },
	{ "LDT gone by exec", ldt_and_exec, plain },
	{ "16-bit stack", stack_of_16_bits },
	{ "ioperm, one port", one_port },
	{ "ioperm by iopl", all_ports },
	{ "ioperm and LDT", port_and_ldt },
	{ "given back", port_given_back },
	{ "32 bits", of_32_bits, plain },
	{ "32 bits, LDT", of_32_bits, ldt_of_one_page },
	{ "ioperm, 32 bits", of_32_bits, one_port },
};

/* What the kernel says of the process that spins, but for symbols: the console is slow */
static void print_audit(void)
{
	char pid[24], line[1100];
	FILE *f = fopen(AUDIT, "r+");
	bool whole = false;

	snprintf(pid, sizeof(pid), "%u", load(&shared->pid));
	must(f && write(fileno(f), pid, strlen(pid)) > 0, AUDIT);
	printf("AUDIT %u\n", shared->number);
	while (fgets(line, sizeof(line), f)) {
		whole = !strncmp(line, "end ", 4);
		if (strncmp(line, "symbol ", 7))
			fputs(line, stdout);
	}
	printf("AUDIT-END %u\n", shared->number);
	fflush(stdout);
	must(whole, AUDIT);
	fclose(f);
}

static int run_kind(unsigned int i)
{
	pid_t pid;
	int status;

	shared->number = i + 1;
	shared->pid = 0;
	shared->read = 0;
	shared->last = i == ARRAY_SIZE(kinds) - 1;
	pid = fork();
	if (!pid) {
		kinds[i].run(kinds[i].name);
		exit(0);
	}
	must(pid > 0, "fork");
	while (!load(&shared->pid)) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			printf("kinds: %s ended with %x\n", kinds[i].name, status);
			return 1;
		}
		usleep(1000);
	}
	print_audit();
	__atomic_store_n(&shared->read, 1, __ATOMIC_SEQ_CST);
	if (waitpid(pid, &status, 0) != pid || status) {
		printf("kinds: %s ended with %x\n", kinds[i].name, status);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int bad = 0;

	if (argc == 3 && !strcmp(argv[1], "--kind")) {
		map_shared(false);
		for (i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (!strcmp(kinds[i].name, argv[2]) && kinds[i].after_exec) {
				kinds[i].after_exec(kinds[i].name);
				return 0;
			}
		}
		return 1;
	}
	map_shared(true);
	if (argc < 2)
		return 1;
	program_32 = argv[1];
	shared->stops = argc > 2 ? strtoul(argv[2], NULL, 0) : 4;
	shared->seconds = argc > 3 ? strtoul(argv[3], NULL, 0) : 20;
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		bad |= run_kind(i);
	printf("KINDS %zu\n", ARRAY_SIZE(kinds));
	return bad;
}
