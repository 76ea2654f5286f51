"""Reads the tensors of a PyTorch file (`.pth`) without PyTorch, and without running what the file says.

Such a file is a pickle, that is a program: it may call any function of any module. The reader here knows the few names
that tensors need and refuses a file that asks for another. What comes of the pickle are descriptions of tensors (a
storage, an offset, a shape, strides), and the numbers are read by them afterwards.

A few bytes may also ask for all memory: a tensor that repeats one number, a storage that unpacks to gigabytes, a place
in the pickle's list of known objects beyond any file. Sizes are counted from what the file says, before any is taken.

    since PyTorch 1.6    a zip: NAME/data.pkl, the pickle; NAME/data/KEY, a storage; NAME/byteorder, if not "little"
    before (legacy)      pickles one after another: a magic number, a version, sizes of integers, the tensors, the keys
                         of the storages; then each storage: its length as int64, and its numbers; all little-endian
"""

import collections
import io
import math
import pathlib
import pickle
import pickletools
import zipfile
from reprlib import repr as short
from typing import NamedTuple

import numpy as np

ZIP = b"PK\x03\x04"
LEGACY = (0x1950A86A20F9469CFC6C, 1001)

#: Bytes that the tensors of a file may take, and its parts unpacked. The weights of fid_inception are 96 MB.
LIMIT = 2**30

DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read(path, limit=LIMIT):
    """The tensors of a file that `torch.save(model.state_dict(), path)` wrote, in either format.

    Args:
        path: Path of the file.
        limit: int. Bytes that the tensors may take, and the parts of the file unpacked; 1 GiB unless said.

    Returns:
        Dict from names to NumPy arrays.

    Raises:
        ValueError: If the file is none of PyTorch's, is damaged or cut short, holds anything but tensors by name, asks
            for a name that tensors do not need, or for more memory than the limit. Nothing of the file is run.
        OSError: If it cannot be opened.

    Example:
        >>> weights = kerasgen.metrics.features.torch_file.read("weights.pth")
    """
    data = pathlib.Path(path).read_bytes()
    try:
        if data.startswith(ZIP):
            tensors, storages, raw, order = _zip(data, limit)
        else:
            tensors, storages, raw, order = _legacy(data)
        sizes = [math.prod(tensor.shape) * np.dtype(tensor.storage.dtype).itemsize for tensor in tensors.values()]
        _check_size(sum(sizes), limit, "tensors")
        numbers = {key: _numbers(storage, raw[key], order) for key, storage in storages.items()}
        return {name: _array(name, tensor, numbers) for name, tensor in tensors.items()}
    except Exception as error:  # a damaged pickle may raise anything
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"Expected a file that torch.save wrote of a dict of tensors (a state_dict); {reason}. Received: {path}"
        ) from error


def _check_size(size, limit, what):
    if size > limit:
        raise ValueError(
            f"its {what} would take {size:,} bytes, and the limit is {limit:,}; torch_file.read(path, limit=...) of a "
            "file that you trust raises it, and gives a dict for FIDInception(weights=...)"
        )


class _Storage(NamedTuple):
    key: str
    dtype: str
    size: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    stride: tuple


# Opcodes that give an object a number of the file's choice.
PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}


class _Unpickler(pickle.Unpickler):
    """Gives a pickle no other names than the few that tensors need."""

    def __init__(self, stream):
        super().__init__(stream)
        self.stream = stream
        self.storages = {}

    def load(self):
        """The next pickle, if it numbers its objects as pickles do: places are memory up to the highest number."""
        start = self.stream.tell()
        puts = [arg for code, arg, _ in pickletools.genops(self.stream) if code.name in PUTS]
        length = self.stream.tell() - start
        if puts and max(puts) > length:
            raise ValueError(f"it numbers an object {max(puts):,} in a pickle of {length:,} bytes")
        self.stream.seek(start)
        return super().load()

    def find_class(self, module, name):
        # Strings, methods and a class of C's: a pickle can set no attribute of these.
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): self._rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): self._rebuild_parameter,
            **{("torch", storage): dtype for storage, dtype in DTYPES.items()},
        }
        if (module, name) not in known:
            raise ValueError(f"it asks for {module}.{name}, which tensors do not need, and nothing of it was run")
        return known[module, name]

    def _rebuild_tensor(self, storage, offset, shape, stride, *_):
        return _Tensor(storage, offset, shape, stride)

    def _rebuild_parameter(self, tensor, *_):
        return tensor

    def persistent_load(self, pid):
        # A legacy file says, after the size, of which storage this one is a part: None, in all files of this format.
        kind, dtype, key, _, size, *part = pid if isinstance(pid, tuple) and len(pid) >= 5 else [None] * 5
        if kind != "storage" or dtype not in DTYPES.values() or any(part):
            raise ValueError(f"it refers to {short(pid)}, which is no storage of numbers")
        return self.storages.setdefault(key, _Storage(key, dtype, size))

    def tensors(self):
        """What `load` gives, if it is a dict of tensors."""
        found = self.load()
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
        others = {name: type(value).__name__ for name, value in found.items() if not isinstance(value, _Tensor)}
        if others:
            raise ValueError(f"it holds what is no tensor: {short(others)}")
        return found


def _zip(data, limit):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_size(sum(info.file_size for info in archive.infolist()), limit, "parts")
        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise ValueError("it is a zip without a data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        unpickler = _Unpickler(io.BytesIO(archive.read(pickles[0])))
        tensors = unpickler.tensors()
        raw = {key: archive.read(f"{root}data/{key}") for key in unpickler.storages}
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in names else b"little"
    return tensors, unpickler.storages, raw, {b"little": "<", b"big": ">"}[order]


def _legacy(data):
    stream = io.BytesIO(data)
    for expected in LEGACY:
        if _Unpickler(stream).load() != expected:
            raise ValueError("it does not begin as one")
    _Unpickler(stream).load()  # The writer's sizes of integers. Whatever they are, storages are little-endian.
    unpickler = _Unpickler(stream)
    tensors = unpickler.tensors()
    raw = {}
    for key in _Unpickler(stream).load():
        size = int.from_bytes(stream.read(8), "little")
        raw[key] = stream.read(size * np.dtype(unpickler.storages[key].dtype).itemsize)
    return tensors, unpickler.storages, raw, "<"


def _numbers(storage, raw, order):
    """A storage as a vector in this machine's byte order."""
    dtype = np.dtype(order + storage.dtype)
    expected = storage.size * dtype.itemsize
    if len(raw) != expected:
        raise ValueError(f"storage {storage.key} should have {expected} bytes, and has {len(raw)}")
    return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


def _array(name, tensor, numbers):
    """A tensor of its own memory: the numbers at `offset + sum_i index_i stride_i` of its storage."""
    storage, offset, shape, stride = tensor
    if 0 in shape:
        return np.zeros(shape, storage.dtype)
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if min(offset, *shape, *stride, 0) < 0 or last >= storage.size:
        raise ValueError(f"{short(name)} lies outside of its storage of {storage.size} numbers: {short(tensor[1:])}")
    start = numbers[storage.key][offset:]
    return np.lib.stride_tricks.as_strided(start, shape, [step * start.itemsize for step in stride]).copy()
