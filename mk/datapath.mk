# SPDX-License-Identifier: Apache-2.0
# The BPF object goes into the library, with the hash of its map definitions as the name of its pins.
EMBED := $(B)/scripts/embed
EMBED_OBJ := $(EMBED).o $(B)/lib/datapath/layout.o $(B)/lib/base/ip.o $(B)/lib/base/err.o

$(EMBED).o: CFLAGS += -iquote lib/datapath
$(EMBED): $(EMBED_OBJ) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LDLIBS) -lbpf -lelf -lz
$(B)/lib/datapath/embed.S: build/bpf/barewire.bpf.o $(EMBED)
	$(call say,EMBED,$<)
	$(Q)ASAN_OPTIONS=detect_leaks=0 $(EMBED) $< >$@
$(B)/lib/datapath/embed.o: $(B)/lib/datapath/embed.S
	$(Q)$(CC) -c $< -o $@
$(LIB): $(B)/lib/datapath/embed.o

-include $(EMBED).d

# tests/net/datapath: the library's callers as small programs. A variant is the same source over another
# bpf_abi.h, which a sed script makes: another version's layouts, other sizes.
DRIVE := $(B)/tests/net/datapath/drive
FOREIGN := $(B)/tests/net/datapath/foreign
DRIVES := $(DRIVE) $(FOREIGN)
DP_SRC := $(wildcard lib/datapath/*.c)

$(DRIVE): $(DRIVE).o $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS) $(LIBS_CNI)
$(FOREIGN): $(FOREIGN).o $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LDLIBS) -lbpf -lelf -lz
-include $(DRIVE).d $(FOREIGN).d

# $(1) variant, $(2) its folder
define variant
DRIVES += $(2)/drive
$(2)/include/bw/bpf_abi.h: include/bw/bpf_abi.h tests/net/datapath/$(1).sed
	@mkdir -p $$(@D)
	$$(Q)sed -f tests/net/datapath/$(1).sed $$< >$$@
	$$(Q)! cmp -s $$< $$@
$(2)/barewire.bpf.o: bpf/barewire.bpf.c build/bpf/barewire.bpf.o $(2)/include/bw/bpf_abi.h
	$$(call say,BPF,$$@)
	$$(Q)$$(CLANG) -I$(2)/include $$(filter-out -MMD -MP,$$(BPF_CFLAGS)) -c $$< -o $$@
$(2)/embed.S: $(2)/barewire.bpf.o $(EMBED)
	$$(Q)ASAN_OPTIONS=detect_leaks=0 $(EMBED) $$< >$$@
$(2)/embed.o: $(2)/embed.S
	$$(Q)$$(CC) -c $$< -o $$@
$(2)/%.o: lib/datapath/%.c $(2)/include/bw/bpf_abi.h $(B)/.compile-flags
	$$(Q)$$(CC) -I$(2)/include $$(CFLAGS) -c $$< -o $$@
$(2)/drive.o: tests/net/datapath/drive.c $(2)/include/bw/bpf_abi.h $(B)/.compile-flags
	$$(Q)$$(CC) -I$(2)/include $$(CFLAGS) -c $$< -o $$@
$(2)/drive: $(2)/drive.o $(patsubst lib/datapath/%.c,$(2)/%.o,$(DP_SRC)) $(2)/embed.o $(LIB) $(B)/.link-flags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(LIB) $$(LDLIBS) $$(LIBS_CNI)
-include $(patsubst lib/datapath/%.c,$(2)/%.d,$(DP_SRC)) $(2)/drive.d
endef
$(foreach v,grown small,$(eval $(call variant,$(v),$(B)/tests/net/datapath/$(v))))

.PHONY: datapath-drives
datapath-drives: $(DRIVES)
test-net: $(DRIVES)
