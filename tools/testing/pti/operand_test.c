// SPDX-License-Identifier: GPL-2.0-only
/*
 * What left_operand.c says of bytes whose meaning is known from the manual (SDM vol. 2,
 * "Instruction Format"): "left.sh --self-test".
 */
#include <stdio.h>

#include "left_operand.h"

/* Of all that is looked at the bytes are 30 e8 85 8f: also the end of WRMSR and a call */
static const struct {
	const char *what;
	bool operand;
	size_t at;
	unsigned char code[16];
} cases[] = {
	{ "PUSH of an address", true, 1, { 0x68, 0x30, 0xe8, 0x85, 0x8f } },
	{ "MOV of an address, its sign extended", true, 3,
	  { 0x48, 0xc7, 0xc0, 0x30, 0xe8, 0x85, 0x8f } },
	{ "an absolute displacement", true, 4, { 0x48, 0x8b, 0x04, 0x25, 0x30, 0xe8, 0x85, 0x8f } },
	{ "the displacement of a table", true, 4,
	  { 0x48, 0x8b, 0x04, 0xc5, 0x30, 0xe8, 0x85, 0x8f } },
	{ "an indirect jump through a table", true, 3,
	  { 0xff, 0x24, 0xc5, 0x30, 0xe8, 0x85, 0x8f } },
	{ "an address stored where a distance says", true, 7,
	  { 0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 0x30, 0xe8, 0x85, 0x8f } },
	{ "that distance", false, 3, { 0x48, 0xc7, 0x05, 0x30, 0xe8, 0x85, 0x8f, 0x10, 0, 0, 0 } },
	{ "the target of a call", false, 1, { 0xe8, 0x30, 0xe8, 0x85, 0x8f } },
	{ "the target of a jump", false, 1, { 0xe9, 0x30, 0xe8, 0x85, 0x8f } },
	{ "the target of a conditional jump", false, 2, { 0x0f, 0x84, 0x30, 0xe8, 0x85, 0x8f } },
	{ "the displacement of LEA from RIP", false, 3,
	  { 0x48, 0x8d, 0x05, 0x30, 0xe8, 0x85, 0x8f } },
	{ "the end of WRMSR and a call", false, 1,
	  { 0x0f, 0x30, 0xe8, 0x85, 0x8f, 0x8f, 0, 0, 0 } },
	{ "a later instruction", true, 3, { 0x90, 0x90, 0x68, 0x30, 0xe8, 0x85, 0x8f } },
	{ "bytes that are no instruction", true, 1, { 0x06, 0x30, 0xe8, 0x85, 0x8f } },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	unsigned int failed = 0, i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bool good = left_is_operand(cases[i].code, sizeof(cases[i].code),
					    cases[i].at) == cases[i].operand;

		failed += !good;
		printf("%sok %u - %s\n", good ? "" : "not ", i + 1, cases[i].what);
	}
	printf("1..%zu\n", ARRAY_SIZE(cases));
	return failed ? 1 : 0;
}
