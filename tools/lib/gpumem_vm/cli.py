# SPDX-License-Identifier: MIT
"""The command line of tools/vm."""

import argparse
import os
import pathlib
import re
import shlex
import signal
import sys

from . import cache, debug_kernel, kernels, session
from .errors import OWN_FAILURE, VmError

# struct sockaddr_un's path, less its end.
SOCKET_BYTES = 107

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]

DESCRIPTION = """\
Boot a Debian kernel in QEMU with gpumem.ko and vkms loaded, run COMMAND as
root in the repository's directory, and exit with COMMAND's status. Without
COMMAND: a shell (or, when stdin is not a terminal, stdin as a shell script)."""

EPILOG = """\
exit status:
  COMMAND's own, but before that:
   71  the guest's kernel panicked or the guest died
  124  COMMAND outlived --timeout or --silence
   70  the kernel log holds a BUG, WARNING, Oops, sanitizer or lock report
  125  tools/vm itself failed; one line says why
  130  interrupted (Ctrl-C)

What COMMAND writes below $OUT is found in out/vm/ afterwards. The cache is
$XDG_CACHE_HOME/gpumem (default ~/.cache/gpumem); delete it at any time.
Details: docs/vm.md"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise VmError(f"{message} (see tools/vm --help)")


def _number(low, high, what):
    def parse(text):
        if not re.fullmatch(r"\d+", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not {what} between {low} and {high}")
        return int(text)
    return parse


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def _directory(text):
    path = pathlib.Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is not a directory")
    if not os.access(path, os.R_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"'{text}' cannot be read")
    return path


def _socket(text):
    path = pathlib.Path(text).resolve()
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' cannot be a socket: its directory is missing, or it is one")
    if len(os.fsencode(path)) > SOCKET_BYTES:
        raise argparse.ArgumentTypeError(f"'{text}' is too long a path for a socket")
    return path


def _words(text):
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}': {error}") from error
    for word in words:
        name, _, value = word.partition("=")
        if re.search(r"\s", name) or ('"' in word and re.search(r"\s", value)) or "\n" in word:
            raise argparse.ArgumentTypeError(f"the kernel cannot be told '{word}'")
    return words


def parser():
    result = _Parser(prog="tools/vm", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
                     formatter_class=argparse.RawDescriptionHelpFormatter,
                     usage="tools/vm [OPTION...] [--] [COMMAND [ARG...]]")
    add = result.add_argument
    add("--kernel", metavar="SERIES", default=kernels.DEFAULT,
        help=f"Debian kernel series, such as {kernels.DEFAULT} (the default), or latest")
    kind = result.add_mutually_exclusive_group().add_argument
    kind("--debug", dest="kind", action="store_const", const=debug_kernel.DEBUG,
         help="that series' kernel with sanitizers and lock checking (built once)")
    kind("--kcsan", dest="kind", action="store_const", const=debug_kernel.KCSAN,
         help="that series' kernel with the detector of data races (built once)")
    add("--mem", metavar="MiB", type=_number(256, 1 << 20, "a size in MiB"), default=1024,
        help="the guest's memory (default 1024)")
    add("--cpus", metavar="N", type=_number(1, 64, "a number of CPUs"), default=2,
        help="the guest's CPUs (default 2)")
    add("--backing", choices=["gemfs", "mops"], help="what backs gpumem's buffers (default: the module's)")
    add("--vkms", choices=["stock", "gpumem", "none"], default="stock",
        help="the display: vkms from Debian's source (default), the same source with buffers of gpumem's helper, "
             "or none")
    add("--no-module", dest="module", action="store_false", help="do not build and load gpumem.ko")
    add("--share", metavar="DIR", type=_directory, action="append", default=[],
        help="make a host directory readable at the same path; may be given more than once")
    add("--append", metavar="ARGS", type=_words, action="append", default=[],
        help="words for the kernel's command line; MODULE.PARAM=VALUE reaches modules too; "
                                                                         "a value with blanks is quoted as for a shell")
    add("--compilers", action="store_true", help="give the guest's root the compilers and headers of the build root")
    add("--balloon", metavar="SOCKET", type=_socket,
        help="give the guest a virtio balloon, and let QEMU's monitor (QMP) listen at SOCKET for what inflates it")
    add("--timeout", metavar="S", type=_seconds, help="end COMMAND after S seconds, counted from its start")
    add("--silence", metavar="S", type=_seconds, help="end COMMAND when it has printed nothing for S seconds")
    add("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run")
    return result


def options(arguments, stdin=sys.stdin):
    parsed = parser().parse_args(arguments)
    command = parsed.command
    if command and command[0] == "--":
        command = command[1:]
    if parsed.vkms == "gpumem" and not parsed.module:
        raise VmError("--vkms gpumem needs gpumem's modules: it does not go with --no-module (see tools/vm --help)")
    script = None
    if not command and not stdin.isatty():
        script = stdin.buffer.read()
    return session.Options(
        repository=REPOSITORY, command=command, kernel=parsed.kernel, kind=parsed.kind, mem=parsed.mem, cpus=parsed.cpus,
        backing=parsed.backing, vkms=parsed.vkms, module=parsed.module, share=parsed.share,
        append=[word for words in parsed.append for word in words], compilers=parsed.compilers, balloon=parsed.balloon, timeout=parsed.timeout, silence=parsed.silence, script=script)


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    try:
        return session.Session(options(arguments)).run()
    except VmError as error:
        cache.say(str(error))
        return OWN_FAILURE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except OSError as error:
        cache.say(str(error))
        return OWN_FAILURE
