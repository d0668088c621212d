// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm_stale - no translation outlives its mapping
 *
 * A page is read and written, so that its translation is cached, and then
 * replaced, unmapped, protected, moved or dropped: by the thread itself, and
 * by another thread while this one goes on in user mode.  From the moment at
 * which the call has returned the old page must not be seen again.
 *
 * What it catches: a flush of the kernel PCID only, a flush owed to the user
 * PCID that is not paid on the way back, a flush by another CPU that
 * reaches the page table which happens to be loaded but not the other one.
 * Ranges are one page and more pages than are flushed one by one.  (An
 * emulator whose TLB forgets all on each CR3 write shows only what the page
 * tables have wrong.)
 */
#include <sys/wait.h>
#include "change.h"
#include "threads.h"

#define SELF_LIMIT	2000	/* ms a test */
#define OTHER_LIMIT	1000

/* What may be seen after a change, at a word that held @old. */
static bool seen_right(enum change change, char *word, char *moved,
		       unsigned long old)
{
	switch (change) {
	case REPLACE:
	case DROP:
		return get(word) == 0;
	case UNMAP:
	case NONE:
		return !reads(word) && !writes(word, old);
	case READONLY:
		return get(word) == old && !writes(word, old + 1) &&
		       get(word) == old;
	default:
		return !reads(word) && get(moved) == old;
	}
}

/* The region, and behind it where it moves. */
static char *arena;

static void renew(size_t size)
{
	if (mmap(arena, 2 * MANY * PTI_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		ksft_exit_fail_perror("mmap");
}

static char *moved_to(char *word)
{
	return word + MANY * PTI_PAGE;
}

/* One thread does all of it. */
static void test_self(enum change change, unsigned int pages)
{
	unsigned long i, n = pti_rounds(pages == 1 ? 2000 : 500);
	unsigned long end = pti_msec() + SELF_LIMIT;
	bool good = true;
	unsigned int p;

	for (i = 0; good && i < n && pti_msec() < end; i++) {
		unsigned long old = pti_random() | 1;

		renew(pages * PTI_PAGE);
		for (p = 0; p < pages; p++)
			put(arena + p * PTI_PAGE, old + p);
		change_apply(change, arena, pages * PTI_PAGE, moved_to(arena));
		/* The last page first: the first may be flushed by chance. */
		for (p = pages; good && p; p -= p > 20 ? 20 : 1)
			good = seen_right(change, arena + (p - 1) * PTI_PAGE,
					  moved_to(arena) + (p - 1) * PTI_PAGE,
					  old + p - 1);
	}
	ksft_test_result(good, "%s by itself, %u pages: %lu times\n",
			 change_names[change], pages, i);
}

/*
 * Two threads.  The changer announces each state in @state and waits until the
 * user has acknowledged it.  The user sits in user mode in between, with the
 * translations in its TLB, and is told of the change by memory alone.
 */
enum state { IDLE, FILLED, CHANGED, STOP };

static struct {
	int state, answer;
	enum change change;
	unsigned int pages;
	unsigned long old;
	bool good;
} shared;

static void wait_for(int *what, int state)
{
	unsigned int spins = 0;

	while (__atomic_load_n(what, __ATOMIC_ACQUIRE) != state &&
	       __atomic_load_n(what, __ATOMIC_ACQUIRE) != STOP)
		if (++spins % 256 == 0 || pti_cpus() == 1)
			sched_yield();
}

static void tell(int *what, int state)
{
	__atomic_store_n(what, state, __ATOMIC_RELEASE);
}

static void user(void *cpu)
{
	unsigned int p;

	pti_pin((long)cpu);
	for (;;) {
		wait_for(&shared.state, FILLED);
		if (shared.state == STOP)
			return;
		for (p = 0; p < shared.pages; p++)
			shared.good &= get(arena + p * PTI_PAGE) ==
				       shared.old + p;
		tell(&shared.answer, FILLED);
		/* User mode only, until the change is there. */
		wait_for(&shared.state, CHANGED);
		for (p = shared.pages; shared.good && p; p -= p > 20 ? 20 : 1)
			shared.good = seen_right(shared.change,
						 arena + (p - 1) * PTI_PAGE,
						 moved_to(arena) +
						 (p - 1) * PTI_PAGE,
						 shared.old + p - 1);
		tell(&shared.answer, CHANGED);
	}
}

static void test_other(enum change change, unsigned int pages)
{
	unsigned long i, n = pti_rounds(pages == 1 ? 1500 : 500);
	unsigned long end = pti_msec() + OTHER_LIMIT;
	struct pti_thread thread;
	unsigned int p;

	shared.state = IDLE;
	shared.answer = IDLE;
	shared.change = change;
	shared.pages = pages;
	shared.good = true;
	pti_pin(0);
	pti_thread_start(&thread, user, (void *)(long)(pti_cpus() > 1));
	for (i = 0; shared.good && i < n && pti_msec() < end; i++) {
		renew(pages * PTI_PAGE);
		shared.old = pti_random() | 1;
		for (p = 0; p < pages; p++)
			put(arena + p * PTI_PAGE, shared.old + p);
		tell(&shared.state, FILLED);
		wait_for(&shared.answer, FILLED);
		change_apply(change, arena, pages * PTI_PAGE, moved_to(arena));
		tell(&shared.state, CHANGED);
		wait_for(&shared.answer, CHANGED);
	}
	tell(&shared.state, STOP);
	pti_thread_wait(&thread);
	ksft_test_result(shared.good,
			 "%s by another thread, %u pages: %lu times\n",
			 change_names[change], pages, i);
}

int main(int argc, char **argv)
{
	int change;

	pti_start(argc, argv);
	ksft_set_plan(4 * CHANGES);
	change_start();
	arena = pti_map(2 * MANY * PTI_PAGE, PROT_READ | PROT_WRITE);
	for (change = 0; change < CHANGES; change++) {
		test_self(change, 1);
		test_self(change, MANY);
	}
	for (change = 0; change < CHANGES; change++) {
		test_other(change, 1);
		test_other(change, MANY);
	}
	ksft_finished();
}
