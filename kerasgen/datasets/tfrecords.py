"""Single records of TFRecord files.

A file is its records one after the other: the length of the record in 8 bytes, their checksum in 4, the record, its
checksum in 4. So one record is found by the lengths of those before it.
"""

import os
import struct
import threading
from pathlib import Path

import numpy as np

_HEAD, _TAIL = 12, 4


class Reader:
    """Reads records by their number, in any order and from any thread.

    Of a file it reads the lengths of all records first, once, and then the records that are asked for. Checksums are
    not looked at; a file that does not hold whole records, as many as it should, is refused.

    Args:
        files: List of paths.
        lengths: List of their numbers of records.
    """

    def __init__(self, files, lengths):
        self._files = files
        self._lengths = lengths
        self._stops = np.cumsum(lengths)
        self._starts = {}  # of each file that was asked for
        self._lock = threading.Lock()

    def __call__(self, numbers):
        """The bytes of records.

        Args:
            numbers: int array `(n,)`, their places among the records of all files.

        Returns:
            Array of bytes `(n,)`.

        Raises:
            ValueError: If a file is damaged.
        """
        return np.array([self._record(int(number)) for number in numbers], object)

    def _record(self, number):
        index = int(np.searchsorted(self._stops, number, side="right"))
        place = number - int(self._stops[index]) + self._lengths[index]
        with self._lock:
            if index not in self._starts:
                self._starts[index] = _starts(self._files[index], self._lengths[index])
        start, stop = (int(self._starts[index][k]) for k in (place, place + 1))
        with open(self._files[index], "rb", buffering=0) as file:
            file.seek(start + _HEAD)
            return file.read(stop - start - _HEAD - _TAIL)


def _starts(path, count):
    """Where the records of a file start, and at last where it ends: int64 array `(count + 1,)`."""
    starts = [0]
    size = os.path.getsize(path)
    with open(path, "rb", buffering=0) as file:
        while starts[-1] + _HEAD < size:
            file.seek(starts[-1])
            starts.append(starts[-1] + _HEAD + struct.unpack("<Q", file.read(8))[0] + _TAIL)
    if starts[-1] != size or len(starts) != count + 1:
        raise ValueError(
            f"{Path(path).name} should hold {count:,} whole records and no more; prepare the set again. Received: "
            f"{path} of {size:,} bytes"
        )
    return np.array(starts)
