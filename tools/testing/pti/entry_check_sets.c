// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: the sets of CPU features for which it is patched.
 *
 * All combinations of the columns below.  Each column is what the kernel decides in one
 * place, so no set is one that it would not choose.  What this kernel was built without
 * is left out, and said: there, returns would lead in a circle, and ways in that nobody
 * checked would pass for checked.
 */
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

struct choice {
	const char *name;
	const char *features[6];
	const char *thunk;	/* where returns go, NULL: plain */
	bool ibt;		/* only of a kernel that was built with ENDBRs */
	bool off;		/* only of one that can be switched, and is */
};

#define MAX_CHOICES	16

#define CHOICE(n, ...)		{ .name = n, .features = { __VA_ARGS__ } }
#define THUNK(n, t, ...)	{ .name = n, .thunk = t, .features = { __VA_ARGS__ } }
#define WITH_IBT(n, ...)	{ .name = n, .ibt = true, .features = { __VA_ARGS__ } }
#define SWITCHED_OFF(n, ...)	{ .name = n, .off = true, .features = { __VA_ARGS__ } }

static const struct {
	struct choice choice[MAX_CHOICES];
} columns[] = {
	{ {	/* pti_mode.c, and what cpu_init() finds */
		CHOICE("nopti"),
		CHOICE("nopti,pcid", "PCID", "INVPCID"),
		CHOICE("pti", "PTI"),
		CHOICE("pti,pcid", "PTI", "PCID", "PTI_PCID"),
		CHOICE("pti,pcid,invpcid", "PTI", "PCID", "PTI_PCID", "INVPCID"),
		/* pti_switch.c */
		SWITCHED_OFF("off", "PTI"),
		SWITCHED_OFF("off,pcid", "PTI", "PCID", "PTI_PCID"),
	} },
	{ {	/* bugs.c: spectre_v1; user's fence where no CR3 write does it always */
		CHOICE(""),
		CHOICE("swapgs", "FENCE_SWAPGS_KERNEL"),
	} },
	{ {
		CHOICE(""),
		CHOICE("fsgsbase", "FSGSBASE"),
	} },
	{ {
		CHOICE(""),
		CHOICE("smap", "SMAP"),
		CHOICE("verw", "CLEAR_CPU_BUF"),
		CHOICE("bhi", "CLEAR_BHB_LOOP"),
		CHOICE("smap,verw,bhi", "SMAP", "CLEAR_CPU_BUF", "CLEAR_BHB_LOOP"),
		WITH_IBT("smap,verw,bhi,ibt", "SMAP", "CLEAR_CPU_BUF", "CLEAR_BHB_LOOP", "IBT"),
	} },
	{ {	/* bugs.c: spectre_v2, retbleed, srso, its */
		CHOICE("plain"),
		CHOICE("retpoline", "RETPOLINE"),
		CHOICE("retpoline,lfence", "RETPOLINE", "RETPOLINE_LFENCE"),
		CHOICE("ibrs", "RETPOLINE", "KERNEL_IBRS", "RSB_CTXSW"),
		CHOICE("ibpb", "RETPOLINE", "ENTRY_IBPB"),
		CHOICE("ibpb,no_ret", "RETPOLINE", "ENTRY_IBPB", "BUG_IBPB_NO_RET"),
		THUNK("unret", "retbleed_return_thunk", "RETPOLINE", "RETHUNK", "UNRET"),
		THUNK("srso", "srso_return_thunk", "RETHUNK", "UNRET", "SRSO"),
		THUNK("srso_alias", "srso_alias_return_thunk", "RETHUNK", "UNRET", "SRSO_ALIAS"),
		THUNK("call_depth", "call_depth_return_thunk", "RETPOLINE", "RETHUNK",
		      "CALL_DEPTH"),
		THUNK("its", "its_return_thunk", "RETHUNK", "INDIRECT_THUNK_ITS"),
	} },
};

/* Set always, and never: under Xen PV and with FRED nothing isolates */
static const char * const always[] = { "ALWAYS" };
static const char * const never[] = { "XENPV", "FRED" };

bool set_knows(int n)
{
	size_t c, i, f;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		if (feature(always[i]) == n)
			return true;
	for (i = 0; i < ARRAY_SIZE(never); i++)
		if (feature(never[i]) == n)
			return true;
	if (feature("FENCE_SWAPGS_USER") == n)
		return true;
	for (c = 0; c < ARRAY_SIZE(columns); c++)
		for (i = 0; i < MAX_CHOICES && columns[c].choice[i].name; i++)
			for (f = 0; f < 6 && columns[c].choice[i].features[f]; f++)
				if (feature(columns[c].choice[i].features[f]) == n)
					return true;
	return false;
}

/*
 * Why this kernel cannot choose that, or NULL.  A thunk that is configured out is an empty
 * function of C, if there is one at all, which returns by a thunk as every other does.
 */
static const char *lacks(const struct choice *c)
{
	const struct symbol *s = c->thunk ? symbol_find(&img.syms, c->thunk) : NULL;
	static char text[128];

	if (c->off && !switch_sites())
		return "it was built without CONFIG_PTI_SWITCH";
	if (c->ibt && !image_section(".ibt_endbr_seal"))
		return "it was built without CONFIG_X86_KERNEL_IBT";
	if (!c->thunk || (s && !returns_in(s->addr, s->size)))
		return NULL;
	snprintf(text, sizeof(text), "it has %s%s", s ? "an empty " : "no ", c->thunk);
	return text;
}

static size_t choices(size_t column)
{
	size_t n = 0;

	while (n < MAX_CHOICES && columns[column].choice[n].name)
		n++;
	return n;
}

/* The first column goes through its choices first of all */
size_t sets_ways(void)
{
	size_t i, n = 0;

	for (i = 0; i < choices(0); i++)
		n += !lacks(&columns[0].choice[i]);
	return n;
}

size_t sets_left_out(void)
{
	size_t all = 1, left_out = 0, c, i;
	const char *why;

	for (c = 0; c < ARRAY_SIZE(columns); c++)
		all *= choices(c);
	for (c = 0; c < ARRAY_SIZE(columns); c++) {
		for (i = 0; i < choices(c); i++) {
			why = lacks(&columns[c].choice[i]);
			if (!why)
				continue;
			printf("left out: %zu sets with %s: %s\n", all / choices(c),
			       columns[c].choice[i].name, why);
			left_out++;
		}
	}
	return left_out;
}

static void choose(struct set *s, const struct choice *c)
{
	size_t n = strlen(s->name);
	size_t f;

	if (*c->name)
		snprintf(s->name + n, sizeof(s->name) - n, "%s%s", n ? " " : "", c->name);
	for (f = 0; f < 6 && c->features[f]; f++)
		set_feature(s, feature(c->features[f]));
	if (c->thunk) {
		s->thunk = image_symbol(c->thunk);
		s->its = !strcmp(c->thunk, "its_return_thunk");
	}
	s->ibt |= c->ibt;
	s->off |= c->off;
}

/* All of them but those that are left out */
size_t sets_make(struct set **sets)
{
	size_t at[ARRAY_SIZE(columns)] = { 0 };
	size_t n = 0, c, i;

	*sets = NULL;
	for (;;) {
		struct set s = { .thunk = 0 };
		bool there = true;

		for (c = 0; c < ARRAY_SIZE(columns); c++)
			there &= !lacks(&columns[c].choice[at[c]]);
		for (c = 0; c < ARRAY_SIZE(columns); c++)
			choose(&s, &columns[c].choice[at[c]]);
		for (i = 0; i < ARRAY_SIZE(always); i++)
			set_feature(&s, feature(always[i]));
		s.pti = set_has(&s, feature("PTI")) && !s.off;
		s.pcid = s.pti && set_has(&s, feature("PCID"));
		s.fence = set_has(&s, feature("FENCE_SWAPGS_KERNEL"));
		if (s.fence && (!s.pti || switch_sites()))
			set_feature(&s, feature("FENCE_SWAPGS_USER"));
		if (there) {
			*sets = grow(*sets, n, sizeof(**sets));
			(*sets)[n++] = s;
		}
		for (c = 0; c < ARRAY_SIZE(columns); c++) {
			if (++at[c] < MAX_CHOICES && columns[c].choice[at[c]].name)
				break;
			at[c] = 0;
		}
		if (c == ARRAY_SIZE(columns))
			return n;
	}
}
