/* SPDX-License-Identifier: Apache-2.0 */
/* The page's own files: nothing comes from elsewhere. */
#pragma once

#include <stddef.h>

struct page_asset {
	const char *path; /* as it is asked for */
	const char *type;
	const char *start; /* static */
	const char *end;
};

/* The asset of a path; NULL = there is none. */
const struct page_asset *page_asset_find(const char *path);
