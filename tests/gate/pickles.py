"""Raw pickles: every published way past scanners (tests/model/bypasses.py), and the names under which they travel."""

from collections.abc import Iterator

from tests.gate.case import Case, one
from tests.model.bypasses import BYPASSES, INNER, call, p4, sg, text

_CLASSES = {
    "s1": "b-gadget", "s2": "c-indirection", "s3": "c-indirection", "s4": "c-indirection", "s5": "d-parser", "s6": "d-parser",
    "s7": "e-broken", "s8": "c-indirection", "s9": "c-indirection", "s10": "f-nested", "s11": "f-position",
}  # fmt: skip


def cases() -> Iterator[Case]:
    for name, case in BYPASSES.items():
        kind = name.split()[0]
        yield one(f"{_CLASSES[kind]}/{name}", "model.pkl", case.stream)
    for what, target in _BASELINE.items():
        for protocol in (0, 2, 4):
            yield one(f"a-baseline/{what}, protocol {protocol}", "model.pkl", _by_protocol(protocol, *target), "pickle")
    for file in _NAMES:
        yield one(f"f-name/a pickle called {file}", file, INNER, "pickle")


_BASELINE = {
    "os.system": ("os", "system", "true"),
    "posix.system": ("posix", "system", "true"),
    "eval": ("builtins", "eval", "__import__('os').getcwd()"),
    "exec": ("builtins", "exec", "import os; os.getcwd()"),
    "subprocess.Popen": ("subprocess", "Popen", "true"),
    "os.popen": ("os", "popen", "true"),
    "pty.spawn": ("pty", "spawn", "true"),
}
_NAMES = (
    "model.bin", "config.json", "logo.png", "model.safetensors", "MODEL.PKL", "weights", "notes.txt", "table.csv", "a.onnx",
    "model.h5", "data.npy", "archive.tar.gz", "model.gguf", "tokenizer.model", "index.parquet",
)  # fmt: skip


def _by_protocol(protocol: int, module: str, name: str, argument: str) -> bytes:
    """A call of `module.name(argument)`, as each protocol spells it."""
    if protocol == 4:
        return p4(call(sg(module, name), text(argument)))
    if protocol == 2:
        module = {"builtins": "__builtin__"}.get(module, module)
        return (
            b"\x80\x02"
            + f"c{module}\n{name}\n".encode()
            + b"X"
            + len(argument).to_bytes(4, "little")
            + argument.encode()
            + b"\x85R."
        )
    return f"c{module}\n{name}\n(V{argument}\ntR.".encode()
