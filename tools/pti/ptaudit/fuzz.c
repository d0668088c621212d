// SPDX-License-Identifier: GPL-2.0-only
/*
 * For libFuzzer: any bytes as a dump, and whatever is made of one that is taken. "make fuzz"
 * builds it, with ASan and UBSan; tests/ has dumps to begin with.
 */
#include <stdlib.h>
#include <unistd.h>

#include "ptaudit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *nowhere;

static int read_bytes(struct dump *d, const uint8_t *data, size_t size)
{
	struct input in = { .name = "fuzz" };
	int ret;

	in.file = fmemopen((void *)data, size, "r");
	if (!in.file)
		return -1;
	dump_init(d, "fuzz");
	ret = dump_parse(d, &in);
	fclose(in.file);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dump d, e;
	size_t half = 0;
	const struct dump *both[] = { &d, &e };

	if (!nowhere) {
		nowhere = fopen("/dev/null", "w");
		if (!nowhere)
			abort();
		/* About what is no dump, which most of it is */
		input_complaints = nowhere;
	}
	/* Two dumps, parted by a byte that neither may have */
	while (half < size && data[half])
		half++;
	if (!half)
		return 0;
	if (!read_bytes(&d, data, half)) {
		table_write(&d, nowhere, true);
		json_write(&d, nowhere);
		check_write(&d, nowhere);
		both[1] = &d;
		if (half + 1 < size && !read_bytes(&e, data + half + 1, size - half - 1))
			both[1] = &e;
		svg_write(both, 2, nowhere);
		diff_write(&d, both[1], false, nowhere);
		diff_write(both[1], &d, true, nowhere);
	}
	dump_free(&d);
	dump_free(&e);
	return 0;
}
