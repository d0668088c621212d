// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an interrupt must leave as it was: every register that the gdbstub shows (general
 * ones, flags, segments and their bases, control registers, x87 and SSE), both top-level
 * page tables, what is on the interrupted stack, and the CR3 of the next exit.
 */
#include <string.h>

#include "sweep.h"

/**
 * snapshot_take() - remember the state at a stop
 * @s:		the sweep
 * @snap:	for the state
 * @r:		the registers, just read
 */
enum vm_result snapshot_take(struct sweep *s, struct snapshot *snap, const struct regs *r)
{
	static __u64 pti_pcid;
	size_t n, i;

	snap->regs = *r;
	snap->stack_n = 0;
	snap->user_cr3 = 0;
	snap->n_roots = ARRAY_SIZE(snap->roots) / (s->isolated ? 1 : 2);
	if (!guest_read(&s->guest, kernel_root(s, r), snap->roots,
			snap->n_roots * sizeof(*snap->roots)))
		snap->n_roots = 0;
	/* A walk by the handler may be the first through an entry */
	for (i = 0; i < snap->n_roots; i++)
		snap->roots[i] &= ~(PTE_ACCESSED | PTE_DIRTY);

	/* User code may have anything in RSP, also while the kernel begins */
	n = PAGE_SIZE - r->v[RSP] % PAGE_SIZE;
	if (!cpl(r) && r->v[RSP] >> 63 &&
	    guest_read_va(&s->guest, s->levels, kernel_root(s, r), r->v[RSP], snap->stack, n))
		snap->stack_n = n;

	if (!pti_pcid)
		pti_pcid = symbol_addr(s, "pti_pcid");
	if (pti_pcid && s->percpu)
		guest_read_va(&s->guest, s->levels, kernel_root(s, r), s->percpu + pti_pcid,
			      &snap->user_cr3, sizeof(snap->user_cr3));
	return VM_OK;
}

static const struct remote_reg *first_difference(const struct remote *remote,
						 const struct regs *a, const struct regs *b)
{
	int i;

	for (i = 0; i < remote->n_regs; i++) {
		const struct remote_reg *reg = &remote->reg[i];

		/* On the way back to user mode, other tasks may run, and fault */
		if (cpl(a) == 3 && !strcmp(reg->name, "cr2"))
			continue;
		if (reg->at + reg->size <= a->n &&
		    memcmp(a->raw + reg->at, b->raw + reg->at, reg->size))
			return reg;
	}
	return NULL;
}

/**
 * snapshot_same() - compare two states
 * @s:		the sweep
 * @before:	the first
 * @after:	the second
 * @text:	for what differs first
 * @size:	room there
 */
bool snapshot_same(struct sweep *s, const struct snapshot *before, const struct snapshot *after,
		   char *text, size_t size)
{
	const struct remote_reg *reg = first_difference(&s->remote, &before->regs, &after->regs);
	size_t i;

	if (reg) {
		__u64 was = 0, is = 0;
		size_t n = reg->size < sizeof(was) ? reg->size : sizeof(was);

		memcpy(&was, before->regs.raw + reg->at, n);
		memcpy(&is, after->regs.raw + reg->at, n);
		snprintf(text, size, "%s is %#llx, was %#llx", reg->name, is, was);
		return false;
	}
	for (i = 0; i < before->n_roots && i < after->n_roots; i++) {
		if (before->roots[i] == after->roots[i])
			continue;
		snprintf(text, size, "entry %zu of the %s root is %#llx, was %#llx", i % 512,
			 i < 512 ? "kernel" : "user", after->roots[i], before->roots[i]);
		return false;
	}
	for (i = 0; i < before->stack_n; i++) {
		if (before->stack[i] == after->stack[i])
			continue;
		snprintf(text, size, "byte %#zx of the interrupted stack is %#x, was %#x", i,
			 after->stack[i], before->stack[i]);
		return false;
	}
	if (before->user_cr3 != after->user_cr3) {
		snprintf(text, size, "the CR3 of the next exit is %#llx, was %#llx",
			 after->user_cr3, before->user_cr3);
		return false;
	}
	return true;
}
