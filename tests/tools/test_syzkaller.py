# SPDX-License-Identifier: MIT
"""syzkaller's description of the uapi has what the uapi has."""

import re
import unittest

from gpumem_vm.build import REPOSITORY

HEADER = (REPOSITORY / "include/uapi/drm/gpumem_drm.h").read_text(encoding="utf-8")
DESCRIPTION = (REPOSITORY / "tests/fuzz/gpumem.txt").read_text(encoding="utf-8")


def header_structures():
    """Names and widths of the fields of each structure."""
    return {name: [(field, int(bits)) for bits, field in re.findall(r"^\t__u(\d+) (\w+);", body, re.MULTILINE)]
            for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", HEADER, re.MULTILINE | re.DOTALL)}


def described_structures():
    def bits(kind):
        if kind in ("drm_gem_handle", "gpumem_offset"):
            return {"drm_gem_handle": 32, "gpumem_offset": 64}[kind]
        return 64 if kind.startswith("ptr64[") else int(re.search(r"int(\d+)\]", kind).group(1))

    return {name: [(field, bits(kind)) for field, kind in re.findall(r"^\t(\w+)\t+([^\t\n]+)", body, re.MULTILINE)]
            for name, body in re.findall(r"^(\w+) \{\n(.*?)^\}", DESCRIPTION, re.MULTILINE | re.DOTALL)}


class SyzkallerDescription(unittest.TestCase):
    def test_has_the_structures_of_the_uapi(self):
        wanted = header_structures()
        self.assertIn("drm_gpumem_create", wanted)
        # The same as for a pin; only its flags are less.
        wanted["drm_gpumem_unpin"] = wanted["drm_gpumem_pin"]
        self.assertEqual(described_structures(), wanted)

    def test_has_every_ioctl(self):
        wanted = re.findall(r"^#define (DRM_IOCTL_GPUMEM_\w+)", HEADER, re.MULTILINE)
        self.assertTrue(wanted)
        self.assertEqual(re.findall(r"^ioctl\$\w+\(fd fd_gpumem, cmd const\[(\w+)\]", DESCRIPTION, re.MULTILINE), wanted)

    def test_names_flags_that_the_uapi_has(self):
        names = re.findall(r"\bGPUMEM_(?:PIN|MADV)_\w+", DESCRIPTION)
        self.assertTrue(names)
        for name in names:
            self.assertRegex(HEADER, rf"(?m)^#define {name}\b")


if __name__ == "__main__":
    unittest.main()
