/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to reach an API server and as whom: from kubeconfig files, or from the files of a pod's
 * service account.
 *
 * I1 Secrets are in no error text.
 * I2 What came from a file is read again (bw_kube_config_reload()): tokens and certificates
 *    rotate while we run.
 */
#pragma once

#include <bw/buf.h>
#include <bw/defs.h>

struct bw_err;

#define BW_KUBE_CONFIG_MAX (4U << 20) /* bytes of one kubeconfig file */
#define BW_KUBE_CONFIG_FILES_MAX 32 /* files named in KUBECONFIG */
#define BW_KUBE_SECRET_MAX (1U << 20) /* bytes of a token, certificate or key file */
#define BW_KUBE_EXEC_ARGS_MAX 256 /* arguments, and variables, of a credential plugin */

/* A certificate or key in PEM form. */
struct bw_kube_pem {
	char *file; /* NULL = it came as data */
	struct bw_buf data;
};

/* A program that prints credentials (client.authentication.k8s.io). */
struct bw_kube_exec {
	char *command; /* NULL = none */
	char **args; /* ended by NULL; may be NULL */
	char **env; /* NAME=VALUE, likewise */
	char *api_version;
	char *install_hint;
	uint8_t cluster_info; /* provideClusterInfo */
};

/* Owned by bw_kube_config_free(); absent texts are NULL. */
struct bw_kube_config {
	char *server; /* https://host:port, perhaps with a path; no slash at its end */
	char *tls_server_name;
	char *proxy;
	char *namespace; /* of the context; NULL = "default" */
	char *context;
	uint8_t insecure;
	struct bw_kube_pem ca;
	struct bw_kube_pem cert;
	struct bw_kube_pem key;
	char *token;
	char *token_file; /* wins over a token that was given as data */
	char *username;
	char *password;
	struct bw_kube_exec exec;
};

/* NULL-safe; nulls the pointer; secrets are overwritten. */
void bw_kube_config_free(struct bw_kube_config **c);
#define bw_autokubeconfig BW_CLEANUP(bw_kube_config_free)

/**
 * bw_kube_config_load() - read kubeconfig files
 * @files: paths separated by colons; those that do not exist are passed over
 * @context: NULL = the current-context
 * @ret: owned by the caller
 *
 * Of clusters, users and contexts given several times the first counts, as kubectl has it.
 * Return: 0; -ENOENT class INVALID none of the files exists; -EINVAL class INVALID no YAML, or
 * something a connection needs is missing; -errno of reading; -ENOMEM.
 */
int bw_kube_config_load(const char *files, const char *context, struct bw_kube_config **ret,
			struct bw_err *err);

/**
 * bw_kube_config_in_cluster() - the pod's own service account
 * @dir: NULL = /var/run/secrets/kubernetes.io/serviceaccount
 * @ret: owned by the caller
 *
 * Return: 0; -ENOENT class INVALID not in a pod: KUBERNETES_SERVICE_HOST is not set; -errno of
 * reading the files; -ENOMEM.
 */
int bw_kube_config_in_cluster(const char *dir, struct bw_kube_config **ret, struct bw_err *err);

/**
 * bw_kube_config_find() - what kubectl would take
 * @file: --kubeconfig; NULL or "" = not given
 * @context: --context; NULL = not given
 * @ret: owned by the caller
 *
 * In this order: @file, the files of $KUBECONFIG, ~/.kube/config when it exists, the pod's own.
 * Return: as of those; -ENOENT class INVALID nothing was found.
 */
int bw_kube_config_find(const char *file, const char *context, struct bw_kube_config **ret,
			struct bw_err *err);

/**
 * bw_kube_config_reload() - read token and PEM files again
 * @c: config; what cannot be read stays as it was
 *
 * Return: 1 something changed; 0 nothing did; -errno the first file that cannot be read; -ENOMEM.
 */
int bw_kube_config_reload(struct bw_kube_config *c, struct bw_err *err);
