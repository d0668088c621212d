/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe of what the kernel leaves in memory that the user page table maps: what its
 * parts share.
 *
 * The probe injects NMIs and machine checks into a guest that runs guest/marker.c, and
 * looks, each time that it finds the CPU in user mode, at every byte that the user page
 * table maps of the kernel and that is not code.
 *
 *	left.c		options, injections, the verdict
 *	left_scan.c	one look: what is a pointer, and which of them are forced
 *	left_text.c	pointers in exposed text, and the list of those that must be there
 *	left_operand.c	whether bytes of text are an address at all
 *	left_plant.c	whether a look sees what it should, in this guest
 *	left_report.c	what was found, by places
 *
 * Below it are the walker's client of the emulator, its page tables, symbols and facts.
 */
#ifndef PTI_LEFT_H
#define PTI_LEFT_H

#include "walk.h"

/* What eight bytes can be that have no business there */
enum left_kind {
	LEFT_NOTHING, LEFT_MARKER, LEFT_IMAGE, LEFT_MODULE, LEFT_PERCPU, LEFT_DIRECT,
	LEFT_VMALLOC, LEFT_VMEMMAP, LEFT_CEA, N_LEFT_KINDS
};

/* Pointers that the architecture wants where it reads them; left_scan.c has the reasons */
enum left_forced { FORCED_GATE, FORCED_RSP0, FORCED_IST, FORCED_TSS, N_LEFT_FORCED };

struct left_range {
	__u64 from, size;
};

/* One place of eight bytes, by its first byte */
struct left_place {
	unsigned int times[N_LEFT_KINDS];
	__u64 value[N_LEFT_KINDS];	/* the last that was there */
};

/* A pointer in exposed text */
struct left_text {
	__u64 va, value;
	enum left_kind kind;
	bool listed;
};

#define MAX_TEXT	256

/* A frame that is exposed, and its places once there is something to tell of one */
struct left_frame {
	__u64 va;			/* the first that was met */
	int row;			/* of exposure.expected, or -1 */
	int cpu;			/* whose area it is in, or -1 */
	__u64 below;			/* bytes from va to the end of the row's pages */
	struct left_place *place;	/* PAGE_SIZE of them, or NULL */
	__u32 stamp;			/* the look that has been here */
	bool planted;
};

struct left {
	struct audit audit;
	struct left_range range[N_LEFT_KINDS];
	struct left_range percpu[MAX_CPUS];
	struct left_frame **frame;	/* by frame number */
	struct leaves leaves;
	__u32 stamp;

	unsigned int looks, pages;	/* pages: the most that one look had */
	unsigned int text_pages;
	unsigned int text_alike;		/* what only looks like a pointer */
	struct left_text text[MAX_TEXT];
	unsigned int n_text;
	bool text_more;				/* than MAX_TEXT */
	unsigned int forced[N_LEFT_FORCED];	/* the most that one look had */
	unsigned int hits[N_LEFT_KINDS];
	unsigned int own;	/* marks of left_df.c where they are user mode's own */

	/* left_plant.c: what is found meanwhile counts here, and nowhere else */
	bool planting;
	unsigned int plant_hits;
	unsigned int plants, overlooked;
};

/* left_scan.c */
int left_learn(struct left *l, const struct cpu_state *cpu);
void left_look(struct left *l, const struct cpu_state *cpus, int n, int cpu);
enum left_kind left_kind_of(const struct left *l, __u64 value);
bool left_is_page(const struct left *l, __u64 root, __u64 va, __u64 pa);
struct left_frame *left_frame_at(struct left *l, __u64 va, __u64 pa);

/* left_text.c */
void left_text_scan(struct left *l, __u64 va, __u64 pa);
int left_text_judge(struct left *l, const char *list, FILE *f);
void left_text_report(const struct left *l, unsigned int places, FILE *f);

/* left_plant.c */
void left_plant(struct left *l, const struct cpu_state *cpus, int n, int cpu);

/* left_report.c */
extern const char * const left_kind_name[N_LEFT_KINDS];
bool left_row_known(const struct left *l, const char *name);
unsigned int left_row_hits(const struct left *l, const char *name, bool markers);
void left_report(const struct left *l, unsigned int places, FILE *f);

#endif
