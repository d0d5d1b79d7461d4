#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` leaves behind is enough for a stranger: a host program and a driver, built only with what
pkg-config says, from the installed tree under a DESTDIR.

    install.py BUILD_DIRECTORY SANITIZERS COMPILER WORD...
"""
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
INSTALLED = [
    'bin/vfplane', 'include/vfplane/host.h', 'include/vfplane/guest.h', 'include/vfplane/wdk/ndis.h',
    'include/vfplane/wdk/km/types.h', 'lib*/**/libvfplane.so', 'lib*/**/libvfplane.a', 'lib*/**/vfplane/drivers/refnic_pf.so',
    'lib*/**/vfplane/drivers/refnic_vf.so', 'lib*/**/pkgconfig/vfplane.pc', 'lib*/**/pkgconfig/vfplane-wdk.pc',
    'share/vfplane/profiles/intel-82576.lspci', 'share/man/man1/vfplane.1*',
]


class Failed(Exception):
    """A case did not hold; says why."""


class Tree:
    """The installed tree, and a folder in which a stranger works."""

    timeout = 60  # seconds that one command may take

    def __init__(self, work, build, sanitizers, compiler):
        self.work, self.destdir = work, os.path.join(work, 'destdir')
        self.compiler = compiler + ([f'-fsanitize={sanitizers}'] if sanitizers != 'none' else [])
        self.do(['meson', 'install', '-C', build, '--no-rebuild', '--quiet'], DESTDIR=self.destdir)
        self.pkgconfig_folder = self.find('**/pkgconfig')
        self.prefix = self.find('**/bin')[:-len('/bin')]
        self.libraries = os.path.dirname(self.find('**/libvfplane.so'))

    def find(self, pattern):
        found = glob.glob(os.path.join(self.destdir, pattern), recursive=True)
        if not found:
            raise Failed(f'{pattern} was not installed')
        return found[0]

    def do(self, command, **environment):
        """Runs it in the work folder; its output, or Failed."""
        done = subprocess.run(command, cwd=self.work, env=os.environ | environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=self.timeout)
        if done.returncode:
            raise Failed(f'{" ".join(command)}\nexit status {done.returncode}\n{done.stdout}')
        return done.stdout

    def flags(self, *arguments):
        return self.do(['pkg-config', *arguments], PKG_CONFIG_SYSROOT_DIR=self.destdir,
                       PKG_CONFIG_PATH=self.pkgconfig_folder).split()

    def compile(self, source, output, *flags):
        # Flags of libraries follow the file that needs them.
        self.do([*self.compiler, '-Wall', '-Wextra', '-Werror', os.path.join(HERE, source), '-o', output, *flags])

    def run_host(self, program):
        profile = os.path.join(self.prefix, 'share/vfplane/profiles/intel-82576.lspci')
        said = self.do([os.path.join(self.work, program), profile, './driver.so'], LD_LIBRARY_PATH=self.libraries)
        if said != '8 VFs\n':
            raise Failed(f'{program} printed: {said}')


def everything_is_installed(tree):
    missing = [name for name in INSTALLED if not glob.glob(os.path.join(tree.prefix, name), recursive=True)]
    if missing:
        raise Failed('not installed: ' + ', '.join(missing))


def a_driver_is_built_with_vfplane_wdk_alone(tree):
    tree.compile('driver.c', 'driver.so', *tree.flags('--cflags', 'vfplane-wdk'),
                 *tree.flags('--variable=driver_libs', 'vfplane-wdk'))


def a_host_program_runs_with_the_shared_library(tree):
    tree.compile('host.c', 'shared', *tree.flags('--cflags', '--libs', 'vfplane'))
    tree.run_host('shared')


def a_host_program_runs_with_the_static_library(tree):
    tree.compile('host.c', 'static', *tree.flags('--cflags', '--libs', 'vfplane-static'))
    if 'libvfplane' in tree.do(['ldd', 'static']):
        raise Failed('it still needs the shared library')
    tree.run_host('static')


def the_installed_command_finds_its_library_profile_and_drivers(tree):
    tree.do([os.path.join(tree.prefix, 'bin/vfplane'), 'run', '--trace', 'none'])


CASES = [
    everything_is_installed,
    a_driver_is_built_with_vfplane_wdk_alone,
    a_host_program_runs_with_the_shared_library,
    a_host_program_runs_with_the_static_library,
    the_installed_command_finds_its_library_profile_and_drivers,
]


def report(number, case, tree):
    """One TAP case; True when it failed."""
    try:
        case(tree)
    except Failed as failed:
        print(f'not ok {number} - {case.__name__}')
        print(*[f'#   {line}' for line in str(failed).splitlines()], sep='\n')
        return True
    print(f'ok {number} - {case.__name__}')
    return False


def main(build, sanitizers, *compiler):
    with tempfile.TemporaryDirectory() as work:
        tree = Tree(work, build, sanitizers, list(compiler))
        print(f'1..{len(CASES)}')
        return any([report(number, case, tree) for number, case in enumerate(CASES, 1)])


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
