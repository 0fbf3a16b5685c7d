# What proves the programs: suite, batteries, benches, fuzzers, analysers. All of it
# runs from the top of the tree.

# Debian packages that tests use but that had better not be installed: services,
# and what excludes each other.
UNPACKED = popa3d haproxy nginx libnginx-mod-mail xinetd fail2ban \
	postfix exim4-base exim4-daemon-light dovecot-core sendmail-bin \
	dovecot-pop3d mailutils-pop3d libmu-dbm9 libkyotocabinet16v5 \
	courier-pop courier-authlib \
	krb5-kdc krb5-admin-server libpam-krb5

test-deps:
	sh .ci/install .ci/packages.build .ci/packages.test .ci/packages.deb
	tests/clients/unpack $(BUILD)/tests $(UNPACKED)

UNIT = wire vector fields digests dialogue kerberos4 filter
SANITIZED_UNITS = kerberos4
unit = $(BUILD)/tests/unit/$(1)
COMMON_OBJECTS = $(call object,$(COMMON))
# With the mechanisms, whose messages tests make and read without a client.
WITH_AUTH = $(sort $(COMMON) $(filter-out %/main.c,$(AUTH)))

$(BUILD)/tests/unit/digests $(BUILD)/tests/unit/dialogue: \
		$(BUILD)/tests/unit/%: tests/unit/%.c $(call object,$(WITH_AUTH))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lmd -lpam

# The decision about KERBEROS_V4, always under sanitizers: the tests send it
# thousands of forged exchanges.
KERBEROS4 = $(addprefix common/, \
	auth/kerberos4.c auth/kerberos4_des.c auth/kerberos4_keys.c \
	auth/kerberos4_load.c base/slice.c base/trusted.c)

$(BUILD)/tests/unit/kerberos4: tests/unit/kerberos4.c $(KERBEROS4) \
		$(wildcard common/auth/kerberos4*.h)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=gnu11 -D_GNU_SOURCE -Icommon $(WARN) -O1 -g $(CFLAGS) \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined \
		-o $@ $(filter %.c,$^) -lnettle -lkrb5

# Also where programs are built without cages.
$(BUILD)/tests/unit/filter: tests/unit/filter.c \
		$(call object,common/rooms/filter.c)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/unit/%: tests/unit/%.c $(COMMON_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests/unit -o $@ $^ -lmd

# The fault runner stands between the spool and the calls that change files.
WRAP = pwrite ftruncate fsync fdatasync fallocate openat unlinkat linkat \
	renameat renameat2
FAULTS = $(BUILD)/tests/unit/faults

$(FAULTS): $(wildcard tests/faults/*.[ch]) $(COMMON_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(WRAP:%=-Wl,--wrap=%) -o $@ \
		$(filter-out %.h,$^) -lmd

# Medians of fifty refusals each, for every method and everything wrong, and of
# SCRAM's salts out of a large file; Kerberos tokens cut and bent at every octet.
refusals: all unit
	REFUSALS=50 RESTANTE_BUILD=$(BUILD) tests/run -k refusals_take_the_same_time
	REFUSALS=50 RESTANTE_BUILD=$(BUILD) tests/run -j 1 -k salts_take_the_same_time
	GARBAGE=all RESTANTE_BUILD=$(BUILD) tests/run -k garbage_of_every_length

# Histories of a mailbox and its index, with a clock and file times of their own.
TIMES = fstat ftruncate pwrite clock_gettime fsync fdatasync
HISTORIES = $(BUILD)/tests/unit/histories

$(HISTORIES): tests/histories/index.c $(COMMON_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(TIMES:%=-Wl,--wrap=%) -o $@ $^ -lmd

histories: $(HISTORIES)
	$(HISTORIES) 20000

faults: $(FAULTS)
	$(FAULTS) full

# What the suite asks about the contract between the rooms.
ROWS = $(BUILD)/tests/tools/rows
INITIATOR = $(BUILD)/tests/tools/initiator

$(INITIATOR): tests/tools/initiator.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< -lgssapi_krb5 -lkrb5

$(ROWS): tests/tools/rows.c $(COMMON_OBJECTS)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lmd

# A PAM module that misbehaves in many ways.
PAM_ODD = $(BUILD)/tests/pam/pam_odd.so

$(PAM_ODD): tests/pam/odd.c
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -std=gnu11 $(WARN) -O2 -g -fPIC -shared $(CFLAGS) -o $@ $< -lpam

# The same as STATIC=1 makes them: every transcript is played to them, too.
AS_STATIC = $(BUILD)/tests/static

static:
	$(MAKE) STATIC=1 BUILD=$(AS_STATIC) bare
	@for p in auth auth-gssapi auth-kerberos4 tls empty; do \
		ln -sfn ../../../../libexec/restante/$$p $(AS_STATIC)/libexec/restante/$$p; done

unit: $(UNIT:%=$(BUILD)/tests/unit/%) $(FAULTS) $(HISTORIES) $(ROWS) $(INITIATOR) $(PAM_ODD)

test: all unit fuzz-replay $(if $(SANITIZE)$(COVERAGE)$(STATIC),,static)
	RESTANTE_BUILD=$(BUILD) tests/run

# Which client works behind which starter, as tables.
interop: all unit
	@RESTANTE_BUILD=$(BUILD) tests/interop

check: test-deps
	$(MAKE) lint
	$(MAKE) CFLAGS=-Werror test

lint:
	$(MAKE) CFLAGS=-Werror all
	$(MAKE) CFLAGS=-Werror CC=clang BUILD=build-clang all
	@mandoc -Tlint -Wwarning pop3d/pop3d.8 pop2d/pop2d.8 units/restante-scaling.7 \
		units/restante-migrate.7

# The analysers, as .clang-tidy and the lists here configure them; quiet is
# good. ANALYZED leaves out what is another kernel's.
ANALYZED = $(filter-out common/rooms/sandbox_none.c, $(wildcard common/*/*.c \
	pop2d/*.c pop3d/*.c))
CPPCHECK = --std=c11 -D_GNU_SOURCE -D__x86_64__ -Icommon --quiet \
	--enable=warning,style,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --error-exitcode=1

analyze:
	sh .ci/install .ci/packages.build .ci/packages.analyze
	cppcheck $(CPPCHECK) $(ANALYZED)
	clang-tidy --quiet $(ANALYZED) -- -std=gnu11 -D_GNU_SOURCE -Icommon
	for f in $(ANALYZED); do $(CC) -std=gnu11 -D_GNU_SOURCE -Icommon -O1 \
		-fanalyzer -Werror -c -o /dev/null $$f || exit 1; done

# Ordinary clients among 500 idle and 100 hostile connections.
abuse: all
	RESTANTE_BUILD=$(BUILD) RESTANTE_ABUSE=full tests/run -j1 -k admin/abuse
	@cat $(BUILD)/abuse-systemd.txt $(BUILD)/abuse-inetd.txt

# Clients from hell in full size, with figures.
hostile: all
	RESTANTE_BUILD=$(BUILD) RESTANTE_HOSTILE=full tests/run -j1 -k wire/hostile

# What a poll costs, and what that means for many; as root. The recorded figures
# (tests/bench/polls.figures) are those of restante-scaling(7).
polls: all
	tests/bench/polls $(BUILD) >$(BUILD)/polls.figures
	tests/bench/scale $(BUILD)/polls.figures

# Peers are unpacked aside, never installed. QUICK=1: the small half.
PEERS = popa3d dovecot-pop3d mailutils-pop3d solid-pop3d courier-pop
BENCH = $(addprefix $(BUILD)/tests/bench/,skeleton inetd client limits steps)

bench: bench-deps
	tests/bench/bench $(BUILD) tests/bench/results
	tests/bench/tls $(BUILD)

# Where the time goes in the rows of the bench that miss a goal.
profile: bench-deps
	tests/bench/profile $(BUILD) tests/bench/results

bench-deps:
	sh .ci/install .ci/packages.build .ci/packages.test .ci/packages.bench
	$(MAKE) all static $(BENCH)
	tests/bench/peers $(BUILD)/tests/peers $(PEERS)

$(BUILD)/tests/bench/%: tests/bench/%.c \
		$(call object,common/base/vector.c common/base/processor_$(PROCESSOR).c)
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# Each target is one file with LLVMFuzzerTestOneInput(). `make fuzz` runs them
# under libFuzzer; the tests replay the corpus through the same code.
FUZZ = folder maildir uidl header base64 sasl slice line mbox config contract place secrets journal index proxy kerberos4 session
FUZZ_SOURCES = $(WITH_AUTH) pop3d/pop3.c pop2d/pop2.c \
	$(filter common/auth/%, $(filter-out %_load.c,$(KERBEROS4)))
FUZZ_LIBS = -lnettle -lpam
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined

fuzz-replay: $(FUZZ:%=$(BUILD)/tests/fuzz/%)

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c \
		$(call object,$(FUZZ_SOURCES))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lmd $(FUZZ_LIBS)

build-fuzz/%: tests/fuzz/%.c $(FUZZ_SOURCES)
	@mkdir -p $(@D)
	clang -std=gnu11 -D_GNU_SOURCE -Icommon $(FUZZ_FLAGS) -o $@ $^ -lmd \
		$(FUZZ_LIBS)

fuzz: $(FUZZ:%=build-fuzz/%)
	for t in $(FUZZ); do \
		mkdir -p build-fuzz/corpus/$$t && \
		build-fuzz/$$t -max_total_time=$(TIME) -max_len=65536 \
			build-fuzz/corpus/$$t tests/fuzz/corpus/$$t || exit 1; \
	done

# The same targets under AFL++, which looks in other ways. Its own pass trips
# over functions that are chosen at load time; clang's does not.
build-afl/%: tests/fuzz/%.c $(FUZZ_SOURCES)
	@mkdir -p $(@D)
	AFL_LLVM_INSTRUMENT=LLVM-NATIVE AFL_QUIET=1 afl-clang-fast -std=gnu11 -D_GNU_SOURCE -Icommon -g -O1 \
		-fsanitize=fuzzer -o $@ $^ -lmd $(FUZZ_LIBS)

fuzz-afl: export AFL_SKIP_CPUFREQ = 1
fuzz-afl: export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES = 1
fuzz-afl: export AFL_NO_UI = 1
fuzz-afl:
	sh .ci/install .ci/packages.build .ci/packages.test .ci/packages.analyze
	$(MAKE) $(FUZZ:%=build-afl/%)
	for t in $(FUZZ); do \
		mkdir -p build-afl/out; \
		afl-fuzz -V $(TIME) -i tests/fuzz/corpus/$$t -o build-afl/out/$$t \
			build-afl/$$t >build-afl/$$t.log || exit 1; \
		! ls build-afl/out/$$t/default/crashes/id* 2>/dev/null || exit 1; \
	done

# The parsers and the vector code under valgrind, over the corpora. (The rooms'
# filters let no valgrind live; SANITIZE=1 is for whole sessions.)
valgrind: unit fuzz-replay
	sh .ci/install .ci/packages.analyze
	for t in $(FUZZ); do valgrind -q --error-exitcode=1 \
		$(BUILD)/tests/fuzz/$$t tests/fuzz/corpus/$$t || exit 1; done
	for t in $(filter-out $(SANITIZED_UNITS),$(UNIT)); do \
		valgrind -q --error-exitcode=1 $(BUILD)/tests/unit/$$t || exit 1; \
	done

# What the suite reaches, by line; the programs alone, not the tests' own.
coverage:
	sh .ci/install .ci/packages.build .ci/packages.test .ci/packages.analyze
	$(MAKE) COVERAGE=1 coverage-run

coverage-run: all
	rm -rf $(PROFILES)
	mkdir -p $(PROFILES)
	for p in $(DAEMONS); do $$p --version >$(BUILD)/coverage.log; done
	for p in $(filter-out %/empty,$(wildcard $(BUILD)/libexec/restante/*)); do \
		$$p </dev/null >>$(BUILD)/coverage.log 2>&1 || :; done
	chmod 666 $(PROFILES)/*
	RESTANTE_BUILD=$(BUILD) tests/run >>$(BUILD)/coverage.log || :
	llvm-profdata merge -o $(BUILD)/profile $(PROFILES)/*
	llvm-cov report --instr-profile=$(BUILD)/profile \
		--ignore-filename-regex='^/usr' \
		$(patsubst %,--object=%,$(DAEMONS) \
		$(filter-out %/empty,$(wildcard $(BUILD)/libexec/restante/*)))

.PHONY: polls refusals interop test-deps unit test check lint analyze \
	bench bench-deps profile \
	faults histories fuzz fuzz-afl fuzz-replay valgrind coverage coverage-run \
	abuse hostile static
