from tests.conftest import look_at, ids
def test_native():
    r = look_at(b"\x7fELF" + bytes(100))
    print(r)
    assert ids(r) == {"CHK005"}
def test_text():
    assert not look_at(b"hello\n", "README.md").findings
