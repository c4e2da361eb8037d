# SPDX-License-Identifier: MIT
"""What a test gave, how to read it from GoogleTest, and test filters."""

import dataclasses
import fnmatch
import json

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass
class Result:
    suite: str
    name: str
    state: str
    seconds: float = 0.0
    detail: str = ""
    # Allocations that were made to fail.
    faults: int = 0


def matches(pattern, name):
    """Whether GoogleTest's filter pattern selects a name.

    Patterns are separated by ':'; those after the first '-' exclude.
    """
    wanted, _, unwanted = pattern.partition("-")

    def any_of(patterns):
        return any(fnmatch.fnmatchcase(name, part) for part in patterns.split(":") if part)

    return (any_of(wanted) if wanted else True) and not any_of(unwanted)


def listed(text):
    """The names in the output of --gtest_list_tests."""
    names, suite = [], ""
    for line in text.splitlines():
        word = line.split("#")[0].rstrip()
        if word.startswith("  "):
            names.append(suite + word.strip())
        elif word.endswith("."):
            suite = word.strip()
    return names


def from_json(suite, path):
    """Results from a file that --gtest_output=json wrote."""
    found = []
    for group in json.loads(path.read_text(encoding="utf-8"))["testsuites"]:
        for test in group["testsuite"]:
            name = f"{group['name']}.{test['name']}"
            seconds = float(test.get("time", "0s").rstrip("s"))
            if test.get("failures"):
                detail = "\n".join(failure["failure"] for failure in test["failures"])
                found.append(Result(suite, name, FAILED, seconds, detail))
            elif test.get("result") == "SKIPPED":
                reasons = "; ".join(skip.get("message", "") for skip in test.get("skipped", []))
                found.append(Result(suite, name, SKIPPED, seconds, reasons.strip() or "no reason given"))
            elif test.get("status") == "NOTRUN":
                found.append(Result(suite, name, SKIPPED, 0, "disabled in the source"))
            else:
                found.append(Result(suite, name, PASSED, seconds))
            # GoogleTest writes what a test records as text beside its own keys.
            found[-1].faults = int(test.get("faults_injected", 0))
    return found


# Of GoogleTest's suites those that make allocations fail; FaultList only reads.
FAULT_SUITES = "Fault*-FaultList.*"


def without_faults(suite, every, found):
    """Failures: suites of FAULT_SUITES that ran as a whole and made no allocation fail.

    every: the names of all their tests; a single one may need no memory.
    """
    groups, ran = {}, {}
    for name in every:
        groups.setdefault(name.split(".")[0], set()).add(name)
    for result in found:
        ran.setdefault(result.name.split(".")[0], []).append(result)
    return [Result(suite, f"{group}.*", FAILED, 0, "no allocation was made to fail")
            for group, names in groups.items()
            if names <= {result.name for result in ran.get(group, [])}
            and any(result.state == PASSED for result in ran[group])
            and not any(result.faults for result in ran[group])]


NO_RESULT = ("the program ended without a result", "it is missing from the result file")


def judge(suite, expected, path):
    """Results of a program: every expected test must be in its result file.

    A program that crashes leaves no file: then all that it should have run
    counts as failed.
    """
    found, problem = [], NO_RESULT[0]
    try:
        found = from_json(suite, path)
        problem = NO_RESULT[1]
    except FileNotFoundError:
        pass
    except (ValueError, KeyError) as error:
        problem = f"the result file cannot be read: {error}"
    known = {result.name for result in found}
    return found + [Result(suite, name, FAILED, 0, problem) for name in expected if name not in known]
