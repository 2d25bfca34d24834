/* SPDX-License-Identifier: Apache-2.0 */
/* One object: a block with its names and its text, made once, shared by references. */
#include <assert.h>
#include <string.h>

#include <bw/buf.h>
#include <bw/err.h>
#include <bw/ip.h>
#include <bw/kube_text.h>

#include "object.h"

/* What is read of every object, whatever its kind. */
struct head {
	char namespace[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	char uid[BW_KUBE_UID_MAX + 1];
	char rv[BW_KUBE_RV_MAX + 1];
	int64_t generation;
	int deleting;
};

static int read_text(struct bw_kube_slice meta, const char *key, char *ret, size_t cap)
{
	struct bw_kube_slice v;
	int r = bw_kube_text_get(meta, &v, key, NULL);

	*ret = '\0';
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : bw_kube_text_str(v, ret, cap);
}

static int read_head(const char *text, size_t size, struct head *h, struct bw_err *err)
{
	struct bw_kube_slice all = { text, size };
	struct bw_kube_slice meta;
	struct bw_kube_slice v;

	*h = (struct head){ 0 };
	if (bw_kube_text_get(all, &meta, "metadata", NULL) < 0 ||
	    read_text(meta, "name", h->name, sizeof(h->name)) < 0 ||
	    read_text(meta, "namespace", h->namespace, sizeof(h->namespace)) < 0 ||
	    read_text(meta, "uid", h->uid, sizeof(h->uid)) < 0 ||
	    read_text(meta, "resourceVersion", h->rv, sizeof(h->rv)) < 0 || !*h->name || !*h->rv)
		return bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "an object without name and resourceVersion");
	if (bw_kube_text_get(meta, &v, "generation", NULL) == 0 &&
	    bw_kube_text_int(v, &h->generation) < 0)
		return bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "metadata.generation of %.200s: expected an integer", h->name);
	h->deleting = bw_kube_text_get(meta, &v, "deletionTimestamp", NULL) == 0;
	return 0;
}

/* Of everything but the resourceVersion's digits. */
static uint64_t hash_text(const char *text, size_t size)
{
	struct bw_kube_slice all = { text, size };
	struct bw_kube_slice rv;
	size_t before = size;
	uint64_t h;

	if (bw_kube_text_get(all, &rv, "metadata", "resourceVersion", NULL) < 0)
		rv = (struct bw_kube_slice){ text + size, 0 };
	else
		before = (size_t)(rv.p - text);
	h = bw_fnv64(BW_FNV64_BASIS, text, before);
	return bw_fnv64(h, rv.p + rv.size, size - before - rv.size);
}

static const char *place(char **at, const char *s, size_t size)
{
	char *to = *at;

	memcpy(to, s, size);
	to[size] = '\0';
	*at += size + 1;
	return to;
}

static struct bw_kube_object *build(const struct bw_kube_kind *kind, const struct head *h,
				    const struct bw_buf *text)
{
	size_t ns_len = strlen(h->namespace);
	size_t name_len = strlen(h->name);
	size_t uid_len = strlen(h->uid);
	size_t rv_len = strlen(h->rv);
	struct bw_kube_object *o;
	char *at;

	o = malloc(sizeof(*o) + ns_len + name_len + uid_len + rv_len + text->size + 5);
	if (!o)
		return NULL;
	at = (char *)(o + 1);
	*o = (struct bw_kube_object){ .refs = 1,
				      .kind = kind,
				      .generation = h->generation,
				      .deleting = (uint8_t)h->deleting,
				      .size = text->size };
	o->namespace = place(&at, h->namespace, ns_len);
	o->name = place(&at, h->name, name_len);
	o->uid = place(&at, h->uid, uid_len);
	o->rv = place(&at, h->rv, rv_len);
	o->text = place(&at, text->data ? text->data : "", text->size);
	o->hash = hash_text(o->text, o->size);
	return o;
}

int bw_kube_object_make(const struct bw_kube_kind *kind, const char *text, size_t size,
			const struct bw_kube_keep *keep, struct bw_kube_object **ret,
			struct bw_err *err)
{
	bw_autobuf struct bw_buf kept = { 0 };
	struct bw_kube_object *o;
	struct head h;
	int r;

	if (keep)
		r = bw_kube_text_keep(text, size, keep, &kept, err);
	else
		r = bw_kube_text_strip(text, size, &kept, err);
	if (r < 0)
		return bw_wrap(err, r, "keep a %s", kind->kind);
	r = read_head(text, size, &h, err);
	if (r < 0)
		return bw_wrap(err, r, "read a %s", kind->kind);
	o = build(kind, &h, &kept);
	if (!o)
		return bw_fail(err, ENOMEM, "keep %s %s", kind->kind, h.name);
	*ret = o;
	return 0;
}

int bw_kube_object_new(const struct bw_kube_kind *kind, const char *text, size_t size,
		       struct bw_kube_object **ret, struct bw_err *err)
{
	return bw_kube_object_make(kind, text, size, NULL, ret, err);
}

struct bw_kube_object *bw_kube_object_ref(struct bw_kube_object *o)
{
	o->refs++;
	return o;
}

void bw_kube_object_unref(struct bw_kube_object **object)
{
	struct bw_kube_object *o = *object;

	*object = NULL;
	if (!o)
		return;
	assert(o->refs);
	if (--o->refs == 0)
		free(o);
}
