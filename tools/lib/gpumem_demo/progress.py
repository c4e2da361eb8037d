# SPDX-License-Identifier: MIT
"""A progress bar: one line that grows on a terminal, a line each tenth elsewhere."""

import time

WIDTH = 30


class Bar:
    def __init__(self, name, stream, clock=time.monotonic):
        self._name, self._stream, self._clock = name, stream, clock
        self._begun = clock()
        self._terminal = stream.isatty()
        self._tenth = -1
        self._open = False

    def note(self, text):
        """What happens before there is anything to count."""
        if self._terminal:
            self._line(text)
        else:
            print(f"{self._name:<10} {text}", file=self._stream, flush=True)

    def show(self, done, whole):
        if self._terminal:
            filled = WIDTH * done // whole
            self._line(f"[{'#' * filled}{'.' * (WIDTH - filled)}] frame {done}/{whole}, {self._seconds()}")
        elif 10 * done // whole != self._tenth:
            self._tenth = 10 * done // whole
            print(f"{self._name:<10} frame {done}/{whole}, {self._seconds()}", file=self._stream, flush=True)

    def close(self):
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _line(self, text):
        self._stream.write(f"\r\033[K{self._name:<10} {text}")
        self._stream.flush()
        self._open = True

    def _seconds(self):
        return f"{self._clock() - self._begun:.0f} s"
