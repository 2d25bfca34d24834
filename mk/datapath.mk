# SPDX-License-Identifier: Apache-2.0
# The BPF object goes into the library, with the hash of its map definitions as the name of its pins.
EMBED := $(B)/lib/datapath/gen/embed
EMBED_OBJ := $(EMBED).o $(B)/lib/datapath/layout.o $(B)/lib/base/ip.o $(B)/lib/base/err.o

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

# tests/net/datapath: the library's callers as small programs, one per variant of the ABI. A variant is the
# same source over another bpf_abi.h, which $(1)'s sed script makes.
DRIVE := $(B)/tests/net/datapath/drive
$(DRIVE): $(DRIVE).o $(LIB) $(B)/.link-flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS) $(LIBS_CNI)
-include $(DRIVE).d
