// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of all CPUs at a stop, from what the monitor's
 * "info registers -a" prints of each:
 *
 *	CPU#0
 *	RAX=… RIP=ffffffff81400080 RFL=00000002 [-------] CPL=3 II=0 …
 *	GS =0000 0000000000000000 ffffffff 00c00000
 *	LDT=0000 0000000000000000 000fffff 00000000
 *	TR =0040 fffffe0000003000 00004087 00008b00 DPL=0 TSS64-busy
 *	GDT=     fffffe0000001000 0000007f
 *	CR0=80050033 CR2=… CR3=000000000100a000 CR4=000006f0
 *	EFER=0000000000000d01
 */
#include <stdlib.h>
#include <string.h>

#include "walk.h"

/* The field at "name" in the text of one CPU, after skip other fields */
static bool field(const char *text, const char *name, int skip, __u64 *value)
{
	const char *p = strstr(text, name);
	char *end;

	if (!p)
		return false;
	p += strlen(name);
	for (;;) {
		*value = strtoull(p, &end, 16);
		if (end == p)
			return false;
		if (!skip--)
			return true;
		p = end;
	}
}

static bool parse_one(const char *text, struct cpu_state *c)
{
	__u64 cpl = 0, sel = 0, limit = 0;
	bool ok;

	ok = field(text, "RIP=", 0, &c->rip) && field(text, "CPL=", 0, &cpl) &&
	     field(text, "\nGS =", 1, &c->gs_base) &&
	     field(text, "\nLDT=", 0, &sel) && field(text, "\nLDT=", 1, &c->ldt_base) &&
	     field(text, "\nLDT=", 2, &limit) && field(text, "\nTR =", 1, &c->tr_base) &&
	     field(text, "\nGDT=", 0, &c->gdt_base) && field(text, "\nIDT=", 0, &c->idt_base) &&
	     field(text, "CR3=", 0, &c->cr3) && field(text, "CR4=", 0, &c->cr4) &&
	     field(text, "EFER=", 0, &c->efer);
	c->cpl = cpl;
	c->ldt_sel = sel;
	c->ldt_limit = limit;
	return ok;
}

/*
 * Returns the number of CPUs; 0 if one of them is not in 64-bit mode yet, -1 if the text
 * is not understood.  Cuts the text into pieces.
 */
int cpu_parse(char *text, struct cpu_state *cpus, int max)
{
	char *p = strstr(text, "CPU#");
	int n = 0;

	while (p) {
		char *next = strstr(p + 1, "CPU#");

		if (next)
			next[-1] = '\0';
		if (n == max)
			return -1;
		if (!parse_one(p, &cpus[n]))
			return strstr(p, "EIP=") ? 0 : -1;
		n++;
		p = next;
	}
	return n ? n : -1;
}
