// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: CPU features, and which instruction stands at an
 * address once the kernel has patched itself for the current set of them.
 *
 * Does what apply_alternatives() and apply_returns() do, for the sites that paths meet
 * and at the moment that they meet them: the last alternative of a site whose feature is
 * there wins, its branches and RIP-relative operands are moved along, the rest of the site
 * is NOPs.  Which NOPs the kernel prefers makes no difference here.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

#define ALT_BYTES	14	/* struct alt_instr, packed */
#define ALT_FLAG_NOT	1

struct alt {
	__u64 instr, repl;
	__u16 feature;
	bool not;
	__u8 instrlen, repllen;
	size_t order;		/* in the table: the last that applies wins */
};

/* One instruction as it was decoded at an address, out of one alternative or of none */
struct decoded {
	__u64 ip;
	const struct alt *from;
	cs_insn *insn;
};

#define DECODED_BITS	15

struct set *cur;
__u8 met[MAX_FEATURES / 8];

static struct alt *alts;
static size_t nalts;
static __u64 *returns, *seals;
static size_t nreturns, nseals;

/* Where pti_switch.c has what no CPU with X86_FEATURE_PTI would have, while it is off */
static __u64 *switched;
static size_t nswitched;
static int pti, pti_pcid;
static char *names[MAX_FEATURES];
static struct decoded cache[1 << DECODED_BITS];
static csh cs, att;

/*
 * Features: their numbers are the kernel's own, so its header is read.  What the image
 * itself tells of them, the words of /proc/cpuinfo, has to agree.
 */
static int feature_number(const char *expr, int words, bool bug)
{
	int word = 0, bit, n = -1;
	char c;

	while (isspace((unsigned char)*expr) || *expr == '(')
		expr++;
	if (sscanf(expr, "%d * 32 + %d %c", &word, &bit, &c) == 3 && c == ')')
		n = word * 32 + bit;
	else if (bug && sscanf(expr, "%d %c", &bit, &c) == 2 && c == ')')
		n = bit;
	if (n >= 0 && bug)
		n += words * 32;
	return n < MAX_FEATURES ? n : -1;
}

static void feature_agrees(const char *header, int n, const char *comment)
{
	const struct symbol *flags = symbol_find(&img.syms, "x86_cap_flags");
	const __u64 *p = flags ? image_at(flags->addr + n * 8, 8) : NULL;
	const char *there = NULL, *end;

	comment = comment ? comment + strspn(comment, "/* \t") : "";
	if (*comment != '"' || !p || (__u64)n * 8 >= flags->size)
		return;
	end = strchr(++comment, '"');
	if (*p)
		there = image_at(*p, 1);
	if (!end || !there || strncmp(there, comment, end - comment) || there[end - comment])
		cannot("feature %d*32+%d is \"%.*s\" in %s, not \"%s\" as in %s (FEATURES=FILE)",
		       n / 32, n % 32, end ? (int)(end - comment) : 0, comment, header,
		       there ?: "", img.file);
}

void features_read(const char *header)
{
	FILE *f = fopen(header, "r");
	char line[512], name[128];
	int words = 0, n, at;

	if (!f)
		cannot("%s: %m", header);
	while (fgets(line, sizeof(line), f)) {
		char *rest;
		bool bug;

		if (sscanf(line, "#define NCAPINTS %d", &words) == 1)
			continue;
		at = 0;
		if (sscanf(line, "#define X86_%127s %n", name, &at) != 1 || !at)
			continue;
		rest = line + at;
		bug = !strncmp(rest, "X86_BUG(", 8);
		if (!bug && strncmp(name, "FEATURE_", 8))
			continue;
		n = feature_number(bug ? rest + 8 : rest, words, bug);
		if (n < 0)
			continue;
		if (!bug)
			feature_agrees(header, n, strstr(rest, "/*"));
		if (!names[n])
			names[n] = strdup(bug ? name : name + 8);
	}
	fclose(f);
	if (!words || feature("PTI") < 0)
		cannot("%s: no X86_FEATURE_PTI: a kernel without page-table isolation", header);
}

int feature(const char *name)
{
	int i;

	for (i = 0; i < MAX_FEATURES; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
}

const char *feature_name(int n)
{
	static char text[24];

	if (names[n])
		return names[n];
	snprintf(text, sizeof(text), "%d*32+%d", n / 32, n % 32);
	return text;
}

void set_feature(struct set *s, int n)
{
	if (n >= 0)
		s->has[n / 8] |= 1 << n % 8;
}

bool set_has(const struct set *s, int n)
{
	return n >= 0 && s->has[n / 8] & (1 << n % 8);
}

/*
 * Sites
 */
static int by_instr(const void *a, const void *b)
{
	const struct alt *x = a, *y = b;

	if (x->instr != y->instr)
		return x->instr < y->instr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int by_value(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* A table of places, each by its distance from there; sorted */
static size_t places_read(const char *section, __u64 **to)
{
	const struct section *s = image_section(section);
	size_t i, n = 0;

	if (!s || !s->data)
		return 0;
	*to = calloc(s->size / 4 + 1, sizeof(**to));
	for (i = 0; *to && i + 4 <= s->size; i += 4)
		(*to)[n++] = s->addr + i + *(const __s32 *)(s->data + i);
	qsort(*to, n, sizeof(**to), by_value);
	return n;
}

/* struct pti_site of pti_switch.c; each is an alternative, from begin to end */
static void switch_read(void)
{
	const struct section *s = image_section(".pti_sites");
	size_t i, j;
	__s32 by;

	pti = feature("PTI");
	pti_pcid = feature("PTI_PCID");
	switched = calloc(s ? s->size / 8 + 1 : 1, sizeof(*switched));
	for (i = 0; s && s->data && i + 8 <= s->size; i += 8) {
		memcpy(&by, s->data + i, 4);
		switched[nswitched++] = s->addr + i + by;
		for (j = 0; j < nalts && alts[j].instr != s->addr + i + by; j++)
			;
		if (j == nalts || alts[j].instrlen != s->data[i + 4])
			cannot("%s: %s, in .pti_sites, is no alternative of %u bytes", img.file,
			       place(s->addr + i + by), s->data[i + 4]);
	}
	qsort(switched, nswitched, sizeof(*switched), by_value);
}

bool switch_sites(void)
{
	return nswitched;
}

void alt_read(void)
{
	const struct section *s = image_section(".altinstructions");
	size_t i, j;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK ||
	    cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK)
		cannot("capstone does not start");
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &att) != CS_ERR_OK ||
	    cs_option(att, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK ||
	    cs_option(att, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT) != CS_ERR_OK)
		cannot("capstone does not start");
	if (!s || !s->data)
		cannot("%s: no section .altinstructions", img.file);
	alts = calloc(s->size / ALT_BYTES + 1, sizeof(*alts));
	for (i = 0; i + ALT_BYTES <= s->size; i += ALT_BYTES) {
		const __u8 *e = s->data + i;
		struct alt *a = &alts[nalts++];
		__s32 instr, repl;
		__u32 flags;

		memcpy(&instr, e, 4);
		memcpy(&repl, e + 4, 4);
		memcpy(&flags, e + 8, 4);
		a->instr = s->addr + i + instr;
		a->repl = s->addr + i + 4 + repl;
		a->feature = flags & 0xffff;
		a->not = flags >> 16 & ALT_FLAG_NOT;
		a->instrlen = e[12];
		a->repllen = e[13];
		a->order = i;
		if (a->feature >= MAX_FEATURES || !image_at(a->instr, a->instrlen) ||
		    (a->repllen && !image_at(a->repl, a->repllen)))
			cannot("%s: .altinstructions is not what 6.12 has", img.file);
	}
	qsort(alts, nalts, sizeof(*alts), by_instr);
	/* Nested ones are as long as the longest */
	for (i = 1; i < nalts; i++)
		for (j = i; j > 0 && alts[j - 1].instr == alts[i].instr; j--)
			if (alts[j - 1].instrlen > alts[i].instrlen)
				alts[i].instrlen = alts[j - 1].instrlen;
	for (i = nalts; i-- > 1;)
		if (alts[i - 1].instr == alts[i].instr)
			alts[i - 1].instrlen = alts[i].instrlen;
	nreturns = places_read(".return_sites", &returns);
	nseals = places_read(".ibt_endbr_seal", &seals);
	switch_read();
}

bool return_site(__u64 ip)
{
	return returns && bsearch(&ip, returns, nreturns, sizeof(*returns), by_value);
}

bool returns_in(__u64 from, __u64 size)
{
	size_t i;

	for (i = 0; i < nreturns; i++)
		if (returns[i] >= from && returns[i] - from < (size ?: 1))
			return true;
	/* Without any, nothing in this kernel returns by a thunk, and none is a real one */
	return !nreturns;
}

/* Whether the kernel takes the ENDBR there away when it starts: nothing should jump to it */
bool endbr_sealed(__u64 ip)
{
	return seals && bsearch(&ip, seals, nseals, sizeof(*seals), by_value);
}

bool alt_depends_on(int n, __u64 from, __u64 to)
{
	size_t i;

	for (i = 0; i < nalts; i++)
		if (alts[i].feature == n && alts[i].instr >= from && alts[i].instr < to)
			return true;
	return false;
}

size_t replacements(__u64 from, __u64 to, struct replacement *out, size_t max)
{
	size_t i, n = 0;

	for (i = 0; i < nalts && n < max; i++)
		if (alts[i].instr >= from && alts[i].instr < to && alts[i].repllen)
			out[n++] = (struct replacement){
				.instr = alts[i].instr, .repl = alts[i].repl,
				.feature = alts[i].feature, .len = alts[i].repllen,
			};
	return n;
}

/* The first of the alternatives of the site that has this address in it */
static const struct alt *site_at(__u64 ip)
{
	size_t low = 0, high = nalts;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (alts[mid].instr <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low || ip >= alts[low - 1].instr + alts[low - 1].instrlen)
		return NULL;
	while (low > 1 && alts[low - 2].instr == alts[low - 1].instr)
		low--;
	return &alts[low - 1];
}

/* Which of them is there now; NULL: what was built in */
static const struct alt *chosen(const struct alt *a)
{
	const struct alt *which = NULL, *first = a;
	bool off = cur->off && bsearch(&a->instr, switched, nswitched, sizeof(*switched), by_value);

	for (; a < alts + nalts && a->instr == first->instr; a++) {
		met[a->feature / 8] |= 1 << a->feature % 8;
		if (off && (a->feature == pti || a->feature == pti_pcid))
			continue;
		if (set_has(cur, a->feature) != a->not)
			which = a;
	}
	return which;
}

__u64 origin(__u64 ip)
{
	const struct alt *a = site_at(ip);

	if (a)
		a = chosen(a);
	return a && ip - a->instr < a->repllen ? a->repl + (ip - a->instr) : ip;
}

/* Adds to a field of an instruction */
static void move_field(__u8 *at, int size, __s64 by)
{
	__s64 v = 0;

	memcpy(&v, at, size);
	v = (__s64)((__u64)v << (64 - size * 8)) >> (64 - size * 8);
	v += by;
	if (v != (__s64)((__u64)v << (64 - size * 8)) >> (64 - size * 8))
		cannot("%s: a branch of an alternative does not reach its target", img.file);
	memcpy(at, &v, size);
}

/* The site's bytes with that alternative */
static void alt_bytes(const struct alt *a, __u8 *to)
{
	__s64 by = a->repl - a->instr;
	size_t left = a->repllen;
	uint64_t at = a->repl;
	cs_insn *in = cs_malloc(cs);
	const __u8 *code = a->repllen ? image_at(a->repl, a->repllen) : NULL;

	memset(to, 0x90, a->instrlen);
	if (code)
		memcpy(to, code, a->repllen);
	while (left && cs_disasm_iter(cs, &code, &left, &at, in)) {
		const cs_x86 *x = &in->detail->x86;
		__u8 *here = to + (in->address - a->repl);
		__u64 target;
		int i;

		for (i = 0; i < x->op_count; i++) {
			const cs_x86_op *op = &x->operands[i];

			if (op->type == X86_OP_IMM && (cs_insn_group(cs, in, CS_GRP_JUMP) ||
						       cs_insn_group(cs, in, CS_GRP_CALL))) {
				target = op->imm;
				if (target < a->repl || target > a->repl + a->repllen)
					move_field(here + x->encoding.imm_offset,
						   x->encoding.imm_size, by);
			} else if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP) {
				target = at + op->mem.disp;
				if (target < a->repl || target > a->repl + a->repllen)
					move_field(here + x->encoding.disp_offset,
						   x->encoding.disp_size, by);
			}
		}
	}
	cs_free(in, 1);
}

void fetch_forget(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cache); i++) {
		if (cache[i].insn)
			cs_free(cache[i].insn, 1);
		cache[i].insn = NULL;
	}
}

static cs_insn *decode(__u64 ip, const struct alt *a)
{
	uint64_t at = ip;
	const __u8 *code;
	__u8 bytes[256 + 16];
	size_t size;
	cs_insn *in;

	if (a) {
		alt_bytes(a, bytes);
		size = a->instr + a->instrlen - ip;
		code = bytes + (ip - a->instr);
	} else {
		for (size = 15; size && !image_at(ip, size); size--)
			;
		code = size ? image_at(ip, size) : NULL;
	}
	in = cs_malloc(cs);
	if (!code || !cs_disasm_iter(cs, &code, &size, &at, in)) {
		cs_free(in, 1);
		return NULL;
	}
	return in;
}

/* One instruction in AT&T syntax, or NULL if it is none; moves all three along */
cs_insn *disassemble(const __u8 **code, size_t *size, __u64 *ip)
{
	cs_insn *in = cs_malloc(att);
	uint64_t at = *ip;

	if (cs_disasm_iter(att, code, size, &at, in)) {
		*ip = at;
		return in;
	}
	cs_free(in, 1);
	return NULL;
}

/* How it reads; valid until the next call */
const char *insn_text(const cs_insn *in)
{
	static char text[200];
	const __u8 *code = in->bytes;
	size_t size = in->size;
	__u64 ip = in->address;
	cs_insn *a = disassemble(&code, &size, &ip);

	snprintf(text, sizeof(text), "%s%s%s", a ? a->mnemonic : "?",
		 a && *a->op_str ? " " : "", a ? a->op_str : "");
	if (a)
		cs_free(a, 1);
	return text;
}

const cs_insn *fetch(__u64 ip)
{
	const struct alt *a = site_at(ip);
	struct decoded *d;
	__u64 key;

	if (a)
		a = chosen(a);
	key = (ip * 31 + (a ? (size_t)(a - alts) + 1 : 0)) * 0x9e3779b97f4a7c15ULL;
	d = &cache[key >> (64 - DECODED_BITS)];
	if (!d->insn || d->ip != ip || d->from != a) {
		if (d->insn)
			cs_free(d->insn, 1);
		d->ip = ip;
		d->from = a;
		d->insn = decode(ip, a);
	}
	return d->insn;
}
