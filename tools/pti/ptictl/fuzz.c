// SPDX-License-Identifier: GPL-2.0-only
/*
 * For libFuzzer: any bytes as a status file of /proc, and what is printed of its name. "make
 * fuzz" builds it, with ASan and UBSan.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ptictl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ESCAPED_SIZE];
	struct process p;
	const char *c;
	FILE *file;
	bool good;

	if (!size)
		return 0;
	file = fmemopen((void *)data, size, "r");
	if (!file)
		abort();
	good = process_parse(&p, file);
	fclose(file);
	escape(text, p.name);
	for (c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
	if (strlen(text) < strlen(p.name))
		abort();
	if (good && p.told && !p.state[0])
		abort();
	for (c = p.state; *c; c++)
		if (*c <= ' ' || *c > '~')
			abort();
	for (c = p.asked; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
	return 0;
}
