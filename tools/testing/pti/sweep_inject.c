// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is injected at an instruction, and where it must arrive.
 *
 *	nmi	an NMI
 *	mce	a machine check that asks for no action
 *	held	an NMI, and in its first instruction a second one: held until the IRET of
 *		the first, it must be taken at the same instruction again
 *	fault	an NMI whose handler takes a page fault, the IRET of which lets NMIs in
 *	int3	an NMI whose handler runs into an int3
 *	nested	as fault, and then an NMI in the handler
 *	db	a #DB by a breakpoint on data that the instruction touches
 *
 * The page fault and the int3 are made by the debugger: it has the handler call a
 * function that reads an address which is not there, and puts an int3 into its text, of
 * which it then plays the handler as the kernel's text patching would.
 *
 * Of what an instruction touches, the kernel is asked where it allows a breakpoint: it
 * refuses one on whatever the entry code uses before the stack and CR3 are its own, or
 * after they are the user's again (dbg_deny tests that, too).  User memory no instruction of
 * this text touches.  What is left is the stack of a task, where a push or pop hits on the
 * kernel's page table, and without isolation espfix's, where IRET does and the #DB is taken
 * in user mode.
 */
#include <errno.h>
#include <string.h>

#include "sweep.h"

#define ABSENT_ADDR	0x10ULL		/* below what any process maps: one of */
#define ABSENT_WORDS	64		/* these, another each time, as CR2 has to show it */
#define PT_REGS_IP	0x80
#define EFLAGS_RF	BIT_ULL(16)

const char * const kind_name[N_KINDS] = {
	[K_TRACE] = "trace", [K_NMI] = "nmi", [K_MCE] = "mce", [K_HELD] = "held",
	[K_FAULT] = "fault", [K_INT3] = "int3", [K_NESTED] = "nested", [K_DB] = "db",
};

/** inject_find() - find what the injections need of the kernel; 0 or -1 */
int inject_find(struct sweep *s)
{
	static const char * const names[] = {
		"asm_exc_nmi", "asm_exc_machine_check", "default_do_nmi", "__get_user_nocheck_8",
		"exc_int3", "asm_exc_page_fault", "repeat_nmi", "end_repeat_nmi",
		"begin_new_exec", "do_machine_check", "asm_exc_int3", "asm_exc_debug",
		"exc_debug_kernel", "exc_debug_user", "hw_breakpoint_arch_parse",
		"hw_breakpoint_restore", "cpu_debugreg", "cpu_dr7", "cpu_tss_rw",
	};
	__u64 * const to[] = { &s->nmi, &s->mce, &s->nmi_body, &s->get_user,
			       &s->int3_body, &s->fault, &s->repeat_nmi, &s->end_repeat_nmi,
			       &s->exec, &s->mce_body, &s->int3, &s->db, &s->db_body,
			       &s->db_user_body, &s->bp_parse, &s->bp_restore, &s->debugreg,
			       &s->dr7, &s->tss };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		*to[i] = way_addr(s, names[i]);
		if (!*to[i]) {
			fprintf(stderr, "sweep: the kernel has no symbol %s\n", names[i]);
			return -1;
		}
	}
	return 0;
}

/** inject_raise() - have the machine take an NMI or #MC as soon as it runs */
enum vm_result inject_raise(struct sweep *s, enum injection kind)
{
	/* Bank 9: valid, uncorrected, enabled, signalled, of memory scrubbing; IP is valid */
	static const char mce[] = "mce 0 9 0xb1000000000000c0 0x5 0 0";
	/* Of AMD's, deferred: any other that is uncorrected is the end without error recovery */
	static const char deferred[] = "mce 0 9 0xb0001000000000c0 0x5 0 0";

	if (kind != K_MCE)
		return remote_post_monitor(&s->remote, "nmi");
	return remote_post_monitor(&s->remote, s->vendor == 'a' ? deferred : mce);
}

/**
 * inject_arrives() - run until what was raised is taken, and see whether that is right
 * @s:		the sweep
 * @kind:	what is being done, for the report
 * @p:		the path
 * @at:		the registers where it was raised, to be found in the frame
 * @addr:	the handler's first instruction, which has a breakpoint
 * @r:		the registers there
 *
 * A breakpoint at the instruction that it is raised at keeps that from being executed.
 *
 * Return: VM_OK when the machine is at @addr, VM_ERROR when it is elsewhere.
 */
enum vm_result inject_arrives(struct sweep *s, enum injection kind, struct path *p,
			      const struct regs *at, __u64 addr, struct regs *r)
{
	static const char * const names[] = { "ip", "cs", "flags", "sp" };
	static const enum cpu_reg which[] = { RIP, CS, EFLAGS, RSP };
	enum vm_result result;
	unsigned int i, tries = 0, passed = 0;
	struct frame f;

	/*
	 * The emulator looks at one request at a time, and then for breakpoints.  And the first
	 * NMI's handler may come by what it interrupted, on its stack, again and again in a loop.
	 */
	result = run(s, r, STOP_MS);
	while (!result && r->v[RIP] == at->v[RIP] && addr != at->v[RIP]) {
		if (r->v[RSP] == at->v[RSP] ? tries++ == MAX_REQUESTS : passed++ == MAX_STEPS)
			break;
		if (r->v[RSP] != at->v[RSP])
			result = step(s, r);
		if (!result)
			result = run(s, r, STOP_MS);
	}
	if (result)
		return result;
	if (r->v[RIP] != addr) {
		failure(s, p, kind, "%s is not taken, the machine is at %s",
			addr == s->mce ? "#MC" : "NMI", where(s, r->v[RIP]));
		return VM_ERROR;
	}
	result = mem_read(s, r->v[RSP], &f, sizeof(f));
	if (result)
		return result;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		__u64 was = at->v[which[i]], is = (&f.ip)[i];

		if (which[i] == EFLAGS)
			is &= ~EFLAGS_RF, was &= ~EFLAGS_RF;
		if (is != was)
			failure(s, p, kind, "%s in the frame is %s, was %s", names[i],
				where(s, is), where(s, was));
	}
	return VM_OK;
}

/* The general registers, RIP and the flags as in from; the rest stays */
static void regs_back(struct sweep *s, struct regs *to, const struct regs *from)
{
	const struct remote_reg *last = &s->remote.reg[remote_reg(&s->remote, "eflags")];

	memcpy(to->raw, from->raw, last->at + last->size);
	memcpy(to->v, from->v, sizeof(to->v));
}

/*
 * Run to a breakpoint that is set for this.  What was interrupted has a breakpoint, too,
 * and may be code that the handler runs on its own stack.
 */
static enum vm_result run_to(struct sweep *s, enum injection kind, struct path *p,
			     const struct regs *at, __u64 addr, struct regs *r)
{
	enum vm_result result = break_set(s, addr);

	if (!result)
		result = run(s, r, STOP_MS);
	while (!result && r->v[RIP] == at->v[RIP] && r->v[RSP] != at->v[RSP] &&
	       r->v[RIP] != addr) {
		result = step(s, r);
		if (!result)
			result = run(s, r, STOP_MS);
	}
	if (!result && r->v[RIP] != addr) {
		failure(s, p, kind, "the machine is at %s, not at %s", where(s, r->v[RIP]),
			where(s, addr));
		result = VM_ERROR;
	}
	return result ? result : break_clear(s, addr);
}

/* The handler is at nmi_body: let it call a function that takes a page fault */
static enum vm_result take_fault(struct sweep *s, struct path *p, enum injection kind,
				 const struct regs *at, struct regs *r)
{
	struct regs body = *r, call = *r;
	static unsigned int turn;
	__u64 ret = s->nmi_body;
	enum vm_result result;

	regs_set(s, &call, RSP, r->v[RSP] - sizeof(ret));
	regs_set(s, &call, RAX, ABSENT_ADDR + turn++ % ABSENT_WORDS * sizeof(ret));
	regs_set(s, &call, RIP, s->get_user);
	result = mem_write(s, call.v[RSP], &ret, sizeof(ret));
	if (!result)
		result = regs_write(s, &call);
	if (!result)
		result = run_to(s, kind, p, at, s->fault, r);
	if (!result)
		result = run_to(s, kind, p, at, s->nmi_body, r);
	if (result)
		return result;
	if (r->v[RAX] != (__u64)-EFAULT || r->v[RSP] != body.v[RSP] || r->v[CR3] != body.v[CR3])
		failure(s, p, kind, "page fault in the handler: rax %#llx rsp %#llx cr3 %#llx",
			r->v[RAX], r->v[RSP], r->v[CR3]);
	regs_back(s, r, &body);
	return regs_write(s, r);
}

/* What the handler itself executes of the swept text counts as reached */
static enum vm_result step_text(struct sweep *s, const struct regs *at, struct regs *r)
{
	enum vm_result result = VM_OK;

	while (!result && in_text(s, r->v[RIP]) &&
	       (r->v[RIP] != at->v[RIP] || r->v[RSP] != at->v[RSP])) {
		text_reached(s, r->v[RIP]);
		result = step(s, r);
	}
	return result;
}

/* The handler is at nmi_body: let it run into an int3 there */
static enum vm_result take_int3(struct sweep *s, struct path *p, enum injection kind,
				const struct regs *at, struct regs *r)
{
	static const __u8 int3 = 0xcc;
	struct regs body = *r;
	enum vm_result result;
	__u64 ip, ret;
	__u8 was;

	result = mem_read(s, s->nmi_body, &was, sizeof(was));
	if (!result)
		result = mem_write(s, s->nmi_body, &int3, sizeof(int3));
	if (!result)
		result = run_to(s, kind, p, at, s->int3, r);
	if (!result)
		result = step_text(s, at, r);
	if (!result && r->v[RIP] != s->int3_body)
		result = run_to(s, kind, p, at, s->int3_body, r);
	/* The handler: the instruction is whole again, go on with it */
	if (!result)
		result = mem_write(s, s->nmi_body, &was, sizeof(was));
	if (!result)
		result = mem_read(s, r->v[RDI] + PT_REGS_IP, &ip, sizeof(ip));
	if (!result && ip != s->nmi_body + sizeof(int3))
		failure(s, p, kind, "int3 in the handler: ip is %s", where(s, ip));
	ip = s->nmi_body;
	if (!result)
		result = mem_write(s, r->v[RDI] + PT_REGS_IP, &ip, sizeof(ip));
	if (!result)
		result = mem_read(s, r->v[RSP], &ret, sizeof(ret));
	if (result)
		return result;
	regs_set(s, r, RIP, ret);
	regs_set(s, r, RSP, r->v[RSP] + sizeof(ret));
	result = regs_write(s, r);
	if (!result)
		result = run_to(s, kind, p, at, s->nmi_body, r);
	if (!result && memcmp(r->raw, body.raw, r->n))
		failure(s, p, kind, "int3 in the handler changes its registers");
	return result;
}

/* The handler is at nmi_body, and NMIs are no longer held: one more */
static enum vm_result take_nested(struct sweep *s, struct path *p, enum injection kind,
				  const struct regs *at, struct regs *r)
{
	struct regs body = *r;
	enum vm_result result = break_set(s, s->nmi_body);

	if (!result)
		result = inject_raise(s, K_NMI);
	if (!result)
		result = inject_arrives(s, kind, p, &body, s->nmi, r);
	if (!result)
		result = step(s, r);
	if (!result)
		result = run(s, r, STOP_MS);
	if (!result)
		result = break_clear(s, s->nmi_body);
	if (result)
		return result;
	if (r->v[RIP] != s->nmi_body || memcmp(r->raw, body.raw, r->n))
		failure(s, p, kind, "the nested NMI comes back to %s, or changes registers",
			where(s, r->v[RIP]));
	/* Taken in kernel mode, the first is on a stack of its own, and is repeated */
	return cpl(at) ? VM_OK : run_to(s, kind, p, at, s->repeat_nmi, r);
}

/* In C: on the kernel's page table, with the kernel's GS and, if it uses that, IBRS */
static void check_body(struct sweep *s, enum injection kind, struct path *p, const struct regs *r)
{
	__u64 spec_ctrl;

	if (s->isolated && r->v[CR3] & CR3_USER)
		failure(s, p, kind, "the handler runs on the user page table");
	if (s->percpu && r->v[GS_BASE] != s->percpu)
		failure(s, p, kind, "the handler's GS base is %#llx", r->v[GS_BASE]);
	if (s->spec_ctrl && (msr_read(s, SPEC_CTRL, &spec_ctrl) || spec_ctrl != s->spec_ctrl))
		failure(s, p, kind, "the handler runs without IBRS");
}

/* Of #DB where DR6 has been read, which may be lost from then on */
static __u64 body_of(const struct sweep *s, enum injection kind, const struct regs *at)
{
	if (kind == K_DB)
		return cpl(at) ? s->db_user_body : s->db_body;
	return kind == K_MCE ? s->mce_body : s->nmi_body;
}

/*
 * From the handler's first instruction, which keeps its breakpoint, as far as the kind
 * says.  A nested NMI leaves before it comes to C.
 */
static enum vm_result in_handler(struct sweep *s, enum injection kind, struct path *p,
				 const struct regs *at, struct regs *r)
{
	enum vm_result result = VM_OK;

	if (kind == K_HELD) {
		struct regs again = *at;

		/* The first one comes back, and there the second is let in */
		again.v[RIP] = redo_addr(s, at);
		result = inject_raise(s, K_NMI);
		if (!result)
			result = step(s, r);
		if (!result)
			result = inject_arrives(s, kind, p, &again, s->nmi, r);
	}
	if (!result)
		result = step(s, r);
	if (!result && kind == K_NESTED && p->raise == K_NMI)
		return step_text(s, at, r);
	if (result)
		return result;
	result = run_to(s, kind, p, at, body_of(s, kind, at), r);
	if (result)
		return result;
	check_body(s, kind, p, r);
	if (kind == K_INT3)
		return take_int3(s, p, kind, at, r);
	if (kind == K_FAULT || kind == K_NESTED)
		result = take_fault(s, p, kind, at, r);
	if (!result && kind == K_NESTED)
		result = take_nested(s, p, kind, at, r);
	return result;
}

/* Back to where it was raised, in the same task */
static enum vm_result come_back(struct sweep *s, enum injection kind, struct path *p,
				const struct regs *at, struct regs *r)
{
	enum vm_result result;

	if (r->v[RIP] == at->v[RIP] && same_stack(s, at, r))
		return VM_OK;
	result = run(s, r, STOP_MS);
	/* What is interrupted may be what the handler runs, too: on another stack */
	while (!result && (r->v[RIP] != at->v[RIP] || !same_stack(s, at, r) ||
			   cpl(r) != cpl(at))) {
		if (r->v[RIP] == s->nmi || r->v[RIP] == s->mce || r->v[RIP] == s->db) {
			failure(s, p, kind, "one more interrupt, at %s", where(s, r->v[RIP]));
			return VM_ERROR;
		}
		result = step(s, r);
		if (!result)
			result = run(s, r, STOP_MS);
	}
	return result;
}

/**
 * inject() - inject at the instruction where the machine is, and compare afterwards
 * @s:		the sweep
 * @kind:	what is done
 * @p:		the path that the machine is on
 * @r:		the registers there; read again afterwards
 *
 * What an injection changed is put back, so that the next can be made.
 *
 * Return: VM_OK if the machine is where it was; VM_ERROR if it is lost.
 */
enum vm_result inject(struct sweep *s, enum injection kind, struct path *p, struct regs *r)
{
	static struct snapshot before, after;
	char text[160];
	enum vm_result result;

	s->now_addr = r->v[RIP];
	p->tried[kind]++;
	snapshot_take(s, &before, r);
	result = break_set(s, r->v[RIP]);
	if (!result)
		result = inject_raise(s, kind);
	if (!result)
		result = inject_arrives(s, kind, p, &before.regs,
					kind == K_MCE ? s->mce : s->nmi, r);
	if (!result)
		result = in_handler(s, kind, p, &before.regs, r);
	if (!result)
		result = come_back(s, kind, p, &before.regs, r);
	if (!result)
		result = break_clear(s, r->v[RIP]);
	if (result)
		return result;
	snapshot_take(s, &after, r);
	/* A nested NMI writes into the frames of the one that it interrupts */
	if (kind == K_NESTED && p->raise == K_NMI)
		before.stack_n = 0;
	if (!snapshot_same(s, &before, &after, text, sizeof(text))) {
		failure(s, p, kind, "%s", text);
		result = regs_write(s, &before.regs);
		*r = before.regs;
	} else if (snapshot_switched(s, &before, &after)) {
		/* The next instruction is to be interrupted on the user page table, too */
		result = regs_write(s, &before.regs);
		*r = before.regs;
	}
	return result;
}

/*
 * The machine is in the handler's first instruction: what it is to come back to.  A #DB
 * changes no register but those that it pushes.
 */
static enum vm_result db_interrupted(struct sweep *s, const struct regs *r, struct regs *at)
{
	static const enum cpu_reg pushed[] = { RIP, CS, EFLAGS, RSP, SS };
	enum vm_result result;
	unsigned int i;
	struct frame f;

	*at = *r;
	result = mem_read(s, r->v[RSP], &f, sizeof(f));
	for (i = 0; !result && i < ARRAY_SIZE(pushed); i++)
		regs_set(s, at, pushed[i], (&f.ip)[i] & ~(pushed[i] == EFLAGS ? EFLAGS_RF : 0));
	return result;
}

/**
 * inject_db() - have the instruction where the machine is hit a breakpoint on data
 * @s:		the sweep
 * @p:		the path that the machine is on
 * @r:		the registers there; read again afterwards
 * @executed:	whether there could be one: then the machine is behind the instruction
 *
 * Where other interrupts can come in between, the breakpoint is taken away in the handler: from
 * user mode other tasks may run, and the emulator loses an interrupt whose frame it writes
 * to a watched stack.  Otherwise it is there until the machine is back.
 *
 * Return: VM_OK if the machine is where it has to be; VM_ERROR if it is lost.
 */
enum vm_result inject_db(struct sweep *s, struct path *p, struct regs *r, bool *executed)
{
	static struct snapshot before, after;
	enum vm_result result;
	struct touch touch;
	bool early = false;
	struct regs at;
	char text[160];

	result = touch_find(s, r, &touch);
	if (!result)
		result = debug_arm(s, p, r, &touch);
	*executed = !result && touch.n;
	if (!*executed)
		return result;
	p->tried[K_DB]++;
	result = step(s, r);
	if (!result && r->v[RIP] != s->db) {
		failure(s, p, K_DB, "#DB is not taken, the machine is at %s", where(s, r->v[RIP]));
		return VM_ERROR;
	}
	if (!result)
		result = db_interrupted(s, r, &at);
	if (!result && touch.next && at.v[RIP] != touch.next)
		failure(s, p, K_DB, "ip in the frame is %s, not %s", where(s, at.v[RIP]),
			where(s, touch.next));
	if (result)
		return result;
	snapshot_take(s, &before, &at);
	result = break_set(s, at.v[RIP]);
	if (!result)
		result = in_handler(s, K_DB, p, &at, r);
	if (!result)
		early = cpl(&at) || at.v[EFLAGS] & EFLAGS_IF;
	if (early)
		result = debug_disarm(s, r);
	if (!result)
		result = come_back(s, K_DB, p, &at, r);
	if (!result)
		result = break_clear(s, r->v[RIP]);
	if (!result && !early)
		result = debug_disarm(s, r);
	if (result)
		return result;
	snapshot_take(s, &after, r);
	if (!snapshot_same(s, &before, &after, text, sizeof(text))) {
		failure(s, p, K_DB, "%s", text);
		result = regs_write(s, &at);
		*r = at;
	}
	return result;
}
