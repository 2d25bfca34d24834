/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of a kind for people, in Markdown: fields, rules, columns. */
#include <inttypes.h>
#include <string.h>

#include "kgen.h"

void emit_reference(FILE *out, const struct kind *k)
{
	(void)fprintf(out, "# %s\n\n", k->kind);
}
