// SPDX-License-Identifier: GPL-2.0-only
/*
 * One way through a path: an instruction at a time through user code as far as the entry,
 * through the entry code to the C handler, past that, and on to where it came from.
 */
#include <string.h>

#include "sweep.h"

#define USER_STEPS	16	/* to the instruction that enters, at most */

struct round {
	struct path *p;
	enum injection kind;
	struct regs r;
	__u64 back_ip, back_sp;	/* what a path from kernel mode goes back to */
	bool has_back;
	unsigned int steps;
	__u64 last;		/* instruction, and whether it goes on */
	bool again;
	bool came_by, strayed;
	bool owed;		/* what the path is to pay */
	bool executed;		/* the instruction is, by its injection */
	bool resumed;		/* what was interrupted goes on */
	struct snapshot at;	/* tail: what was interrupted */
	/* NMI paths: one injection each time that the path is gone through */
	__u64 tried[MAX_STEPS];
	unsigned int n_tried;
	bool spent;
};

/* The path of an NMI is gone through once for each of its instructions */
static bool repeats(const struct round *rd)
{
	return rd->p->raise == K_NMI && (rd->kind == K_HELD || rd->kind == K_NESTED);
}

/*
 * Other tasks come by while C runs, and stop at what begins other paths, which is none of
 * this round's business.  But who begins to run a program then has to be known afterwards.
 */
static enum vm_result pass_stop(struct sweep *s, struct regs *r)
{
	enum vm_result result = r->v[RIP] == s->exec ? program_begins(s, r) : VM_OK;

	return result ? result : step(s, r);
}

/* Whether the kernel uses IBRS: then each call and each way out is asked what it has */
static bool uses_ibrs(const struct sweep *s, const struct round *rd)
{
	return rd->kind == K_TRACE && s->spec_ctrl & SPEC_CTRL_IBRS;
}

/* In kernel mode.  An MSR that cannot be read says neither */
static enum vm_result read_ibrs(struct sweep *s, struct round *rd, bool *on)
{
	__u64 spec_ctrl = 0;
	enum vm_result result = msr_read(s, SPEC_CTRL, &spec_ctrl);

	if (result == VM_ERROR)
		failure(s, rd->p, rd->kind, "SPEC_CTRL cannot be read");
	*on = spec_ctrl & SPEC_CTRL_IBRS;
	return result;
}

/* Past a C function: to where it returns, on the same stack */
static enum vm_result pass_call(struct sweep *s, struct round *rd)
{
	struct regs *r = &rd->r;
	__u64 ret, sp = r->v[RSP], from = r->v[RIP];
	enum vm_result result;
	bool ibrs = true;

	result = mem_read(s, sp, &ret, sizeof(ret));
	if (!result && uses_ibrs(s, rd))
		result = read_ibrs(s, rd, &ibrs);
	if (result)
		return result;
	if (!ibrs)
		failure(s, rd->p, rd->kind, "the kernel runs %s without IBRS", where(s, from));
	/* A return may be by way of a thunk */
	if (!in_text(s, ret) && !(rd->has_back && ret == rd->back_ip)) {
		failure(s, rd->p, rd->kind, "the entry code went to %s, which was not called",
			where(s, from));
		return VM_ERROR;
	}
	result = break_set(s, ret);
	if (!result)
		result = run(s, r, STOP_MS);
	while (!result && (r->v[RIP] != ret || r->v[RSP] != sp + sizeof(ret))) {
		if (r->v[RIP] == s->nmi || r->v[RIP] == s->mce) {
			failure(s, rd->p, rd->kind, "one more interrupt, in %s", where(s, from));
			return VM_ERROR;
		}
		result = pass_stop(s, r);
		if (!result && (r->v[RIP] != ret || r->v[RSP] != sp + sizeof(ret)))
			result = run(s, r, STOP_MS);
	}
	return result ? result : break_clear(s, ret);
}

static bool tried(const struct round *rd, __u64 addr)
{
	unsigned int i;

	for (i = 0; i < rd->n_tried; i++)
		if (rd->tried[i] == addr)
			return true;
	return false;
}

/*
 * In an NMI, a second one is held: it must not be taken here, but at the end.  An #MC
 * lets the next NMI in; nesting is allowed for from where the first says that it runs.
 * Either can be done once before the path begins anew.
 */
static enum vm_result inject_in_nmi(struct sweep *s, struct round *rd)
{
	__u64 ip = rd->r.v[RIP];
	enum vm_result result;

	if (rd->kind == K_NESTED && ip == s->repeat_nmi)
		rd->spent = false;
	if (rd->spent || tried(rd, ip) || rd->n_tried == MAX_STEPS)
		return VM_OK;
	if (rd->kind == K_NESTED && !rd->came_by)
		return VM_OK;
	rd->tried[rd->n_tried++] = ip;
	if (rd->kind == K_HELD) {
		rd->p->tried[K_HELD]++;
		rd->spent = true;
		return inject_raise(s, K_NMI);
	}
	result = inject(s, K_MCE, rd->p, &rd->r);
	if (!result)
		result = inject(s, K_NESTED, rd->p, &rd->r);
	/* Before the frame is complete it only returns, and nothing is repeated */
	rd->spent = ip < s->repeat_nmi || ip >= s->end_repeat_nmi;
	return result;
}

/* The machine is left in the middle of a round only if there is to be no other */
static enum vm_result inject_at(struct sweep *s, struct round *rd)
{
	s->now_addr = rd->r.v[RIP];
	rd->executed = false;
	if (told_to_end(s, 0))
		return VM_ERROR;
	if (rd->kind == K_TRACE || rd->again)
		return VM_OK;
	if (rd->kind == K_DB)
		return cpl(&rd->r) ? VM_OK : inject_db(s, rd->p, &rd->r, &rd->executed);
	if (repeats(rd))
		return inject_in_nmi(s, rd);
	/* An NMI is held as long as the first one runs */
	if (rd->p->raise == K_NMI && rd->kind != K_MCE && !rd->resumed)
		return VM_OK;
	return inject(s, rd->kind, rd->p, &rd->r);
}

/* An exit sets NOFLUSH again where it owes a flush, which not each round does */
static bool depends_on_debt(struct sweep *s, __u64 ip)
{
	return s->pcid && pays(text_at(s, ip));
}

/*
 * What a system call that unmaps would have done, or an NMI that drops a page of the kernel:
 * clear NOFLUSH where this way out is about to read it.
 */
static enum vm_result owe(struct sweep *s, struct round *rd)
{
	__u64 at = s->percpu + symbol_addr(s, "pti_pcid"), user_cr3;
	enum vm_result result;

	if (!rd->p->owes || rd->owed || rd->r.v[RIP] != rd->p->owes_addr)
		return VM_OK;
	rd->owed = true;
	result = mem_read(s, at, &user_cr3, sizeof(user_cr3));
	user_cr3 &= ~CR3_NOFLUSH;
	if (!result)
		result = mem_write(s, at, &user_cr3, sizeof(user_cr3));
	/* Nobody waits for that answer, and snapshots read memory without asking */
	return result ? result : mem_read(s, at, &user_cr3, sizeof(user_cr3));
}

/* Note the instruction, or compare it with the round that had no injections */
static void keep_trace(struct sweep *s, struct round *rd)
{
	__u64 ip = rd->r.v[RIP];

	/* A string instruction takes many steps */
	rd->again = rd->steps && ip == rd->last;
	if (rd->again)
		return;
	rd->last = ip;
	text_reached(s, ip);
	if (ip == rd->p->via_addr)
		rd->came_by = true;
	if (depends_on_debt(s, ip))
		return;
	if (rd->kind == K_TRACE && rd->steps < MAX_STEPS)
		rd->p->trace[rd->steps] = ip;
	else if (!rd->strayed && !repeats(rd) &&
		 (rd->steps >= rd->p->insns || rd->p->trace[rd->steps] != ip))
		rd->strayed = true;
	rd->steps++;
}

static bool at_end(const struct round *rd)
{
	return cpl(&rd->r) == 3 || (rd->has_back && rd->r.v[RIP] == rd->back_ip &&
				    rd->r.v[RSP] == rd->back_sp);
}

static bool is_insn(const struct sweep *s, __u64 addr, const char *name)
{
	const struct insn *insn = text_at(s, addr);

	return insn && !strncmp(insn->text, name, strlen(name));
}

static bool leaves(const struct sweep *s, __u64 addr)
{
	return is_insn(s, addr, "iret") || is_insn(s, addr, "sysret");
}

/* From the first instruction of the entry */
static enum vm_result through_kernel(struct sweep *s, struct round *rd)
{
	enum vm_result result = VM_OK;

	s->on_way_out = false;
	while (!result && !at_end(rd)) {
		bool restricted = false, left;

		if (!in_text(s, rd->r.v[RIP])) {
			result = pass_call(s, rd);
			continue;
		}
		keep_trace(s, rd);
		s->on_way_out |= !(rd->r.v[CR3] & CR3_USER);
		left = leaves(s, rd->r.v[RIP]);
		result = owe(s, rd);
		if (!result)
			result = inject_at(s, rd);
		rd->resumed |= is_insn(s, rd->r.v[RIP], "iret");
		if (!result && uses_ibrs(s, rd) && leaves(s, rd->r.v[RIP]))
			result = read_ibrs(s, rd, &restricted);
		if (!result && !rd->executed)
			result = step(s, &rd->r);
		if (!result && restricted && cpl(&rd->r) == 3)
			failure(s, rd->p, rd->kind, "user mode runs with the kernel's IBRS");
		/* The IRET faulted: a head again */
		if (!result && left && !cpl(&rd->r) && rd->r.v[CR3] & CR3_USER)
			s->on_way_out = false;
		if (!result && rd->kind != K_TRACE && !at_end(rd) &&
		    (rd->r.v[RIP] == s->nmi || rd->r.v[RIP] == s->mce) &&
		    rd->p->entry_addr != rd->r.v[RIP]) {
			failure(s, rd->p, rd->kind, "an interrupt that was held is taken early");
			result = VM_ERROR;
		}
	}
	return result;
}

/*
 * The second NMI was held to the end of the first: it is taken there, and is one more way
 * through the path, for the next instruction.
 */
static enum vm_result held_is_taken(struct sweep *s, struct round *rd)
{
	struct regs at = rd->r;
	enum vm_result result = break_set(s, at.v[RIP]);

	if (!result)
		result = inject_arrives(s, K_HELD, rd->p, &at, s->nmi, &rd->r);
	if (!result)
		result = break_clear(s, at.v[RIP]);
	rd->spent = false;
	return result;
}

/* Where a round that begins in user mode enters the kernel, if nothing comes in between */
static __u64 enters_at(const struct path *p)
{
	return p->raise ? p->enters_addr : p->entry_addr;
}

/*
 * An interrupt came in before the instruction that was to be executed: let it be handled.
 */
static enum vm_result let_pass(struct sweep *s, struct round *rd, const struct regs *at)
{
	enum vm_result result = break_set(s, at->v[RIP]);

	while (!result && (rd->r.v[RIP] != at->v[RIP] || rd->r.v[RSP] != at->v[RSP])) {
		result = run(s, &rd->r, STOP_MS);
		if (!result && (rd->r.v[RIP] != at->v[RIP] || rd->r.v[RSP] != at->v[RSP]))
			result = pass_stop(s, &rd->r);
	}
	return result ? result : break_clear(s, at->v[RIP]);
}

/* From the site to the entry */
static enum vm_result through_user(struct sweep *s, struct round *rd)
{
	enum vm_result result = VM_OK;
	int i;

	for (i = 0; !result && i < USER_STEPS && cpl(&rd->r) == 3; i++) {
		struct regs at;

		s->user_sp = rd->r.v[RSP];
		if (!rd->p->raise) {
			keep_trace(s, rd);
			result = inject_at(s, rd);
		} else if (!rd->p->raise_at && !rd->p->tail) {
			break;
		}
		at = rd->r;
		do {
			if (!result && !cpl(&rd->r))
				result = let_pass(s, rd, &at);
			if (!result)
				result = step(s, &rd->r);
		} while (!result && !cpl(&rd->r) && rd->r.v[RIP] != enters_at(rd->p));
	}
	return result;
}

/* As far as the instruction of the way out at which the path is to be interrupted */
static enum vm_result to_tail(struct sweep *s, struct round *rd)
{
	const char *insn = rd->p->raise_insn;
	enum vm_result result = VM_OK;
	bool in_tail = false;

	while (!result && !cpl(&rd->r)) {
		const struct insn *now = text_at(s, rd->r.v[RIP]);

		s->now_addr = rd->r.v[RIP];
		if (told_to_end(s, 0))
			return VM_ERROR;
		in_tail |= rd->r.v[RIP] == rd->p->tail_addr;
		if (in_tail && now && !strncmp(now->text, insn, strlen(insn)))
			break;
		result = now ? step(s, &rd->r) : pass_call(s, rd);
	}
	return result;
}

/* Be interrupted where the path wants it */
static enum vm_result begin_raised(struct sweep *s, struct round *rd)
{
	struct regs at;
	enum vm_result result = VM_OK;
	int i;

	for (i = 1; !result && i < rd->p->raise_at; i++)
		result = step(s, &rd->r);
	if (rd->p->tail)
		result = to_tail(s, rd);
	/* By another way out: a round that went another way */
	if (rd->p->tail && cpl(&rd->r))
		return result;
	if (rd->p->tail)
		snapshot_take(s, &rd->at, &rd->r);
	at = rd->r;
	s->now_addr = at.v[RIP];
	if (!result)
		result = break_set(s, at.v[RIP]);
	if (!result)
		result = inject_raise(s, rd->p->raise);
	if (!result)
		result = inject_arrives(s, rd->kind, rd->p, &at, rd->p->entry_addr, &rd->r);
	if (!result)
		result = break_clear(s, at.v[RIP]);
	rd->has_back = !cpl(&at);
	rd->back_ip = at.v[RIP];
	rd->back_sp = at.v[RSP];
	return result;
}

/* What it will go back to, where it is kernel code that was interrupted or that calls */
static enum vm_result find_back(struct sweep *s, struct round *rd)
{
	enum vm_result result = VM_OK;
	struct frame f;

	if (rd->p->trigger == FROM_KERNEL) {
		result = path_frame(s, rd->p, &rd->r, &f);
		rd->has_back = true;
		rd->back_ip = f.ip;
		rd->back_sp = f.sp;
	} else if (rd->p->trigger == CALLED) {
		result = mem_read(s, rd->r.v[RSP], &rd->back_ip, sizeof(rd->back_ip));
		rd->has_back = true;
		rd->back_sp = rd->r.v[RSP] + sizeof(rd->back_ip);
	}
	return result;
}

/* What was taken up again has come to where it was interrupted */
static enum vm_result same_at_end(struct sweep *s, struct round *rd)
{
	static struct snapshot after;
	char text[160];

	if (!rd->p->tail || cpl(&rd->r))
		return VM_OK;
	snapshot_take(s, &after, &rd->r);
	if (snapshot_same(s, &rd->at, &after, text, sizeof(text)))
		return VM_OK;
	failure(s, rd->p, rd->kind, "in the tail again, %s", text);
	rd->r = rd->at.regs;
	return regs_write(s, &rd->r);
}

/*
 * In user mode again, on the page table that the kernel says this CPU's user mode is to run on.
 * On the other one a program dies, if it may not be executed there; but if an interrupt comes
 * first, it goes on as if nothing had been.
 */
static void check_root(struct sweep *s, struct round *rd)
{
	__u64 pti_pcid = symbol_addr(s, "pti_pcid"), user_cr3;

	/* The stock kernel has no such word */
	if (!s->isolated || !pti_pcid || cpl(&rd->r) != 3)
		return;
	if (!guest_read_va(&s->guest, s->levels, kernel_root(s, &rd->r), s->percpu + pti_pcid,
			   &user_cr3, sizeof(user_cr3)))
		failure(s, rd->p, rd->kind, "the CR3 of this exit cannot be read");
	else if ((user_cr3 ^ rd->r.v[CR3]) & PTE_ADDR)
		failure(s, rd->p, rd->kind, "user mode runs on CR3 %#llx, and is to run on %#llx",
			rd->r.v[CR3], user_cr3);
}

static void finish(struct sweep *s, struct round *rd)
{
	struct path *p = rd->p;
	enum injection kind;

	if (p->via && !rd->came_by) {
		p->missed++;
		return;
	}
	if (rd->kind == K_TRACE)
		p->insns = rd->steps;
	else if (rd->strayed || (rd->steps != p->insns && !repeats(rd)))
		failure(s, p, rd->kind, "another way than uninterrupted: %u instructions, not %u",
			rd->steps, p->insns);
	for (kind = 0; kind < N_KINDS; kind++)
		p->injected[kind] += p->tried[kind];
	p->done[rd->kind] = true;
}

/**
 * round_run() - go once through a path
 * @s:		the sweep
 * @p:		the path, at the beginning of which the machine is
 * @kind:	what to do at each instruction
 * @r:		the registers there, and then those at the end
 *
 * Return: VM_OK if the machine can go on, VM_ERROR if it is lost.
 */
enum vm_result round_run(struct sweep *s, struct path *p, enum injection kind, struct regs *r)
{
	static struct round rd;
	enum vm_result result = VM_OK;

	memset(&rd, 0, sizeof(rd));
	memset(p->tried, 0, sizeof(p->tried));
	rd.p = p;
	rd.kind = kind;
	rd.r = *r;
	s->now = p;
	s->kind = kind;
	s->now_addr = r->v[RIP];
	s->user_sp = 0;
	result = p->trigger == AT_SITE ? through_user(s, &rd) : find_back(s, &rd);
	if (!result && p->raise)
		result = begin_raised(s, &rd);
	if (!result && rd.r.v[RIP] == p->entry_addr) {
		result = through_kernel(s, &rd);
		while (!result && rd.spent && kind == K_HELD && repeats(&rd)) {
			result = held_is_taken(s, &rd);
			if (!result)
				result = through_kernel(s, &rd);
		}
		if (!result)
			result = same_at_end(s, &rd);
		if (!result) {
			check_root(s, &rd);
			finish(s, &rd);
		}
	} else if (!result && cpl(&rd.r) == 3) {
		p->missed++;
	} else if (!result) {
		failure(s, p, kind, "the entry is at %s, not at %s", where(s, rd.r.v[RIP]),
			p->entry);
		result = VM_ERROR;
	}
	*r = rd.r;
	if (!result)
		s->now = NULL;
	return result;
}
