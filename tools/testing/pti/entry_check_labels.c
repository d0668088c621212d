// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: the comments at its labels.
 *
 * Above each symbol of the series' own entry code stands in which state it is reached, and
 * where it says "jumps to", in which state it leaves:
 *
 *	In:	user page table, user GS base, user stack, interrupts off.
 *	Out:	jumps to SYMBOL: kernel page table, ...
 *
 * Clauses end at a comma, a semicolon, a colon or a full stop.  Those that this file knows
 * are compared with each state that comes there; others are for people.  Symbols that a
 * macro makes have its comment, with its arguments put in.  The comments of TO_KERNEL_CR3
 * and TO_USER_CR3, which leave no symbol, are held against the CR3 writes themselves.
 */
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

#define MAX_PARAMS	12
#define MAX_CLAUSES	24

enum stack {
	S_UNSAID, S_ANY, S_USER, S_ENTRY, S_THREAD, S_TRAMPOLINE, S_EXCEPTION, S_ESPFIX, S_MAPPED,
};

/* What a comment says; 0 of each: nothing */
struct says {
	enum { T_UNSAID, T_ANY, T_USER, T_KERNEL } table;
	enum { G_UNSAID, G_ANY, G_USER, G_KERNEL } gs;
	enum { I_UNSAID, I_OFF, I_ON } irqs;
	enum stack stack;
	bool or_none;			/* or on no stack */
	bool from_kernel;		/* only if that is what was interrupted */
	char unknown[96];		/* a clause that should have been known */
};

struct label {
	char *name, *in, *out;		/* texts of the comment, or NULL */
	char where[80];			/* FILE:LINE of the symbol */
	__u64 addr;			/* 0: a macro */
	__u64 to;			/* where Out jumps to, or 0 */
	struct says says_in, says_out;
	bool came, jumped;
};

/* A macro, and the symbols that it makes */
struct macro {
	char *name;
	char *param[MAX_PARAMS], *preset[MAX_PARAMS];
	size_t nparams;
	struct label *label;		/* with the parameters still in */
	size_t nlabels;
};

static struct label *labels;
static size_t nlabels;
static struct macro *macros;
static size_t nmacros;
static const struct label *to_kernel, *to_user;

static char *copy(const char *s, size_t n)
{
	char *to = strndup(s, n);

	if (!to)
		cannot("out of memory");
	return to;
}

/*
 * What the words mean
 */
static bool begins(const char *clause, const char *with)
{
	size_t n = strlen(with);

	return !strncmp(clause, with, n) && (!clause[n] || clause[n] == ' ');
}

static void clause_read(const char *c, struct says *s)
{
	static const struct { const char *words; enum stack stack; } stacks[] = {
		{ "any stack", S_ANY }, { "the stack may be anything", S_ANY },
		{ "user stack", S_USER }, { "thread stack", S_THREAD },
		{ "RSP * on the thread stack", S_THREAD },
		{ "RSP * the entry stack", S_ENTRY },
		{ "RSP * the trampoline", S_TRAMPOLINE },
		{ "RSP * the exception stack", S_EXCEPTION },
		{ "RSP * the ESPFIX stack", S_ESPFIX },
		{ "RSP * a stack that the user page table maps", S_MAPPED },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stacks); i++) {
		if (!fnmatch(stacks[i].words, c, 0)) {
			s->stack = stacks[i].stack;
			return;
		}
	}
	if (begins(c, "user page table"))
		s->table = T_USER;
	else if (begins(c, "kernel page table"))
		s->table = T_KERNEL;
	else if (begins(c, "any page table") || begins(c, "user or kernel page table"))
		s->table = T_ANY;
	else if (begins(c, "user GS base"))
		s->gs = G_USER;
	else if (begins(c, "kernel GS base"))
		s->gs = G_KERNEL;
	else if (begins(c, "any GS base"))
		s->gs = G_ANY;
	else if (begins(c, "interrupts off"))
		s->irqs = I_OFF;
	else if (begins(c, "interrupts on"))
		s->irqs = I_ON;
	else if (!strcmp(c, "or on none"))
		s->or_none = true;
	else if (!strcmp(c, "from the kernel"))
		s->from_kernel = true;
	else if (begins(c, "RSP") || begins(c, "interrupts"))
		snprintf(s->unknown, sizeof(s->unknown), "%s", c);
}

static struct says says_read(const char *text)
{
	struct says s = { 0 };
	const char *end;
	char *clause;

	while (text && *text) {
		for (end = text; *end; end++)
			if (strchr(",;:", *end) || (*end == '.' && (!end[1] || end[1] == ' ')))
				break;
		clause = copy(text, end - text);
		clause_read(clause, &s);
		free(clause);
		text = end + strspn(end, ",;:. ");
	}
	return s;
}

static void label_read(struct label *l)
{
	const struct symbol *s;
	char name[128];

	l->says_in = says_read(l->in);
	l->says_out = (struct says){ 0 };
	l->to = 0;
	if (!l->out || sscanf(l->out, "jumps to %127[A-Za-z0-9_]", name) != 1)
		return;
	s = symbol_find(&img.syms, name);
	if (!s)
		return;
	l->to = s->addr;
	l->says_out = says_read(l->out + strlen("jumps to ") + strlen(name));
}

/*
 * The sources
 */

/* "\name" and "\name()" become the argument */
static char *expand(const struct macro *m, char **arg, const char *text)
{
	size_t size, best, i, n;
	char *to = NULL;
	FILE *f;

	if (!text)
		return NULL;
	f = open_memstream(&to, &size);
	if (!f)
		cannot("out of memory");
	while (*text) {
		best = m->nparams;
		for (i = 0; *text == '\\' && i < m->nparams; i++) {
			n = strlen(m->param[i]);
			if (!strncmp(text + 1, m->param[i], n) &&
			    (best == m->nparams || n > strlen(m->param[best])))
				best = i;
		}
		if (best == m->nparams) {
			fputc(*text++, f);
			continue;
		}
		fputs(arg[best] ?: "", f);
		text += 1 + strlen(m->param[best]);
		if (!strncmp(text, "\\()", 3))
			text += 3;
	}
	fclose(f);
	return to;
}

static void label_add(const struct label *l)
{
	const struct symbol *s = symbol_find(&img.syms, l->name);

	/* What it was built without is nothing that could be reached */
	if (!s)
		return;
	labels = grow(labels, nlabels, sizeof(*labels));
	labels[nlabels] = *l;
	labels[nlabels].addr = s->addr;
	label_read(&labels[nlabels++]);
}

static void macro_begin(char *rest)
{
	struct macro *m;
	char *word, *at;

	macros = grow(macros, nmacros, sizeof(*macros));
	m = &macros[nmacros++];
	*m = (struct macro){ 0 };
	word = strtok(rest, " \t,");
	m->name = copy(word ?: "", word ? strlen(word) : 0);
	while ((word = strtok(NULL, " \t,")) && m->nparams < MAX_PARAMS) {
		at = word + strcspn(word, ":=");
		m->param[m->nparams] = copy(word, at - word);
		m->preset[m->nparams++] = *at == '=' ? copy(at + 1, strlen(at + 1)) : NULL;
	}
}

static void macro_use(const struct macro *m, char *rest)
{
	char *arg[MAX_PARAMS], *word;
	size_t n = 0, i;

	memcpy(arg, m->preset, sizeof(arg));
	for (word = strtok(rest, " \t,"); word; word = strtok(NULL, " \t,")) {
		for (i = 0; i < m->nparams; i++) {
			size_t len = strlen(m->param[i]);

			if (!strncmp(word, m->param[i], len) && word[len] == '=') {
				arg[i] = word + len + 1;
				break;
			}
		}
		if (i == m->nparams && n < m->nparams)
			arg[n++] = word;
	}
	for (i = 0; i < m->nlabels; i++) {
		struct label l = m->label[i];

		l.name = expand(m, arg, l.name);
		l.in = expand(m, arg, l.in);
		l.out = expand(m, arg, l.out);
		label_add(&l);
	}
}

/* Of a comment in one line what stands behind a word, up to the other one */
static char *part(const char *text, const char *word, const char *until)
{
	const char *from = strstr(text, word), *to;

	if (!from)
		return NULL;
	from += strlen(word);
	from += strspn(from, " ");
	to = until ? strstr(from, until) : NULL;
	return copy(from, to ? (size_t)(to - from) : strlen(from));
}

struct source {
	const char *name;
	FILE *f;
	int line;
	char text[1024];	/* of the line */
	char comment[4096];	/* above it, with one blank for any space */
	struct macro *in;	/* the macro that it is in */
};

/* The rest of a comment that begins in this line; returns what stands behind it */
static char *comment_read(struct source *s, char *at)
{
	size_t n = 0;
	char *end;

	for (at += 2;; at = s->text) {
		at += strspn(at, " \t*");
		if (at > s->text && at[-1] == '*' && *at == '/')
			at--;
		end = strstr(at, "*/");
		for (; *at && at != end && *at != '\n' && n < sizeof(s->comment) - 2; at++)
			if (!strchr(" \t", *at))
				s->comment[n++] = *at;
			else if (n && s->comment[n - 1] != ' ')
				s->comment[n++] = ' ';
		if (end)
			break;
		if (n && s->comment[n - 1] != ' ')
			s->comment[n++] = ' ';
		if (!fgets(s->text, sizeof(s->text), s->f))
			cannot("%s: a comment has no end", s->name);
		s->line++;
	}
	s->comment[n] = '\0';
	return end + 2;
}

static bool is_label(const char *line, char *name)
{
	return (!strncmp(line, "SYM_CODE_START", 14) || !strncmp(line, "SYM_FUNC_START", 14) ||
		!strncmp(line, "SYM_INNER_LABEL", 15)) &&
	       sscanf(line, "%*[A-Z_](%127[^,) \t]", name) == 1;
}

static struct label label_here(const struct source *s, const char *name)
{
	struct label l = {
		.name = copy(name, strlen(name)),
		.in = part(s->comment, "In:", "Out:"),
		.out = part(s->comment, "Out:", NULL),
	};
	const char *base = strrchr(s->name, '/');

	snprintf(l.where, sizeof(l.where), "%.60s:%d", base ? base + 1 : s->name, s->line);
	return l;
}

static void line_read(struct source *s, char *at)
{
	char name[128], *rest;
	struct label l;
	size_t i;

	if (!strncmp(at, ".macro", 6)) {
		macro_begin(at + 6);
		s->in = &macros[nmacros - 1];
		/* The one macro's comment is the other's symbol's, where it makes one */
		l = label_here(s, s->in->name);
		if (!strcmp(l.name, "TO_KERNEL_CR3") || !strcmp(l.name, "TO_USER_CR3")) {
			labels = grow(labels, nlabels, sizeof(*labels));
			labels[nlabels] = l;
			label_read(&labels[nlabels]);
			labels[nlabels].says_out = says_read(l.out);
			nlabels++;
		}
		return;
	}
	if (!strncmp(at, ".endm", 5)) {
		s->in = NULL;
		return;
	}
	/* The parts of a file, not of its code */
	if (!*at || *at == '#' || !strncmp(at, ".pushsection", 12) || !strncmp(at, ".balign", 7))
		return;
	if (is_label(at, name)) {
		l = label_here(s, name);
		if (s->in) {
			s->in->label = grow(s->in->label, s->in->nlabels, sizeof(l));
			s->in->label[s->in->nlabels++] = l;
		} else {
			label_add(&l);
		}
	} else if (!s->in) {
		rest = at + strcspn(at, " \t");
		for (i = nmacros; i-- > 0;) {
			if (strlen(macros[i].name) == (size_t)(rest - at) &&
			    !strncmp(macros[i].name, at, rest - at)) {
				macro_use(&macros[i], rest);
				break;
			}
		}
	}
	*s->comment = '\0';
}

static void source_read(const char *name)
{
	struct source s = { .name = name, .f = fopen(name, "r") };
	char *at;

	if (!s.f)
		cannot("%s: %m", name);
	while (fgets(s.text, sizeof(s.text), s.f)) {
		s.line++;
		at = s.text + strspn(s.text, " \t");
		if (!strncmp(at, "/*", 2))
			at = comment_read(&s, at);
		at += strspn(at, " \t\n");
		at[strcspn(at, "\n")] = '\0';
		if (!strstr(s.text, "*/") || *at)
			line_read(&s, at);
	}
	fclose(s.f);
}

static int by_addr(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct label *label_at(__u64 addr)
{
	struct label key = { .addr = addr };

	return nlabels ? bsearch(&key, labels, nlabels, sizeof(*labels), by_addr) : NULL;
}

static struct label *label_named(const char *name)
{
	size_t i;

	for (i = 0; i < nlabels; i++)
		if (!strcmp(labels[i].name, name))
			return &labels[i];
	return NULL;
}

/* Symbols that no source shows are without a comment */
static void labels_without(void)
{
	size_t i, n = nlabels;

	for (i = 0; i < img.syms.n; i++) {
		const struct symbol *s = &img.syms.v[i];

		if ((strncmp(s->name, "isolated_", 9) && strncmp(s->name, "opted_out_", 10)) ||
		    !policy_followed(s->addr) || label_named(s->name))
			continue;
		labels = grow(labels, nlabels, sizeof(*labels));
		labels[nlabels] = (struct label){
			.name = copy(s->name, strlen(s->name)), .addr = s->addr,
			.where = "no source",
		};
		nlabels++;
	}
	if (nlabels > n)
		qsort(labels, nlabels, sizeof(*labels), by_addr);
}

/* Reads the entry code's files of the series below that tree; without any, nothing is checked */
void labels_read(const char *tree)
{
	static const char * const files[] = { "switch_cr3.S", "isolated_*.S", "opted_out.S" };
	char pattern[4096];
	glob_t g = { 0 };
	size_t i;

	for (i = 0; tree && i < ARRAY_SIZE(files); i++) {
		snprintf(pattern, sizeof(pattern), "%s/arch/x86/entry/%s", tree, files[i]);
		glob(pattern, i ? GLOB_APPEND : 0, NULL, &g);
	}
	if (!img.redo || !g.gl_pathc)
		return;
	for (i = 0; i < g.gl_pathc; i++)
		source_read(g.gl_pathv[i]);
	globfree(&g);
	qsort(labels, nlabels, sizeof(*labels), by_addr);
	labels_without();
	to_kernel = label_named("TO_KERNEL_CR3");
	to_user = label_named("TO_USER_CR3");
}

/*
 * The states
 */
static bool stack_is(const struct state *st, const struct says *s)
{
	const struct value *sp = &st->reg[IN_RSP];

	if (s->or_none && sp->kind != V_PTR)
		return true;
	switch (s->stack) {
	case S_UNSAID:
	case S_ANY:
		return true;
	case S_USER:
		return sp->kind == V_IN && (sp->id == IN_RSP || sp->id == IN_SP);
	default:
		break;
	}
	if (sp->kind != V_PTR)
		return false;
	switch (s->stack) {
	case S_ENTRY:
		return sp->id == R_ENTRY;
	case S_THREAD:
		return sp->id == R_THREAD;
	case S_TRAMPOLINE:
		return sp->id >= R_TRAMPOLINE;
	case S_EXCEPTION:
		return sp->id > R_IST && sp->id < R_THREAD;
	case S_ESPFIX:
		return sp->id == R_ESPFIX;
	default:
		return policy_region(sp->id, sp->n, 8, A_READ);
	}
}

static void compare(struct state *st, const struct label *l, const char *part, const char *to,
		    const struct says *s)
{
	bool user = st->cr3.id & CR3_IS_USER;

	if (s->from_kernel && !st->of_kernel)
		return;
	/* What was interrupted goes on with the kernel's, which changes no comment */
	if ((s->table == T_USER && !user && !st->resumed) || (s->table == T_KERNEL && user))
		wrong(st, "comment", "%s:%s %s has the other page table, it is the %s's",
		      l->where, part, to, user ? "user" : "kernel");
	if ((s->gs == G_USER && st->gs != GS_USER) || (s->gs == G_KERNEL && st->gs != GS_KERNEL))
		wrong(st, "comment", "%s:%s %s has the other GS base, it is the %s's",
		      l->where, part, to, st->gs == GS_USER ? "user" : "kernel");
	if ((s->irqs == I_OFF && st->irqs != NO) || (s->irqs == I_ON && st->irqs != YES))
		wrong(st, "comment", "%s:%s %s has interrupts %s, they %s", l->where, part, to,
		      s->irqs == I_OFF ? "off" : "on",
		      st->irqs == MAYBE ? "may be either" : st->irqs ? "are on" : "are off");
	if (!stack_is(st, s))
		wrong(st, "comment", "%s:%s %s has another stack, RSP is %s",
		      l->where, part, to, value_text(&st->reg[IN_RSP]));
	if (*s->unknown)
		wrong(st, "comment", "%s:%s %s says \"%s\", which means nothing here",
		      l->where, part, to, s->unknown);
}

/* Before the instruction at st->ip is executed */
void labels_in(struct state *st, const cs_insn *in)
{
	struct label *l = label_at(st->ip);
	const struct says *s;

	/* Whatever comes to an end of the code is a finding by itself */
	if (!l || in->id == X86_INS_INT3)
		return;
	l->came = true;
	s = &l->says_in;
	if (!l->in) {
		wrong(st, "comment", "%s: no comment says \"In:\"", l->where);
		return;
	}
	if (!s->table || !s->gs || !s->stack)
		wrong(st, "comment", "%s: In: says nothing of the %s", l->where,
		      !s->table ? "page table" : !s->gs ? "GS base" : "stack");
	compare(st, l, " In:", l->name, s);
}

/* Behind an instruction that led elsewhere, from st->at to st->ip */
void labels_out(struct state *st)
{
	const struct symbol *from;
	struct label *l;

	if (!nlabels)
		return;
	from = symbol_at(&img.syms, st->at);
	/* An inner label, which has no size, is part of what began before it */
	while (from && from > img.syms.v && !from->size)
		from--;
	l = from ? label_at(from->addr) : NULL;
	if (!l || l->to != st->ip)
		return;
	l->jumped = true;
	compare(st, l, " Out:", from->name, &l->says_out);
}

/* A CR3 write, before and after it */
void labels_switch(struct state *st, bool user, bool after)
{
	const struct label *l = user ? to_user : to_kernel;

	if (!l)
		return;
	if (!l->in || !l->out) {
		wrong(st, "comment", "%s: no comment says \"In:\" and \"Out:\"", l->where);
		return;
	}
	compare(st, l, after ? " Out:" : " In:", l->name, after ? &l->says_out : &l->says_in);
}

/* Once all sets were walked */
void labels_check(void)
{
	size_t i;

	for (i = 0; i < nlabels; i++)
		if (labels[i].came && labels[i].to && !labels[i].jumped)
			told(labels[i].addr, "comment", "%s Out: no path jumps from here to %s",
			     labels[i].where, place(labels[i].to));
}

void labels_forget(void)
{
	size_t i;

	for (i = 0; i < nlabels; i++) {
		labels[i].came = false;
		labels[i].jumped = false;
	}
}

void labels_print(void)
{
	size_t came = 0, jumped = 0, i;

	if (!nlabels) {
		puts("comments not checked: no sources");
		return;
	}
	for (i = 0; i < nlabels; i++) {
		came += labels[i].came && labels[i].in;
		jumped += labels[i].jumped;
	}
	printf("comments checked: In: of %zu symbols, the jumps of Out: of %zu, %d macros\n",
	       came, jumped, !!to_kernel + !!to_user);
}

/*
 * Planted breaks: of "In:" or "Out:" some words are others, or all is gone.  Returns what
 * it was, to be given back.
 */
char *labels_break(const char *name, const char *what, const char *how)
{
	struct label *l = label_named(name);
	char *old, *at, *to, **text;
	const char *arrow = strstr(how, " => ");
	size_t size;

	text = !l ? NULL : !strcmp(what, "In:") ? &l->in : &l->out;
	if (!text || !*text)
		cannot("%s has no comment with %s (--sources)", name, what);
	old = *text;
	if (!strcmp(how, "gone")) {
		*text = NULL;
	} else {
		char *words = copy(how, arrow ? (size_t)(arrow - how) : strlen(how));

		at = strstr(old, words);
		if (!arrow || !at)
			cannot("%s %s does not say \"%s\"", name, what, words);
		size = strlen(old) + strlen(how);
		to = malloc(size);
		if (!to)
			cannot("out of memory");
		snprintf(to, size, "%.*s%s%s", (int)(at - old), old, arrow + 4,
			 at + strlen(words));
		free(words);
		*text = to;
	}
	labels_mend(name, what, *text);
	return old;
}

void labels_mend(const char *name, const char *what, char *text)
{
	struct label *l = label_named(name);

	if (!strcmp(what, "In:"))
		l->in = text;
	else
		l->out = text;
	label_read(l);
	if (!l->addr)
		l->says_out = says_read(l->out);
}
