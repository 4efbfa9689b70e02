"""A range coder: arithmetic coding with whole numbers, which every machine computes alike.

A message is an interval of numbers, and each symbol narrows it to the part that is the symbol's own. The interval is
kept 40 to 48 bits wide, so that rounding costs less than a millionth of a bit a symbol (with frequencies of 16 bits); a
byte goes out as soon as it is settled.
"""

from __future__ import annotations

from labkit.base.errors import LabkitError

STATE, FLOOR = 48, 2**40  # bits of the interval, and how narrow it may get before a byte goes out


def damaged(how: str) -> LabkitError:
    """Return the error for coded bytes that cannot be read, *how* says in what way; one sentence for every coder."""
    return LabkitError(
        f"The coded bytes cannot be read ({how}): they are damaged, or count and code are not those of the writer."
    )


class RangeEncoder:
    """Narrows an interval of whole numbers symbol by symbol, and puts out the bytes that are settled (Martin, 1979)."""

    def __init__(self) -> None:
        self.low, self.width, self.out = 0, 2**STATE, bytearray()

    def put(self, start: int, share: int, total: int) -> None:
        """Encode a symbol that has the numbers from *start* to ``start + share`` of *total* (at most 2**32)."""
        step = self.width // total
        self.low, self.width = self.low + step * start, step * share
        if self.low >> STATE:  # the sum ran over: carry one into the bytes that went out
            at = len(self.out) - 1
            while self.out[at] == 255:
                self.out[at], at = 0, at - 1
            self.out[at] += 1
            self.low -= 2**STATE
        while self.width < FLOOR:
            self.out.append(self.low >> (STATE - 8))
            self.low, self.width = (self.low << 8) % 2**STATE, self.width << 8

    def finish(self) -> bytes:
        """Return all bytes. They end with the whole lower bound, so that missing bytes are found; nothing said takes
        none."""
        untouched = self.width == 2**STATE and not self.out
        return b"" if untouched else bytes(self.out) + self.low.to_bytes(STATE // 8, "big")


class RangeDecoder:
    """Follows the intervals of a `RangeEncoder`. Raises LabkitError where the bytes cannot be its."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.width = data, STATE // 8, 2**STATE
        self.code = int.from_bytes(data[: self.at], "big")
        if data and len(data) < self.at:
            raise damaged("they end too soon")

    def look(self, total: int) -> int:
        """Return the number below *total* that the next symbol's interval holds."""
        number = self.code // (self.width // total)
        if number >= total:
            raise damaged("no symbol has this code")
        return number

    def take(self, start: int, share: int, total: int) -> None:
        """Step into the interval of the symbol that was found, with the same numbers as `RangeEncoder.put`."""
        step = self.width // total
        self.code, self.width = self.code - step * start, step * share
        while self.width < FLOOR:
            if self.at >= len(self.data):
                raise damaged("they end too soon")
            self.code, self.width = self.code << 8 | self.data[self.at], self.width << 8
            self.at += 1

    def finish(self) -> None:
        """Raise LabkitError unless all bytes were used, and nothing else."""
        if self.at != len(self.data) and (self.data or self.width != 2**STATE):
            raise damaged("they are too many or too few")
