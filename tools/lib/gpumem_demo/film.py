# SPDX-License-Identifier: MIT
"""demo.gif: what the display showed, and physical memory at the same time.

Runs in the build root, which has Pillow: film.py TARGET DIRECTORY"""

import pathlib
import sys

MILLISECONDS = 250
WIDTH = 480


def _image(path):
    from PIL import Image  # the host has none

    image = Image.open(path).convert("RGB")
    return image.resize((WIDTH, WIDTH * image.height // image.width), Image.Resampling.LANCZOS)


def _stills(directory):
    """Frames above, maps below; a map's legend may be a line longer than another's."""
    from PIL import Image

    pairs = [(_image(frame), _image(directory / frame.name.replace("frame-", "map-")))
             for frame in sorted(directory.glob("frame-*.png"))]
    height = max(frame.height + memory.height for frame, memory in pairs)
    for frame, memory in pairs:
        still = Image.new("RGB", (WIDTH, height), "white")
        still.paste(frame, (0, 0))
        still.paste(memory, (0, frame.height))
        yield still


def main(target, directory):
    from PIL import Image

    stills = list(_stills(directory))
    # One palette for all: palettes of their own flicker.
    sheet = Image.new("RGB", (WIDTH, stills[0].height * len(stills)))
    for number, still in enumerate(stills):
        sheet.paste(still, (0, number * still.height))
    palette = sheet.quantize(128)
    stills = [still.quantize(palette=palette, dither=Image.Dither.NONE) for still in stills]
    stills[0].save(target, save_all=True, append_images=stills[1:], duration=MILLISECONDS, loop=0, optimize=True)
    return 0


def make(target, directory):
    from gpumem_vm import build
    from gpumem_vm.errors import VmError

    if build.run_in_root(["python3", __file__, str(target), str(directory)]).returncode:
        raise VmError("the pictures do not make a film")


if __name__ == "__main__":
    sys.exit(main(*map(pathlib.Path, sys.argv[1:])))
