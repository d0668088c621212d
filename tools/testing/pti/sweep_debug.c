// SPDX-License-Identifier: GPL-2.0-only
/*
 * Breakpoints on data: which the kernel allows, and how they get into the debug registers.
 *
 * The gdbstub does not show these.  The kernel itself loads them, from where it keeps what
 * they have to hold, and is asked before whether it would let a breakpoint be there: the
 * debugger lends the CPU to two of its functions, between two instructions.  That is with
 * the kernel's page table and GS, interrupts off, on a part of the stack for NMIs that
 * none gets to, and the registers are put back.
 */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <string.h>

#include "sweep.h"

#define TSS_IST		0x24		/* SDM 3A, "64-Bit TSS" */
#define IST_NMI		2		/* as the kernel numbers them, from 1 */
#define IST_DB		3
#define IST_PAGE	4096		/* at least so large is each, the NMI's twice */
#define IST_TRAMPOLINE	512		/* what an isolated kernel has for the CPU to push to */
#define EFLAGS_FIXED	BIT_ULL(1)
#define DR7_GLOBAL(n)	(2U << 2 * (n))
#define DR7_SHIFT(n)	(16 + 4 * (n))
#define DEBUG_REGS	4
#define MAX_CALL_STOPS	10000

/* struct arch_hw_breakpoint: what the kernel makes of a request */
struct arch_breakpoint {
	__u64 address, mask;
	__u8 len, type;
	__u8 pad[6];
};

/* What the debugger puts above the borrowed stack */
struct lent {
	__u64 ret;
	__u8 pad[64];
	struct perf_event_attr attr;
	struct arch_breakpoint hw;
};

/* The end of what the CPU pushes to */
static enum vm_result pushed_top(struct sweep *s, int ist, __u64 *top)
{
	return mem_read(s, s->percpu + s->tss + TSS_IST + sizeof(*top) * (ist - 1), top,
			sizeof(*top));
}

/*
 * The stack that handlers run on.  The IST of an isolated kernel is where the CPU pushes, and
 * from there the frame is moved to the stacks, which lie with a guard page below each.
 */
static enum vm_result ist_top(struct sweep *s, int ist, __u64 *top)
{
	const struct symbol *stacks = symbol_find(&s->syms, "exception_stacks");
	__u64 area = symbol_addr(s, "cea_exception_stacks");
	enum vm_result result;

	if (!s->isolated || !symbol_addr(s, "isolated_redo_table") || !stacks || !area)
		return pushed_top(s, ist, top);
	result = mem_read(s, s->percpu + area, top, sizeof(*top));
	*top += ist * (PAGE_SIZE + stacks->size / (stacks->size % 3 ? 4 : 6));
	return result;
}

/* Whether it is a #DB that runs, where one more would be pushed over its registers */
static enum vm_result runs_on_db(struct sweep *s, const struct regs *at, bool *on_db)
{
	__u64 top, rsp = at->v[RSP];
	enum vm_result result = ist_top(s, IST_DB, &top);

	if (result)
		return result;
	*on_db = rsp < top && rsp >= top - IST_PAGE;
	result = pushed_top(s, IST_DB, &top);
	*on_db |= !result && rsp < top && rsp >= top - IST_TRAMPOLINE;
	return result;
}

/* The CPU is the kernel's own: what follows sees all of its memory */
static enum vm_result borrow(struct sweep *s, const struct regs *at, struct regs *call)
{
	enum vm_result result;
	__u64 top;

	*call = *at;
	regs_set(s, call, CR3, kernel_root(s, at));
	regs_set(s, call, GS_BASE, s->percpu);
	regs_set(s, call, EFLAGS, EFLAGS_FIXED);
	result = regs_write(s, call);
	if (!result)
		result = ist_top(s, IST_NMI, &top);
	if (!result)
		regs_set(s, call, RSP, top - IST_PAGE);
	return result;
}

/* Have it run a function; it returns to where a program begins, which has a breakpoint */
static enum vm_result call_kernel(struct sweep *s, struct regs *call, __u64 function, __u64 *rax)
{
	enum vm_result result = mem_write(s, call->v[RSP], &s->exec, sizeof(s->exec));
	unsigned int stops = 0;
	struct regs r;

	regs_set(s, call, RIP, function);
	if (!result)
		result = regs_write(s, call);
	if (!result)
		result = run(s, &r, STOP_MS);
	/* It may run what has a breakpoint as the machine is to come back there: a return thunk */
	while (!result && r.v[RIP] != s->exec && ++stops < MAX_CALL_STOPS) {
		result = step(s, &r);
		if (!result && r.v[RIP] != s->exec)
			result = run(s, &r, STOP_MS);
	}
	if (!result && (r.v[RIP] != s->exec || r.v[RSP] != call->v[RSP] + sizeof(s->exec))) {
		note(s, "the kernel's breakpoint code went to %s", where(s, r.v[RIP]));
		result = VM_ERROR;
	}
	if (!result)
		*rax = r.v[RAX];
	return result;
}

/* Whether root may have a breakpoint there, and how it stands in DR7 */
static enum vm_result ask(struct sweep *s, struct regs *call, __u64 word, bool *allowed,
			  unsigned int *bits)
{
	__u64 lent = call->v[RSP], attr = lent + offsetof(struct lent, attr);
	struct perf_event_attr want = {
		.bp_type = HW_BREAKPOINT_RW, .bp_addr = word, .bp_len = HW_BREAKPOINT_LEN_8,
	};
	struct arch_breakpoint hw = { };
	enum vm_result result;
	__u64 rax = 0;

	regs_set(s, call, RDI, 0);	/* the event: not looked at */
	regs_set(s, call, RSI, attr);
	regs_set(s, call, RDX, lent + offsetof(struct lent, hw));
	/* From the first to the last of the three: no others are looked at */
	result = mem_write(s, attr + offsetof(struct perf_event_attr, bp_type), &want.bp_type,
			   offsetof(struct perf_event_attr, bp_len) + sizeof(want.bp_len) -
			   offsetof(struct perf_event_attr, bp_type));
	if (!result)
		result = call_kernel(s, call, s->bp_parse, &rax);
	*allowed = !result && !(__s32)rax;
	if (*allowed)
		result = mem_read(s, call->v[RDX], &hw, sizeof(hw));
	*bits = (hw.len | hw.type) & 0xf;
	return result;
}

/* What the debug registers hold, or are to hold */
struct debug_regs {
	__u64 addr[DEBUG_REGS], dr7;
};

static enum vm_result keep(struct sweep *s, struct debug_regs *d)
{
	enum vm_result result = mem_read(s, s->percpu + s->debugreg, d->addr, sizeof(d->addr));

	return result ? result : mem_read(s, s->percpu + s->dr7, &d->dr7, sizeof(d->dr7));
}

static enum vm_result load(struct sweep *s, struct regs *call, const struct debug_regs *d)
{
	enum vm_result result = mem_write(s, s->percpu + s->debugreg, d->addr, sizeof(d->addr));
	__u64 rax;

	if (!result)
		result = mem_write(s, s->percpu + s->dr7, &d->dr7, sizeof(d->dr7));
	return result ? result : call_kernel(s, call, s->bp_restore, &rax);
}

/* Those of the guest's own programs, for the time of an injection */
static struct debug_regs guests;

static bool fills_thread_stack(const char *function)
{
	return !strcmp(function, "sync_regs") || !strcmp(function, "isolated_error_entry");
}

/* The gate leads to one of them, and goes on in the other */
static bool begins_db(const struct sweep *s, const struct symbol *sym)
{
	return sym->addr == s->db || !strcmp(sym->name, "asm_exc_debug");
}

/*
 * Whether it is the entry of #DB that runs, or isolated_error_entry, which returns to it from
 * the thread's stack, maybe by a thunk
 */
static enum vm_result enters_db(struct sweep *s, const struct regs *at, const struct symbol *sym,
				bool *entry)
{
	enum vm_result result;
	__u64 ret;

	*entry = begins_db(s, sym);
	if (*entry || (!fills_thread_stack(sym->name) && !strstr(sym->name, "return_thunk")))
		return VM_OK;
	result = mem_read(s, at->v[RSP], &ret, sizeof(ret));
	if (!result) {
		sym = symbol_at(&s->syms, ret);
		*entry = sym && begins_db(s, sym);
	}
	return result;
}

/**
 * debug_arm() - put breakpoints on as much of some memory as the kernel allows
 * @s:		the sweep
 * @p:		the path
 * @at:		the registers, of kernel mode
 * @t:		the memory; what stays in it is watched, at most as much as there are registers
 *
 * None is put in the entry of #DB: one more would be on the same stack, or lose what DR6
 * says of the first.  The kernel has to allow none there, the thread's stack apart,
 * which sync_regs() or isolated_error_entry fills and the handler is called on: in that it
 * is as without isolation.
 *
 * Return: VM_OK, also if nothing may be watched.
 */
enum vm_result debug_arm(struct sweep *s, struct path *p, const struct regs *at, struct touch *t)
{
	struct debug_regs d = { };
	const struct symbol *sym = symbol_at(&s->syms, at->v[RIP]);
	enum vm_result result;
	struct regs call;
	int i, n = 0;
	bool on_db = false, entry = false;

	if (!t->n)
		return VM_OK;
	result = borrow(s, at, &call);
	if (!result)
		result = runs_on_db(s, at, &on_db);
	if (!result)
		result = enters_db(s, at, sym, &entry);
	for (i = 0; !result && i < t->n && n < DEBUG_REGS; i++) {
		unsigned int bits;
		bool allowed;

		result = ask(s, &call, t->word[i], &allowed, &bits);
		s->refused += !result && !allowed;
		if (result || !allowed)
			continue;
		if (on_db || entry) {
			if (on_db && (t->by_gs || !fills_thread_stack(sym->name)))
				failure(s, p, K_DB, "allowed: a breakpoint on %s",
					where(s, t->word[i]));
			continue;
		}
		d.addr[n] = t->word[i];
		d.dr7 |= DR7_GLOBAL(n) | (__u64)bits << DR7_SHIFT(n);
		n++;
	}
	t->n = n;
	if (!result && n)
		result = keep(s, &guests);
	if (!result && n)
		result = load(s, &call, &d);
	return result ? result : regs_write(s, at);
}

/** debug_disarm() - put back what was in their place, in kernel mode at @at */
enum vm_result debug_disarm(struct sweep *s, const struct regs *at)
{
	struct regs call;
	enum vm_result result = borrow(s, at, &call);

	if (!result)
		result = load(s, &call, &guests);
	return result ? result : regs_write(s, at);
}
