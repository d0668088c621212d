// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: the unwinder.  There must be ORC data for each
 * instruction; where they say that a frame lies, one must lie, and where they say that
 * none does, there must be none that could have been told of.
 */
#include <string.h>

#include "entry_check.h"

/* arch/x86/include/asm/orc_types.h */
enum { ORC_UNDEFINED, ORC_END_OF_STACK, ORC_CALL, ORC_REGS, ORC_REGS_PARTIAL };
enum {
	ORC_REG_DX = 2, ORC_REG_DI, ORC_REG_BP, ORC_REG_SP, ORC_REG_R10, ORC_REG_R13,
	ORC_REG_BP_INDIRECT, ORC_REG_SP_INDIRECT
};

struct orc {
	__s16 sp_offset, bp_offset;
	__u16 bits;		/* sp_reg:4 bp_reg:4 type:3 signal:1 */
};

/* The row that holds at an address, or NULL */
static __u8 *orc_row(__u64 ip)
{
	static const struct section *ips, *orcs;
	size_t low = 0, high;

	if (!ips) {
		ips = image_section(".orc_unwind_ip");
		orcs = image_section(".orc_unwind");
		if (!ips || !orcs || !ips->data || !orcs->data)
			cannot("%s: no ORC data (CONFIG_UNWINDER_ORC)", img.file);
	}
	high = ips->size / 4;
	if (orcs->size < high * sizeof(struct orc))
		cannot("%s: the ORC data are cut short", img.file);
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (ips->addr + mid * 4 + ((const __s32 *)ips->data)[mid] <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? orcs->data + (low - 1) * sizeof(struct orc) : NULL;
}

/* For planted breaks: makes it say something else; returns where, *old is what it was */
__u8 *orc_break(__u64 ip, const char *how, __u8 *old)
{
	__u8 *row = orc_row(ip);
	struct orc orc;

	if (!row)
		cannot("%s has no ORC data", place(ip));
	memcpy(&orc, row, sizeof(orc));
	memcpy(old, row, sizeof(orc));
	if (!strcmp(how, "end"))
		orc.bits = (orc.bits & ~(7 << 8)) | ORC_END_OF_STACK << 8;
	else if (!strcmp(how, "(%rbp)"))
		orc.bits = (orc.bits & ~15) | ORC_REG_BP_INDIRECT;
	else if (!strcmp(how, "(%rsp)"))
		orc.bits = (orc.bits & ~15) | ORC_REG_SP_INDIRECT;
	else
		cannot("\"orc end\", \"orc (%%rbp)\" or \"orc (%%rsp)\", not \"%s\"", how);
	memcpy(row, &orc, sizeof(orc));
	return row;
}

static bool is_cs(const struct value *v)
{
	return v->kind == V_CS || is_const(v, KERNEL_CS) || is_const(v, USER32_CS) ||
	       is_const(v, USER_CS);
}

/*
 * A frame that C could be unwound through: pt_regs with each word in its place, or what
 * the CPU pushed.  While a system call builds its frame, it is none yet.
 */
static bool frame_at(const struct state *st, __u32 region, __s64 cs_at)
{
	struct value v = slot_read(st, region, cs_at, 8);
	int i;

	if (!is_cs(&v))
		return false;
	/* RIP, RFLAGS, RSP and SS */
	for (i = -8; i <= 24; i += 8) {
		struct value word = slot_read(st, region, cs_at + i, 8);

		if (word.kind == V_JUNK)
			return false;
	}
	if (v.kind == V_CS)
		return true;
	for (i = 0; i < REGS_CS; i += 8) {
		v = slot_read(st, region, cs_at - REGS_CS + i, 8);
		if (v.kind == V_JUNK)
			return false;
	}
	return true;
}

/*
 * Whether the unwinder may be told that the stack ends here: there is no frame on it, or
 * the way out has come so far that what the registers hold is user mode's.
 */
static bool ends_here(const struct state *st)
{
	static const int of_caller[] = { 3, 5, 12, 13, 14, 15 };
	const struct value *sp = &st->reg[IN_RSP];
	bool users = !st->in_entry;
	__u32 i;

	if (sp->kind != V_PTR)
		return true;
	for (i = 0; users && i < ARRAY_SIZE(of_caller); i++) {
		const struct value *v = &st->reg[of_caller[i]];

		users = v->kind == V_IN && (int)v->id == of_caller[i];
	}
	if (users)
		return true;
	for (i = 0; i < st->nslots; i++)
		if (st->slot[i].region == sp->id && st->slot[i].off >= sp->n &&
		    frame_at(st, sp->id, st->slot[i].off))
			return false;
	return true;
}

void orc_check(const struct state *st)
{
	static const int regs[] = {
		[ORC_REG_DX] = 2, [ORC_REG_DI] = 7, [ORC_REG_BP] = 5, [ORC_REG_SP] = 4,
		[ORC_REG_R10] = 10, [ORC_REG_R13] = 13,
	};
	struct orc orc = { 0 };
	struct value sp, v;
	unsigned int reg;
	int type = ORC_UNDEFINED;
	const __u8 *row;

	row = orc_row(st->ip);
	if (row) {
		memcpy(&orc, row, sizeof(orc));
		type = orc.bits >> 8 & 7;
	}
	reg = orc.bits & 15;
	if (type == ORC_UNDEFINED) {
		wrong(st, "orc", "no ORC data: the unwinder stops here");
		return;
	}
	if (type == ORC_END_OF_STACK) {
		if (!ends_here(st))
			wrong(st, "orc", "ORC says that the stack ends, and a frame is on it");
		return;
	}
	/* Entry code keeps no stack pointer in memory */
	if (reg < ORC_REG_DX || reg > ORC_REG_R13) {
		wrong(st, "orc", "ORC finds the stack by %s",
		      reg == ORC_REG_BP_INDIRECT ? "what RBP points at" :
		      reg == ORC_REG_SP_INDIRECT ? "what RSP points at" : "no register");
		return;
	}
	sp = st->reg[regs[reg]];
	if (sp.kind != V_PTR) {
		wrong(st, "orc", "ORC finds the stack by %s", value_text(&sp));
		return;
	}
	sp.n += orc.sp_offset;
	switch (type) {
	case ORC_REGS:
		v = slot_read(st, sp.id, sp.n + REGS_CS, 8);
		break;
	case ORC_REGS_PARTIAL:
		v = slot_read(st, sp.id, sp.n + 8, 8);
		break;
	default:
		v = slot_read(st, sp.id, sp.n - 8, 8);
		if (v.kind != V_CALLER && (v.kind != V_CONST || !image_at(v.n, 1)))
			wrong(st, "orc", "ORC finds %s where a return address is", value_text(&v));
		return;
	}
	if (!is_cs(&v))
		wrong(st, "orc", "ORC finds %s where CS of a frame is", value_text(&v));
}
