// SPDX-License-Identifier: GPL-2.0-only
/*
 * What left_operand.c says of bytes whose meaning is known from the manual (SDM vol. 2,
 * "Instruction Format"): "left.sh --self-test".
 */
#include <stdio.h>

#include "left_operand.h"

#define ADDRESS		0x30, 0xe8, 0x85, 0x8f

static const struct {
	const char *what;
	bool operand;
	size_t at;
	unsigned char code[16];
} cases[] = {
	{ "PUSH of an address", true, 1, { 0x68, ADDRESS } },
	{ "MOV of an address, its sign extended", true, 3, { 0x48, 0xc7, 0xc0, ADDRESS } },
	{ "an absolute displacement", true, 4, { 0x48, 0x8b, 0x04, 0x25, ADDRESS } },
	{ "the displacement of a table", true, 4, { 0x48, 0x8b, 0x04, 0xc5, ADDRESS } },
	{ "an indirect jump through a table", true, 3, { 0xff, 0x24, 0xc5, ADDRESS } },
	{ "an address stored where a distance says", true, 7,
	  { 0x48, 0xc7, 0x05, 0x10, 0, 0, 0, ADDRESS } },
	{ "that distance", false, 3, { 0x48, 0xc7, 0x05, ADDRESS, 0x10, 0, 0, 0 } },
	{ "the target of a call", false, 1, { 0xe8, ADDRESS } },
	{ "the target of a jump", false, 1, { 0xe9, ADDRESS } },
	{ "the target of a conditional jump", false, 2, { 0x0f, 0x84, ADDRESS } },
	{ "the displacement of LEA from RIP", false, 3, { 0x48, 0x8d, 0x05, ADDRESS } },
	{ "the end of WRMSR and a call", false, 1, { 0x0f, ADDRESS, 0x8f, 0, 0, 0 } },
	{ "a later instruction", true, 3, { 0x90, 0x90, 0x68, ADDRESS } },
	{ "bytes that are no instruction", true, 1, { 0x06, ADDRESS } },
};

#define N_CASES	(sizeof(cases) / sizeof(cases[0]))

int main(void)
{
	unsigned int failed = 0, i;

	for (i = 0; i < N_CASES; i++) {
		bool good = left_is_operand(cases[i].code, sizeof(cases[i].code),
					    cases[i].at) == cases[i].operand;

		failed += !good;
		printf("%sok %u - %s\n", good ? "" : "not ", i + 1, cases[i].what);
	}
	printf("1..%zu\n", N_CASES);
	return failed ? 1 : 0;
}
