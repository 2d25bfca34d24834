/* SPDX-License-Identifier: Apache-2.0 */
/* Which claim is the pod's, and where its binding is: the node's daemon, else the journal. */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/agent_sock.h>
#include <bw/clock.h>
#include <bw/err.h>
#include <bw/json.h>
#include <bw/log.h>

#include "claim.h"

#define POD_NAME "$(POD_NAME)"
#define MS_PER_S 1000

struct keys {
	uint8_t claims;
	uint32_t wait_s;
};

static const struct bw_json_field fields[] = {
	BW_JSON_FIELD(BOOL, struct keys, claims, "claims"),
	BW_JSON_FIELD(INT, struct keys, wait_s, "waitSeconds", .max = BRIDGE_CLAIM_WAIT_MAX_S),
};
static const struct bw_json_table table = BW_JSON_TABLE(fields);

int bridge_claim_is(const struct bw_cni_request *req)
{
	return cJSON_IsTrue(bw_json_get(req->conf, "claims"));
}

/* The value with $(POD_NAME) replaced; 0; -EINVAL it is no name. */
static int claim_name(const char *value, const char *pod, char ret[BW_CLAIM_NAME_MAX + 1],
		      struct bw_err *err)
{
	const char *at = strstr(value, POD_NAME);
	int n = at ? snprintf(ret, BW_CLAIM_NAME_MAX + 1, "%.*s%s%s", (int)(at - value), value, pod,
			      at + strlen(POD_NAME))
		   : snprintf(ret, BW_CLAIM_NAME_MAX + 1, "%s", value);

	if (n > 0 && n <= BW_CLAIM_NAME_MAX)
		return 0;
	return bw_reject(err, BW_ERR_INVALID, EINVAL,
			 "annotation net.barewire.dev/claim: expected a claim's name of 1 to %d "
			 "characters, got \"%.64s\"",
			 BW_CLAIM_NAME_MAX, value);
}

static int refuse_pod(struct bw_err *err)
{
	(void)bw_reject(err, BW_ERR_INVALID, EINVAL,
			"claims: the runtime did not say which pod this is: K8S_POD_NAMESPACE and "
			"K8S_POD_NAME are missing in CNI_ARGS");
	bw_err_details(err, "a network with \"claims\": true is for pods of Kubernetes; outside of "
			    "it use a network with ipam.ranges");
	return -EINVAL;
}

int bridge_claim_pod(const struct bw_cni_request *req, int lenient, struct bridge_claim_pod *ret,
		     struct bw_err *err)
{
	const struct cJSON *runtime = bw_json_get(req->conf, "runtimeConfig");
	struct keys k = { .wait_s = BRIDGE_CLAIM_WAIT_S };
	const char *value;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = lenient ? bw_json_decode_lenient(req->conf, &table, NULL, &k, NULL)
		    : bw_json_decode(req->conf, &table, NULL, &k, err);
	if (r < 0)
		return r;
	ret->wait_ms = k.wait_s * MS_PER_S;
	ret->ns = bw_cni_request_arg(req, "K8S_POD_NAMESPACE");
	ret->name = bw_cni_request_arg(req, "K8S_POD_NAME");
	ret->uid = bw_cni_request_arg(req, "K8S_POD_UID");
	ret->annotations = bw_json_get(runtime, "io.kubernetes.cri.pod-annotations");
	if (!ret->ns || !*ret->ns || !ret->name || !*ret->name)
		return lenient ? 0 : refuse_pod(err);
	value = bw_json_get_str(ret->annotations, BW_AGENT_ANNOTATION_PREFIX "claim");
	r = claim_name(value && *value ? value : ret->name, ret->name, ret->claim, err);
	return lenient ? 0 : r;
}

static int open_journal(unsigned int flags, struct bw_journal **ret, struct bw_err *err)
{
	int r = bw_journal_open(BW_JOURNAL_DIR_DEFAULT, flags, ret, err);

	return r == -ENOENT ? 0 : r;
}

/* A row's text as a binding that may be served. */
static int decode(const struct bw_journal_claim *row, struct bw_binding *ret, struct bw_err *err)
{
	const char *text = row->binding ? row->binding : "";
	int r = bw_binding_decode(text, strlen(text), ret, err);

	if (r == 0 && (ret->token != row->token || strcmp(ret->uid, row->uid) != 0 ||
		       strcmp(ret->iface, row->iface) != 0))
		r = bw_reject(err, BW_ERR_INTERNAL, EBADMSG,
			      "its binding is of another claim, interface or token");
	if (r == 0)
		return 0;
	(void)bw_wrap(err, r, "read claim %.63s/%.200s from the journal", row->ns, row->name);
	if (err && r != -ENOMEM)
		err->class = BW_ERR_BUSY; /* the daemon writes it again */
	return r;
}

/* The claim that the daemon has named. */
static int read_named(const struct bw_agent_reply *reply, struct bw_binding *ret,
		      struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	bw_autojournal struct bw_journal *j = NULL;
	int r;

	if (!reply->uid || !reply->iface)
		return bw_reject(err, BW_ERR_BUSY, EPROTO,
				 "barewire-agent answered without naming the claim");
	r = open_journal(BW_JOURNAL_F_READ, &j, err);
	if (r == 0 && j)
		r = bw_journal_claim_get(j, reply->uid, reply->iface, &row, err);
	if (r == 0)
		return bw_reject(err, BW_ERR_BUSY, ENOENT,
				 "claim %.63s is gone from the journal again", reply->uid);
	return r < 0 ? r : decode(&row, ret, err);
}

/* The daemon is away: @why says so. The journal's row serves when this boot confirmed it (I6). */
static int read_offline(const struct bw_cni_request *req, const struct bridge_claim_pod *pod,
			struct bw_err *why, struct bw_binding *ret, struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	bw_autojournal struct bw_journal *j = NULL;
	char boot_id[BW_BOOT_ID_LEN + 1] = "";
	const char *missing = NULL;
	int r = open_journal(BW_JOURNAL_F_READ, &j, err);

	if (r == 0 && j)
		r = bw_journal_claim_find(j, pod->ns, pod->claim, req->ifname, &row, err);
	if (r >= 0 && bw_boot_id(boot_id, err) < 0)
		return -EIO;
	if (r < 0)
		return r;
	if (r == 0)
		missing = "is not in this node's journal";
	else if (strcmp(row.boot_id, boot_id) != 0)
		missing = "was not confirmed by the cluster since this node was started";
	else if (row.stale)
		missing = "is no longer this node's";
	if (!missing) {
		bw_log_info("serving a claim from the journal", "claim", row.name, "why", why->msg);
		return decode(&row, ret, err);
	}
	(void)bw_reject(err, BW_ERR_BUSY, EBUSY, "claim %.63s/%.200s %s, and %s", pod->ns,
			pod->claim, missing, why->msg);
	bw_err_details(err, "the node's daemon serves it: kubectl -n barewire-system get pods -l "
			    "app.kubernetes.io/name=barewire-agent -o wide");
	return -EBUSY;
}

static int take_refusal(const struct bw_agent_reply *reply, struct bw_err *err)
{
	int wrong = reply->code == BW_AGENT_CODE_INVALID;
	int errnum = wrong ? EINVAL : EBUSY;

	(void)bw_reject(err, wrong ? BW_ERR_INVALID : BW_ERR_BUSY, errnum, "%s", reply->msg);
	if (reply->details)
		bw_err_details(err, "%s", reply->details);
	return -errnum;
}

/* Only what is ours of the annotations: other people's are large, and nobody's business. */
static void put_annotations(const struct bridge_claim_pod *pod, struct bw_agent_request *ask)
{
	const struct cJSON *item;

	ask->has_annotations = cJSON_IsObject(pod->annotations);
	cJSON_ArrayForEach (item, pod->annotations) {
		if (strncmp(item->string, BW_AGENT_ANNOTATION_PREFIX,
			    strlen(BW_AGENT_ANNOTATION_PREFIX)) != 0 ||
		    !cJSON_IsString(item) || ask->n_annotations == BW_AGENT_ANNOTATIONS_MAX)
			continue;
		ask->annotations[ask->n_annotations].key = item->string;
		ask->annotations[ask->n_annotations++].value = item->valuestring;
	}
}

int bridge_claim_find(const struct bw_cni_request *req, const struct bridge_claim_pod *pod,
		      struct bw_binding *ret, struct bw_err *err)
{
	struct bw_agent_request ask = { .op = BW_AGENT_CLAIM,
					.container_id = req->container_id,
					.ifname = req->ifname,
					.ns = pod->ns,
					.name = pod->name,
					.uid = pod->uid,
					.wait_ms = pod->wait_ms };
	struct bw_agent_reply reply = { 0 };
	struct bw_err why = { 0 };
	int r;

	put_annotations(pod, &ask);
	r = bw_agent_call(NULL, &ask, &reply, &why);
	if (r == 0)
		r = reply.ok ? read_named(&reply, ret, err) : take_refusal(&reply, err);
	else if (r == -ENOMEM || r == -E2BIG)
		r = bw_reject(err, why.class, -r, "%s", why.msg);
	else
		r = read_offline(req, pod, &why, ret, err);
	bw_agent_reply_done(&reply);
	return r;
}

int bridge_claim_of(const struct bw_attachment *a, struct bw_binding *ret, struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	bw_autojournal struct bw_journal *j = NULL;
	int r = open_journal(BW_JOURNAL_F_READ, &j, err);

	if (r == 0 && j)
		r = bw_journal_claim_get(j, a->claim_uid, a->ifname, &row, err);
	if (r == 0)
		return bw_reject(err, BW_ERR_INVALID, ENOENT,
				 "claim %.63s of this attachment is no longer this node's",
				 a->claim_uid);
	return r < 0 ? r : decode(&row, ret, err);
}

int bridge_claim_row(const struct bw_cni_request *req, struct bw_attachment *ret,
		     struct bw_err *err)
{
	bw_autojournal struct bw_journal *j = NULL;
	int r = open_journal(BW_JOURNAL_F_READ, &j, err);

	return r < 0 || !j ? r : bw_journal_attach_get(j, req->container_id, req->ifname, ret, err);
}

int bridge_claim_leave(const struct bw_cni_request *req, const struct bridge_claim_pod *pod,
		       struct bw_err *err)
{
	bw_autoclaim struct bw_journal_claim row = { 0 };
	bw_autojournal struct bw_journal *j = NULL;
	int r;

	if (!pod->ns || !pod->claim[0])
		return 0;
	r = open_journal(0, &j, err);
	if (r < 0 || !j)
		return r;
	r = bw_journal_claim_find(j, pod->ns, pod->claim, req->ifname, &row, err);
	if (r <= 0)
		return r;
	r = bw_journal_begin(j, BW_JOURNAL_NORMAL, err);
	if (r == 0)
		r = bw_journal_claim_leave(j, row.uid, row.token, NULL, err);
	return r < 0 ? r : bw_journal_commit(j, err);
}
