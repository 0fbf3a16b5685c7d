# restante: POP2 and POP3 for inetd and systemd. What proves it: tests/tests.mk.
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
#   make profile    where the time goes in the rows of the bench that miss a goal
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
# STATIC=1 builds pop3d, pop2d and auth-file without a dynamic linker, on musl.
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

BARE_OBJECTS = obj
BARE_LD = $(CC) $(ALL_LDFLAGS)
BARE_LIBS = -l:libmd.a

# None asks the processor for its caches or resolves a symbol at each
# connection. The helpers that need PAM, NSS and libraries stay as they are.
ifdef STATIC
BUILD = build-static
PROCESSOR = cpuid
SYSTEMD = spoken
BARE_OBJECTS = static
MACHINE := $(shell $(CC) -print-multiarch)
MUSL := /usr/lib/$(MACHINE:gnu=musl)
BARE_CC = musl-gcc -std=gnu11 -D_GNU_SOURCE -Icommon -include base/musl.h \
	-idirafter /usr/include -idirafter /usr/include/$(MACHINE) \
	$(WARN) $(OPTIMIZE) $(filter-out -D_FORTIFY_SOURCE%,$(HARDEN)) \
	-ffunction-sections $(CFLAGS)
BARE_LD = $(CC) -static-pie $(filter-out -pie,$(HARDEN_LD)) -nostdlib \
	-Wl,--gc-sections -L$(MUSL) $(LDFLAGS) $(MUSL)/rcrt1.o $(MUSL)/crti.o
BARE_LIBS = -l:libmd.a -lc -lgcc -lc $(MUSL)/crtn.o
endif

ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Icommon \
	$(WARN) $(OPTIMIZE) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) $(LDFLAGS)

# What each program is made of: the rooms it holds.
CAGE_linux = rooms/sandbox_linux.c rooms/filter.c
CAGE_none = rooms/sandbox_none.c
COMMON = $(addprefix common/, \
	base/slice.c base/clock.c base/trusted.c base/exact.c base/entries.c base/digest.c \
	base/stamp.c \
	base/vector.c base/processor_$(PROCESSOR).c \
	base/checksum.c base/checksum_wide.c base/systemd_$(SYSTEMD).c net/stream.c net/wire.c net/peer.c net/proxy.c \
	spool/place.c spool/formats.c spool/lock.c spool/dotlock.c spool/marks.c spool/table.c \
	spool/state.c spool/index.c spool/mbox.c spool/mbox_scan.c spool/window.c \
	spool/mbox_parse.c spool/mbox_verify.c spool/mbox_uidl.c \
	spool/mbox_update.c spool/maildir.c spool/maildir_list.c \
	spool/maildir_name.c spool/maildir_sizes.c \
	spool/uidl.c spool/header.c spool/mbox_foreign.c \
	spool/maildir_foreign.c spool/folder.c rooms/ground.c \
	spool/mover.c spool/journal.c spool/twins.c \
	rooms/contract.c rooms/mechanism.c rooms/privileges.c \
	$(CAGE_$(SANDBOX)) rooms/account.c rooms/log.c rooms/fields.c \
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
	auth/room.c auth/dialogue.c auth/proof.c auth/secrets.c auth/scram_keys.c \
	base/slice.c base/clock.c base/trusted.c base/base64.c base/digest.c \
	rooms/contract.c rooms/mechanism.c rooms/account.c rooms/privileges.c \
	$(CAGE_$(SANDBOX)))
AUTH_PAM = common/auth/pam.c common/auth/pam_load.c
AUTH_MAIN = $(AUTH_ROOM) common/base/stamp.c $(addprefix common/auth/, \
	main.c plain.c login.c apop.c cram_md5.c scram.c)
AUTH = $(AUTH_MAIN) $(AUTH_PAM)
AUTH_FILE = $(AUTH_MAIN) common/auth/pam_none.c
AUTH_KERBEROS4 = $(AUTH_ROOM) $(AUTH_PAM) $(addprefix common/auth/, kerberos4_main.c \
	kerberos4.c kerberos4_des.c kerberos4_keys.c kerberos4_load.c)
AUTH_GSSAPI = $(AUTH_ROOM) $(AUTH_PAM) $(addprefix common/auth/, \
	gssapi_main.c gssapi.c userok.c)
TLS = $(addprefix common/, \
	tls/main.c tls/key.c tls/pump.c \
	base/clock.c base/trusted.c \
	rooms/contract.c rooms/privileges.c $(CAGE_$(SANDBOX)))

object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
bare_object = $(patsubst %.c,$(BUILD)/$(BARE_OBJECTS)/%.o,$(1))
DAEMONS = $(BUILD)/sbin/pop3d $(BUILD)/sbin/pop2d
FILE_PROGRAM = $(BUILD)/libexec/restante/auth-file
AUTH_PROGRAM = $(BUILD)/libexec/restante/auth
GSSAPI_PROGRAM = $(BUILD)/libexec/restante/auth-gssapi
KERBEROS4_PROGRAM = $(BUILD)/libexec/restante/auth-kerberos4
TLS_PROGRAM = $(BUILD)/libexec/restante/tls
EMPTY = $(BUILD)/libexec/restante/empty

all: bare $(AUTH_PROGRAM) $(GSSAPI_PROGRAM) $(KERBEROS4_PROGRAM) $(TLS_PROGRAM) $(EMPTY)

# What needs no library but libc; STATIC=1 links it otherwise.
bare: $(DAEMONS) $(FILE_PROGRAM)

$(BUILD)/sbin/pop3d: $(call bare_object,$(POP3D))
$(BUILD)/sbin/pop2d: $(call bare_object,$(POP2D))
$(FILE_PROGRAM): $(call bare_object,$(AUTH_FILE))
$(DAEMONS) $(FILE_PROGRAM):
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(BARE_LD) -o $@ $^ $(BARE_LIBS)

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
	@$(BARE_CC) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(call bare_object,$(POP3D) $(POP2D) $(AUTH_FILE)))
-include $(patsubst %.o,%.d,$(call object,$(POP3D) $(POP2D) $(AUTH_FILE) $(AUTH) $(AUTH_GSSAPI) $(AUTH_KERBEROS4) $(TLS)))

# Objects are kept, whichever rule asked for them.
.SECONDARY:

include tests/tests.mk

# ---- installation ----

# Installs what the lists name and the machine lacks.
deps:
	sh .ci/install .ci/packages.build

demo: deps all
	BUILD=$(BUILD) sh units/demo

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

.PHONY: all bare deps demo install uninstall deb clean
