"""
Recordings of what agents say, as files.

In: entries by time.  Out: a file, and the entries again. The end of a file may be missing, for a
recorder can be killed; what is before it is whole.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError

from podwire.wire.gen.podwire.recording_pb2 import Entry

FORMAT = b"podwire recording 1\n"


class NotARecording(ValueError):
    """The file is something else; whoever named it must name another."""


class Recorder:
    """An open recording; entries are written as they come."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._calls = 0
        file.write(FORMAT)

    def open_call(self, time_us: int, method: str) -> int:
        """The number of a new call."""
        self._calls += 1
        self._write(Entry(time_us=time_us, call=self._calls, opened=method))
        return self._calls

    def add(self, time_us: int, call: int, message: bytes) -> None:
        """A message of a call."""
        self._write(Entry(time_us=time_us, call=call, message=message))

    def close_call(self, time_us: int, call: int, *, by_agent: bool) -> None:
        """The end of a call; what was written is in the file from then on."""
        self._write(Entry(time_us=time_us, call=call, closed=by_agent))
        self._file.flush()

    def _write(self, entry: Entry) -> None:
        data = entry.SerializeToString()
        self._file.write(_varint(len(data)) + data)


def read(path: Path) -> Iterator[Entry]:
    """
    The entries of a recording, up to where it ends.

    Raises `NotARecording` and OSError.
    """
    with path.open("rb") as file:
        if file.read(len(FORMAT)) != FORMAT:
            raise NotARecording(f"{path} is no recording of podwire's")
        while (size := _read_varint(file)) is not None:
            data = file.read(size)
            if len(data) < size:
                return
            try:
                yield Entry.FromString(data)
            except DecodeError as error:
                raise NotARecording(f"{path} is damaged at byte {file.tell()}") from error


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _read_varint(file: BinaryIO) -> int | None:
    """A length; None at the end of the file, also in the middle of one."""
    number = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    raise NotARecording(f"damaged at byte {file.tell()}")
