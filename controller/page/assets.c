/* SPDX-License-Identifier: Apache-2.0 */
/* The page's own files by their paths. */
#include <string.h>

#include <bw/defs.h>

#include "assets.h"

extern const char page_css_start[], page_css_end[];
extern const char page_js_start[], page_js_end[];
extern const char page_icon_start[], page_icon_end[];

static const struct page_asset assets[] = {
	{ "/page.css", "text/css; charset=utf-8", page_css_start, page_css_end },
	{ "/page.js", "text/javascript; charset=utf-8", page_js_start, page_js_end },
	{ "/icon.svg", "image/svg+xml", page_icon_start, page_icon_end },
};

const struct page_asset *page_asset_find(const char *path)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(assets); i++)
		if (strcmp(assets[i].path, path) == 0)
			return &assets[i];
	return NULL;
}
