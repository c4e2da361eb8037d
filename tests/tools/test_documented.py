# SPDX-License-Identifier: MIT
"""The errors that gpumem-fuzz lets pass are those that the uapi's header documents."""

import re
import unittest

from gpumem_vm.build import REPOSITORY

HEADER = (REPOSITORY / "include/uapi/drm/gpumem_drm.h").read_text(encoding="utf-8")
COPY = (REPOSITORY / "tests/fuzz/documented.cpp").read_text(encoding="utf-8")
LONGTERM = "GPUMEM_PIN_LONGTERM:"
# Which of a pin's errors an unpin has too, where the header does not say so.
OF_ALL_THAT_TAKE_HANDLES = {"E2BIG", "ENOENT", "EFAULT"}


def documented():
    """The error's reasons, by ioctl and error."""
    found = {}
    for name, text in re.findall(r"/\*\*\n \* struct drm_gpumem_(\w+) - (.*?)\*/", HEADER, re.DOTALL):
        paragraph = re.search(r"^ \* Errors: (.*?)(?:^ \*\n|\Z)", text, re.MULTILINE | re.DOTALL)
        if not paragraph:
            raise AssertionError(f"drm_gpumem_{name} has no paragraph of errors")
        words = re.sub(r"\s*\n \* ", " ", paragraph.group(1)).strip()
        errors = re.findall(r"(E[A-Z0-9]+) \(([^()]*)\)", words)
        # Nothing but that, or it has been read wrong.
        if ", ".join(f"{error} ({why})" for error, why in errors) + "." != words:
            raise AssertionError(f"cannot read the errors of drm_gpumem_{name}: {words}")
        found[name.upper()] = dict(errors)
    return found


def let_pass():
    """Errors by ioctl, and those that only a long pin may give."""
    found, longterm = {}, {}
    body = COPY.partition("switch (nr) {")[2]
    for labels, answer in re.findall(r"((?:case DRM_GPUMEM_\w+:\s*)+)return ([^;]*);", body):
        always, _, only_long = answer.partition("longterm")
        for name in re.findall(r"DRM_GPUMEM_(\w+)", labels):
            found[name] = set(re.findall(r"\bE[A-Z0-9]+\b", always))
            longterm[name] = set(re.findall(r"\bE[A-Z0-9]+\b", only_long))
    return found, longterm


class Documented(unittest.TestCase):
    def setUp(self):
        self.header = documented()
        self.always, self.longterm = let_pass()

    def test_has_every_ioctl(self):
        wanted = re.findall(r"^#define DRM_GPUMEM_(\w+)\s+0x", HEADER, re.MULTILINE)
        self.assertIn("COMPACT", wanted)
        self.assertEqual(sorted(self.always), sorted(wanted))

    def test_has_the_errors_of_the_header(self):
        for name, errors in self.header.items():
            long_only = {error for error, why in errors.items() if why.startswith(LONGTERM)}
            with self.subTest(name):
                self.assertEqual(self.always[name], set(errors) - long_only)
                self.assertEqual(self.longterm[name], long_only)

    def test_has_the_errors_of_an_unpin(self):
        told = {error for error, why in self.header["PIN"].items() if "unpin:" in why}
        self.assertEqual(told, {"EINVAL", "ENOMEM"})
        self.assertEqual((self.always["UNPIN"], self.longterm["UNPIN"]), (told | OF_ALL_THAT_TAKE_HANDLES, set()))


if __name__ == "__main__":
    unittest.main()
