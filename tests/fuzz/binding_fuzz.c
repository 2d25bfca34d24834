/* SPDX-License-Identifier: Apache-2.0 */
/* A claim's binding from the journal: what is read can be written, and is then the same for good.
 */
#include <assert.h>
#include <string.h>

#include <bw/binding.h>
#include <bw/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bw_autobinding struct bw_binding b = { 0 }, again = { 0 };
	bw_autofree char *text = NULL, *twice = NULL;
	char bridge[BW_CNI_IFNAME_MAX + 1];
	struct bw_err err = { 0 };

	if (bw_binding_decode((const char *)data, size, &b, &err) < 0)
		return 0;
	assert(b.ips.n >= 1 && b.ips.n <= BW_BINDING_IPS_MAX && b.token > 0);
	assert(strlen(bw_binding_bridge_of(&b, bridge)) <= BW_CNI_IFNAME_MAX);
	if (bw_binding_encode(&b, &text, &err) == -E2BIG)
		return 0;
	assert(text && bw_binding_decode(text, strlen(text), &again, &err) == 0);
	assert(bw_binding_encode(&again, &twice, &err) == 0);
	assert(strcmp(text, twice) == 0);
	return 0;
}
