"""Pickles and their like within containers: what each reader of a container sees, and what hides between the headers."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

import joblib
import numpy as np

from tests.gate.case import Case, one
from tests.model.bypasses import INNER, PLAIN, PROTO4, RUN, STOP, call, g, p4, raw, sg, text
from tests.model.zipmaker import HARMLESS, Made, make, torch_zip

EVIL = b"\x80\x02" + PLAIN + STOP
"""Protocol 2, as torch writes it."""


def cases() -> Iterator[Case]:
    yield from _torch()
    yield from _zips()
    yield from _joblib()
    yield from _numpy()
    yield from _tars()
    yield from _polyglots()


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        import posix

        return posix.getcwd, ()


def _torch() -> Iterator[Case]:
    def case(name: str, content: bytes, loader: str = "torch", outcome: str = "deny") -> Case:
        return one(f"g-torch/{name}", "model.pt", content, loader, outcome)

    def built(pickled: Made, *more: Made, **options: object) -> bytes:
        members = [pickled, Made("archive/version", b"3\n"), Made("archive/byteorder", b"little"), *more]
        return make(members, **options)  # type: ignore[arg-type]

    main = Made("archive/data.pkl", EVIL)
    yield case("plain", torch_zip(EVIL))
    yield case("deflated", built(Made("archive/data.pkl", EVIL, method=8)))
    yield case("wrong CRC", built(Made("archive/data.pkl", EVIL, local={"crc": 1}, central={"crc": 1})))
    yield case("another local name", built(Made("archive/data.pkl", EVIL, local={"name": b"archive/data.txt"})))
    yield case("local flag of encryption", built(Made("archive/data.pkl", EVIL, local={"flags": 1})))
    yield case("central flag of encryption", built(Made("archive/data.pkl", EVIL, central={"flags": 1})), "")
    yield case(
        "name in capitals before the other", built(Made("archive/DATA.PKL", EVIL), Made("archive/data.pkl", HARMLESS))
    )
    yield case("listed twice, the last is evil", built(Made("archive/data.pkl", HARMLESS), main), "")
    yield case("listed twice, the first is evil", built(main, Made("archive/data.pkl", HARMLESS)))
    yield case("a harmless twin that is not listed", built(Made("archive/data.pkl", HARMLESS, listed=False), main))
    yield case(
        "an evil twin that is not listed",
        built(Made("archive/data.pkl", HARMLESS), Made("archive/data.pkl", EVIL, listed=False)),
        "",
    )
    yield case("second end record in the comment", built(main, comment=b"PK\5\6" + bytes(18)), "")
    yield case("bytes in front", built(main, prefix=b"#!/bin/sh\n" * 3), "")
    yield case("sizes in a descriptor", built(Made("archive/data.pkl", EVIL, descriptor=True)))
    yield case("evil in a second pickle", torch_zip(HARMLESS, extra=(Made("archive/extra.pkl", EVIL),)), "")
    yield case("evil in constants.pkl", torch_zip(HARMLESS, extra=(Made("archive/constants.pkl", EVIL),)), "")
    yield case("evil in a storage of another folder", torch_zip(HARMLESS, extra=(Made("other/data/0", EVIL),)), "")
    yield case("evil behind an odd extension", torch_zip(HARMLESS, extra=(Made("archive/notes.txt", EVIL),)), "")
    legacy = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    yield case("legacy", b"".join(legacy) + EVIL + pickle.dumps([], 2))
    yield case("legacy, evil first", EVIL + b"".join(legacy), "")
    yield case("legacy, evil in the list of keys", b"".join(legacy) + pickle.dumps({}, 2) + EVIL, "")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            _add(archive, name, EVIL if name == "pickle" else pickle.dumps({} if name == "sys_info" else 0, 2))
    yield case("tar of the first versions", packed.getvalue(), "")


def _zips() -> Iterator[Case]:
    def case(name: str, content: bytes, outcome: str = "deny") -> Case:
        return one(f"g-zip/{name}", "model.zip", content, "", outcome)

    def holding(**members: bytes) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), content, zipfile.ZIP_DEFLATED)
        return packed.getvalue()

    yield case("pickle", holding(a__pkl=INNER))
    yield case("pickle without extension", holding(weights=INNER))
    yield case("zip in a zip", holding(a__zip=holding(b__zip=holding(c__pkl=INNER))))
    yield case("gzip in a zip", holding(a__gz=gzip.compress(INNER, mtime=0)))
    yield case("tar in a zip", holding(a__tar=_tar({"x.pkl": INNER})))
    yield case("bzip2 method", make([Made("a.pkl", INNER, method=12, packed=bz2.compress(INNER))]))
    yield case("name climbs out", make([Made("../../../home/user/.bashrc", b"true")]))
    yield case("absolute name", make([Made("/etc/cron.d/x", b"true")]))
    yield case("name with backslashes", make([Made("..\\..\\x.dll", b"true")]))
    yield case("name with a drive", make([Made("C:/windows/x.dll", b"true")]))
    yield case("link out of the folder", make([Made("data", b"/etc/passwd", mode=0o120777)]))
    yield case("hidden between the members", make([Made("a.txt", b"a"), Made("b.txt", b"b", before=INNER)]), "hold")
    yield case("behind the end", make([Made("a.txt", b"a")], suffix=INNER), "hold")
    yield case(
        "bytes behind a deflate stream", make([Made("a.txt", b"a", packed=_deflated(b"a") + INNER, method=8)]), "hold"
    )
    yield case("size that is not true", make([Made("a.pkl", INNER, central={"size": 3}, local={"size": 3})]))
    yield case(
        "two members on the same bytes", make([Made("a.txt", b"aaaa"), Made("b.txt", b"aaaa", central={"at": 0})])
    )
    yield case(
        "really encrypted",
        make([Made("a.pkl", INNER, packed=bytes(12) + INNER[::-1], local={"flags": 1}, central={"flags": 1})]),
        "hold",
    )
    bomb = make(
        [
            Made(
                "a.txt",
                method=8,
                packed=_deflated(bytes(80 << 20)),
                central={"size": 80 << 20},
                local={"size": 80 << 20},
            )
        ]
    )
    yield case("bomb", bomb, "hold")


def _joblib() -> Iterator[Case]:
    def case(name: str, content: bytes, file: str = "model.joblib", loader: str = "joblib") -> Case:
        return one(f"g-joblib/{name}", file, content, loader)

    def dumped(value: object, **options: object) -> bytes:
        memory = io.BytesIO()
        joblib.dump(value, memory, **options)  # type: ignore[arg-type]
        return memory.getvalue()

    yield case("raw", dumped(Evil()))
    yield case("after a raw array", dumped({"w": np.arange(500.0), "x": Evil()}))
    yield case("between raw arrays", dumped([np.arange(500.0), Evil(), np.arange(9)]))
    yield case("in an object array", dumped(np.array([Evil()], dtype=object)))
    for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
        yield case(method, dumped(Evil(), compress=(method, 3)))
        yield case(
            f"{method}, after an array", dumped([np.arange(500.0), Evil()], compress=(method, 3)), f"model.pkl.{method}"
        )
    yield case("gzip, second member", gzip.compress(b"", mtime=0) + gzip.compress(dumped(Evil()), mtime=0), loader="")
    yield case("gzip of gzip", gzip.compress(gzip.compress(INNER, mtime=0), mtime=0), loader="")
    yield case("xz, several blocks", lzma.compress(b"") + lzma.compress(INNER), loader="")
    yield case("zlib, of a version before 0.10", _zfile(INNER), loader="joblib")
    yield case(
        "nested in a byte text", p4(call(sg("joblib", "load"), call(sg("_io", "BytesIO"), raw(INNER)))), loader="pickle"
    )
    yield one("g-joblib/pandas reads it by its extension", "frame.pkl.xz", lzma.compress(INNER), "pandas")


def _numpy() -> Iterator[Case]:
    def case(name: str, content: bytes, file: str = "array.npy", loader: str = "numpy", outcome: str = "deny") -> Case:
        return one(f"g-numpy/{name}", file, content, loader, outcome)

    def npy(value: np.ndarray) -> bytes:
        memory = io.BytesIO()
        np.save(memory, value, allow_pickle=True)
        return memory.getvalue()

    def npz(**members: bytes) -> bytes:
        return make([Made(name.replace("__", "."), content) for name, content in members.items()])

    objects = npy(np.array([Evil()], dtype=object))
    yield case("object array", objects)
    yield case("field of objects", npy(np.array([(1, Evil())], dtype=[("a", "i4"), ("b", "O")])))
    yield case("in an npz", npz(a__npy=npy(np.arange(3)), b__npy=objects), "arrays.npz")
    yield case("in an npz without extension", npz(a=objects), "arrays.npz", "numpy")
    yield case("plain pickle in an npz", npz(a__npy=INNER), "arrays.npz", "")
    yield case("plain pickle as npy", INNER, "array.npy")
    yield case("pickle behind the array", npy(np.arange(3)) + INNER, loader="", outcome="deny")
    yield case("second array", npy(np.arange(3)) + objects, loader="")


def _tars() -> Iterator[Case]:
    def case(name: str, content: bytes, file: str = "model.tar", outcome: str = "deny") -> Case:
        return one(f"g-tar/{name}", file, content, "", outcome)

    plain = _tar({"a/model.pkl": INNER})
    yield case("pickle", plain)
    yield case("gzip", gzip.compress(plain, mtime=0), "model.tar.gz")
    yield case("bzip2", bz2.compress(plain), "model.tar.bz2")
    yield case("xz", lzma.compress(plain), "model.tar.xz")
    yield case("called .nemo", gzip.compress(plain, mtime=0), "model.nemo")
    yield case("zip in a tar", _tar({"a.zip": make([Made("x.pkl", INNER)])}))
    yield case("name climbs out", _tar({"../../x": b"true"}))
    yield case("absolute name", _tar({"/etc/cron.d/x": b"true"}))
    for kind, target in (
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "../../etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            info = tarfile.TarInfo("data")
            info.type, info.linkname = kind, target
            archive.addfile(info)
        yield case(f"member of kind {kind.decode()}", packed.getvalue(), outcome="deny" if target else "hold")
    yield case("behind the end", plain.rstrip(b"\0") + bytes(1024) + INNER, outcome="deny")


def _polyglots() -> Iterator[Case]:
    packed = make([Made("a.pkl", INNER)])
    yield one("g-polyglot/pickle, then zip", "model.pkl", INNER + packed, "pickle")
    yield one("g-polyglot/harmless pickle, then evil zip", "model.zip", pickle.dumps([1], 4) + packed)
    yield one("g-polyglot/png, then zip", "logo.zip", b"\x89PNG\r\n\x1a\n" + bytes(40) + packed)
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    yield one(
        "g-polyglot/safetensors, then zip",
        "model.safetensors",
        struct.pack("<Q", len(header)) + header + b"\1" + packed,
    )
    yield one("g-polyglot/executable", "model.bin", b"\x7fELF" + bytes(60) + INNER, outcome="hold")
    yield one("g-polyglot/in the metadata of safetensors", "model.safetensors", _metadata(INNER))
    yield one("g-polyglot/two streams, the first ends early", "model.pkl", p4(text("x")) + PROTO4 + RUN + STOP)
    yield one("g-polyglot/GLOBAL in front of a zip", "model.bin", g("posix", "getcwd") + b")R." + packed, "pickle")


def _metadata(content: bytes) -> bytes:
    import base64

    header = (
        b'{"__metadata__":{"config":"'
        + base64.b64encode(content)
        + b'"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    )
    return struct.pack("<Q", len(header)) + header + b"\1"


def _deflated(content: bytes) -> bytes:
    coder = zlib.compressobj(9, wbits=-15)
    return coder.compress(content) + coder.flush()


def _zfile(content: bytes) -> bytes:
    return b"ZF" + hex(len(content)).encode().ljust(19) + zlib.compress(content)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _tar(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            _add(archive, name, content)
    return packed.getvalue()
