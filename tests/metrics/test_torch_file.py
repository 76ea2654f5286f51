"""Tensors of PyTorch files, without PyTorch, and without running what a file says.

Files are written here byte by byte, as the format says, and by PyTorch itself where it is installed.
"""

import collections
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from kerasgen.metrics.features import torch_file
from kerasgen.metrics.features.torch_file import read

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {
    "f8": "Double",
    "f4": "Float",
    "f2": "Half",
    "i8": "Long",
    "i4": "Int",
    "i1": "Char",
    "u1": "Byte",
    "b1": "Bool",
}
FORMATS = ["zip", "legacy"]


# Opcodes of pickles. Each function gives those that leave one value on the stack.


def constant(value):
    return pickle.dumps(value, 2)[2:-1]


def known(module, name):
    return f"c{module}\n{name}\n".encode()


def together(*parts):
    return b"(" + b"".join(parts) + b"t"


def called(function, *arguments):
    return function + together(*arguments) + b"R"


def tensor(key, dtype, size, offset, shape, stride, view=(None,)):
    """As PyTorch writes a tensor: `_rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, hooks)`."""
    storage = together(
        constant("storage"), known("torch", f"{TYPES[dtype]}Storage"), *map(constant, (key, "cpu", size, *view))
    )
    rest = map(constant, (offset, tuple(shape), tuple(stride), False))
    return called(
        known("torch._utils", "_rebuild_tensor_v2"), storage + b"Q", *rest, called(known("collections", "OrderedDict"))
    )


def mapping(**values):
    return b"\x80\x02}(" + b"".join(constant(name) + value for name, value in values.items()) + b"u."


def zip_file(path, content, storages, byteorder=None):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", content)
        archive.writestr("weights/version", "3\n")
        if byteorder:
            archive.writestr("weights/byteorder", byteorder)
        for key, array in storages.items():
            archive.writestr(f"weights/data/{key}", array.tobytes())
    return path


def legacy_file(path, content, storages):
    start = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, {"little_endian": True}))
    end = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())
    path.write_bytes(start + content + pickle.dumps(list(storages), 2) + end)
    return path


def write(form, path, content, storages):
    """A file of a format, whose tensors' views have as many parts as it asks for."""
    return {"zip": zip_file, "legacy": legacy_file}[form](path, content, storages)


def save(form, path, arrays):
    """Write arrays as `torch.save` does with a state_dict of contiguous tensors."""
    storages, parts = {}, {}
    for key, (name, array) in enumerate(arrays.items()):
        storages[str(key)] = np.ascontiguousarray(array)
        stride = [step // array.itemsize for step in storages[str(key)].reshape(array.shape).strides]
        view = () if form == "zip" else (None,)
        parts[name] = tensor(str(key), array.dtype.str[1:], array.size, 0, array.shape, stride, view)
    return write(form, path, mapping(**parts), storages)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "conv.weight": rng.standard_normal((4, 3, 2, 2)).astype("float32"),
        "fc.bias": rng.standard_normal(5),
        "half": rng.standard_normal(3).astype("float16"),
        "num_batches_tracked": np.array(7),
        "mask": np.array([True, False]),
        "bytes": np.arange(6, dtype="uint8").reshape(2, 3),
        "empty": np.zeros((0, 3), "float32"),
    }


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].dtype.isnative
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("form", FORMATS)
def test_arrays_come_back(tmp_path, arrays, form):
    found = read(save(form, tmp_path / "weights.pth", arrays))
    assert_same(found, arrays)
    assert all(array.flags.writeable and array.flags.c_contiguous for array in found.values())


@pytest.mark.parametrize("form", FORMATS)
def test_views_of_one_storage(tmp_path, form):
    """Offset, strides that are not those of rows, a stride of 0; each array has memory of its own."""
    numbers = np.arange(12, dtype="float32")
    view = () if form == "zip" else (None,)
    content = mapping(
        transposed=tensor("a", "f4", 12, 0, (4, 3), (1, 4), view),
        part=tensor("a", "f4", 12, 5, (2, 2), (4, 2), view),
        repeated=tensor("a", "f4", 12, 3, (2, 3), (0, 1), view),
        number=tensor("a", "f4", 12, 11, (), (), view),
    )
    found = read(write(form, tmp_path / "weights.pth", content, {"a": numbers}))
    np.testing.assert_array_equal(found["transposed"], numbers.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [[5, 7], [9, 11]])
    np.testing.assert_array_equal(found["repeated"], [[3, 4, 5], [3, 4, 5]])
    assert found["number"] == 11
    found["transposed"][:] = 0
    assert found["part"][0, 0] == 5


def test_byte_order_of_the_writer(tmp_path):
    content = mapping(x=tensor("0", "f4", 2, 0, (2,), (1,), ()))
    for order in ("little", "big"):
        stored = np.array([1, 2.5], "<f4" if order == "little" else ">f4")
        found = read(zip_file(tmp_path / "weights.pth", content, {"0": stored}, order))
        assert_same(found, {"x": np.array([1, 2.5], "float32")})


def test_legacy_storages_are_little_endian_whoever_wrote_them(tmp_path):
    """PyTorch on a big-endian machine notes that, and turns the numbers round."""
    path = save("legacy", tmp_path / "weights.pth", {"x": np.array([1, 2.5], "<f4")})
    content = path.read_bytes().replace(constant({"little_endian": True}), constant({"little_endian": False}))
    path.write_bytes(content)
    assert_same(read(path), {"x": np.array([1, 2.5], "float32")})


@pytest.mark.parametrize("legacy", [True, False])
def test_what_torch_saves(tmp_path, arrays, legacy):
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    values = collections.OrderedDict((name, torch.tensor(array)) for name, array in arrays.items())
    base = torch.arange(12.0).reshape(3, 4)
    views = {"base": base, "transposed": base.T, "part": base[1:, 1::2], "repeated": base[0].expand(2, 4)}
    parameter = torch.nn.Parameter(base[:, :2])
    torch.save({**values, **views, "parameter": parameter}, path, _use_new_zipfile_serialization=not legacy)
    expected = {name: view.numpy() for name, view in views.items()}
    assert_same(read(path), {**arrays, **expected, "parameter": parameter.detach().numpy()})

    # A state_dict carries attributes.
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert_same(read(path), {name: value.numpy() for name, value in network.state_dict().items()})


class Touches:
    """Unpickled by Python's own unpickler, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_no_code_is_run(tmp_path):
    """A program in any of the pickles of a file is refused by name."""
    flag, path = tmp_path / "flag", tmp_path / "weights.pth"
    evil = pickle.dumps({"x": Touches(flag)}, 2)
    good = pickle.dumps({}, 2)
    header = [pickle.dumps(value, 2) for value in (MAGIC, 1001, {})]
    files = [b"".join([*header[:position], evil, *header[position + 1 :], good, good]) for position in range(3)]
    files += [b"".join([*header, evil, good]), b"".join([*header, good, evil])]
    files.append(zip_file(path, evil, {}).read_bytes())
    for content in files:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"asks for (posix|nt)\.system.*Received: .*weights.pth"):
            read(path)
        assert not flag.exists()
    pickle.loads(evil)
    assert flag.exists()


@pytest.mark.parametrize(
    "name",
    [
        ("builtins", "eval"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "namedtuple"),
        ("torch", "load"),
        ("torch", "FloatStorage.from_file"),
        ("torch._utils", "_rebuild_tensor"),
    ],
)
def test_names_outside_of_the_table_are_refused(tmp_path, name):
    path = zip_file(tmp_path / "weights.pth", mapping(x=known(*name)), {})
    with pytest.raises(ValueError, match=rf"asks for {name[0]}\.{name[1]}"):
        read(path)


def test_a_pickle_alters_nothing_of_the_reader(tmp_path, arrays):
    """Opcode BUILD sets attributes of what it is given."""
    path = tmp_path / "weights.pth"
    for given in (known("torch._utils", "_rebuild_tensor_v2"), known("collections", "OrderedDict")):
        zip_file(path, b"\x80\x02" + given + together(constant(None), constant({"__call__": 1})) + b"b.", {})
        with pytest.raises(ValueError, match=r"Expected a file that torch\.save wrote"):
            read(path)
    assert_same(read(save("zip", path, arrays)), arrays)


@pytest.mark.parametrize(
    "place",
    [(12, (1,), (1,)), (0, (13,), (1,)), (-1, (2,), (1,)), (11, (3,), (-1,)), (0, (2, 2), (1, 11)), (0, (2, 2), (1,))],
)
def test_a_tensor_stays_in_its_storage(tmp_path, place):
    """Otherwise a file could read the memory of the process."""
    content = mapping(x=tensor("0", "f4", 12, *place, view=()))
    path = zip_file(tmp_path / "weights.pth", content, {"0": np.arange(12, dtype="float32")})
    with pytest.raises(ValueError, match=r"Expected a file that torch\.save wrote"):
        read(path)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_short(tmp_path, arrays, form):
    path = save(form, tmp_path / "weights.pth", {name: array for name, array in arrays.items() if array.size})
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"Expected a file that torch.save wrote.*Received: .*weights.pth"):
            read(path)


def test_a_storage_too_short_is_named(tmp_path):
    content = mapping(x=tensor("7", "f4", 12, 0, (12,), (1,), ()))
    path = zip_file(tmp_path / "weights.pth", content, {"7": np.zeros(11, "float32")})
    with pytest.raises(ValueError, match="storage 7 should have 48 bytes, and has 44"):
        read(path)


def test_foreign_files(tmp_path):
    archive = io.BytesIO()
    np.savez(archive, x=np.zeros(3))
    pickled = {
        "a pickle": pickle.dumps({"x": 1}),
        "no tensor": pickle.dumps({"epoch": 1}, 2),
        "a list": pickle.dumps([1], 2),
        "a module": mapping(x=together(constant("module"), constant("Net")) + b"Q"),
        "objects": mapping(x=together(*map(constant, ("storage", "O", "0", "cpu", 1))) + b"Q"),
    }
    start = b"".join(pickle.dumps(value, 2) for value in (MAGIC, 1001, {}))
    for content, reason in (
        (b"", "exhausted"),
        (b"<!DOCTYPE html><html>Not Found</html>", "opcode b'<' unknown"),
        (b"\x89PNG\r\n\x1a\n", "opcode .* unknown"),
        (b"PNG\n.", "refers to 'NG', which is no storage"),
        (archive.getvalue(), "without a data.pkl"),
        (pickled["a pickle"], "does not begin as one"),
        (start + pickled["no tensor"], "holds what is no tensor: {'epoch': 'int'}"),
        (start + pickled["a list"], "holds a list"),
        (start + pickled["a module"], "refers to .'module', 'Net'., which is no storage"),
    ):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{reason}.*Received: .*weights.pth"):
            read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere.pth")


# ---- memory


def test_files_that_ask_for_all_memory_are_refused(tmp_path):
    """One number repeated, a storage that unpacks to much, a number of an object: each in its kind of file."""
    one = tensor("0", "f4", 1, 0, (3_000_000_000,), (0,))
    save_one = zip_file(tmp_path / "stride.pth", mapping(x=one), {"0": np.zeros(1, "f4")})
    assert save_one.stat().st_size < 1000
    with pytest.raises(ValueError, match=r"tensors would take 12,000,000,000 bytes.*limit.*Received: .*stride.pth"):
        read(save_one)
    with pytest.raises(ValueError, match="tensors would take 12,000,000,000 bytes"):
        read(legacy_file(tmp_path / "legacy.pth", mapping(x=one), {"0": np.zeros(1, "f4")}))

    packed = tmp_path / "packed.pth"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", mapping(x=tensor("0", "u1", 10**7, 0, (10**7,), (1,))))
        archive.writestr("weights/data/0", bytes(10**7))
    with pytest.raises(ValueError, match=r"parts would take 10,000,\d+ bytes, and the limit is 5,000,000"):
        read(packed, limit=5_000_000)
    assert read(packed)["x"].nbytes == 10**7

    numbered = b"\x80\x02}r" + struct.pack("<I", 2**31) + b"."
    with pytest.raises(ValueError, match="numbers an object 2,147,483,648 in a pickle of 9 bytes"):
        read(zip_file(tmp_path / "numbered.pth", numbered, {}))


def test_refusals_take_no_memory(tmp_path):
    """In a process of its own, with NumPy alone: a pickle that numbers an object 2^31 would fill 32 GB."""
    path = zip_file(tmp_path / "numbered.pth", b"\x80\x02}r" + struct.pack("<I", 2**31) + b".", {})
    code = (
        "import resource, runpy, sys\n"
        "read = runpy.run_path(sys.argv[1])['read']\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read(sys.argv[2])\n"
        "except ValueError:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, torch_file.__file__, str(path)]
    kilobytes = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    assert int(kilobytes) < 50_000


def test_errors_do_not_print_what_repeats_itself(tmp_path):
    """Thirty pairs of the one before: a thousand million items, if they were printed."""
    nested = constant("x") + b"".join(b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(30))
    with pytest.raises(ValueError, match="no storage") as error:
        read(zip_file(tmp_path / "nested.pth", b"\x80\x02" + nested + b"Q.", {}))
    assert len(str(error.value)) < 1000
