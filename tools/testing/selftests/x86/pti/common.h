/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * common.h - what every program of this directory needs
 *
 * Each program is a kselftest of one concept.  It takes one argument, COUNT,
 * that replaces every number of rounds which the program would choose by
 * itself, so that the same binary runs on a fast machine and on a slow
 * emulator.  It ends by itself: a watchdog kills what hangs.
 *
 * The kernel under test may have the isolation on or off.  Nothing here
 * expects one or the other unless it asks pti_on() first.
 */
#ifndef PTI_SELFTEST_COMMON_H
#define PTI_SELFTEST_COMMON_H

#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "kselftest.h"

#define PTI_PAGE	4096UL
#define PTI_WATCHDOG	900	/* seconds, unless others are given */
#define PTI_BLANKS	"\t\n "

/* Page-fault error code and trap numbers, as a sigcontext gives them. */
#define PF_PROT		0x1
#define PF_WRITE	0x2
#define PF_USER		0x4
#define PF_INSTR	0x10

#define TRAP_DE		0
#define TRAP_DB		1
#define TRAP_BP		3
#define TRAP_OF		4
#define TRAP_BR		5
#define TRAP_UD		6
#define TRAP_NP		11
#define TRAP_SS		12
#define TRAP_GP		13
#define TRAP_PF		14
#define TRAP_MF		16

#define FLAG_CF		0x000001UL
#define FLAG_TF		0x000100UL
#define FLAG_IF		0x000200UL
#define FLAG_DF		0x000400UL
#define FLAG_OF		0x000800UL
#define FLAG_NT		0x004000UL
#define FLAG_AC		0x040000UL
#define FLAG_ID		0x200000UL
#define FLAG_ARITH	0x0008d5UL	/* OF SF ZF AF PF CF */

/* The registers of a ucontext under names that fit both ABIs. */
#ifdef __x86_64__
#define REG_IP		REG_RIP
#define REG_SP		REG_RSP
#define REG_AX		REG_RAX
#define REG_BX		REG_RBX
#define REG_CX		REG_RCX
#define REG_DX		REG_RDX
#define REG_SI		REG_RSI
#define REG_DI		REG_RDI
#define REG_BP		REG_RBP
#else
#define REG_IP		REG_EIP
#define REG_SP		REG_ESP
#define REG_AX		REG_EAX
#define REG_BX		REG_EBX
#define REG_CX		REG_ECX
#define REG_DX		REG_EDX
#define REG_SI		REG_ESI
#define REG_DI		REG_EDI
#define REG_BP		REG_EBP
#endif

static unsigned long pti_count, pti_seconds;

static inline unsigned long pti_number(const char *name, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!n || *end)
		ksft_exit_fail_msg("%s is a number above 0, not '%s'\n", name, text);
	return n;
}

/* First call of each program: take COUNT and SECONDS, start TAP and the watchdog. */
static inline void pti_start(int argc, char **argv)
{
	ksft_print_header();
	if (argc > 3)
		ksft_exit_fail_msg("usage: %s [COUNT [SECONDS]]\n", argv[0]);
	if (argc > 1)
		pti_count = pti_number("COUNT", argv[1]);
	if (argc > 2)
		pti_seconds = pti_number("SECONDS", argv[2]);
	alarm(pti_seconds ? pti_seconds : PTI_WATCHDOG);
}

/* The number of rounds: COUNT if it was given, else the caller's choice. */
static inline unsigned long pti_rounds(unsigned long normally)
{
	return pti_count ? pti_count : normally;
}

static inline unsigned long pti_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000UL + ts.tv_nsec / 1000000UL;
}

/* A small file as a string: number of bytes, or -1 with errno. */
static inline ssize_t pti_read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t got;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < size - 1) {
		got = read(fd, buf + len, size - 1 - len);
		if (got <= 0)
			break;
		len += got;
	}
	close(fd);
	buf[len] = 0;
	return len;
}

/* Is @word one of the words of @text, which are parted by spaces? */
static inline bool pti_has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	const char *at;

	for (at = strstr(text, word); at; at = strstr(at + 1, word)) {
		if (at > text && at[-1] > ' ')
			continue;
		if ((unsigned char)at[len] <= ' ')
			return true;
	}
	return false;
}

/* Does the line of /proc/cpuinfo that begins with @key have @word? */
static inline bool pti_cpuinfo(const char *key, const char *word)
{
	char line[8192];
	bool found = false;
	FILE *f;

	f = fopen("/proc/cpuinfo", "r");
	if (!f)
		ksft_exit_skip("no /proc/cpuinfo\n");
	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, key, strlen(key)) &&
			pti_has_word(line, word);
	fclose(f);
	return found;
}

/* The kernel's own word on whether user code runs on a page table apart. */
static inline bool pti_on(void)
{
	return pti_cpuinfo("flags", "pti");
}

/* Where the kernel has the first symbol of that name, or 0. */
static inline unsigned long pti_symbol(const char *name)
{
	unsigned long addr, found = 0;
	char line[256], sym[200];
	FILE *f;

	f = fopen("/proc/kallsyms", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %199s", &addr, sym) == 2 &&
		    !strcmp(sym, name)) {
			found = addr;
			break;
		}
	if (f)
		fclose(f);
	return found;
}

/*
 * The last value that the kernel command line gives to @name, "" for the
 * bare word, or NULL.
 */
static inline const char *pti_bootparam(const char *name)
{
	static char line[4096];
	const char *last = NULL;
	char *word, *save;

	if (pti_read_file("/proc/cmdline", line, sizeof(line)) < 0)
		return NULL;
	for (word = strtok_r(line, PTI_BLANKS, &save); word;
	     word = strtok_r(NULL, PTI_BLANKS, &save)) {
		size_t len = strlen(name);

		if (!strcmp(word, "--"))
			break;
		if (strncmp(word, name, len))
			continue;
		if (word[len] == '=')
			last = word + len + 1;
		else if (!word[len])
			last = word + len;
	}
	return last;
}

typedef void (*pti_handler)(int sig, siginfo_t *si, void *ctx);

static inline void pti_handle(int sig, pti_handler handler, int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = handler;
	sa.sa_flags = SA_SIGINFO | flags;
	if (sigaction(sig, &sa, NULL))
		ksft_exit_fail_perror("sigaction");
}

/* Signals with SA_ONSTACK run here, whatever the stack pointer holds. */
static inline void pti_altstack(void)
{
	static alignas(16) char stack[64 * 1024];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };

	if (sigaltstack(&ss, NULL))
		ksft_exit_fail_perror("sigaltstack");
}

/* Cheap pseudo-random numbers, the same in each run. */
static inline __u64 pti_random(void)
{
	static __u64 x = 0x9e3779b97f4a7c15ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static inline void *pti_map(size_t bytes, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
	return p;
}

#endif /* PTI_SELFTEST_COMMON_H */
