# restante: POP2 and POP3 for inetd and systemd.
#
#   make            build/sbin/{pop3d,pop2d}, build/libexec/restante/
#   make demo       serve a demonstration maildrop on loopback
#   make check      install what is missing, build, pass all tests
#   make test       the tests alone
#   make refusals   what a refusal takes, fifty times each
#   make faults     every kill, error and power cut of an update
#   make histories  thousands of lives of a mailbox and its index
#   make abuse      ordinary clients among 600 others, with figures
#   make interop    clients and starters, what works with what, as tables
#   make bench      figures; nothing of it is needed to build or test
#   make hostile    clients from hell, with figures
#   make polls      what polls cost, and the tables of restante-scaling(7)
#   make fuzz       the fuzz targets, TIME= seconds each; fuzz-afl likewise
#   make lint       compilers' and manuals' warnings as errors
#   make valgrind   the parsers under valgrind, over the corpora
#   make coverage   what the suite reaches, in every room
#   make analyze    cppcheck, clang-tidy and gcc's analyzer
#   make install    DESTDIR= PREFIX=/usr/local UNITS=PREFIX/lib/systemd/system
#   make uninstall  exactly what install did, with the same settings
#   make deb        build/deb/restante_VERSION_ARCH.deb
#
# SANITIZE=1 builds and tests under ASan and UBSan, without cages.
# STATIC=1 builds pop3d and pop2d without a dynamic linker, on musl.
# SANDBOX=none builds for a kernel or machine without them.

MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
UNITS ?= $(PREFIX)/lib/systemd/system
TIME ?= 60

SANDBOX = linux
PROCESSOR = libc
SYSTEMD = loaded
BUILD = build
CC = gcc
OPTIMIZE = -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Wundef -Wvla -Wpointer-arith -Wwrite-strings
HARDEN = -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
	-fstack-clash-protection $(HARDEN_$(shell uname -m))
HARDEN_x86_64 = -fcf-protection
HARDEN_LD = -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifdef SANITIZE
BUILD = build-asan
SANDBOX = none
OPTIMIZE = -O1 -g -fno-omit-frame-pointer
HARDEN = -fPIE -fsanitize=address,undefined -fno-sanitize-recover=undefined
HARDEN_LD = -pie -fsanitize=address,undefined
# ASan's own crypt(3) needs the library at hand before PAM loads it.
AUTH_LIBS = -Wl,--no-as-needed -lcrypt
endif

# Counters in a file that is mapped at the start: what is done behind a drop,
# in an empty chroot and under a filter is counted, too.
ifdef COVERAGE
BUILD = build-coverage
CC = clang
OPTIMIZE = -O0 -g
PROFILES = $(CURDIR)/$(BUILD)/profiles
HARDEN = -fPIE -fcoverage-mapping -mllvm -runtime-counter-relocation \
	-fprofile-instr-generate=$(PROFILES)/%m%c.profraw
HARDEN_LD = -pie -fprofile-instr-generate=$(PROFILES)/%m%c.profraw
endif

DAEMON_OBJECTS = obj
DAEMON_CC = $(CC) $(ALL_CFLAGS)
DAEMON_LD = $(CC) $(ALL_LDFLAGS)
DAEMON_LIBS = -l:libmd.a

# Neither asks the processor for its caches nor resolves a symbol at each
# connection. The helpers, which need PAM, NSS and libraries, stay as they are.
ifdef STATIC
BUILD = build-static
PROCESSOR = cpuid
SYSTEMD = spoken
DAEMON_OBJECTS = static
MACHINE := $(shell $(CC) -print-multiarch)
MUSL := /usr/lib/$(MACHINE:gnu=musl)
DAEMON_CC = musl-gcc -std=gnu11 -D_GNU_SOURCE -Icommon -include base/musl.h \
	-idirafter /usr/include -idirafter /usr/include/$(MACHINE) \
	$(WARN) $(OPTIMIZE) $(filter-out -D_FORTIFY_SOURCE%,$(HARDEN)) \
	-ffunction-sections $(CFLAGS)
DAEMON_LD = $(CC) -static-pie $(filter-out -pie,$(HARDEN_LD)) -nostdlib \
	-Wl,--gc-sections -L$(MUSL) $(LDFLAGS) $(MUSL)/rcrt1.o $(MUSL)/crti.o
DAEMON_LIBS = -l:libmd.a -lc -lgcc -lc $(MUSL)/crtn.o
endif

ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Icommon \
	$(WARN) $(OPTIMIZE) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) $(LDFLAGS)

# What each program is made of: the rooms it holds.
COMMON = $(addprefix common/, \
	base/slice.c base/clock.c base/trusted.c base/exact.c base/digest.c \
	base/stamp.c \
	base/vector.c base/processor_$(PROCESSOR).c \
	base/checksum.c base/checksum_wide.c base/systemd_$(SYSTEMD).c net/stream.c net/wire.c net/peer.c net/proxy.c \
	spool/place.c spool/formats.c spool/lock.c spool/dotlock.c spool/marks.c spool/table.c \
	spool/state.c spool/index.c spool/mbox.c spool/mbox_scan.c spool/mbox_parse.c spool/mbox_uidl.c \
	spool/mbox_update.c spool/maildir.c spool/maildir_list.c \
	spool/maildir_name.c spool/maildir_sizes.c \
	spool/uidl.c spool/header.c spool/mbox_foreign.c \
	spool/maildir_foreign.c spool/folder.c rooms/ground.c \
	spool/mover.c spool/journal.c spool/twins.c \
	rooms/contract.c rooms/mechanism.c rooms/privileges.c \
	rooms/sandbox_$(SANDBOX).c rooms/account.c rooms/log.c rooms/fields.c \
	rooms/helper.c rooms/front.c rooms/maildrop.c \
	rooms/keeper.c rooms/secure.c rooms/report.c rooms/admission.c \
	rooms/monitor.c serve/trial.c \
	serve/options.c serve/certificate.c serve/listen.c serve/session.c serve/recover.c serve/surroundings.c \
	rooms/policy.c rooms/setup.c serve/proxied.c \
	spool/filesystem.c \
	serve/start.c)
POP3D = pop3d/main.c pop3d/pop3.c $(COMMON)
POP2D = pop2d/main.c pop2d/pop2.c $(COMMON)
# What every auth program is made of, whatever its mechanisms.
AUTH_ROOM = $(addprefix common/, \
	auth/room.c auth/dialogue.c auth/proof.c auth/pam.c auth/pam_load.c auth/secrets.c \
	auth/scram_keys.c \
	base/slice.c base/clock.c base/trusted.c base/base64.c base/digest.c \
	rooms/contract.c rooms/mechanism.c rooms/account.c rooms/privileges.c \
	rooms/sandbox_$(SANDBOX).c)
AUTH = $(AUTH_ROOM) common/base/stamp.c $(addprefix common/auth/, \
	main.c plain.c login.c apop.c cram_md5.c scram.c)
AUTH_KERBEROS4 = $(AUTH_ROOM) $(addprefix common/auth/, kerberos4_main.c \
	kerberos4.c kerberos4_des.c kerberos4_keys.c kerberos4_load.c)
AUTH_GSSAPI = $(AUTH_ROOM) $(addprefix common/auth/, \
	gssapi_main.c gssapi.c userok.c)
TLS = $(addprefix common/, \
	tls/main.c tls/key.c tls/pump.c \
	base/clock.c base/trusted.c \
	rooms/contract.c rooms/privileges.c rooms/sandbox_$(SANDBOX).c)

object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
daemon_object = $(patsubst %.c,$(BUILD)/$(DAEMON_OBJECTS)/%.o,$(1))
DAEMONS = $(BUILD)/sbin/pop3d $(BUILD)/sbin/pop2d
AUTH_PROGRAM = $(BUILD)/libexec/restante/auth
GSSAPI_PROGRAM = $(BUILD)/libexec/restante/auth-gssapi
KERBEROS4_PROGRAM = $(BUILD)/libexec/restante/auth-kerberos4
TLS_PROGRAM = $(BUILD)/libexec/restante/tls
EMPTY = $(BUILD)/libexec/restante/empty

daemons: $(DAEMONS)

all: $(DAEMONS) $(AUTH_PROGRAM) $(GSSAPI_PROGRAM) $(KERBEROS4_PROGRAM) $(TLS_PROGRAM) $(EMPTY)

$(BUILD)/sbin/pop3d: $(call daemon_object,$(POP3D))
$(BUILD)/sbin/pop2d: $(call daemon_object,$(POP2D))
$(DAEMONS):
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(DAEMON_LD) -o $@ $^ $(DAEMON_LIBS)

$(AUTH_PROGRAM): $(call object,$(AUTH))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ -l:libmd.a $(AUTH_LIBS)

$(GSSAPI_PROGRAM): $(call object,$(AUTH_GSSAPI))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpam -lmd -lgssapi_krb5 -lkrb5 $(AUTH_LIBS)

$(KERBEROS4_PROGRAM): $(call object,$(AUTH_KERBEROS4))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpam -lmd -lkrb5 -lnettle $(AUTH_LIBS)

$(TLS_PROGRAM): $(call object,$(TLS))
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

$(EMPTY):
	mkdir -p -m 755 $@

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/static/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(DAEMON_CC) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(call daemon_object,$(POP3D) $(POP2D)))
-include $(patsubst %.o,%.d,$(call object,$(POP3D) $(POP2D) $(AUTH) $(AUTH_GSSAPI) $(AUTH_KERBEROS4) $(TLS)))

# Objects are kept, whichever rule asked for them.
.SECONDARY:

# ---- proof ----

# Debian packages that tests use but that had better not be installed: services,
# and what excludes each other.
UNPACKED = popa3d haproxy nginx libnginx-mod-mail xinetd fail2ban \
	postfix exim4-base exim4-daemon-light dovecot-core sendmail-bin \
	dovecot-pop3d mailutils-pop3d libmu-dbm9 libkyotocabinet16v5 \
	courier-pop courier-authlib \
	krb5-kdc krb5-admin-server libpam-krb5

# Installs what the lists name and the machine lacks.
deps:
	sh .ci/install .ci/packages.build

test-deps:
	sh .ci/install .ci/packages.build .ci/packages.test .ci/packages.deb
	tests/clients/unpack $(BUILD)/tests $(UNPACKED)

UNIT = wire vector fields digests dialogue kerberos4
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

# The same two programs as STATIC=1 makes them: every transcript is played to
# them, too.
AS_STATIC = $(BUILD)/tests/static

static:
	$(MAKE) STATIC=1 BUILD=$(AS_STATIC) daemons
	@ln -sfn ../../libexec $(AS_STATIC)/libexec

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

demo: deps all
	BUILD=$(BUILD) sh units/demo

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
BENCH = $(addprefix $(BUILD)/tests/bench/,skeleton inetd client limits)

bench: all static $(BENCH)
	tests/bench/peers $(BUILD)/tests/peers $(PEERS)
	PEERS=$(CURDIR)/$(BUILD)/tests/peers \
		tests/bench/bench $(BUILD) tests/bench/results
	tests/bench/tls $(BUILD)

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
FUZZ_FLAGS = -g -O1 -fsanitize=fuzzer,address,undefined

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

# ---- installation ----

# units/files is the list. Users, state and service are the next steps: README.
INSTALL = BUILD=$(BUILD) PREFIX=$(PREFIX) UNITS=$(UNITS) DESTDIR=$(DESTDIR) units/install

install: all
	@$(INSTALL)

uninstall:
	@$(INSTALL) --undo

# A Debian package, built in a copy of the tree where the packaging stands at
# the top. The same octets each time: nothing in it knows when or where.
DEB_TREE = $(BUILD)/deb/tree

deb:
	sh .ci/install .ci/packages.build .ci/packages.deb
	rm -rf $(BUILD)/deb
	mkdir -p $(DEB_TREE)
	tar -c --exclude='./build*' --exclude=./.git . | tar -x -C $(DEB_TREE)
	cp -R units/debian $(DEB_TREE)/debian
	cd $(DEB_TREE) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc
	rm -rf $(DEB_TREE)

clean:
	rm -rf build build-asan build-static build-clang build-afl build-coverage build-fuzz

.PHONY: all polls refusals interop deps test-deps unit test check lint analyze demo bench faults \
	histories fuzz fuzz-afl fuzz-replay valgrind coverage coverage-run \
	install uninstall deb abuse hostile clean
