# SPDX-License-Identifier: MIT
"""What is compared: how the driver is loaded, and whether the load has cold buffers."""

import dataclasses
import re

from gpumem_vm.errors import VmError


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    title: str
    # Parameters of the module: name and value.
    parameters: tuple
    # The same, where the module has them.
    without: tuple = ()
    # Whether buffers are advised GPUMEM_MADV_COLD, for which there has to be a store.
    cold: bool = False


# Buffers that nobody advised are not compressed either.
_NO_STORE = (("store_idle", "0"),)

UNMOVABLE = Setting("unmovable", "unmovable (today's drivers)", (("movable", "0"),), _NO_STORE)
MOVABLE = Setting("movable", "movable, no store", (("movable", "1"),), _NO_STORE)
ZSMALLOC = Setting("zsmalloc", "movable, zsmalloc", (("movable", "1"), ("store", "zsmalloc")), cold=True)
_POLICIES = tuple(Setting(policy, f"movable, {policy}", (("movable", "1"), ("store", "gpumem"), ("store_policy", policy)), cold=True)
                  for policy in ("whole", "nominate", "hybrid"))

ALL = {setting.name: setting for setting in (UNMOVABLE, MOVABLE, ZSMALLOC, *_POLICIES)}
# What the question is about: `movable` tells what moving does from what a store does.
COMPARED = ("unmovable", "movable", "zsmalloc", "whole", "nominate", "hybrid")

# What a module says of its parameters: the description has it, whatever the type.
_PARAMETER = re.compile(rb"\bparm(?:type)?=(\w+):")


def chosen(policies, movable):
    """Settings by the command line's words, each once, in their order."""
    names = list(policies or ())
    if movable is not None:
        names.append("movable" if movable else "unmovable")
    wanted = [name for word in names or ["all"] for name in (COMPARED if word == "all" else (word,))]
    return [ALL[name] for name in dict.fromkeys(wanted)]


def words(setting, built):
    """The kernel command line's words that load the driver so.

    built: the modules by name, as bytes; an error names what they do not have.
    """
    there = {name.decode(): module for module, data in built.items() for name in _PARAMETER.findall(data)}
    missing = [name for name, _ in setting.parameters if name not in there]
    if missing:
        raise VmError(f"the setting {setting.name} needs a module with a compressed store, and this one has no parameter "
                      f"{missing[0]}: --policy unmovable and --policy movable need none")
    there_too = [(name, value) for name, value in setting.without if name in there]
    return [f"{there[name]}.{name}={value}" for name, value in (*setting.parameters, *there_too)]
