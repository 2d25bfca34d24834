# SPDX-License-Identifier: Apache-2.0
# A real Kubernetes for tests and for a person who wants to look around (docs/design/kube-bed.md). The tier runs
# beside two beds that its files share.
#: make kube-up       a Kubernetes of two nodes on this machine, in namespaces of its own; make kube-down ends it
#: make kube-deps     build etcd, Kubernetes and CoreDNS into BW_CACHE, once; then also scripts/kube-api, scripts/kube-bed
KUBE_NEEDS = $(call need,bed) $(call need,demo) $(call need,test) $(call need,kube-tools) $(call need,go-plugins) \
	$(call need,containerd2) $(call need,kube) $(call need,coredns)

KUBE_FILES ?= $(call tier_files,kube)
KUBE_FLOOR ?= 505

.PHONY: bench-kube bench-units demo-kube kube-deps kube-up kube-down test-kube
#: make demo-kube     a database keeps its address through deletion, drain, an API server outage, a resize and a move
demo-kube: $(PROGRAMS) | $(KUBE_NEEDS)
	$(Q)scripts/demo-kube

#: make bench-kube    10,000 claims beside Go controllers, pods and packets on a cluster (build/bench-kube.json);
#:                    BENCH="claims memory warm path pods" picks, CLAIMS=60000
bench-kube: $(PROGRAMS) $(TOOLS) $(TOOLS_BPF) | $(KUBE_NEEDS)
	$(Q)scripts/deps kube-peers
	$(Q)CLAIMS=$(or $(CLAIMS),10000) scripts/bench-kube $(BENCH)

#: make bench-units   2,000 Units to Ready beside a Go controller and a StatefulSet, with a fake kubelet; UNITS=500
bench-units: $(PROGRAMS) | $(KUBE_NEEDS)
	$(Q)scripts/deps kube-peers
	$(Q)UNITS=$(or $(UNITS),2000) scripts/bench-kube units

kube-deps: | $(KUBE_NEEDS) $(call need,kube-old) $(call need,multus)

kube-up: $(PROGRAMS) | $(KUBE_NEEDS)
	$(Q)scripts/kube-bed up

kube-down:
	$(Q)scripts/kube-bed down

# Three lanes: two beds, and beside them the files that start an API server of their own. The files of one bed run one
# after the other: they kill nodes and servers that are the others' too. In the first bed those that want the reference
# plugins, then those that install the product, and last the one that looks for what beds leave; in the second those
# that take nodes and servers away. What works the processors hardest comes first, what measures a second comes late.
KUBE_OWN = $(shell grep -L 'from kube\(test\|product\|unit\) import' $(KUBE_FILES))
KUBE_BARE = $(filter-out $(KUBE_LAST),$(shell grep -l 'from kubetest import' $(KUBE_FILES)))
KUBE_FIRST = $(filter %/class_race.t,$(KUBE_OWN))
KUBE_LAST = $(filter %/leak.t,$(KUBE_FILES))
KUBE_BED2 = $(filter $(addprefix %/,agent_fence.t class_node.t),$(KUBE_FILES)) \
	$(foreach f,$(KUBE_FILES),$(if $(findstring /faults_,$f),$f)) $(filter %/class_moves.t %/database.t %/unitcluster.t %/unitfaults.t,$(KUBE_FILES))
KUBE_BED1 = $(KUBE_BARE) $(filter-out $(KUBE_OWN) $(KUBE_BARE) $(KUBE_BED2) $(KUBE_LAST),$(KUBE_FILES)) $(KUBE_LAST)
KUBE_BEDS = $(if $(and $(strip $(KUBE_BED1)),$(strip $(KUBE_BED2))),2,1)
test-kube: $(TEST_PROGRAMS) $(TOOLS_KUBE) | $(KUBE_NEEDS) $(call need,kube-old) $(call need,multus)
	$(Q)$(TEST_ENV) scripts/kube-bed beside $(KUBE_BEDS) -t 2400 scripts/run-tier -p $(PASS) -j 1 -t 900 -m $(KUBE_FLOOR) kube \
		'=scripts/kube-bed in 1' $(KUBE_BED1) + '=scripts/kube-bed in $(KUBE_BEDS)' $(KUBE_BED2) + \
		'=scripts/kube-bed in 1' $(KUBE_FIRST) $(filter-out $(KUBE_FIRST),$(KUBE_OWN))
