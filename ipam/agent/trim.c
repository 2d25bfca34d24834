/* SPDX-License-Identifier: Apache-2.0 */
/* Giving back the memory that only the start needed. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "trim.h"

#define LINE_MAX_ 512 /* bytes of a line of /proc/self/maps; a longer path is cut, harmless */

/* Text only: read-only data may hold relocations, which are written once and must stay. */
static void drop(const char *line)
{
	uintptr_t from, to;
	char perms[5];
	char path[2];

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %1s", &from, &to, perms,
		   path) != 4)
		return;
	if (strcmp(perms, "r-xp") != 0 || path[0] != '/' || to <= from)
		return;
	/* Advice: what the kernel does not follow it need not, ignoring. */
	(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void agent_trim(void)
{
	char line[LINE_MAX_];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps))
		drop(line);
	if (maps)
		(void)fclose(maps); /* it was only read, ignoring */
	(void)malloc_trim(0); /* whether it found something does not matter */
}
