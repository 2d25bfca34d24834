/* SPDX-License-Identifier: Apache-2.0 */
/* What stories are told with: objects, and what is in the store afterwards. One file only. */
#pragma once

#include "story.h"

#define POOL(name_, more_)                                                                         \
	"{\"kind\":\"NetworkPool\",\"metadata\":{\"name\":\"" name_                                \
	"\"},\"spec\":{\"domain\":\"lan\",\"prefix\":\"10.99.0.0/16\"," more_ "}}"
#define CLAIM(name_, iface_)                                                                       \
	"{\"kind\":\"NetworkClaim\",\"metadata\":{\"name\":\"" name_                               \
	"\",\"namespace\":\"db\",\"finalizers\":[\"net.barewire.dev/claim\"]},\"spec\":{"          \
	"\"interfaces\":[{\"name\":\"eth0\"," iface_ "}]}}"
#define POD(name_, more_, spec_)                                                                   \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name_ "\",\"namespace\":\"db\"" more_        \
	"},\"spec\":{" spec_ "}}"
#define NODE(name_) "{\"kind\":\"Node\",\"metadata\":{\"name\":\"" name_ "\"}}"

static inline void expect(enum sim_kind_id kind, const char *ns, const char *name, const char *path,
			  const char *want)
{
	char got[256];

	assert_string_equal(bed_get(b, kind, ns, name, path, got), want);
}

static inline void claim_is(const char *name, const char *path, const char *want)
{
	expect(SIM_CLAIM, "db", name, path, want);
}

static inline uint64_t writes(void)
{
	return b->server.counts.writes;
}
