# SPDX-License-Identifier: Apache-2.0
# What a cluster is given: the image, and the reference of the kinds.
#: make image         build/image.tar, for `ctr -n k8s.io images import` or `docker load`; then kubectl apply -k conf/deploy.
#:                    BW_IMAGE=NAME:TAG names it otherwise
#: make reference     build/docs/reference/KIND.md, made of conf/crds
.PHONY: image reference
image: $(PROGRAMS) | $(call need,bed)
	$(Q)scripts/image $(B) $(B)/image.tar $(BW_IMAGE)

REFERENCE := $(GEN_CRDS:conf/crds/%.yaml=build/docs/reference/%.md)
reference: $(REFERENCE)
build/docs/reference/%.md: conf/crds/%.yaml $(KGEN)
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)$(KGEN) reference $< >$@
