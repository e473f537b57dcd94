"""GGUF: well-formed files of every version and byte order are clean; tables that lie are findings or malformed."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, severe
from tests.model.gguf_maker import gguf, pair, row, text, text_pair

F32, Q4_0, Q8_0, Q4_K = 0, 2, 8, 12


def looked(data: bytes):
    report = look_at(data, "model.gguf")
    assert "CHK001" not in ids(report)
    return report


def small(order: str = "<", version: int = 3) -> bytes:
    width = "I" if version == 1 else "Q"
    pairs = [
        text_pair("general.architecture", "llama", order, width),
        pair("a.count", 4, struct.pack(order + "I", 7), order, width),
        pair("a.flag", 7, b"\1", order, width),
        pair("a.scores", 9, struct.pack(f"{order}I{width}3f", 6, 3, 1, 2, 3), order, width),
        pair("a.tokens", 9, struct.pack(f"{order}I{width}", 8, 2) + text("x", order, width) * 2, order, width),
        text_pair("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}", order, width),
    ]
    rows = [
        row("a", (5, 3), F32, 0, order, width),
        row("b", (32, 2), Q8_0, 64, order, width),
        row("c", (256,), Q4_K, 160, order, width),
        row("d", (), F32, 320, order, width),
    ]
    return gguf(pairs, rows, bytes(324), version=version, order=order)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_well_formed_files_are_clean(version, order):
    report = looked(small(order, version))
    assert report.formats == ("gguf",)
    assert report.findings == ()


def test_swapped_magic_is_big_endian():
    assert looked(b"FUGG" + small(">")[4:]).findings == ()


@pytest.mark.parametrize("padding", [0, 28])
def test_padding_after_the_last_tensor_is_clean(padding):
    assert looked(small() + bytes(padding)).findings == ()


def test_file_without_tensors_is_clean():
    assert looked(gguf([text_pair("general.name", "vocabulary")])).findings == ()


def test_alignment_of_the_file_counts():
    pairs = [pair("general.alignment", 4, struct.pack("<I", 64))]
    rows = [row("a", (4,), F32, 0), row("b", (4,), F32, 64)]
    assert looked(gguf(pairs, rows, bytes(80), align=64)).findings == ()


def test_large_tokenizer_is_stepped_over():
    tokens = pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 100_000) + text("token") * 100_000)
    assert looked(gguf([tokens])).findings == ()


def test_mdl043_bad_overlap():
    report = looked(gguf([], [row("a", (16,), F32, 0), row("b", (16,), F32, 32)], bytes(96)))
    assert ids(report) == {"MDL043"}
    assert "share 32 bytes" in report.findings[0].message


def test_mdl043_good_tensors_in_any_order():
    assert looked(gguf([], [row("b", (8,), F32, 32), row("a", (8,), F32, 0)], bytes(64))).findings == ()


def test_mdl044_bad_template_twice():
    pairs = [text_pair("tokenizer.chat_template", "{{ a }}"), text_pair("tokenizer.chat_template", "{{ a.__class__ }}")]
    assert ids(looked(gguf(pairs))) == {"MDL044", "MDL040"}


def test_mdl044_bad_tensor_twice():
    assert "MDL044" in ids(looked(gguf([], [row("a", (8,), F32, 0), row("a", (8,), F32, 32)], bytes(64))))


def test_mdl044_good_key_and_tensor_of_one_name():
    assert looked(gguf([text_pair("a", "x")], [row("a", (8,), F32, 0)], bytes(32))).findings == ()


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        ([row("a", (8,), F32, 0), row("b", (8,), F32, 96)], 128),
        ([row("a", (8,), F32, 64)], 96),
        ([row("a", (8,), F32, 0)], 33),
        ([], 64),
    ],
)
def test_mdl045_bad_unexplained_bytes(rows, size):
    assert ids(looked(gguf([], rows, bytes(size)))) == {"MDL045"}


def test_mdl045_good_padding_between_tensors():
    assert looked(gguf([], [row("a", (1,), F32, 0), row("b", (1,), F32, 32)], bytes(36))).findings == ()


def test_mdl046_bad_unknown_type_is_advice():
    report = looked(gguf([], [row("a", (8,), 137, 0), row("b", (8,), F32, 64)], bytes(96)))
    assert ids(report) == {"MDL046"}
    assert severe(report) == []


KNOWN = [*range(4), *range(6, 31), 34, 35, 39, 40, 41]


@pytest.mark.parametrize("kind", KNOWN)
def test_mdl046_good_types_of_llama_cpp(kind):
    report = looked(gguf([], [row("a", (256,), kind, 0)], bytes(2_048)))
    assert "MDL046" not in ids(report)
    assert "CHK002" not in ids(report)


NESTED = struct.pack("<IQ", 9, 1) * 50 + struct.pack("<IQ", 0, 0)
LIES = {
    "magic": b"GGML" + bytes(60),
    "empty": b"",
    "version 0": gguf(version=0),
    "version 4": gguf(version=4),
    "keys of 2^63": gguf(keys=1 << 63),
    "tensors of 2^63": gguf(tensors=1 << 63),
    "tensors of 2^64 - 1": gguf(tensors=(1 << 64) - 1),
    "more keys than there are": gguf([text_pair("a", "b")], keys=2),
    "text of 2^63": gguf([pair("a", 8, struct.pack("<Q", 1 << 63))]),
    "key of 2^63": gguf([struct.pack("<Q", 1 << 63) + bytes(20)], keys=1),
    "array of 2^63": gguf([pair("a", 9, struct.pack("<IQ", 0, 1 << 63))]),
    "array of 2^61 doubles": gguf([pair("a", 9, struct.pack("<IQ", 12, 1 << 61))]),
    "array in arrays": gguf([pair("a", 9, NESTED)]),
    "unknown value type": gguf([pair("a", 13, bytes(8))]),
    "alignment 0": gguf([pair("general.alignment", 4, bytes(4))]),
    "alignment 3": gguf([pair("general.alignment", 4, struct.pack("<I", 3))]),
    "alignment of 2 GB": gguf([pair("general.alignment", 4, struct.pack("<I", 1 << 31))]),
    "alignment as text": gguf([text_pair("general.alignment", "32")]),
    "elements beyond 2^63": gguf([], [row("a", (1 << 32, 1 << 32), F32, 0)], bytes(64)),
    "many dimensions": gguf([], [row("a", (1,) * 9, F32, 0)], bytes(64)),
    "2^32 dimensions": gguf([], [text("a") + struct.pack("<I", (1 << 32) - 1) + bytes(40)], bytes(64)),
    "beyond the file": gguf([], [row("a", (1_000,), F32, 0)], bytes(64)),
    "offset beyond the file": gguf([], [row("a", (1,), F32, 1 << 62)], bytes(64)),
    "unknown type beyond the file": gguf([], [row("a", (1,), 137, 1 << 62)], bytes(64)),
    "misaligned": gguf([], [row("a", (8,), F32, 8)], bytes(64)),
    "rows and blocks": gguf([], [row("a", (33,), Q4_0, 0)], bytes(64)),
    "long tensor name": gguf([], [row("a" * 70_000, (1,), F32, 0)], bytes(64)),
    "template cut off": gguf([text_pair("tokenizer.chat_template", "{{ a }}")])[:-3],
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_malformed(name):
    assert "CHK002" in ids(looked(LIES[name]))


def test_template_is_seen_before_the_file_breaks():
    data = gguf([text_pair("tokenizer.chat_template", "{{ a.__class__ }}"), pair("b", 13, b"")])
    assert ids(looked(data)) == {"MDL040", "CHK002"}


def test_texts_in_an_array_of_templates_are_read():
    value = struct.pack("<IQ", 8, 1) + text("{{ a.__class__ }}")
    assert "MDL040" in ids(looked(gguf([pair("tokenizer.chat_templates", 9, value)])))


def test_truncation_at_every_byte_is_seen():
    data = small()
    for length in range(len(data)):
        assert ids(looked(data[:length])), length


@settings(max_examples=100, deadline=None)
@given(data=st.data(), order=st.sampled_from("<>"), version=st.sampled_from([1, 2, 3]))
def test_mutations_always_give_a_report(data, order, version):
    raw = bytearray(small(order, version)[:-200])
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    looked(bytes(raw))
