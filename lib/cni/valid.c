/* SPDX-License-Identifier: Apache-2.0 */
/* The attachments a runtime calls valid, sorted for bsearch(3). */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/cni_valid.h>
#include <bw/err.h>
#include <bw/json.h>

#define KEY "cni.dev/valid-attachments"
#define OLD_KEY "cni.dev/attachments"

static const struct bw_json_field entry_fields[] = {
	BW_JSON_FIELD(STR, struct bw_cni_valid_entry, container_id, "containerID", .min = 1,
		      .max = BW_CNI_CID_MAX, .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_cni_valid_entry, ifname, "ifname", .min = 1,
		      .max = BW_CNI_IFNAME_MAX, .flags = BW_JSON_F_REQUIRED),
};
static const struct bw_json_table entry_table = BW_JSON_TABLE(entry_fields);
static const struct bw_json_field entry_item =
	BW_JSON_ITEM(OBJECT, struct bw_cni_valid_entry, .table = &entry_table);

struct valid_conf {
	struct bw_json_list now, old; /* of struct bw_cni_valid_entry */
	uint8_t has_now, has_old;
};

static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(ARRAY, struct valid_conf, now, KEY, .item = &entry_item,
		      .max = BW_CNI_VALID_MAX, BW_JSON_HAS(struct valid_conf, has_now)),
	BW_JSON_FIELD(ARRAY, struct valid_conf, old, OLD_KEY, .item = &entry_item,
		      .max = BW_CNI_VALID_MAX, BW_JSON_HAS(struct valid_conf, has_old)),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

/* A list of none as libcni writes it: a nil slice, when its caller gave a list and has no
 * container. */
static int is_null(const struct cJSON *conf)
{
	return cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(conf, KEY)) ||
	       cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(conf, OLD_KEY));
}

static int compare(const void *a, const void *b)
{
	const struct bw_cni_valid_entry *x = a, *y = b;
	int order = strcmp(x->container_id, y->container_id);

	return order ? order : strcmp(x->ifname, y->ifname);
}

int bw_cni_valid_parse(const struct bw_cni_request *req, struct bw_cni_valid *ret,
		       struct bw_err *err)
{
	struct valid_conf conf = { 0 };
	struct bw_json_list *list = &conf.now;
	int r = bw_json_decode(req->conf, &table, NULL, &conf, err);

	if (r == 0 && !conf.has_now && !conf.has_old && !is_null(req->conf))
		r = bw_reject(err, BW_ERR_INVALID, EINVAL,
			      KEY ": missing, expected a list of {containerID, ifname}; nothing is "
				  "collected without it");
	if (r < 0) {
		bw_json_done(&table, &conf);
		return r;
	}
	if (!conf.has_now)
		list = &conf.old;
	if (list->n)
		qsort(list->items, list->n, sizeof(struct bw_cni_valid_entry), compare);
	ret->entries = list->items;
	ret->n = list->n;
	*list = (struct bw_json_list){ 0 };
	bw_json_done(&table, &conf);
	return 0;
}

void bw_cni_valid_done(struct bw_cni_valid *v)
{
	if (!v)
		return;
	free(v->entries);
	*v = (struct bw_cni_valid){ 0 };
}

int bw_cni_valid_has(const struct bw_cni_valid *v, const char *container_id, const char *ifname)
{
	struct bw_cni_valid_entry key = { container_id, ifname };

	return v->n > 0 && bsearch(&key, v->entries, v->n, sizeof(key), compare) != NULL;
}
