// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an interrupt must leave as it was: every register that the gdbstub shows (general
 * ones, flags, segments and their bases, control registers, x87 and SSE), both top-level
 * page tables, all tables below the user's, what is on the interrupted stack, the CR3 of the
 * next exit, and in kernel mode, if IBRS is in use, SPEC_CTRL.
 */
#include <string.h>

#include "sweep.h"

/*
 * A walk by the handler may be the first through an entry: accessed and dirty bits are left
 * out.  The kernel half of the kernel's own table holds all memory, and belongs to all that
 * runs.  On the way back to user mode other tasks may run, and change what the user half leads
 * to.
 */
static void take_tables(struct sweep *s, struct snapshot *snap, __u64 root)
{
	size_t i;

	snap->n_roots = (s->isolated ? 2 : 1) * ROOT_ENTRIES;
	for (i = 0; i < snap->n_roots; i += ROOT_ENTRIES)
		if (!guest_read(&s->guest, root + i * sizeof(__u64), snap->roots + i, PAGE_SIZE))
			snap->unread = "a root";
	for (i = 0; i < snap->n_roots; i++)
		snap->roots[i] &= ~(PTE_ACCESSED | PTE_DIRTY);
	i = cpl(&snap->regs) ? ROOT_ENTRIES / 2 : 0;
	for (; s->isolated && i < ARRAY_SIZE(snap->below); i++)
		if (!table_sum(&s->guest, s->levels, root | CR3_USER, i, &snap->below[i]))
			snap->unread = "a table of the user root";
}

/**
 * snapshot_take() - remember the state at a stop
 * @s:		the sweep
 * @snap:	for the state
 * @r:		the registers, just read
 */
void snapshot_take(struct sweep *s, struct snapshot *snap, const struct regs *r)
{
	static __u64 pti_pcid;
	__u64 root = kernel_root(s, r);

	s->root = root;
	memset(snap, 0, sizeof(*snap));
	snap->regs = *r;
	take_tables(s, snap, root);

	/*
	 * User code may have anything in RSP, also while the kernel begins and ends; and the
	 * kernel, for a moment, what it writes to CR3.
	 */
	if (!cpl(r) && (__s64)r->v[RSP] >> (s->levels == 5 ? 56 : 47) == -1 &&
	    r->v[RSP] != s->user_sp && r->v[RSP] % PAGE_SIZE) {
		snap->stack_n = PAGE_SIZE - r->v[RSP] % PAGE_SIZE;
		if (!guest_read_va(&s->guest, s->levels, root, r->v[RSP], snap->stack,
				   snap->stack_n))
			snap->unread = "the interrupted stack";
	}

	/* The stock kernel has none */
	if (!pti_pcid)
		pti_pcid = symbol_addr(s, "pti_pcid");
	if (pti_pcid && !guest_read_va(&s->guest, s->levels, root, s->percpu + pti_pcid,
				       &snap->user_cr3, sizeof(snap->user_cr3)))
		snap->unread = "the CR3 of the next exit";
	/* It takes as long as all the rest; what is nested in an NMI uses the same code */
	if (s->spec_ctrl && (s->kind == K_NMI || s->kind == K_MCE) && !cpl(r) &&
	    msr_read(s, SPEC_CTRL, &snap->spec_ctrl))
		snap->unread = "SPEC_CTRL";
}

/*
 * Where the instructions begin that IRET goes through both to user mode and to the kernel: it
 * asks for a 16-bit stack first, if the kernel has those.
 */
static __u64 native_iret(const struct sweep *s, __u64 iret)
{
	__u64 from = symbol_addr(s, "restore_regs_and_return_to_kernel");
	size_t i;

	for (i = 0; i < s->text.n; i++)
		if (s->text.insn[i].addr > from && s->text.insn[i].addr < iret &&
		    !strncmp(s->text.insn[i].text, "testb", 5))
			return s->text.insn[i].addr;
	return iret;
}

static bool to_user(struct sweep *s, const struct regs *r)
{
	__u64 cs = 0;

	return guest_read_va(&s->guest, s->levels, s->root, r->v[RSP] + sizeof(cs), &cs,
			     sizeof(cs)) && cs & 3;
}

/**
 * redo_addr() - where an isolated kernel goes on with what was interrupted
 * @s:		the sweep
 * @at:		the registers there
 *
 * What is on its way into the kernel goes on there, on the kernel page table: it is about to
 * switch, and does so twice.  What is on its way out is taken up again somewhere else, also
 * where the user CR3 is the kernel's.
 */
__u64 redo_addr(struct sweep *s, const struct regs *at)
{
	__u64 from = symbol_addr(s, "isolated_redo_table"), row[3], ip = at->v[RIP];
	__u64 to = symbol_addr(s, "isolated_redo_table_end");
	__u64 iret = symbol_addr(s, "native_irq_return_iret");

	if (cpl(at) || !s->isolated)
		return ip;
	if (from && ip <= iret && ip >= native_iret(s, iret))
		return to_user(s, at) ? symbol_addr(s, "isolated_redo_iret") : ip;
	for (; from < to; from += sizeof(row))
		if (guest_read_va(&s->guest, s->levels, s->root, from, row, sizeof(row)) &&
		    ip >= row[0] && ip < row[1])
			return row[2];
	return ip;
}

/**
 * snapshot_switched() - is CR3 that of the kernel, where it was the user's and may be?
 * @s:		the sweep
 * @before:	the state before an interruption
 * @after:	the state after it
 *
 * A head that was interrupted may go on there, as it is about to switch.  A tail may not: that
 * it has a row in the kernel's table, which says where it is taken up again, is what is tested.
 */
bool snapshot_switched(struct sweep *s, const struct snapshot *before,
		       const struct snapshot *after)
{
	__u64 was = before->regs.v[CR3], is = after->regs.v[CR3];

	return s->isolated && !s->on_way_out && !cpl(&before->regs) && was & CR3_USER &&
	       is == (was & ~(CR3_USER | CR3_USER_PCID)) &&
	       redo_addr(s, &before->regs) == before->regs.v[RIP];
}

/*
 * A way out is taken up again ahead of its CR3 write, and loads the user CR3 once more.  If the
 * first write flushed, the second need not, and what it was loaded into says so.
 */
static bool has_flushed(struct sweep *s, const struct remote_reg *reg,
			const struct snapshot *before, const struct snapshot *after)
{
	const struct regs *a = &before->regs, *b = &after->regs;
	__u64 was, is;

	if (!s->pcid || cpl(a) || !(a->v[CR3] & CR3_USER) || !strcmp(reg->name, "cr3") ||
	    redo_addr(s, a) == a->v[RIP])
		return false;
	/* Whether NOFLUSH had to be set again is the last thing that they were for */
	if (!strcmp(reg->name, "eflags"))
		return !((a->v[EFLAGS] ^ b->v[EFLAGS]) & ~EFLAGS_ARITH);
	if (reg->size != sizeof(was))
		return false;
	memcpy(&was, a->raw + reg->at, sizeof(was));
	memcpy(&is, b->raw + reg->at, sizeof(is));
	return was == a->v[CR3] && is == (was | CR3_NOFLUSH) &&
	       is == before->user_cr3 && is == after->user_cr3;
}

/**
 * same_stack() - whether the machine is where it was, by its stack pointer
 * @s:		the sweep
 * @at:		the registers before
 * @r:		the registers now
 *
 * SYSRET's tail has RSP to load the user CR3 into: see has_flushed(), which snapshot_same() asks.
 */
bool same_stack(const struct sweep *s, const struct regs *at, const struct regs *r)
{
	return r->v[RSP] == at->v[RSP] ||
	       (s->pcid && at->v[RSP] == at->v[CR3] && r->v[RSP] == (at->v[RSP] | CR3_NOFLUSH));
}

static const struct remote_reg *first_difference(struct sweep *s, const struct snapshot *before,
						 const struct snapshot *after, bool switched)
{
	const struct regs *a = &before->regs, *b = &after->regs;
	int i;

	for (i = 0; i < s->remote.n_regs; i++) {
		const struct remote_reg *reg = &s->remote.reg[i];

		/* On the way back to user mode, other tasks may run, and fault */
		if (cpl(a) == 3 && !strcmp(reg->name, "cr2"))
			continue;
		if (switched && !strcmp(reg->name, "cr3"))
			continue;
		if (reg->at + reg->size <= a->n &&
		    memcmp(a->raw + reg->at, b->raw + reg->at, reg->size) &&
		    !has_flushed(s, reg, before, after))
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
	const struct remote_reg *reg = first_difference(s, before, after,
							  snapshot_switched(s, before, after));
	size_t i;

	if (reg) {
		__u64 was = 0, is = 0;
		size_t n = reg->size < sizeof(was) ? reg->size : sizeof(was);

		memcpy(&was, before->regs.raw + reg->at, n);
		memcpy(&is, after->regs.raw + reg->at, n);
		snprintf(text, size, "%s is %#llx, was %#llx", reg->name, is, was);
		return false;
	}
	if (before->unread || after->unread) {
		snprintf(text, size, "%s cannot be read", before->unread ?: after->unread);
		return false;
	}
	for (i = 0; i < before->n_roots; i++) {
		if (before->roots[i] == after->roots[i])
			continue;
		snprintf(text, size, "entry %zu of the %s root is %#llx, was %#llx",
			 i % ROOT_ENTRIES, i < ROOT_ENTRIES ? "kernel" : "user",
			 after->roots[i], before->roots[i]);
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(before->below); i++) {
		if (before->below[i] == after->below[i])
			continue;
		snprintf(text, size, "what entry %zu of the user root leads to has changed", i);
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
	if (before->spec_ctrl != after->spec_ctrl) {
		snprintf(text, size, "SPEC_CTRL is %#llx, was %#llx", after->spec_ctrl,
			 before->spec_ctrl);
		return false;
	}
	return true;
}
