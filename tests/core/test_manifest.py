"""The identity of bytes and folders: known answers, the path grammar, and what the digest binds."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.digest import MANIFEST, SHA256, Digest, sha256
from assaymark.core.errors import Malformed
from assaymark.core.manifest import PREFIX, Manifest, ManifestFile, check_path, path_problems

A = hashlib.sha256(b"a").hexdigest()
B = hashlib.sha256(b"b").hexdigest()


def by_hand(files: list[tuple[str, int, str]]) -> str:
    """The manifest digest, computed from the description alone: sorted keys, no spaces, UTF-8."""
    document = {
        "files": [{"path": p, "sha256": h, "size": s} for p, s, h in files],
        "schema": "assaymark/manifest/v1",
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(b"assaymark/manifest/v1\n" + text.encode()).hexdigest()


def manifest(*files: tuple[str, int, str]) -> Manifest:
    return Manifest.of(ManifestFile(*file) for file in files)


# Digest


def test_a_digest_says_its_algorithm() -> None:
    assert str(sha256(b"abc")) == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert Digest.parse(str(sha256(b"abc"))) == sha256(b"abc")


def test_digests_of_two_algorithms_are_never_equal() -> None:
    assert Digest(SHA256, A) != Digest(MANIFEST, A)


@pytest.mark.parametrize(
    "text",
    [
        "",
        A,
        f"md5:{A}",
        f"sha256:{A[:-1]}",
        f"sha256:{A}0",
        f"sha256:{A.upper()}",
        f"sha256:{A}\n",
        f"SHA256:{A}",
        f"sha256: {A}",
    ],
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        Digest.parse(text)


# Manifest


def test_known_answer_by_hand() -> None:
    files = [("config.json", 2, A), ("weights/model.safetensors", 10**9, B)]
    assert manifest(*files).digest == Digest(MANIFEST, by_hand(files))


def test_known_answer_of_the_empty_folder() -> None:
    expected = hashlib.sha256(b'assaymark/manifest/v1\n{"files":[],"schema":"assaymark/manifest/v1"}').hexdigest()
    assert manifest().digest.value == expected


def test_known_answer_outside_of_ascii() -> None:
    files = [("daten/größe 模型.bin", 1, A)]
    assert manifest(*files).digest.value == by_hand(files)


def test_the_domain_prefix_is_part_of_the_digest() -> None:
    text = json.dumps(manifest().to_json(), sort_keys=True, separators=(",", ":")).encode()
    assert PREFIX == b"assaymark/manifest/v1\n"
    assert manifest().digest.value != hashlib.sha256(text).hexdigest()


PATHS = st.text(
    st.characters(codec="utf-8", exclude_characters="\\/", exclude_categories=("Cc", "Cs")), min_size=1
).filter(lambda p: not path_problems([p]))
FILES = st.dictionaries(
    PATHS.map(str.casefold).filter(lambda p: not path_problems([p])),
    st.tuples(st.integers(0, 2**52), st.binary(min_size=32, max_size=32).map(bytes.hex)),
    max_size=6,
)


def build(files: dict[str, tuple[int, str]]) -> Manifest:
    return manifest(*((path, size, value) for path, (size, value) in files.items()))


@given(FILES, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_discovery_does_not_matter(files: dict[str, tuple[int, str]], rng: object) -> None:
    items = list(files.items())
    rng.shuffle(items)  # type: ignore[attr-defined] # a random.Random
    assert build(dict(items)).digest == build(files).digest


@given(FILES, FILES)
@settings(max_examples=100, deadline=None)
def test_the_digest_is_equal_exactly_when_the_files_are(
    one: dict[str, tuple[int, str]], other: dict[str, tuple[int, str]]
) -> None:
    assert (build(one).digest == build(other).digest) == (one == other)


@given(FILES.filter(bool), st.data())
@settings(max_examples=100, deadline=None)
def test_every_name_size_and_content_is_bound(files: dict[str, tuple[int, str]], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(files)))
    size, value = files[path]
    rest = {p: v for p, v in files.items() if p != path}
    changed = [rest, rest | {path: (size + 1, value)}, rest | {path: (size, A if value != A else B)}]
    renamed = f"{path}x"
    if renamed.casefold() not in rest:
        changed.append(rest | {renamed: (size, value)})
    digests = {build(f).digest for f in changed}
    assert build(files).digest not in digests
    assert len(digests) == len(changed)


def test_swapping_the_contents_of_two_files_changes_the_digest() -> None:
    assert manifest(("a", 1, A), ("b", 1, B)).digest != manifest(("a", 1, B), ("b", 1, A)).digest


def test_a_name_cannot_spill_into_its_neighbour() -> None:
    quoted = f'a","sha256":"{A}","size":1}},{{"path":"b'
    assert manifest((quoted, 1, A)).digest != manifest(("a", 1, A), ("b", 1, A)).digest


# The path grammar


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "empty"),
        ("x" * 4097, "longer than 4096"),
        ("/etc/passwd", "absolute"),
        ("a\\b", "backslash"),
        ("a//b", "'..' part"),
        ("a/", "'..' part"),
        (".", "'..' part"),
        ("./a", "'..' part"),
        ("a/./b", "'..' part"),
        ("..", "'..' part"),
        ("a/../b", "'..' part"),
        ("...", "ends in a dot"),
        ("a.", "ends in a dot"),
        ("a ", "ends in a dot or a space"),
        ("deep. /a", "ends in a dot or a space"),
        ("CON", "device"),
        ("deep/aux.py", "device"),
        ("nul .tar.gz", "device"),
        ("Lpt1/weights.bin", "device"),
        ("com¹", "device"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("a\x7fb", "control character"),
        ("ä\x85b", "control character"),
        ("\udcff", "valid Unicode"),
        ("e\u0301", "normal form C"),
        ("\u212b", "normal form C"),
    ],
)
def test_a_path_outside_of_the_grammar_is_refused(path: str, problem: str) -> None:
    with pytest.raises(Malformed, match=problem) as caught:
        check_path(path)
    assert caught.value.step
    with pytest.raises(Malformed):
        manifest((path, 1, A))
    assert path_problems([path, "fine"]).keys() == {path}


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "..a",
        "a.b.c",
        "console.txt",
        "com10",
        "auxiliary/nullable.py",
        "x.con",
        ".hidden",
        "a b",
        "a:b",
        "C:",
        "größe/模型",
        "x" * 4096,
        "\u00e9",
        "emoji 🙂",
        "a\u200bb",
    ],
)
def test_ordinary_paths_are_taken(path: str) -> None:
    assert check_path(path) == path
    assert path_problems([path]) == {}


@pytest.mark.parametrize(
    ("one", "other"), [("Model.bin", "model.BIN"), ("straße", "STRASSE"), ("a/Σ", "a/ς"), ("same", "same")]
)
def test_two_names_for_one_file_are_refused(one: str, other: str) -> None:
    with pytest.raises(Malformed, match="differ only by case or are the same"):
        manifest((one, 1, A), (other, 1, B))
    if one != other:
        (problem,) = path_problems([one, other]).values()
        assert one in problem
        assert other in problem


@given(st.text(max_size=12))
@settings(max_examples=100, deadline=None)
def test_check_path_is_total(path: str) -> None:
    try:
        assert check_path(path) == path
    except Malformed as error:
        assert "path" in error.message
