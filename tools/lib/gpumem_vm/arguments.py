# SPDX-License-Identifier: MIT
"""Command lines of the tools: bad input is answered by one line and status 2."""

import argparse


class OneLineParser(argparse.ArgumentParser):
    """As argparse's, without abbreviations and without the usage before an error."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")
