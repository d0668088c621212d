// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: the unwinder.  There must be ORC data for each
 * instruction, and where they say that a frame lies, one must lie.
 */
#include <string.h>

#include "entry_check.h"

/* arch/x86/include/asm/orc_types.h */
enum { ORC_UNDEFINED, ORC_END_OF_STACK, ORC_CALL, ORC_REGS, ORC_REGS_PARTIAL };
enum { ORC_REG_DX = 2, ORC_REG_DI, ORC_REG_BP, ORC_REG_SP, ORC_REG_R10, ORC_REG_R13 };

struct orc {
	__s16 sp_offset, bp_offset;
	__u16 bits;		/* sp_reg:4 bp_reg:4 type:3 signal:1 */
};

static bool orc_find(__u64 ip, struct orc *to)
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
	if (orcs->size < high * sizeof(*to))
		cannot("%s: the ORC data are cut short", img.file);
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (ips->addr + mid * 4 + ((const __s32 *)ips->data)[mid] <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return false;
	memcpy(to, orcs->data + (low - 1) * sizeof(*to), sizeof(*to));
	return true;
}

static bool is_cs(const struct value *v)
{
	return v->kind == V_CS || is_const(v, KERNEL_CS) || is_const(v, USER32_CS) ||
	       is_const(v, USER_CS);
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

	if (orc_find(st->ip, &orc))
		type = orc.bits >> 8 & 7;
	reg = orc.bits & 15;
	if (type == ORC_UNDEFINED) {
		wrong(st, "orc", "no ORC data: the unwinder stops here");
		return;
	}
	/* BP and SP indirect: frames that C made */
	if (type == ORC_END_OF_STACK || reg < ORC_REG_DX || reg > ORC_REG_R13)
		return;
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
