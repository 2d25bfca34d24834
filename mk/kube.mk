# SPDX-License-Identifier: Apache-2.0
# A real Kubernetes for tests and for a person who wants to look around.
#: make kube-api-deps builds etcd, kube-apiserver and kubectl into BW_CACHE; then see scripts/kube-api
.PHONY: kube-api-deps
kube-api-deps: | $(call need,bed) $(call need,kube-tools) $(call need,kube-api)
