// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: a vmlinux as it lies in its file, its symbols, and
 * the tables in it that say where the CPU enters the kernel and where a fault is mended.
 */
#include <fcntl.h>
#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry_check.h"

struct image img;

/* A private copy, since planted breaks are written into it */
static __u8 *map_private(const char *file, size_t *size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *base;

	if (fd < 0 || fstat(fd, &st))
		cannot("%s: %m", file);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		cannot("%s: no kernel image", file);
	*size = st.st_size;
	base = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED)
		cannot("%s: %m", file);
	close(fd);
	return base;
}

static void sections_read(__u8 *base, size_t size)
{
	const struct elf64_hdr *eh = (const void *)base;
	const struct elf64_shdr *sh;
	const char *names;
	size_t i;

	if (size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64)
		cannot("%s: not an ELF file for x86-64; a vmlinux is needed, no bzImage", img.file);
	if (eh->e_shoff > size || (__u64)eh->e_shnum * sizeof(*sh) > size - eh->e_shoff ||
	    eh->e_shstrndx >= eh->e_shnum)
		cannot("%s: the file is cut short", img.file);
	sh = (const void *)(base + eh->e_shoff);
	names = (const char *)base + sh[eh->e_shstrndx].sh_offset;
	img.sec = calloc(eh->e_shnum, sizeof(*img.sec));
	for (i = 0; img.sec && i < eh->e_shnum; i++) {
		struct section *s = &img.sec[img.nsec];

		if (sh[i].sh_type == SHT_NULL)
			continue;
		s->name = names + sh[i].sh_name;
		s->addr = sh[i].sh_flags & SHF_ALLOC ? sh[i].sh_addr : ~0ULL;
		s->size = sh[i].sh_size;
		s->index = i;
		if (sh[i].sh_type != SHT_NOBITS) {
			if (sh[i].sh_offset > size || sh[i].sh_size > size - sh[i].sh_offset)
				cannot("%s: the file is cut short", img.file);
			s->data = base + sh[i].sh_offset;
		}
		img.nsec++;
	}
}

const struct section *image_section(const char *name)
{
	size_t i;

	for (i = 0; i < img.nsec; i++)
		if (!strcmp(img.sec[i].name, name))
			return &img.sec[i];
	return NULL;
}

const void *image_at(__u64 addr, size_t size)
{
	size_t i;

	for (i = 0; i < img.nsec; i++) {
		const struct section *s = &img.sec[i];

		/* Per-CPU memory is linked at 0, which is no address of the image */
		if (!s->data || s->addr == ~0ULL || !(s->addr >> 63))
			continue;
		if (addr >= s->addr && addr - s->addr + size <= s->size)
			return s->data + (addr - s->addr);
	}
	return NULL;
}

__u64 image_symbol(const char *name)
{
	const struct symbol *s = symbol_find(&img.syms, name);

	return s ? s->addr : 0;
}

static __u64 need_symbol(const char *name)
{
	const struct symbol *s = symbol_find(&img.syms, name);

	if (!s)
		cannot("%s: no symbol %s: not a kernel with the entry code of 6.12, or stripped",
		       img.file, name);
	return s->addr;
}

/* The one that has this address in it; the image's symbols are sorted by address */
const struct symbol *percpu_symbol(__u64 addr)
{
	static const struct symbol **percpu;
	static size_t n;
	size_t i;

	if (!percpu) {
		const struct section *sec = image_section(".data..percpu");

		if (!sec)
			cannot("%s: no section .data..percpu", img.file);
		for (i = 0; i < img.syms.n; i++) {
			if (img.syms.v[i].section != sec->index || !img.syms.v[i].size)
				continue;
			percpu = grow(percpu, n, sizeof(*percpu));
			percpu[n++] = &img.syms.v[i];
		}
	}
	for (i = n; i-- > 0;)
		if (addr >= percpu[i]->addr && addr < percpu[i]->addr + percpu[i]->size)
			return percpu[i];
	return NULL;
}

const char *place(__u64 addr)
{
	static char text[4][128];
	static int turn;
	char *to = text[turn++ % 4];
	const struct symbol *s = addr >> 63 ? symbol_at(&img.syms, addr) : percpu_symbol(addr);

	/* Several names at one address: the first that says most */
	while (s && s > img.syms.v && s[-1].addr == s->addr && !s->size)
		s--;
	if (!s)
		snprintf(to, sizeof(text[0]), "%#llx", addr);
	else if (addr == s->addr)
		snprintf(to, sizeof(text[0]), "%s", s->name);
	else
		snprintf(to, sizeof(text[0]), "%s+%#llx", s->name, addr - s->addr);
	return to;
}

/* Whether the exception table has an instruction of the entry text */
bool extable_find(__u64 addr, __u64 *fixup)
{
	static struct { __u64 insn, fixup; } *entry;
	static size_t n;
	static bool known;
	const struct section *s = known ? NULL : image_section("__ex_table");
	size_t i;

	known = true;
	for (i = 0; s && s->data && i + 12 <= s->size; i += 12) {
		const __s32 *e = (const void *)(s->data + i);
		__u64 insn = s->addr + i + e[0];

		if (insn < img.text_start || insn >= img.text_end)
			continue;
		entry = grow(entry, n, sizeof(*entry));
		entry[n].insn = insn;
		entry[n++].fixup = s->addr + i + 4 + e[1];
	}
	for (i = 0; i < n; i++) {
		if (entry[i].insn == addr) {
			*fixup = entry[i].fixup;
			return true;
		}
	}
	return false;
}

/* Type of a gate that does not clear IF (SDM 3A, "IDT Descriptors") */
#define TRAP_GATE	0xf

static void gate_add(const char *name, __u64 addr, int vector, int ist, bool trap)
{
	struct gate *g;
	size_t i;

	for (i = 0; i < img.ngates; i++) {
		g = &img.gate[i];
		if (g->addr == addr) {
			/* What is set up early has no stack of its own yet */
			if (ist > g->ist)
				g->ist = ist;
			if (vector >= 0)
				g->vector = vector;
			g->trap |= trap;
			return;
		}
	}
	img.gate = grow(img.gate, img.ngates, sizeof(*img.gate));
	g = &img.gate[img.ngates++];
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->addr = addr;
	g->vector = vector;
	g->ist = ist;
	g->trap = trap;
}

/* One of the tables of struct idt_data in arch/x86/kernel/idt.c */
static bool gates_of_table(const char *table)
{
	const struct symbol *s = symbol_find(&img.syms, table);
	size_t i;

	if (!s)
		return false;
	for (i = 0; i + 24 <= s->size; i += 24) {
		const __u8 *e = image_at(s->addr + i, 24);
		const struct symbol *to;
		__u32 vector;
		__u64 addr;
		__u16 bits;

		if (!e)
			return false;
		memcpy(&vector, e, 4);
		memcpy(&bits, e + 8, 2);
		memcpy(&addr, e + 16, 8);
		to = symbol_at(&img.syms, addr);
		gate_add(to ? to->name : "?", addr, vector, bits & 7,
			 (bits >> 8 & 0x1f) == TRAP_GATE);
	}
	return true;
}

/* Stubs, 8 or with ENDBR 16 bytes apart: "push; jmp", one a vector; returns the next */
static int gates_of_stubs(const char *name, int vector)
{
	const struct symbol *s = symbol_find(&img.syms, name);
	__u64 apart, addr;
	const __u8 *code;
	char text[64];

	if (!s || !s->size)
		return vector;
	code = image_at(s->addr, 4);
	apart = code && !memcmp(code, "\xf3\x0f\x1e\xfa", 4) ? 16 : 8;
	for (addr = s->addr; addr < s->addr + s->size; addr += apart, vector++) {
		snprintf(text, sizeof(text), "%s[%#x]", name, vector);
		gate_add(text, addr, vector, 0, false);
	}
	return vector;
}

/*
 * The gates: what the tables of idt.c say, the stubs of all other vectors, and what is
 * installed as the system goes along, which the entry text has between its markers.
 */
void gates_find(void)
{
	__u64 from = need_symbol("__irqentry_text_start");
	__u64 to = need_symbol("__irqentry_text_end");
	bool isolated = false;
	size_t i;

	if (!gates_of_table("def_idts") || !gates_of_table("apic_idts"))
		cannot("%s: no tables def_idts and apic_idts to read the gates from", img.file);
	for (i = 0; i < img.syms.n; i++)
		/* The compiler puts a number behind the name of what is static in a function */
		if (!strncmp(img.syms.v[i].name, "pti_gates", 9))
			isolated = gates_of_table(img.syms.v[i].name);
	if (img.redo && !isolated)
		cannot("%s: no table pti_gates to read the gates from", img.file);
	gates_of_table("early_idts");
	gates_of_table("early_pf_idts");
	gates_of_table("ia32_idt");
	gates_of_stubs("spurious_entries_start", gates_of_stubs("irq_entries_start", 0x20));
	for (i = 0; i < img.syms.n; i++) {
		const struct symbol *s = &img.syms.v[i];

		/* Of Xen's, those of PV, which does not isolate, are no gates of ours */
		if (s->addr >= from && s->addr < to && s->size && !strncmp(s->name, "asm_", 4) &&
		    strncmp(s->name, "asm_common_interrupt", 20) &&
		    strncmp(s->name, "asm_spurious_interrupt", 22) &&
		    strncmp(s->name, "asm_xenpv_", 10) && strncmp(s->name, "asm_exc_xen_", 12))
			gate_add(s->name, s->addr, -1, 0, false);
	}
}

/* Where what was interrupted there on the user page table goes on */
__u64 redo(__u64 ip)
{
	size_t i;

	/* The last instructions of IRET to user mode are those of one to the kernel, too */
	if (ip > img.iret_from && ip <= img.iret)
		return img.redo_iret;
	for (i = 0; i < img.nredo; i++)
		if (ip >= img.redo[3 * i] && ip < img.redo[3 * i + 1])
			return img.redo[3 * i + 2];
	return ip;
}

static void redo_find(void)
{
	const struct symbol *stacks = symbol_find(&img.syms, "exception_stacks");
	__u64 from = image_symbol("isolated_redo_table");
	__u64 to = image_symbol("isolated_redo_table_end");

	img.stack_pages = stacks ? stack_pages(stacks->size) : CEA_STACK_PAGES;
	if (!from)
		return;
	img.redo = image_at(from, to - from + sizeof(*img.redo));
	img.nredo = (to - from) / (3 * sizeof(*img.redo));
	img.redo_at = from;
	img.iret_from = image_symbol("restore_regs_and_return_to_kernel");
	img.iret = image_symbol("native_irq_return_iret");
	img.redo_iret = image_symbol("isolated_redo_iret");
	if (!img.redo || !img.nredo || img.redo[3 * img.nredo])
		cannot("%s: isolated_redo_table has no rows, or no zero behind them", img.file);
}

void image_read(const char *file)
{
	size_t size;
	__u8 *base;

	img.file = file;
	base = map_private(file, &size);
	sections_read(base, size);
	if (!image_section(".symtab") || symbols_read(&img.syms, file) || !img.syms.n)
		cannot("%s: no symbols; the vmlinux that the build leaves has them", file);
	img.text_start = need_symbol("__entry_text_start");
	img.text_end = need_symbol("__entry_text_end");
	if (img.text_end <= img.text_start ||
	    !image_at(img.text_start, img.text_end - img.text_start))
		cannot("%s: no entry text in the file", file);
	redo_find();
}
