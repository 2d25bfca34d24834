/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model server's storage: every version of every object, in the order of their commits. It
 * states what an API server decides about writes; who talks to it over a bad network is server.h.
 *
 * S1 Resource versions are one sequence over all kinds and only grow, but for a restore.
 * S2 A version never changes once it is committed, and lives as long as the store.
 * S3 A commit is one object: nothing else happens in it.
 */
#pragma once

#include <bw/defs.h>
#include <bw/kube_kind.h>

struct cJSON;
struct bw_loop;
struct sim_rng;

/* A kind as the server serves it. */
struct sim_kind {
	struct bw_kube_kind kind;
	uint8_t status; /* has the status subresource */
	uint8_t generation; /* counts changes of what is neither metadata nor status */
	uint8_t graceful; /* a DELETE with grace only marks it: Pods on a node */
	const char *field; /* selectable besides metadata.name and .namespace; NULL = none */
};

enum sim_kind_id {
	SIM_POD,
	SIM_NODE,
	SIM_NAMESPACE,
	SIM_EVENT,
	SIM_LEASE,
	SIM_STATEFULSET,
	SIM_DAEMONSET,
	SIM_NETWORKPOLICY,
	SIM_SERVICECIDR,
	SIM_POOL,
	SIM_RESERVATION,
	SIM_CLAIM,
	SIM_ADDRESS,
	SIM_NODENETWORK,
	SIM_EPOCH,
	SIM_UNIT,
	SIM_VOLUME, /* PersistentVolumeClaims */
	SIM_PV,
	SIM_CONFIGMAP,
	SIM_SECRET,
	SIM_SERVICE,
	SIM_SLICE, /* EndpointSlices */
	SIM_KIND_MAX_,
};
extern const struct sim_kind sim_kinds[SIM_KIND_MAX_];

/* The served kind of that group and plural; NULL = none. */
const struct sim_kind *sim_kind_find(const struct bw_kube_kind *kind);

struct sim_key;

/* One state of one object; texts are owned. */
struct sim_version {
	struct sim_key *key;
	struct sim_version *prev; /* of the same object or of one with its name before */
	uint64_t rv;
	int64_t at_ns;
	uint8_t deleted; /* the text is the last state, with the deletion's resourceVersion */
	char *text; /* compact JSON */
	size_t size;
	char *field; /* value of the selectable field; "" */
	struct cJSON *labels; /* NULL = none */
};

/* A name that was ever used. */
struct sim_key {
	const struct sim_kind *kind;
	char *namespace; /* "" = cluster-scoped */
	char *name;
	struct sim_version *last; /* NULL after a restore to before its first version */
	struct cJSON *tree; /* of @last; NULL = there is no such object now */
	void *fact; /* the checker's, freed with free() */
};

struct sim_store;

/* What became of a write or a read. */
struct sim_reply {
	int http;
	const char *reason; /* of the Status; "" = success */
	char message[256];
	const struct sim_version *version; /* of the answer; NULL = a Status */
};

/* Called after each commit, before anything else happens. @by is who wrote. */
typedef void (*sim_commit_fn)(const struct sim_version *v, const char *by, void *arg);

struct sim_store *sim_store_new(struct bw_loop *loop);
void sim_store_free(struct sim_store **s);
void sim_store_on_commit(struct sim_store *s, sim_commit_fn fn, void *arg);

/* Who writes from now on, for the trace; borrowed. */
void sim_store_by(struct sim_store *s, const char *who);

/*
 * The verbs. @body and @patch are borrowed. 0 as http never comes. A merge patch with
 * metadata.resourceVersion is a compare-and-swap, one with metadata.uid has that precondition.
 */
void sim_store_create(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const struct cJSON *body, struct sim_reply *ret);
/* A dry run: what a creation would have answered, without the object. */
void sim_store_try(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		   const struct cJSON *body, struct sim_reply *ret);
void sim_store_merge(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		     const char *name, const char *subresource, const struct cJSON *patch,
		     struct sim_reply *ret);
/* pods/resize: of a strategic merge the resources of containers, found by their names. */
void sim_store_resize(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const char *subresource, const struct cJSON *patch,
		      struct sim_reply *ret);
/* From now on it answers @http; 0 = it does it. */
void sim_store_refuse_resize(struct sim_store *s, int http);
void sim_store_update(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const char *subresource, const struct cJSON *body,
		      struct sim_reply *ret);

/* Preconditions may be NULL; @grace_s -1 = not given. */
struct sim_delete {
	const char *uid;
	const char *resource_version;
	int64_t grace_s;
};
void sim_store_delete(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		      const char *name, const struct sim_delete *opts, struct sim_reply *ret);
void sim_store_get(struct sim_store *s, const struct sim_kind *kind, const char *namespace,
		   const char *name, struct sim_reply *ret);

/* The present tree of an object, borrowed until the next commit; NULL = none. */
const struct cJSON *sim_store_tree(const struct sim_store *s, enum sim_kind_id kind,
				   const char *namespace, const char *name);
/* All names of a kind in (namespace, name) order; those without a tree are gone. Borrowed. */
struct sim_key *const *sim_store_keys(const struct sim_store *s, const struct sim_kind *kind,
				      size_t *ret_n);

/* The state of a name when @rv was the latest; NULL = there was none. */
const struct sim_version *sim_version_at(const struct sim_key *key, uint64_t rv);

uint64_t sim_store_rv(const struct sim_store *s);
/* The first commit after @rv in the log, and how many there are. */
const struct sim_version *sim_store_log(const struct sim_store *s, size_t i);
size_t sim_store_log_size(const struct sim_store *s);
size_t sim_store_log_after(const struct sim_store *s, uint64_t rv);

/* Versions up to @rv can be neither listed nor watched from any more. */
void sim_store_compact(struct sim_store *s, uint64_t rv);
uint64_t sim_store_compacted(const struct sim_store *s);

/* Back to what was when @rv was the latest. @bump is added to the next resourceVersion. */
void sim_store_restore(struct sim_store *s, uint64_t rv, uint64_t bump);
