# SPDX-License-Identifier: MIT
"""What a soak has done so far: a file that survives what interrupts it."""

import dataclasses
import json
import os
import subprocess

from gpumem_vm.build import REPOSITORY
from gpumem_vm.errors import VmError

from .counts import Counts


def commit():
    """What is soaked: the repository's commit, with '-dirty' if files differ from it."""
    done = subprocess.run(["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "no commit"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What all rounds of a soak have in common: their sum says nothing otherwise."""
    commit: str
    kernel: str
    minutes: int
    turns: tuple


@dataclasses.dataclass
class State:
    """The next round has the seed first_seed + rounds; one that failed comes again."""
    first_seed: int
    plan: Plan
    rounds: int = 0
    seconds: float = 0.0
    counts: Counts = dataclasses.field(default_factory=Counts)

    @property
    def seed(self):
        return self.first_seed + self.rounds

    @property
    def failed(self):
        """A soak in which anything was ever wrong is no success, however it goes on."""
        return self.counts.failures + self.counts.frames_wrong > 0

    def expect(self, plan):
        """Raise VmError if the soak was begun as another one."""
        for field in dataclasses.fields(plan):
            was, now = getattr(self.plan, field.name), getattr(plan, field.name)
            if was != now:
                raise VmError(f"the soak to resume has another {field.name}: {_words(was)}, not {_words(now)}")

    def save(self, path):
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(new, path)


def _words(value):
    return " ".join(value) if isinstance(value, tuple) else value


def load(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan(**{**found["plan"], "turns": tuple(found["plan"]["turns"])})
        return State(**{**found, "plan": plan, "counts": Counts(**found["counts"])})
    except FileNotFoundError as error:
        raise VmError(f"there is no soak to resume: {path} is missing") from error
    except (ValueError, TypeError, KeyError) as error:
        raise VmError(f"{path} is not what a soak has written: {error}") from error
