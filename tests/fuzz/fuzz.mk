# SPDX-License-Identifier: MIT
#
# Called by `make fuzz` in a configured folder, with CC, CPPFLAGS, LIBS and srcdir. The core is built
# once more, with libFuzzer's counters; what comes of it stays in ./fuzz-work.

FUZZ_SECONDS ?= 60
targets = config github journal junit mask options quote results trailer
work = fuzz-work
flags = -std=gnu11 -O1 -gline-tables-only -fno-omit-frame-pointer -fno-sanitize-recover=all $(CPPFLAGS) \
	-I$(srcdir)/core -I$(srcdir)/include -I$(srcdir)/tests/unit -I. -include autoconf.h -DPLUGINDIR='""'

# No target gets to these.
elsewhere = main cli verb_% run run_% schedule% console% screen% keeper% hand hands ladder sweep spawn \
	wire guard launch executor execution_% attempt side logfile cgroup marker statusarea
rooms = $(filter-out $(elsewhere),$(patsubst $(srcdir)/core/%.c,%,$(wildcard $(srcdir)/core/*.c)))
objects = $(rooms:%=$(work)/core/%.o)

fuzz: $(targets:%=$(work)/fuzz-%)
	@$(srcdir)/tests/fuzz/run $(work) $(srcdir) $(FUZZ_SECONDS) $(targets)

# Compiler and linker must know libFuzzer: clang, and its runtime.
$(work)/usable: Makefile
	@mkdir -p $(work)/core
	@printf '#include <stddef.h>\nint LLVMFuzzerTestOneInput(const unsigned char *d, size_t n);\nint LLVMFuzzerTestOneInput(const unsigned char *d, size_t n)\n{\n    return d && n ? 0 : 0;\n}\n' >$(work)/try.c
	@$(CC) -fsanitize=fuzzer,address,undefined -o $(work)/try $(work)/try.c >$(work)/try.log 2>&1 || { \
	    cat $(work)/try.log >&2; \
	    echo "make fuzz: '$(CC)' has no libFuzzer: configure with CC=clang, and install its runtime (Debian: libclang-rt-dev)" >&2; \
	    exit 1; }
	@touch $@

$(work)/core/%.o: $(srcdir)/core/%.c $(work)/usable
	@echo '  CC       $@'; $(CC) $(flags) -include banned.h -fsanitize=fuzzer-no-link,address,undefined -MMD -c -o $@ $<

$(work)/core.a: $(objects)
	@rm -f $@ && ar cr $@ $(objects)

$(work)/fuzz-%: $(srcdir)/tests/fuzz/fuzz-%.c $(srcdir)/tests/fuzz/fuzz.h $(work)/core.a
	@echo '  CCLD     $@'; $(CC) $(flags) -fsanitize=fuzzer,address,undefined -o $@ $< $(work)/core.a $(LIBS)

-include $(wildcard $(work)/core/*.d)

.PHONY: fuzz
