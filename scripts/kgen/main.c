/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kgen header|source UNIT FILE...   the C of all kinds of the files, as <gen/UNIT.h> and UNIT.c
 * kgen reference FILE               the reference of a CustomResourceDefinition
 */
#include <stdlib.h>
#include <string.h>

#include "kgen.h"

static struct kind *read_all(char **files, size_t n_files, size_t *ret_n)
{
	struct kind *all = NULL;
	size_t n = 0;

	for (size_t i = 0; i < n_files; i++) {
		size_t more;
		struct kind *kinds = kinds_read(files[i], &more);

		all = realloc(all, (n + more) * sizeof(*all));
		if (!all)
			exit(3);
		memcpy(all + n, kinds, more * sizeof(*all));
		n += more;
	}
	*ret_n = n;
	return all;
}

int main(int argc, char **argv)
{
	struct kind *kinds;
	size_t n;

	if (argc == 3 && strcmp(argv[1], "reference") == 0) {
		kinds = read_all(argv + 2, 1, &n);
		emit_reference(stdout, kinds);
	} else if (argc > 3 && strcmp(argv[1], "header") == 0) {
		kinds = read_all(argv + 3, (size_t)argc - 3, &n);
		emit_header(stdout, argv[2], kinds, n);
	} else if (argc > 3 && strcmp(argv[1], "source") == 0) {
		kinds = read_all(argv + 3, (size_t)argc - 3, &n);
		emit_source(stdout, argv[2], kinds, n);
	} else {
		(void)fprintf(stderr, "usage: kgen header|source UNIT FILE... | reference FILE\n");
		return 2;
	}
	return fflush(stdout) ? 1 : 0;
}
