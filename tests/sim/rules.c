/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of conf/crds that the invariants lean on, as the server would enforce them by CEL. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "store_impl.h"

#define FIXED "spec.claim.uid is fixed while the address is Bound"

static const char *address_rule(const struct cJSON *old, const struct cJSON *now)
{
	const char *domain = sim_text_at(now, "spec.domain");
	const char *address = sim_text_at(now, "spec.address");
	char want[BW_KUBE_NAME_MAX + 1];

	(void)snprintf(want, sizeof(want), "%s.%s", domain, address);
	for (char *c = want + strlen(domain) + 1; *c; c++)
		if (*c == '.' || *c == ':')
			*c = '-';
	if (!*domain || !*address || strcmp(want, sim_meta(now, "name")) != 0)
		return "metadata.name must be spec.domain + \".\" + spec.address with dashes";
	if (strchr(address, ':') && strlen(address) != 39)
		return "spec.address of IPv6 has eight groups of four digits";
	if (!old)
		return "";
	if (strcmp(sim_text_at(old, "spec.address"), address) != 0 ||
	    strcmp(sim_text_at(old, "spec.domain"), domain) != 0)
		return "spec.domain and spec.address are fixed";
	if (!strcmp(sim_text_at(old, "spec.state"), "Bound") &&
	    !strcmp(sim_text_at(now, "spec.state"), "Bound") &&
	    strcmp(sim_text_at(old, "spec.claim.uid"), sim_text_at(now, "spec.claim.uid")) != 0)
		return FIXED;
	return "";
}

static double token_of(const struct cJSON *claim)
{
	const struct cJSON *status = cJSON_GetObjectItemCaseSensitive(claim, "status");
	const struct cJSON *holder = cJSON_GetObjectItemCaseSensitive(status, "holder");
	const struct cJSON *token = cJSON_GetObjectItemCaseSensitive(holder, "token");

	return cJSON_IsNumber(token) ? token->valuedouble : 0;
}

static double detached_of(const struct cJSON *claim)
{
	const struct cJSON *status = cJSON_GetObjectItemCaseSensitive(claim, "status");
	const struct cJSON *token = cJSON_GetObjectItemCaseSensitive(status, "detachedToken");

	return cJSON_IsNumber(token) ? token->valuedouble : 0;
}

static const char *claim_rule(const struct cJSON *old, const struct cJSON *now)
{
	if (token_of(now) > 0 && detached_of(now) > token_of(now))
		return "detachedToken is beyond the token of the holder";
	if (old && detached_of(old) > detached_of(now))
		return "detachedToken must not fall";
	if (!old || token_of(old) <= 0 || token_of(now) <= 0)
		return "";
	if (token_of(now) < token_of(old))
		return "holder.token must not fall";
	if (token_of(now) <= token_of(old) &&
	    (strcmp(sim_text_at(old, "status.holder.node"),
		    sim_text_at(now, "status.holder.node")) != 0 ||
	     strcmp(sim_text_at(old, "status.holder.nodeUID"),
		    sim_text_at(now, "status.holder.nodeUID")) != 0))
		return "a move needs a higher token";
	return "";
}

/* One of the many things that a server knows of pods. */
static const char *pod_rule(const struct cJSON *now)
{
	return strcmp(sim_text_at(now, "spec.dnsPolicy"), "Nowhere") == 0
		       ? "spec.dnsPolicy: Unsupported value: \"Nowhere\""
		       : "";
}

const char *sim_rule_broken(const struct sim_kind *kind, const struct cJSON *old,
			    const struct cJSON *now)
{
	if (kind == &sim_kinds[SIM_ADDRESS])
		return address_rule(old, now);
	if (kind == &sim_kinds[SIM_CLAIM])
		return claim_rule(old, now);
	if (kind == &sim_kinds[SIM_POD])
		return pod_rule(now);
	return "";
}
