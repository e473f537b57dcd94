"""Through vetted names alone: each global of these streams is on the table, and yet they run, write or forge something.

A method that a reviewed `__setstate__` calls is planted in the state; attributes are read off classes; what joblib takes for
an array's shape or element type stands under a computed name; an element type lies about the objects in it (numpy then takes
bytes of the file for pointers: no recorder shows that, the process dies).
"""

import lzma
import pickle
import struct
from collections.abc import Iterator

import pandas as pd

from tests.gate.case import Case, one
from tests.model.bypasses import call, g, p4, raw, sg, text

_GETCWD = "@self.__class__.fit.__globals__['warnings'].sys.modules['os'].getcwd()"
_SHOUT = g("posix", "getcwd") + b")R."
_DTYPE = sg("numpy", "dtype")
_BYTE = call(_DTYPE, text("u1"))
_OBJECT = (
    call(_DTYPE, text("O8"), b"\x89", b"\x88") + b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
)
_SPLIT = b"\x80\x03]" + b"N0" * 200 + _SHOUT
_POINTER = struct.pack("<Q", 0x4141414141414141)


def cases() -> Iterator[Case]:
    for name, (method, first, second) in _PLANTED.items():
        yield one(f"c-indirection/s4 {name}", "model.pkl", _shadowed(method, first, second), "pickle")
    for name, function in _LATER.items():
        yield one(f"i-inference-time/{name} in a FunctionTransformer", "model.pkl", p4(_transformer(function)))
    forward = text("forward") + sg("builtins", "exec")
    module = sg("torch.nn.modules.linear", "Linear") + b")\x81}" + forward + b"sb"
    yield one("i-inference-time/a forward that is planted in a module", "model.pt", p4(module))
    for name, (key, value) in _COMPUTED.items():
        stream = p4(b"(", _array(_BYTE, b"\xff" * 8, 8), _array(_BYTE, _SHOUT, len(_SHOUT), key + value), b"t")
        yield one(f"f-position/s11 joblib array, {name}", "model.joblib", stream, "joblib")
    for name, dtype in _FORGED.items():
        yield one(f"c-indirection/s3 forged pointer, {name}", "model.pkl", p4(dtype[0], _numbers(dtype[1])))
    yield one(
        "c-indirection/s3 forged pointer, an array laid over bytes",
        "model.pkl",
        p4(sg("numpy", "ndarray") + b"(K\x01\x85" + call(_DTYPE, text("O")) + raw(_POINTER) + b"t\x81"),
    )
    half = len(_SPLIT) // 2
    streams = b"".join(lzma.compress(part, format=lzma.FORMAT_ALONE) for part in (_SPLIT[:half], _SPLIT[half:]))
    yield one("g-joblib/a pickle over two streams of lzma", "model.joblib", streams, "joblib")
    for spelling in ("Infinity", "-NaN", "+INF"):
        stream = f"F{spelling}\n0".encode() + _SHOUT
        yield one(f"d-parser/s6 a float as C reads it, {spelling}", "notes.txt", stream, "pickle")


def _member(module: str, owner: str, name: str) -> bytes:
    return call(sg("builtins", "getattr"), sg(module, owner), text(name))


def _frame() -> bytes:
    return pickle.dumps(pd.DataFrame({"a": [1.0]}), 3)[2:-1]


def _path() -> bytes:
    return call(sg("pathlib", "PosixPath"), text("/tmp/assaymark-gate-never-written"))


_PLANTED = {
    "DataFrame.eval as a method that is called on load": (
        _member("pandas", "DataFrame", "eval"),
        _frame(),
        text(_GETCWD),
    ),
    "DataFrame.to_csv as a method that is called on load": (
        _member("pandas", "DataFrame", "to_csv"),
        _frame(),
        _path(),
    ),
    "Path.write_text as a method that is called on load": (
        _member("pathlib", "Path", "write_text"),
        _path(),
        text("x"),
    ),
    "numpy.memmap as a method that is called on load": (sg("numpy", "memmap"), _path(), text("u1")),
}
_COMPUTED = {
    "its element type under str()": (call(sg("builtins", "str"), text("dtype")), call(_DTYPE, text("O"))),
    "its element type under numpy.str_()": (call(sg("numpy", "str_"), text("dtype")), call(_DTYPE, text("O"))),
    "its shape under numpy.str_()": (call(sg("numpy", "str_"), text("shape")), b"K\x00\x85"),
}


def _shadowed(method: bytes, first: bytes, second: bytes) -> bytes:
    """IsotonicRegression.__setstate__ calls self._build_f(self.X_thresholds_, self.y_thresholds_)."""
    state = text("_build_f") + method + text("X_thresholds_") + first + text("y_thresholds_") + second
    return p4(sg("sklearn.isotonic", "IsotonicRegression") + b")\x81}(" + state + b"ub")


_LATER = {
    "os.system": sg("os", "system"),
    "a method of a class": _member("pandas", "DataFrame", "to_csv"),
    "a partial of a method": call(sg("functools", "partial"), _member("pandas", "DataFrame", "query")),
    "a class that opens a file": sg("numpy", "memmap"),
}


def _transformer(function: bytes) -> bytes:
    options = text("kw_args") + b"}(" + text("path_or_buf") + text("/etc/cron.d/x") + b"u"
    state = text("func") + function + options
    return sg("sklearn.preprocessing._function_transformer", "FunctionTransformer") + b")\x81}(" + state + b"ub"


def _array(dtype: bytes, content: bytes, length: int, more: bytes = b"") -> bytes:
    state = text("subclass") + sg("numpy", "ndarray") + text("shape") + b"K" + bytes([length]) + b"\x85" + text("order")
    state += (
        text("C") + text("allow_mmap") + b"\x89" + text("numpy_array_alignment_bytes") + b"N" + text("dtype") + dtype
    )
    return sg("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}(" + state + more + b"ub" + content


def _record(fields: bytes, names: bytes, *, subarray: bytes = b"N", flags: int = 0, size: int = 8) -> bytes:
    made = call(_DTYPE, text(f"V{size}"), b"\x89", b"\x88")
    return (
        made
        + b"(K\x03"
        + text("|")
        + subarray
        + names
        + fields
        + b"M"
        + struct.pack("<H", size)
        + b"K\x01K"
        + bytes([flags])
        + b"tb"
    )


def _numbers(dtype: bytes) -> bytes:
    """An array of that type whose bytes are the file's."""
    made = call(sg("numpy._core.multiarray", "_reconstruct"), sg("numpy", "ndarray"), b"K\x00\x85", raw(b"b"))
    return made + b"(K\x01K\x01\x85" + dtype + b"\x89" + raw(_POINTER * 40) + b"tb"


_NAMED = b"(" + text("o") + b"t"
_FIELD = _OBJECT + b"K\x00\x86"
_MANY = (
    b"}("
    + b"".join(
        text(f"f{n}") + (_OBJECT if n == 5 else call(_DTYPE, text("u8"))) + b"M" + struct.pack("<H", 8 * n) + b"\x86"
        for n in range(40)
    )
    + b"u"
)
_FORGED = {
    "fields out of the memo": (b"}" + text("o") + _FIELD + b"sq\x090", _record(b"h\x09", _NAMED)),
    "a field out of the memo": (_FIELD + b"q\x090", _record(b"}" + text("o") + b"h\x09s", _NAMED)),
    "among many fields": (b"", _record(_MANY, b"(" + b"".join(text(f"f{n}") for n in range(40)) + b"t", size=320)),
    "in a record in a record":
        (b"", _record(b"}" + text("i") + _record(b"}" + text("o") + _FIELD + b"s", _NAMED, flags=63) + b"K\x00\x86s", b"(" + text("i") + b"t")),
    "in a subarray": (b"", _record(b"N", b"N", subarray=_OBJECT + b"K\x01\x85\x86")),
    "by the class of its type":
        (b"", _record(b"}" + text("o") + call(sg("numpy.dtypes", "ObjectDType")) + b"K\x00\x86s", _NAMED)),
    "in a number": (b"", call(_DTYPE, text("u8"), b"\x89", b"\x88") + b"(K\x03" + text("|") + b"N" + _NAMED + b"}" + text("o") + _FIELD + b"sK\x08K\x01K?tb"),
    "by torch's second __setstate__":
        (b"", call(sg("torch._tensor", "_rebuild_from_type_v2"), _DTYPE, sg("numpy.dtypes", "VoidDType"), b"(" + text("V8") + b"t",
              b"(K\x03" + text("|") + b"N" + _NAMED + b"}" + text("o") + _FIELD + b"sK\x08K\x01K\x00t")),
}  # fmt: skip
