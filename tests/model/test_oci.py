import base64
import copy
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.finding import Severity
from tests.conftest import ids, look_at, look_at_folder, severe
from tests.model.test_tar import info, tar
from tests.model.zipmaker import EVIL, HARMLESS

REAL = Path(__file__).parent / "real" / "oci"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
GGUF = b"GGUF\x03\0\0\0" + bytes(16)
TAR = tar((info("opt/model.pkl"), HARMLESS))

Files = dict[str, bytes]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Layout:
    """An image layout, blob by blob. `style`: `oci`, or `ollama` for its names of blobs."""

    def __init__(self, style: str = "oci") -> None:
        self.files: Files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'} if style == "oci" else {}
        self.style = style

    def path(self, digest: str) -> str:
        return f"blobs/sha256/{digest}" if self.style == "oci" else f"blobs/sha256-{digest}"

    def blob(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Add a blob; its descriptor."""
        self.files[self.path(sha(data))] = data
        return {"mediaType": media_type, "digest": f"sha256:{sha(data)}", "size": len(data), **more}

    def manifest(self, *layers: dict[str, Any], **more: Any) -> dict[str, Any]:
        config = more.pop("config", None) or self.blob(b'{"os": "linux"}', CONFIG)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": list(layers), **more}
        return self.blob(json.dumps(document).encode(), MANIFEST)

    def index(self, *manifests: dict[str, Any], **more: Any) -> Files:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(manifests), **more}
        self.files["index.json"] = json.dumps(document).encode()
        return self.files


def image(data: bytes = gzip.compress(TAR), media_type: str = LAYER, **more: Any) -> Files:
    """One manifest with one layer."""
    made = Layout()
    return made.index(made.manifest(made.blob(data, media_type, **more)))


def packed(files: Files) -> bytes:
    return tar(*((info(name), data) for name, data in files.items()))


def unpacked(name: str) -> Files:
    with tarfile.open(REAL / name) as archive:
        return {
            member.name.removeprefix("./"): stream.read()
            for member in archive
            if member.isfile() and (stream := archive.extractfile(member))
        }


def found(files: Files, *, both: bool = True) -> set[str]:
    """Ids from the folder, and the same from a tar of it."""
    folder = {i for report in look_at_folder(files).values() for i in ids(report)}
    if both:
        in_tar = look_at(packed(files), "image.tar")
        assert {i for i in ids(in_tar) if i[:5] == "MDL09"} == folder
    return folder


def holds(files: Files) -> bool:
    return any(f.holds for report in look_at_folder(files).values() for f in report.findings)


# --- real ones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["good-docker.tar", "good-layout.tar", "good-oci.tar", "good-zstd.tar"])
def test_benign_images_are_clean(name: str) -> None:
    report = look_at((REAL / name).read_bytes(), name)
    assert severe(report) == [] and not ids(report), report.findings
    assert "pickle" in report.formats
    assert not look_at_folder(unpacked(name)) or found(unpacked(name), both=False) == set()


@pytest.mark.parametrize("name", ["evil-docker.tar", "evil-layout.tar", "evil-oci.tar", "evil-dir.tar"])
def test_a_pickle_in_a_layer_of_a_real_image_is_seen(name: str) -> None:
    """Unpickling the member calls os.getcwd, as its maker does when it is asked to."""
    report = look_at((REAL / name).read_bytes(), name)
    assert any(f.severity is Severity.CRITICAL and f.where.member.endswith("model.pkl") for f in report.findings)


@pytest.mark.parametrize("name", ["good-docker.tar", "good-oci.tar"])
def test_a_changed_layer_of_a_real_image_is_said(name: str) -> None:
    """A layer with one more file, under the digest of the old one."""
    files = unpacked(name)
    victim = max((p for p in files if p.endswith(".tar") or "sha256" in p), key=lambda p: len(files[p]))
    plain = name == "good-docker.tar"
    files[victim] = tar((info("opt/model.pkl"), EVIL)) if plain else gzip.compress(tar((info("m.pkl"), EVIL)))
    assert "MDL090" in ids(look_at(packed(files), "a.tar"))


# --- made ones ---------------------------------------------------------------------------------------------------


MODELS = {
    "docker model": ("application/vnd.docker.ai.gguf.v3", GGUF),
    "docker licence": ("application/vnd.docker.ai.license", b"MIT"),
    "ollama model": ("application/vnd.ollama.image.model", GGUF),
    "ollama template": ("application/vnd.ollama.image.template", b"{{ .Prompt }}"),
    "cncf raw": ("application/vnd.cncf.model.weight.v1.raw", GGUF),
    "cncf tar": ("application/vnd.cncf.model.weight.v1.tar", TAR),
    "cncf tar+zstd": ("application/vnd.cncf.model.weight.v1.tar+zstd", zstd.compress(TAR)),
    "kitops": ("application/vnd.kitops.modelkit.model.v1.tar+gzip", gzip.compress(TAR)),
    "docker layer": ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress(TAR)),
    "oci layer": ("application/vnd.oci.image.layer.v1.tar", TAR),
    "oci zstd": ("application/vnd.oci.image.layer.v1.tar+zstd", zstd.compress(TAR)),
    "empty": ("application/vnd.oci.empty.v1+json", b"{}"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_mdl094_good_media_types(kind: str) -> None:
    media_type, data = MODELS[kind]
    assert found(image(data, media_type)) == set()


@pytest.mark.parametrize("kind", [k for k in MODELS if k not in {"docker licence", "ollama template", "cncf raw", "empty"}])  # fmt: skip
def test_mdl094_bad_pickle_under_another_media_type(kind: str) -> None:
    assert found(image(EVIL, MODELS[kind][0])) == {"MDL094"}


def test_the_made_ones_are_sound() -> None:
    assert found(image()) == set()
    made = Layout()
    inner = made.blob(json.dumps({"schemaVersion": 2, "manifests": [made.manifest()]}).encode(), INDEX)
    assert found(made.index(inner)) == set()


def test_ollama_store() -> None:
    made = Layout("ollama")
    descriptor = made.manifest(made.blob(GGUF, "application/vnd.ollama.image.model"))
    path = made.path(descriptor["digest"][7:])
    made.files["manifests/registry.ollama.ai/library/m/latest"] = made.files.pop(path)
    assert found(made.files) == set()
    made.files[made.path("0" * 64)] = EVIL
    assert found(made.files) == {"MDL093"}


def test_several_layouts_in_one_folder() -> None:
    files = {f"a/{p}": d for p, d in image().items()} | {f"b/c/{p}": d for p, d in image(EVIL).items()}
    reports = look_at_folder(files)
    assert all(path.startswith("b/c/") for path in reports if ids(reports[path]))
    assert {i for report in reports.values() for i in ids(report)} == {"MDL094"}


def test_mdl090_bad_digest() -> None:
    for victim in image():
        files = image()
        if not victim.startswith("blobs/"):
            continue
        data = files[victim]
        files[victim] = data[:-1] + bytes((data[-1] ^ 1,)) if data[:1] != b"{" else data.replace(b" ", b"\t", 1)
        assert "MDL090" in found(files), victim


@pytest.mark.parametrize("size", [0, 1, 10**30, -1])
def test_mdl090_bad_size(size: int) -> None:
    made = Layout()
    layer = made.blob(gzip.compress(TAR), LAYER)
    layer["size"] = size
    assert found(made.index(made.manifest(layer))) == {"MDL090"}


def test_mdl090_bad_embedded_data() -> None:
    """A client may take `data` instead of the blob (OCI 1.1)."""
    made = Layout()
    layer = made.blob(b"{}", "application/vnd.oci.empty.v1+json")
    for data, bad in ((b"{}", False), (b"[]", True)):
        layer["data"] = base64.b64encode(data).decode()
        assert found(made.index(made.manifest(layer)), both=False) - {"MDL093"} == ({"MDL090"} if bad else set())


def test_mdl090_good_images() -> None:
    assert found(image()) == set()


def test_mdl091_bad_missing_layer() -> None:
    files = image()
    del files[next(path for path in files if files[path][:2] == b"\x1f\x8b")]
    assert found(files) == {"MDL091"}
    assert holds(files)


def test_mdl091_good_index_of_other_platforms() -> None:
    made = Layout()
    other = {"mediaType": MANIFEST, "digest": "sha256:" + "1" * 64, "size": 400, "platform": {"architecture": "arm64"}}
    files = made.index(made.manifest(made.blob(TAR, "application/vnd.oci.image.layer.v1.tar")), other)
    assert found(files) == set()
    assert any("platforms" in gap.why for report in look_at_folder(files).values() for gap in report.gaps)


def test_mdl092_bad_foreign_layer() -> None:
    files = image(urls=["https://example.com/layer.tgz"])
    assert found(files) == {"MDL092"}
    made = Layout()
    away = {"mediaType": LAYER, "digest": "sha256:" + "2" * 64, "size": 9, "urls": ["https://example.com/x"]}
    assert found(made.index(made.manifest(away))) == {"MDL092"}


def test_mdl092_good_no_urls() -> None:
    assert found(image(urls=[])) == set()


def test_mdl093_bad_blob_of_no_manifest() -> None:
    files = image()
    files[f"blobs/sha256/{sha(EVIL)}"] = EVIL
    assert found(files) == {"MDL093"}
    report = look_at(packed(files), "a.tar")
    assert any(f.severity is Severity.CRITICAL for f in report.findings), "it is looked at all the same"


def test_mdl093_good_all_named() -> None:
    assert found(image()) == set()


@pytest.mark.parametrize("keys", [{"layers": []}, {"config": {}}, {"fsLayers": []}])
def test_mdl095_bad_index_that_is_a_manifest(keys: dict[str, Any]) -> None:
    """CVE-2021-41190."""
    made = Layout()
    files = made.index(made.manifest(made.blob(gzip.compress(TAR), LAYER)), **keys)
    assert "MDL095" in found(files)


def test_mdl095_bad_key_twice_and_other_type() -> None:
    files = image()
    files["index.json"] = files["index.json"].replace(b"{", b'{"manifests": [], ', 1)
    assert "MDL095" in found(files)
    made = Layout()
    descriptor = made.manifest()
    descriptor["mediaType"] = INDEX
    assert "MDL095" in found(made.index(descriptor))


def test_mdl095_bad_two_lists_that_differ() -> None:
    """A tar with an OCI index of one image and a `docker save` list of another."""
    files = image()
    config = b'{"os": "linux", "rootfs": {"diff_ids": []}}'
    files[f"{sha(config)}.json"] = config
    files["manifest.json"] = json.dumps([{"Config": f"{sha(config)}.json", "Layers": []}]).encode()
    assert found(files) == {"MDL095"}


def test_mdl095_good_two_lists_of_one_image() -> None:
    files = image()
    layer = next(p for p in files if files[p][:2] == b"\x1f\x8b")
    config = next(p for p in files if files[p].startswith(b'{"os"'))
    files["manifest.json"] = json.dumps([{"Config": config, "Layers": [layer]}]).encode()
    assert found(files) == set()


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../etc/passwd", "../../../../tmp/x", "sha256-../../x", "/etc/passwd"]
)
def test_mdl096_bad_digest_that_is_a_path(digest: str) -> None:
    """CVE-2024-37032: Ollama joined it to its store."""
    made = Layout()
    layer = made.blob(gzip.compress(TAR), LAYER)
    layer["digest"] = digest
    assert found(made.index(made.manifest(layer)), both=False) - {"MDL093"} == {"MDL096"}


@pytest.mark.parametrize(
    "key", ["org.opencontainers.image.title", "org.cncf.model.filepath", "org.cnai.model.filepath"]
)
@pytest.mark.parametrize(
    ("name", "bad"), [("../../.ssh/authorized_keys", True), ("/etc/passwd", True), ("a/b.gguf", False)]
)
def test_mdl096_bad_file_name_in_an_annotation(key: str, name: str, bad: bool) -> None:
    assert found(image(annotations={key: name})) == ({"MDL096"} if bad else set())


def test_mdl096_bad_path_in_a_kitfile() -> None:
    for path, bad in (("../../.ssh", True), ("./model", False)):
        made = Layout()
        kitfile = {"manifestVersion": "1.0.0", "code": [{"path": path}], "model": {"path": "model.gguf"}}
        config = made.blob(json.dumps(kitfile).encode(), "application/vnd.kitops.modelkit.config.v1+json")
        assert found(made.index(made.manifest(config=config))) == ({"MDL096"} if bad else set())


@pytest.mark.parametrize("key", ["Config", "Layers"])
def test_mdl096_bad_path_in_the_list_of_docker_save(key: str) -> None:
    """CVE-2014-9356 and its kin."""
    files = unpacked("good-docker.tar")
    listed = json.loads(files["manifest.json"])
    listed[0][key] = "../../etc/passwd" if key == "Config" else ["../../etc/passwd"]
    files["manifest.json"] = json.dumps(listed).encode()
    assert "MDL096" in ids(look_at(packed(files), "a.tar"))


def test_mdl096_good_names() -> None:
    assert found(image(annotations={"org.opencontainers.image.title": "model..v1.gguf"})) == set()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"manifests": [1]}', b'{"manifests": [{}]}', b'{"manifests": [{"digest": "x"}]}'])  # fmt: skip
def test_mdl098_bad_documents(text: bytes) -> None:
    files = image()
    files["index.json"] = text
    assert "MDL098" in found(files)
    assert holds(files)


def test_mdl098_bad_unknown_kind_of_digest() -> None:
    made = Layout()
    layer = {"mediaType": LAYER, "digest": "md5:" + "1" * 32, "size": 1}
    files = made.index(made.manifest(layer))
    files["blobs/md5/" + "1" * 32] = b"x"
    assert "MDL098" in found(files)


def test_mdl098_good_documents() -> None:
    assert found(image()) == set()


def test_a_manifest_json_of_something_else_is_left_alone() -> None:
    for text in (b'{"name": "an extension"}', b"[1, 2]", b'[{"Config": 1}]', b"[]"):
        report = look_at(packed({"manifest.json": text, "a.txt": b"text"}), "a.tar")
        assert not {i for i in ids(report) if i[:5] == "MDL09"}, report.findings
        assert not look_at_folder({"manifest.json": text, "index.json": b"{}", "a.txt": b"text"})
    for text in (b"[1]", b"{// a comment\n}", b'{"manifests": 1, "layers": 2}'):
        files = {"manifest.json": text, "index.json": text, "manifests/app.yaml": b"kind: Pod\n"}
        assert not ids(look_at(packed(files), "a.tar"))


def test_manifests_that_lead_to_themselves_or_deep_end() -> None:
    made = Layout()
    inner = made.manifest()
    for _ in range(20):
        inner = made.blob(json.dumps({"schemaVersion": 2, "manifests": [inner, inner]}).encode(), INDEX)
    assert "MDL098" in found(made.index(inner))


def test_very_many_descriptors_are_bounded() -> None:
    made = Layout()
    one = {"mediaType": MANIFEST, "digest": "sha256:" + "3" * 64, "size": 9}
    files = made.index(*([one] * 25_000))
    assert holds(files)
    assert "CHK003" in ids(look_at(packed(files), "a.tar"))


def test_an_unreadable_list_of_docker_save_holds() -> None:
    files = unpacked("good-docker.tar")
    files["manifest.json"] = b"[{"
    assert "MDL098" in ids(look_at(packed(files), "a.tar"))


def test_links_of_docker_save_are_no_missing_layers() -> None:
    stream = io.BytesIO()
    with tarfile.open(REAL / "good-docker.tar") as old, tarfile.open(fileobj=stream, mode="w") as new:
        links = [member.name for member in old if member.issym()]
        listed = json.load(old.extractfile("manifest.json"))
        listed[0]["Layers"] = links[: len(listed[0]["Layers"])]
        for member in old:
            data = old.extractfile(member).read() if member.isfile() else b""
            if member.name == "manifest.json":
                data = json.dumps(listed).encode()
            member = copy.copy(member)  # noqa: PLW2901 - the size of one of them changes
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    assert links
    assert not ids(look_at(stream.getvalue(), "a.tar"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=4), st.booleans())
def test_any_damage_gives_a_report(changes: list[tuple[float, bytes]], whole: bool) -> None:
    files = image()
    names = sorted(files)
    for place, value in changes:
        name = names[int(place * 997) % len(names)]
        data = bytearray(files[name])
        at = int(place * len(data))
        data[at : at + len(value)] = value
        files[name] = bytes(data)
    assert "CHK001" not in found(files, both=False)
    if whole:
        assert "CHK001" not in ids(look_at(packed(files), "a.tar"))


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda v: st.lists(v, max_size=2) | st.dictionaries(st.sampled_from(["digest", "size", "urls", "data", "annotations", "mediaType"]), v, max_size=3), max_leaves=6)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["manifests", "layers", "config", "blobs", "mediaType"]), VALUES, max_size=4))
def test_any_json_gives_a_report(document: dict[str, Any]) -> None:
    files = {**image(), "index.json": json.dumps(document).encode()}
    assert "CHK001" not in found(files, both=False)
    files["manifest.json"] = json.dumps([document, {"Config": "x", "Layers": document.get("layers")}]).encode()
    assert "CHK001" not in ids(look_at(packed(files), "a.tar"))


@pytest.mark.parametrize("layers", [1, True, 1.5, {"a": 1}, None])
def test_layers_that_are_no_list_hide_no_member(layers: object) -> None:
    saved = json.dumps([{"Config": "c.json", "Layers": layers}]).encode()
    report = look_at(tar((info("manifest.json"), saved), (info("m"), EVIL)), "image.tar")
    assert "MDL001" in ids(report)
    assert "CHK001" not in ids(report)
