# SPDX-License-Identifier: Apache-2.0
# Tests: every tests/unit/**/*_test.c and tests/bpf/*_test.c becomes one cmocka program printing TAP.
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
#: make test-unit     the unit tier alone
.PHONY: test-unit
$(UNIT:=.o): | $(call need,unit)
$(B)/tests/%_test: $(B)/tests/%_test.o $(LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -static-pie,$(LDFLAGS)) -pie -o $@ $^ -lcmocka $(LIBS_CNI)
test-unit: $(UNIT)
	$(Q)prove -j2 -e '' $(addprefix ./,$(UNIT))
.SECONDARY: $(UNIT:=.o)
-include $(UNIT:=.d)
