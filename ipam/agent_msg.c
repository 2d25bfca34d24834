/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the daemon's socket: requests and answers in and out of JSON. */
#include <assert.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/agent_sock.h>
#include <bw/err.h>
#include <bw/json.h>

#define NAME_MAX_ 253 /* RFC 1123 subdomain */
#define VALUE_MAX 4096 /* characters of an annotation's value */
#define TEXT_MAX 512 /* characters of a message: BW_ERR_MSG_MAX */
#define CODE_MAX 999

static const struct bw_json_enum op_names[] = {
	{ "claim", BW_AGENT_CLAIM },
	{ "status", BW_AGENT_STATUS },
	{ "nudge", BW_AGENT_NUDGE },
	{ NULL, 0 },
};
static_assert(BW_ARRAY_SIZE(op_names) == BW_AGENT_OP_MAX_ + 1, "an op without a name");

const char *bw_agent_op_str(enum bw_agent_op op)
{
	return op < BW_AGENT_OP_MAX_ ? op_names[op].name : "unknown";
}

static int decode_annotations(const struct cJSON *json, const struct bw_json_path *path,
			      void *member, struct bw_err *err)
{
	struct bw_agent_request *req =
		BW_CONTAINER_OF(member, struct bw_agent_request, has_annotations);
	const struct cJSON *item;

	if (!cJSON_IsObject(json))
		return bw_json_expect(json, path, err, "an object of texts");
	req->has_annotations = 1;
	cJSON_ArrayForEach (item, json) {
		struct bw_json_path at = { .up = path, .key = item->string };
		const char *value = cJSON_GetStringValue(item);

		if (!value || strlen(value) > VALUE_MAX)
			return bw_json_expect(item, &at, err, "a text of at most %d characters",
					      VALUE_MAX);
		if (req->n_annotations == BW_AGENT_ANNOTATIONS_MAX)
			return bw_json_refuse(path, err, "more than %d annotations",
					      BW_AGENT_ANNOTATIONS_MAX);
		req->annotations[req->n_annotations].key = item->string;
		req->annotations[req->n_annotations++].value = value;
	}
	return 0;
}

static const struct bw_json_field request_fields[] = {
	BW_JSON_FIELD(ENUM, struct bw_agent_request, op, "op", .names = op_names,
		      .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_agent_request, container_id, "containerID", .min = 1,
		      .max = BW_CNI_CID_MAX),
	BW_JSON_FIELD(STR, struct bw_agent_request, ifname, "ifname", .min = 1,
		      .max = BW_CNI_IFNAME_MAX),
	BW_JSON_FIELD(STR, struct bw_agent_request, ns, "namespace", .min = 1, .max = NAME_MAX_),
	BW_JSON_FIELD(STR, struct bw_agent_request, name, "name", .min = 1, .max = NAME_MAX_),
	BW_JSON_FIELD(STR, struct bw_agent_request, uid, "uid", .max = NAME_MAX_),
	BW_JSON_FIELD(CUSTOM, struct bw_agent_request, has_annotations, "annotations",
		      .decode = decode_annotations),
	BW_JSON_FIELD(INT, struct bw_agent_request, wait_ms, "waitMs", .max = BW_AGENT_WAIT_MAX_MS),
};
static const struct bw_json_table request_table = BW_JSON_TABLE(request_fields);

static int parse(const char *line, size_t size, struct cJSON **ret, struct bw_err *err)
{
	if (size >= BW_AGENT_LINE_MAX)
		return bw_reject(err, BW_ERR_DECODE, EBADMSG,
				 "a line of %zu bytes, expected less than %d", size,
				 BW_AGENT_LINE_MAX);
	return bw_json_parse(line, size, ret, err);
}

static int check_request(const struct bw_agent_request *req, struct bw_err *err)
{
	const struct {
		const char *key;
		const char *value;
	} needed[] = {
		{ "containerID", req->container_id },
		{ "ifname", req->ifname },
		{ "namespace", req->ns },
		{ "name", req->name },
	};

	for (size_t i = 0; req->op == BW_AGENT_CLAIM && i < BW_ARRAY_SIZE(needed); i++)
		if (!needed[i].value)
			return bw_reject(err, BW_ERR_INVALID, EINVAL,
					 "%s: expected a text, got nothing", needed[i].key);
	return 0;
}

/* An op of a later version is told from a malformed request. */
static int check_op(const struct cJSON *tree, struct bw_err *err)
{
	const char *op = bw_json_get_str(tree, "op");

	for (size_t i = 0; op && op_names[i].name; i++)
		if (strcmp(op, op_names[i].name) == 0)
			return 0;
	return op ? bw_reject(err, BW_ERR_UNSUPPORTED, EOPNOTSUPP,
			      "op: \"%.32s\" is not known to this version", op)
		  : 0;
}

int bw_agent_request_decode(const char *line, size_t size, struct bw_agent_request *ret,
			    struct bw_err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = parse(line, size, &ret->tree, err);
	if (r == 0)
		r = check_op(ret->tree, err);
	if (r == 0)
		r = bw_json_decode(ret->tree, &request_table, NULL, ret, err);
	return r < 0 ? r : check_request(ret, err);
}

void bw_agent_request_done(struct bw_agent_request *req)
{
	if (!req)
		return;
	bw_json_free(&req->tree);
	memset(req, 0, sizeof(*req));
}

static void put_str(struct bw_json_build *b, struct cJSON *o, const char *key, const char *s)
{
	if (s && *s)
		bw_json_put_str(b, o, key, s);
}

/* One line, at most BW_AGENT_LINE_MAX bytes with its newline. */
static int take_line(struct bw_json_build *b, char **ret, struct bw_err *err)
{
	bw_autojson struct cJSON *tree = NULL;
	bw_autofree char *text = NULL;
	char *line;
	size_t len;
	int r = bw_json_build_take(b, &tree, err);

	if (r == 0)
		r = bw_json_print(tree, 0, &text, err);
	if (r < 0 || !text)
		return r;
	len = strlen(text);
	if (len + 1 > BW_AGENT_LINE_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG, "a line of %zu bytes, at most %d fit",
				 len + 1, BW_AGENT_LINE_MAX);
	line = malloc(len + 2);
	if (!line)
		return bw_fail(err, ENOMEM, "write a line");
	memcpy(line, text, len);
	memcpy(line + len, "\n", 2);
	*ret = line;
	return 0;
}

int bw_agent_request_encode(const struct bw_agent_request *req, char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *o = bw_json_build_object(&b);

	bw_json_put_str(&b, o, "op", bw_agent_op_str(req->op));
	put_str(&b, o, "containerID", req->container_id);
	put_str(&b, o, "ifname", req->ifname);
	put_str(&b, o, "namespace", req->ns);
	put_str(&b, o, "name", req->name);
	put_str(&b, o, "uid", req->uid);
	if (req->has_annotations) {
		struct cJSON *a = bw_json_put_object(&b, o, "annotations");

		for (size_t i = 0; i < req->n_annotations; i++)
			bw_json_put_str(&b, a, req->annotations[i].key, req->annotations[i].value);
	}
	if (req->wait_ms)
		bw_json_put_uint(&b, o, "waitMs", req->wait_ms);
	return take_line(&b, ret, err);
}

const char *bw_agent_request_annotation(const struct bw_agent_request *req, const char *key)
{
	size_t prefix = strlen(BW_AGENT_ANNOTATION_PREFIX);

	for (size_t i = 0; i < req->n_annotations; i++)
		if (strncmp(req->annotations[i].key, BW_AGENT_ANNOTATION_PREFIX, prefix) == 0 &&
		    strcmp(req->annotations[i].key + prefix, key) == 0)
			return req->annotations[i].value;
	return NULL;
}

static const struct bw_json_field reply_fields[] = {
	BW_JSON_FIELD(BOOL, struct bw_agent_reply, ok, "ok", .flags = BW_JSON_F_REQUIRED),
	BW_JSON_FIELD(STR, struct bw_agent_reply, uid, "uid", .min = 1, .max = 63),
	BW_JSON_FIELD(STR, struct bw_agent_reply, iface, "interface", .min = 1,
		      .max = BW_CNI_IFNAME_MAX),
	BW_JSON_FIELD(INT, struct bw_agent_reply, token, "token", .max = BW_JSON_INT_MAX),
	BW_JSON_FIELD(INT, struct bw_agent_reply, code, "code", .max = CODE_MAX),
	BW_JSON_FIELD(STR, struct bw_agent_reply, msg, "msg", .max = TEXT_MAX),
	BW_JSON_FIELD(STR, struct bw_agent_reply, details, "details", .max = TEXT_MAX),
};
static const struct bw_json_table reply_table = BW_JSON_TABLE(reply_fields);

int bw_agent_reply_decode(const char *line, size_t size, struct bw_agent_reply *ret,
			  struct bw_err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = parse(line, size, &ret->tree, err);
	if (r == 0)
		r = bw_json_decode(ret->tree, &reply_table, NULL, ret, err);
	if (r < 0)
		return r;
	if (!ret->ok && !ret->msg)
		return bw_reject(err, BW_ERR_INVALID, EINVAL,
				 "msg: expected why it failed, got nothing");
	return 0;
}

void bw_agent_reply_done(struct bw_agent_reply *reply)
{
	if (!reply)
		return;
	bw_json_free(&reply->tree);
	memset(reply, 0, sizeof(*reply));
}

int bw_agent_reply_encode(const struct bw_agent_reply *reply, char **ret, struct bw_err *err)
{
	bw_autobuild struct bw_json_build b = { 0 };
	struct cJSON *o = bw_json_build_object(&b);

	bw_json_put_bool(&b, o, "ok", reply->ok);
	put_str(&b, o, "uid", reply->uid);
	put_str(&b, o, "interface", reply->iface);
	if (reply->token)
		bw_json_put_uint(&b, o, "token", reply->token);
	if (!reply->ok) {
		bw_json_put_uint(&b, o, "code", reply->code ? reply->code : BW_AGENT_CODE_AGAIN);
		bw_json_put_str(&b, o, "msg", reply->msg ? reply->msg : "");
		put_str(&b, o, "details", reply->details);
	}
	return take_line(&b, ret, err);
}

void bw_agent_reply_from_err(const struct bw_err *err, struct bw_agent_reply *ret)
{
	int wrong = err->class == BW_ERR_INVALID || err->class == BW_ERR_UNSUPPORTED;

	memset(ret, 0, sizeof(*ret));
	ret->code = wrong ? BW_AGENT_CODE_INVALID : BW_AGENT_CODE_AGAIN;
	ret->msg = err->msg;
	ret->details = err->details[0] ? err->details : NULL;
}
