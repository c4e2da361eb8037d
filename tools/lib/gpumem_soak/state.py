# SPDX-License-Identifier: MIT
"""What a soak has done so far: a file that survives what interrupts it."""

import dataclasses
import json
import os

from gpumem_vm.errors import VmError

from .counts import Counts


@dataclasses.dataclass
class State:
    """The next round has the seed first_seed + rounds."""
    first_seed: int
    rounds: int = 0
    seconds: float = 0.0
    counts: Counts = dataclasses.field(default_factory=Counts)

    @property
    def seed(self):
        return self.first_seed + self.rounds

    def save(self, path):
        """Whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(new, path)


def load(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return State(**{**found, "counts": Counts(**found["counts"])})
    except FileNotFoundError as error:
        raise VmError(f"there is no soak to resume: {path} is missing") from error
    except (ValueError, TypeError, KeyError) as error:
        raise VmError(f"{path} is not what a soak has written: {error}") from error
