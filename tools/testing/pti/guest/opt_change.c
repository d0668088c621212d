// SPDX-License-Identifier: GPL-2.0-only
/*
 * opt_change - a process that asks for isolation and gives it up again, over and over
 *
 * Bits: 64
 *
 * Usage: opt_change ROUNDS. Each of the two requests is a system call that enters the kernel in
 * one state and leaves it in the other: the sweep (sweep.sh) interrupts both from site_change on,
 * and tells them apart by RDX. What they return is looked at, the state afterwards, and a mark in
 * each register that a system call keeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifndef PR_SPEC_PAGE_TABLE_ISOLATION
#define PR_SPEC_PAGE_TABLE_ISOLATION	3
#endif

/*
 * prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, request, 0, 0). opt_changed is how
 * the registers that are to be kept differ from what they were, or 0.
 */
extern long change(unsigned long request);
unsigned long opt_changed;
asm(".pushsection .text\n"
    "change:\n"
    "	push	%rbx\n"
    "	push	%rbp\n"
    "	push	%r12\n"
    "	push	%r13\n"
    "	push	%r14\n"
    "	push	%r15\n"
    "	push	%rdi\n"
    "	mov	%rdi, %rdx\n"
    "	mov	$157, %eax\n"
    "	mov	$53, %edi\n"
    "	mov	$3, %esi\n"
    "	xor	%r10d, %r10d\n"
    "	xor	%r8d, %r8d\n"
    "	movabs	$0xb0b0b0b0b0b0b0b0, %rbx\n"
    "	movabs	$0xb1b1b1b1b1b1b1b1, %rbp\n"
    "	movabs	$0x0909090909090909, %r9\n"
    "	movabs	$0x1212121212121212, %r12\n"
    "	movabs	$0x1313131313131313, %r13\n"
    "	movabs	$0x1414141414141414, %r14\n"
    "	movabs	$0x1515151515151515, %r15\n"
    ".globl site_change\n"
    "site_change:\n"
    "	syscall\n"
    "	xor	(%rsp), %rdx\n"
    "	xor	$53, %rdi\n"
    "	xor	$3, %rsi\n"
    "	or	%rdi, %rdx\n"
    "	or	%rsi, %rdx\n"
    "	or	%r10, %rdx\n"
    "	or	%r8, %rdx\n"
    "	movabs	$0xb0b0b0b0b0b0b0b0, %rcx\n"
    "	xor	%rcx, %rbx\n"
    "	or	%rbx, %rdx\n"
    "	movabs	$0xb1b1b1b1b1b1b1b1, %rcx\n"
    "	xor	%rcx, %rbp\n"
    "	or	%rbp, %rdx\n"
    "	movabs	$0x0909090909090909, %rcx\n"
    "	xor	%rcx, %r9\n"
    "	or	%r9, %rdx\n"
    "	movabs	$0x1212121212121212, %rcx\n"
    "	xor	%rcx, %r12\n"
    "	or	%r12, %rdx\n"
    "	movabs	$0x1313131313131313, %rcx\n"
    "	xor	%rcx, %r13\n"
    "	or	%r13, %rdx\n"
    "	movabs	$0x1414141414141414, %rcx\n"
    "	xor	%rcx, %r14\n"
    "	or	%r14, %rdx\n"
    "	movabs	$0x1515151515151515, %rcx\n"
    "	xor	%rcx, %r15\n"
    "	or	%r15, %rdx\n"
    "	mov	%rdx, opt_changed(%rip)\n"
    "	pop	%rdi\n"
    "	pop	%r15\n"
    "	pop	%r14\n"
    "	pop	%r13\n"
    "	pop	%r12\n"
    "	pop	%rbp\n"
    "	pop	%rbx\n"
    "	ret\n"
    ".popsection\n");

static int request(unsigned long what)
{
	long error = change(what);
	int state = prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, 0, 0, 0);

	if (!error && !opt_changed && state == (int)(PR_SPEC_PRCTL | what))
		return 0;
	printf("# request %#lx: %s, registers differ by %#lx, the state is %#x\n", what,
	       strerror(-error), opt_changed, state);
	return 1;
}

int main(int argc, char **argv)
{
	int i, n = argc > 1 ? atoi(argv[1]) : 100, bad = 0;
	int fd = open("/proc/sys/kernel/pti_opt_out", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1) {
		perror("opt_change: kernel.pti_opt_out");
		return 2;
	}
	if (prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, PR_SPEC_ENABLE, 0, 0)) {
		perror("opt_change: cannot opt out");
		return 2;
	}
	for (i = 0; !bad && i < n; i++)
		bad = request(PR_SPEC_DISABLE) || request(PR_SPEC_ENABLE);
	printf("%s 1 - isolated and opted out again, %d times\n", bad ? "not ok" : "ok", i);
	return bad;
}
