# SPDX-License-Identifier: MIT
"""Command lines of the tools: bad input is answered by one line and status 2."""

import argparse
import re

from . import kernels
from .errors import VmError


class OneLineParser(argparse.ArgumentParser):
    """As argparse's, without abbreviations and without the usage before an error."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def number_of(what, least, most, places=0):
    """A type of argument: such a number of something, with at most so many decimal places."""
    def parse(text):
        if not re.fullmatch(rf"\d{{1,15}}(\.\d{{1,{places}}})?" if places else r"\d{1,15}", text) or not least <= float(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number of {what} from {least} to {most}")
        return float(text) if places else int(text)

    return parse


def seed(text):
    """What random choices begin with."""
    if not re.fullmatch(r"\d{1,15}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a seed")
    return int(text)


def series(text):
    """A kernel series."""
    try:
        kernels.check_series(text)
    except VmError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
