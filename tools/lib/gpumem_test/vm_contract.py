# SPDX-License-Identifier: MIT
"""tools/vm as its users see it: statuses, streams, arguments, directories.

Each test is a function that returns nothing and raises AssertionError; its
name in CamelCase after "Vm." is the test's name.
"""

import concurrent.futures
import pathlib
import signal
import subprocess
import tempfile
import time

from gpumem_vm.build import REPOSITORY

from .results import FAILED, PASSED, Result, matches

VM = str(REPOSITORY / "tools/vm")
BARE = ["--no-module", "--vkms", "none"]
SECONDS = 240


def _vm(kernel, *words, stdin=None):
    return subprocess.run([VM, "--kernel", kernel, *words], input=stdin, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL if stdin is None else None, timeout=SECONDS, check=False)


def _equal(got, wanted, done):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}\nstdout: {done.stdout[-1000:]}\nstderr: {done.stderr[-2000:]}"


def exits_with_the_commands_status(kernel):
    done = _vm(kernel, *BARE, "--", "sh", "-c", "exit 7")
    _equal(done.returncode, 7, done)


def panic_ends_with_71_and_the_last_words(kernel):
    done = _vm(kernel, *BARE, "--", "sh", "-c", "echo c > /proc/sysrq-trigger")
    _equal(done.returncode, 71, done)
    assert "sysrq triggered crash" in done.stderr, done.stderr[-2000:]


def timeout_ends_with_124_and_kernel_lines(kernel):
    done = _vm(kernel, *BARE, "--timeout", "4", "--", "sleep", "100")
    _equal(done.returncode, 124, done)
    assert "command starts" in done.stderr, done.stderr[-2000:]


def silence_ends_with_124_whatever_the_time(kernel):
    done = _vm(kernel, *BARE, "--timeout", "500", "--silence", "6", "--", "sh", "-c", "for i in 1 2 3 4 5; do sleep 3; echo $i; done; sleep 500")
    _equal((done.returncode, done.stdout), (124, "1\n2\n3\n4\n5\n"), done)


def guest_that_hangs_tells_where(kernel):
    """Two programs that nothing else gets a CPU from: no question is answered, but an NMI is."""
    hog = "chrt --fifo 99 bash -c 'while :; do :; done' &"
    done = _vm(kernel, *BARE, "--timeout", "4", "--", "sh", "-c",
               f"echo -1 >/proc/sys/kernel/sched_rt_runtime_us; {hog} {hog} {hog} wait")
    _equal(done.returncode, 124, done)
    assert "NMI" in done.stderr and "Comm: bash" in done.stderr, done.stderr[-2000:]


def kernel_report_ends_with_70(kernel):
    done = _vm(kernel, *BARE, "--", "sh", "-c", "echo 'WARNING: CPU: 0 PID: 1 at test' > /dev/kmsg; exit 3")
    _equal(done.returncode, 70, done)
    assert "WARNING: CPU: 0 PID: 1 at test" in done.stderr, done.stderr[-2000:]


def arguments_streams_and_out_arrive_exactly(kernel):
    words = ["a b", "", "$HOME", "'", '"', "\\", "*", "--", "two\nlines", "ü"]
    program = ('mkdir -p "$OUT/contract"; printf "%s|" "$@"; printf "%s|" "$@" >"$OUT/contract/words"; '
               'echo err >&2; pwd >&2; grep SigIgn /proc/self/status >&2')
    written = REPOSITORY / "out/vm/contract/words"
    written.unlink(missing_ok=True)
    done = _vm(kernel, *BARE, "--", "bash", "-c", program, "bash", *words)
    wanted = "".join(word + "|" for word in words)
    _equal(done.returncode, 0, done)
    _equal(done.stdout, wanted, done)
    _equal(written.read_text(encoding="utf-8"), wanted, done)
    assert f"err\n{REPOSITORY}\nSigIgn:\t0000000000000000\n" in done.stderr, done.stderr


def module_parameters_shares_and_scripts_arrive(kernel):
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "file").write_text("shared\n", encoding="ascii")
        script = (f"cat /sys/module/gpumem/parameters/movable {directory}/file\n"
                  f"touch {directory}/x 2>/dev/null || echo ro\ngrep -o 'word=.*\"' /proc/cmdline\n")
        done = _vm(kernel, "--append", "gpumem.movable=0 'word=two blanks'", "--share", directory, stdin=script)
    _equal((done.returncode, done.stdout), (0, 'N\nshared\nro\nword="two blanks"\n'), done)


def runs_side_by_side(kernel):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda i: _vm(kernel, *BARE, "--", "echo", str(i)), range(3)))
    for number, done in enumerate(runs):
        _equal((done.returncode, done.stdout), (0, f"{number}\n"), done)


def interrupt_leaves_nothing_behind(kernel):
    # A shell that starts jobs in the background has them ignore SIGINT.
    heed_interrupt = ["env", "--default-signal=INT"]
    process = subprocess.Popen([*heed_interrupt, VM, "--kernel", kernel, *BARE, "--", "sleep", "1000"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "booted in" in line:
            break
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    assert children, "no QEMU was running"
    process.send_signal(signal.SIGINT)
    try:
        status = process.wait(SECONDS)
    finally:
        process.kill()
    assert status == 130, status
    process.stderr.close()
    deadline = time.monotonic() + SECONDS
    while left := [pid for pid in children if pathlib.Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"QEMU is still running: {left}"
        time.sleep(0.1)


def bad_input_ends_with_125_and_one_line(_kernel):
    for words in (["--frobnicate"], ["--mem", "lots"], ["--mem", "1"], ["--cpus", "0"], ["--kernel", "5.5"],
                  ["--kernel", "../x"], ["--timeout", "-1"], ["--timeout", "soon"], ["--vkms", "shmem"],
                  ["--backing", "paper"], ["--share", "/nonexistent"], ["--append", "'"], ["--kernel"]):
        done = subprocess.run([VM, *words, "--", "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        _equal((words, done.returncode, done.stderr.count("\n"), done.stdout), (words, 125, 1, ""), done)


TESTS = (bad_input_ends_with_125_and_one_line, exits_with_the_commands_status, panic_ends_with_71_and_the_last_words,
         timeout_ends_with_124_and_kernel_lines, silence_ends_with_124_whatever_the_time, guest_that_hangs_tells_where, kernel_report_ends_with_70,
         arguments_streams_and_out_arrive_exactly, module_parameters_shares_and_scripts_arrive, runs_side_by_side,
         interrupt_leaves_nothing_behind)


def name_of(test):
    return "Vm." + "".join(word[:1].upper() + word[1:] for word in test.__name__.split("_"))


def run(kernel, pattern, report):
    found = []
    for test in TESTS:
        if not matches(pattern, name_of(test)):
            continue
        begun = time.monotonic()
        state, detail = PASSED, ""
        try:
            test(kernel)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            state, detail = FAILED, str(error) or repr(error)
        result = Result("vm", name_of(test), state, time.monotonic() - begun, detail)
        report(result)
        found.append(result)
    return found
