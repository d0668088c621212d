// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands of instructions: whether four bytes of text are an address that an instruction
 * has, or a distance, or parts of several instructions that only look like one. Beside the
 * probe of what is left (left_text.c) and by itself: operand_test.c.
 */
#include <capstone/capstone.h>

#include "left_operand.h"

/**
 * left_is_operand() - are the bytes at @at an operand that holds an address?
 * @code:	text, from where an instruction begins
 * @size:	its bytes
 * @at:		which of them to look at
 *
 * What is counted from where it stands, the target of a relative branch and the
 * displacement from RIP, holds none.
 *
 * Return: false if they are none; true if they are one, and if it cannot be told.
 */
bool left_is_operand(const unsigned char *code, size_t size, size_t at)
{
	uint64_t address = 0;
	bool operand = true;
	cs_insn *in;
	csh cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
		return true;
	cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
	in = cs_malloc(cs);
	while (cs_disasm_iter(cs, &code, &size, &address, in)) {
		const cs_x86 *x = &in->detail->x86;
		size_t offset = at - in->address;
		bool from_rip = false;
		int i;

		if (address <= at)
			continue;
		for (i = 0; i < x->op_count; i++)
			from_rip |= x->operands[i].type == X86_OP_MEM &&
				    x->operands[i].mem.base == X86_REG_RIP;
		operand = (x->encoding.imm_size && offset == x->encoding.imm_offset &&
			   !cs_insn_group(cs, in, CS_GRP_BRANCH_RELATIVE)) ||
			  (x->encoding.disp_size && offset == x->encoding.disp_offset &&
			   !from_rip);
		break;
	}
	cs_free(in, 1);
	cs_close(&cs);
	return operand;
}
