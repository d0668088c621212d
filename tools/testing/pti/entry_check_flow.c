// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: branches, calls of C, and the ways out.
 *
 * C is not looked into.  It must be called on the kernel page table, with the kernel's
 * GS base and a stack; it keeps the registers of the ABI and what lies on stacks, apart
 * from the pt_regs that it is given: of user mode it leaves there what user mode shall have.
 */
#include <string.h>

#include "entry_check.h"

enum way_out { OUT_IRET, OUT_SYSRETQ, OUT_SYSRETL };

static bool is_user_cs(const struct value *v)
{
	return v->kind == V_CS ? v->id : v->kind == V_CONST && (v->n & 3) == 3;
}

static bool is_kernel_cs(const struct value *v)
{
	return v->kind == V_CS ? !v->id : is_const(v, KERNEL_CS);
}

/* Fills in pt_regs, or what user mode had when it came */
void user_regs(struct state *st, __u32 region, __s64 at)
{
	int i;

	for (i = 0; i < 15; i++)
		slot_write(st, region, at + i * 8, 8, val(V_IN, regs_order[i], 0));
	slot_write(st, region, at + REGS_ORIG_AX, 8, val(V_NUMBER, 0, 0));
	slot_write(st, region, at + REGS_IP, 8, val(V_IN, IN_RIP, 0));
	slot_write(st, region, at + REGS_CS, 8, val(V_CS, 1, 0));
	slot_write(st, region, at + REGS_FLAGS, 8, val(V_IN, IN_FLAGS, 0));
	slot_write(st, region, at + REGS_SP, 8, val(V_IN, IN_SP, 0));
	slot_write(st, region, at + REGS_SS, 8, val(V_IN, IN_SS, 0));
}

/*
 * The words of pt_regs that a system call fills in otherwise than a gate does.  RAX is
 * -ENOSYS until C has the result.  SYSCALL leaves RIP in RCX and RFLAGS in R11 (SDM 2B,
 * "SYSCALL"), of 32 bits has its second argument in RBP, and R8 takes RSP, as 32-bit
 * code has no R8.  After SYSENTER, C finds RIP and RSP in the vDSO's stack.
 */
static const struct {
	__u8 via;
	int at;
	struct value v;
} own_words[] = {
	{ VIA_ANY, REGS_AX, { .kind = V_NUMBER } },
	{ VIA_ANY, REGS_ORIG_AX, { .kind = V_IN, .id = IN_RAX } },
	{ VIA_ANY, REGS_SS, { .kind = V_CONST, .n = USER_DS } },
	{ VIA_SYSCALL | VIA_SYSCALL32, REGS_IP, { .kind = V_IN, .id = IN_RCX } },
	{ VIA_SYSCALL | VIA_SYSCALL32, REGS_FLAGS, { .kind = V_IN, .id = IN_R11 } },
	{ VIA_SYSCALL | VIA_SYSCALL32, REGS_SP, { .kind = V_IN, .id = IN_RSP } },
	{ VIA_SYSCALL32, REGS_CX, { .kind = V_IN, .id = IN_RBP } },
	{ VIA_SYSCALL32, REGS_R8, { .kind = V_IN, .id = IN_RSP } },
	{ VIA_SYSENTER, REGS_IP, { .kind = V_CONST } },
	{ VIA_SYSENTER, REGS_FLAGS, { .kind = V_NUMBER } },
	{ VIA_SYSENTER, REGS_SP, { .kind = V_CONST } },
};

/* What was interrupted, or called: each word of its pt_regs is the one that was found */
static void check_saved(struct state *st, struct value regs, bool user)
{
	/* ORIG_RAX of a gate is an error code, a vector or -1; CS has been looked at */
	static const __u32 frame[] = { IN_ORIG_AX, IN_RIP, IN_CS, IN_FLAGS, IN_SP, IN_SS };
	size_t i, j;

	for (i = 0; i < REGS_SIZE / 8; i++) {
		__u32 id = i < 15 ? (__u32)regs_order[i] : frame[i - 15];
		struct value v = slot_read(st, regs.id, regs.n + i * 8, 8);
		struct value want = val(V_IN, id, 0);
		bool right;

		for (j = 0; j < ARRAY_SIZE(own_words); j++)
			if (own_words[j].via & st->via && own_words[j].at == (int)i * 8)
				break;
		if (j < ARRAY_SIZE(own_words))
			right = same_value(&v, &own_words[j].v);
		else if (id == IN_ORIG_AX)
			right = v.kind == V_NUMBER || v.kind == V_CONST;
		else if (id == IN_CS)
			right = true;
		else if (!user && id == IN_RIP)
			right = v.kind == V_RIP || v.kind == V_CONST;
		else if (!user && id == IN_SS)
			right = v.kind == V_CONST;
		else
			right = same_value(&v, &want);
		if (!right)
			wrong(st, "saved", "the pt_regs of C has %s where %s belongs",
			      value_text(&v), in_name(id));
	}
}

/* Does what C at st->ip does, and returns from it */
enum outcome call_c(struct state *st)
{
	const struct symbol *s = symbol_at(&img.syms, st->ip);
	const char *name = s ? s->name : "?";
	struct value regs = st->reg[7], sp = st->reg[IN_RSP], to, cs;
	static const int clobbered[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11 };
	size_t i;

	/* It may schedule, and another process has another LDT, or none; or it isolates it */
	st->ldt = 0;
	st->opted_out = 0;
	if (st->gs != GS_KERNEL)
		wrong(st, "gs", "calls %s with the user's GS base", name);
	if (st->fence)
		wrong(st, "fence", "calls %s, no fence after the branch on SWAPGS",
		      name);
	if (sp.kind != V_PTR) {
		wrong(st, "stack", "calls %s, and RSP is %s", name, value_text(&sp));
		return STOP;
	}
	if (strcmp(name, "fixup_bad_iret"))
		policy_left(st);
	slots_keep_only(st, sp.id, sp.n, regs.kind == V_PTR ? regs.id : sp.id,
			regs.kind == V_PTR ? regs.n : sp.n);
	if (regs.kind == V_PTR) {
		cs = slot_read(st, regs.id, regs.n + REGS_CS, 8);
		if (st->in_entry && (is_user_cs(&cs) || is_kernel_cs(&cs)))
			check_saved(st, regs, is_user_cs(&cs));
		else if (st->in_entry)
			wrong(st, "saved", "the pt_regs of C has %s where CS belongs",
			      value_text(&cs));
		/* It goes on where an IRET on the espfix stack failed, else it is the end */
		if (is_user_cs(&cs) && !strcmp(name, "exc_double_fault"))
			return STOP;
		if (is_user_cs(&cs))
			user_regs(st, regs.id, regs.n);
	} else if (st->in_entry) {
		wrong(st, "saved", "%s comes first, and its pt_regs is %s", name,
		      value_text(&regs));
	}
	st->in_entry = 0;
	st->via = VIA_GATE;
	st->fence = 0;
	if (!policy_c_result(name, st))
		st->reg[0] = val(V_JUNK, 0, 0);
	for (i = 1; i < ARRAY_SIZE(clobbered); i++)
		st->reg[clobbered[i]] = val(V_JUNK, 0, 0);
	flags_unknown(st);
	if (!stack_pop(st, &to))
		return STOP;
	if (to.kind == V_CALLER)
		return STOP;
	if (to.kind != V_CONST) {
		wrong(st, "branch", "%s returns to %s", name, value_text(&to));
		return STOP;
	}
	st->ip = to.n;
	return GO_ON;
}

/*
 * Whether user mode may find that in a register.  SYSRET takes RIP from RCX and RFLAGS
 * from R11; 32-bit code cannot read R8 to R15, which are zeroed then.
 */
static bool may_go_out(const struct state *st, int i, enum way_out out)
{
	const struct value *v = &st->reg[i];

	if (v->kind == V_IN && (int)v->id == i)
		return true;
	if (out == OUT_IRET)
		return i == IN_RSP;
	if (v->kind == V_IN)
		return (i == IN_RCX && v->id == IN_RIP) ||
		       (i == IN_R11 && v->id == IN_FLAGS) || (i == IN_RSP && v->id == IN_SP);
	if (v->kind != V_CONST)
		return false;
	/* What does nothing but say -ENOSYS */
	return (out == OUT_SYSRETL && i >= IN_R8 && !v->n) || (i == IN_RAX && st->in_entry);
}

static void check_user_exit(struct state *st, enum way_out out)
{
	int i;

	policy_left(st);
	if (cur->pti && !st->opted_out && (st->cr3.id & CR3_TABLE) !=
	    (CR3_IS_USER | (cur->pcid ? CR3_IS_USER_PCID : 0U)))
		wrong(st, "cr3", "to user mode on the kernel page table");
	if (cur->pcid && st->cr3.id & CR3_IS_KEPT && !st->said)
		wrong(st, "user_cr3", "to user mode, and NOFLUSH was not set again in user_cr3");
	if (st->gs != GS_USER)
		wrong(st, "gs", "to user mode with the kernel's GS base");
	for (i = 0; i < 16; i++)
		if (!may_go_out(st, i, out))
			wrong(st, "register", "to user mode, and %s is %s", in_name(i),
			      value_text(&st->reg[i]));
}

/* Each word of a frame is the one that was found */
static void check_frame(struct state *st, bool user)
{
	static const __u32 frame[5] = { IN_RIP, IN_CS, IN_FLAGS, IN_SP, IN_SS };
	struct value word, in;
	int i;

	for (i = 0; i < 5; i++) {
		stack_read(st, i * 8, &word);
		in = val(V_IN, frame[i], 0);
		if (frame[i] == IN_CS || same_value(&word, &in))
			continue;
		if (!user && (word.kind == V_CONST || (!i && word.kind == V_RIP)))
			continue;
		wrong(st, "frame", "IRET to %s mode, and %s of its frame is %s",
		      user ? "user" : "kernel", in_name(frame[i]), value_text(&word));
	}
}

static enum outcome do_iret(struct state *st)
{
	struct value rip, cs, rsp, word;
	int i;

	for (i = 0; i < 5; i++)
		if (!stack_read(st, i * 8, &word))
			return STOP;
	stack_read(st, 0, &rip);
	stack_read(st, 8, &cs);
	stack_read(st, 24, &rsp);
	if (is_user_cs(&cs)) {
		check_user_exit(st, OUT_IRET);
		check_frame(st, true);
		fault_here(st, 0);
		return STOP;
	}
	if (!is_kernel_cs(&cs)) {
		wrong(st, "frame", "IRET, and CS of its frame is %s", value_text(&cs));
		return STOP;
	}
	if (cs.kind == V_CONST && rip.kind == V_CONST) {
		/* It only goes on behind itself, to let NMIs in */
		st->ip = rip.n;
		st->reg[IN_RSP] = rsp;
		st->fence = 0;
		return GO_ON;
	}
	check_frame(st, false);
	policy_left(st);
	if (cur->pti && img.redo) {
		if (st->cr3.id & CR3_IS_USER)
			wrong(st, "cr3", "back to the kernel on the user page table");
	} else if (cur->pti && ((st->cr3.id & CR3_IS_USER) != 0) != st->cr3_in)
		wrong(st, "cr3", "back to the kernel on the %s page table, it was on the other",
		      st->cr3.id & CR3_IS_USER ? "user" : "kernel");
	if (st->gs != st->gs_in)
		wrong(st, "gs", "back to the kernel with %s GS base, and it had the other",
		      st->gs == GS_USER ? "the user's" : "its");
	for (i = 0; i < 16; i++) {
		struct value in = val(V_IN, i, 0);

		if (i != IN_RSP && !same_value(&st->reg[i], &in))
			wrong(st, "register", "back to the kernel, and %s is %s",
			      in_name(i), value_text(&st->reg[i]));
	}
	return STOP;
}

static enum outcome do_ret(struct state *st)
{
	struct value to;

	if (!stack_pop(st, &to))
		return STOP;
	if (to.kind == V_CONST) {
		st->ip = to.n;
		return GO_ON;
	}
	if (to.kind != V_CALLER)
		wrong(st, "branch", "returns to %s", value_text(&to));
	else if (on_user_table(st) || st->gs != GS_KERNEL)
		wrong(st, "branch", "returns to C with user mode's page table or GS base");
	return STOP;
}

static enum tri not(enum tri t)
{
	return t == MAYBE ? MAYBE : !t;
}

/* Whether the flags decide a condition, and how */
static enum tri decide(const struct state *st, unsigned int id)
{
	switch (id) {
	case X86_INS_JE:
		return st->zf;
	case X86_INS_JNE:
		return not(st->zf);
	case X86_INS_JB:
		return st->cf;
	case X86_INS_JAE:
		return not(st->cf);
	case X86_INS_JS:
		return st->sf;
	case X86_INS_JNS:
		return not(st->sf);
	case X86_INS_JBE:
	case X86_INS_JA:
		if (st->cf == MAYBE || st->zf == MAYBE)
			return MAYBE;
		return (st->cf || st->zf) == (id == X86_INS_JBE);
	default:
		return MAYBE;
	}
}

enum outcome flow(struct state *st, const cs_insn *in, __u64 *other)
{
	const cs_x86_op *op = in->detail->x86.operands;
	__u64 next = in->address + in->size;
	enum tri yes;

	switch (in->id) {
	case X86_INS_IRETQ:
		return do_iret(st);
	case X86_INS_SYSRET:
	case X86_INS_SYSEXIT:
		check_user_exit(st, in->detail->x86.rex & 8 ? OUT_SYSRETQ : OUT_SYSRETL);
		return STOP;
	case X86_INS_RET:
		return do_ret(st);
	case X86_INS_JMP:
	case X86_INS_CALL:
		if (op[0].type != X86_OP_IMM) {
			wrong(st, "branch", "indirect %s%s", in->mnemonic, on_user_table(st) ?
			      " on the user page table" : ": cannot be followed");
			return STOP;
		}
		if (in->id == X86_INS_CALL && !stack_push(st, val(V_CONST, 0, next)))
			return STOP;
		if (in->id == X86_INS_JMP && return_site(in->address)) {
			if (!cur->thunk || (cur->its && in->address & 0x20))
				return do_ret(st);
			st->ip = cur->thunk;
			return GO_ON;
		}
		st->ip = op[0].imm;
		return GO_ON;
	}

	/* Conditional */
	yes = decide(st, in->id);
	if (st->on_mode && st->in_entry && cur->fence)
		st->fence = 1;
	*other = op[0].imm;
	st->ip = yes == YES ? *other : next;
	if (yes == MAYBE)
		return FORK;
	st->path = path_add(st->path, in->address, yes == YES ? "taken" : "not taken");
	return GO_ON;
}
