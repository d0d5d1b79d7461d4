# SPDX-License-Identifier: MIT
#
# Short names for what Meson does. Each target installs what is missing (packages.txt), configures, builds, does its job.
# The build itself is described in meson.build.

ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
DESTDIR ?=

# One build directory for each compiler and sanitizer: build, build-clang, build-address, build-clang-thread, ...
comma := ,
compiler := $(notdir $(lastword $(CC)))
BUILD := build$(if $(filter-out gcc cc,$(compiler)),-$(compiler))$(if $(SANITIZE),-$(firstword $(subst $(comma), ,$(SANITIZE))))
setup := $(if $(SANITIZE),-Db_sanitize=$(SANITIZE))
sections := $(if $(findstring clang,$(compiler)),clang)

# Only these suites are built and run: make test SUITES="pci vstack"
SUITES ?=

export CC DESTDIR SUITES
export ASAN_OPTIONS ?= detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:history_size=7

T ?= 60
ENGINE ?= libfuzzer
KILLS ?= 10000
SEED ?= 1

.PHONY: all run test sanitize tsan lint prove coverage killed fuzz faults bench performance install clean help
.NOTPARALLEL:

# What is installed and what `run` needs; the tests are built by `test`.
all:
	@tools/install-packages.sh $(sections)
	@TARGETS=product tools/build.sh $(BUILD) $(setup)

run: all
	@$(BUILD)/src/cli/vfplane run $(ARGS)

test:
	@tools/install-packages.sh $(sections)
	@WITH_TESTS=yes tools/build.sh $(BUILD) $(setup)
	@tools/run-tests.py $(BUILD) --timeout-multiplier $(if $(SANITIZE),10,3) $(addprefix --suite ,$(SUITES)) $(TESTS)

sanitize:
	@$(MAKE) --no-print-directory test SANITIZE=address,undefined
	@$(MAKE) --no-print-directory run SANITIZE=address,undefined

tsan:
	@$(MAKE) --no-print-directory test SANITIZE=thread

# Proofs over the shipped sources, then each with a bug: docs/proofs.md.
prove:
	@tools/install-packages.sh prove
	@tools/prove.py $(PROOFS)

# clang-tidy with the checks of .clang-tidy; the compile commands are those of the clang build.
lint:
	@tools/install-packages.sh clang lint
	@CC=clang TARGETS=build.ninja WITH_TESTS= tools/build.sh build-clang-address -Db_sanitize=address,undefined
	@tools/lint.py build-clang-address

# Which lines and branches the tests reach, with every fault: docs/testing.md. Bugs in copies of the sources reach nothing
# more.
coverage:
	@tools/install-packages.sh coverage
	@WITH_TESTS=yes tools/build.sh build-coverage -Db_coverage=true -Dbuildtype=debug
	@find build-coverage -name '*.gcda' -delete
	@VFP_FAULTS=all COVERAGE_BUILD=$(CURDIR)/build-coverage/ LD_PRELOAD=$(CURDIR)/build-coverage/tests/coverage_exit.so \
	    tools/run-tests.py build-coverage --timeout-multiplier 10 --no-suite mutants $(TESTS)
	@tools/coverage.py build-coverage $(ARGS)

# Guests that die at random points of their lives; `make test` has a fixed slice of it.
killed:
	@tools/install-packages.sh $(sections)
	@WITH_TESTS=yes tools/build.sh $(BUILD) $(setup)
	@VFP_KILLS=$(KILLS) VFP_SEED=$(SEED) $(BUILD)/tests/vpci/vsp_killed

# Every fuzzer for T seconds; ENGINE=afl: the same entry points under AFL++. ARGS=--record keeps what came of it.
fuzz:
	@tools/install-packages.sh clang $(filter afl,$(ENGINE))
	@CC=$(if $(filter afl,$(ENGINE)),afl-clang-fast,clang) TARGETS=fuzzers \
	    tools/build.sh build-fuzz-$(ENGINE) -Dfuzzers=true -Db_sanitize=address,undefined
	@tools/fuzz.py build-fuzz-$(ENGINE) $(T) --engine $(ENGINE) $(ARGS)

# Everything below that can fail fails once, guests and hosts are killed, wake-ups lost; `make test` has a fixed slice of it.
faults:
	@tools/install-packages.sh $(sections)
	@WITH_TESTS=yes tools/build.sh $(BUILD) $(setup)
	@VFP_FAULTS=all VFP_SEED=$(SEED) tools/run-tests.py $(BUILD) --timeout-multiplier 20 --suite faults

bench:
	@tools/install-packages.sh $(sections) bench
	@tools/build.sh $(BUILD) $(setup)
	@$(BUILD)/bench/bench $(ARGS)

# Measures for some minutes and writes what comes out into docs/performance.md and docs/scale.svg.
performance:
	@tools/install-packages.sh $(sections) bench
	@tools/build.sh $(BUILD) $(setup)
	@python3 -B bench/document.py . $(BUILD) $(PARTS)

install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@TARGETS=product tools/build.sh $(BUILD)
	@meson install -C $(BUILD) --no-rebuild --quiet
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then ldconfig; fi
	@echo 'installed in $(DESTDIR)$(PREFIX)'

clean:
	rm -rf build build-*

help:
	@echo 'make run        a write on its way from a guest into its VF        ARGS="--guests 4 --vfs 8"'
	@echo 'make test       every test; the last line counts them              TESTS="--suite pci"'
	@echo 'make sanitize   the same two under AddressSanitizer and UBSan'
	@echo 'make tsan       the tests under ThreadSanitizer'
	@echo 'make lint       clang-tidy, with the checks of .clang-tidy'
	@echo 'make prove      what is proved of the sources (docs/proofs.md)     PROOFS="ring law"'
	@echo 'make coverage   lines and branches of src/ that the tests reach'
	@echo 'make killed     10,000 guests killed at random points leave nothing   KILLS=1000 SEED=7'
	@echo 'make fuzz       every fuzzer for T seconds, and a table              T=600 ENGINE=afl ARGS=--record'
	@echo 'make faults     every call below that can fail fails once; kills, lost wake-ups   SEED=7'
	@echo 'make bench      what requests cost, each beside its floor and aim    ARGS=--json'
	@echo 'make performance  all of it again, into docs/performance.md        PARTS="bench where"'
	@echo 'make install    PREFIX=/usr/local DESTDIR='
	@echo 'make clean      removes the build directories'
	@echo 'CC=clang        with any of them: the other compiler, in its own build directory'
