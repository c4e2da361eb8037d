# SPDX-License-Identifier: MIT
"""A round of the soak: `mix` is a guest that runs tests/soak/round, `fuzz` a guest
with gpumem-fuzz for each backing. Both give Counts, and what was wrong or ''."""

import json
import re
import shutil
import subprocess
import threading

from gpumem_vm.build import REPOSITORY

from .counts import Counts

# Enough for the gallery, stress and storm side by side; ZONE_MOVABLE can be offlined,
# and pages have another node to move to.
MIX_GUEST = ("--mem", "1536", "--append", "movablecore=512M numa=fake=2")
FRAMES = 8
# What a guest may take beyond the round's own time: its start, the walk at rest, the last walk.
GRACE_SECONDS = 900

OUT = REPOSITORY / "out/soak"
_END_OF_FUZZ = re.compile(r"^calls [1-9]\d*, ", re.MULTILINE)


def _vm(kernel, backing, guest, seconds, command):
    return [str(REPOSITORY / "tools/vm"), "--kernel", kernel, "--backing", backing, *guest, "--timeout", str(seconds + GRACE_SECONDS),
            "--", *map(str, command)]


def mix(kernel, backing, seed, seconds, show):
    """The demo's gallery, stress and storm at once; show(counts) while it goes on."""
    OUT.mkdir(parents=True, exist_ok=True)
    summary = OUT / "stress.json"
    summary.unlink(missing_ok=True)
    counts = Counts()
    log = OUT / f"round-{seed}.log"
    command = _vm(kernel, backing, MIX_GUEST, seconds, ["tests/soak/round", OUT, seed, seconds, FRAMES])
    with log.open("w", encoding="utf-8") as said, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True,
                             errors="replace") as process:
        try:
            for line in process.stdout:
                said.write(line)
                said.flush()
                if counts.read(line):
                    show(counts)
            status = process.wait()
        except BaseException:
            # tools/vm ends its guest, and then the directories may go.
            process.terminate()
            process.wait()
            raise
    wrong = f"the round with seed {seed} on {kernel} {backing} failed with status {status}: see {log}" if status else ""
    try:
        found = json.loads(summary.read_text(encoding="utf-8"))
        counts.pages_moved, counts.moves_verified = found["pages_moved"], found["moves_verified"]
        counts.pages_verified = found["pages_verified"]
        counts.failures, counts.operations = found["failures"], found["operations"]
        shutil.move(summary, OUT / f"round-{seed}.json")
    except (OSError, ValueError, KeyError) as error:
        wrong = wrong or f"the round with seed {seed} left no numbers: {error}"
    return counts, wrong


def fuzz(kernel, backings, seed, seconds, show):
    """gpumem-fuzz on all backings at once, for it uses one processor; show(counts) while it goes on."""
    OUT.mkdir(parents=True, exist_ok=True)
    logs = {backing: OUT / f"round-{seed}-{backing}.log" for backing in backings}
    made = {backing: Counts() for backing in backings}
    running, readers = {}, []
    lock = threading.Lock()

    def changed():
        with lock:
            show(sum(made.values(), Counts()))

    try:
        for backing, log in logs.items():
            # libFuzzer adds to it what this round finds, and the next one begins with that.
            corpus = OUT / f"corpus-{backing}"
            corpus.mkdir(exist_ok=True)
            # What makes the driver fail is kept beside the log.
            command = ["gpumem-fuzz", "--calls", 0, "--seed", seed % 0xffffffff + 1, "--save", OUT / f"fuzz-{backing}",
                       "--progress", 5, f"-max_total_time={seconds}", corpus]
            running[backing] = subprocess.Popen(_vm(kernel, backing, (), seconds, command), stdin=subprocess.DEVNULL,
                                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            readers.append(threading.Thread(target=_follow, args=(running[backing].stdout, log, made[backing], changed)))
            readers[-1].start()
        statuses = {backing: process.wait() for backing, process in running.items()}
    except BaseException:
        for process in running.values():
            process.terminate()
            process.wait()
        raise
    finally:
        for reader in readers:
            reader.join()
    return judge_fuzz(kernel, seed, logs, statuses)


def _follow(stream, log, counts, changed):
    """Log what a guest says, and read its numbers."""
    with stream, log.open("w", encoding="utf-8") as said:
        for line in stream:
            said.write(line)
            said.flush()
            if counts.read(line):
                changed()


def judge_fuzz(kernel, seed, logs, statuses):
    """What the logs of a round of fuzzing come to, by backing."""
    total, wrong = Counts(), ""
    for backing, log in logs.items():
        made = Counts()
        text = log.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            made.read(line)
        total += made
        if statuses[backing]:
            wrong = wrong or f"gpumem-fuzz with seed {seed} on {kernel} {backing} failed with status {statuses[backing]}: see {log}"
        elif not _END_OF_FUZZ.search(text):
            wrong = wrong or f"gpumem-fuzz with seed {seed} on {kernel} {backing} did not say how many calls it made: see {log}"
    return total, wrong
