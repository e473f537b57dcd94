"""Formats of classical machine learning, and of JAX: one table that the catalog takes over."""

from assaymark.core.format import Format, Project
from assaymark.model.boosters import names as boosters
from assaymark.model.msgpack import names as msgpack
from assaymark.model.rdata import names as rdata
from assaymark.model.skops import names as skops
from assaymark.model.xml import names as xml

_CHECKS = "assaymark.model.checks"
_MODEL = "assaymark.model"

FORMATS = (
    Format(
        "xgboost", boosters.is_xgboost_json, f"{_MODEL}.boosters.xgboost", (f"{_CHECKS}.boosters",), (), b"{ \t\r\n"
    ),
    Format("ubjson", boosters.is_ubjson, f"{_MODEL}.boosters.xgboost", (f"{_CHECKS}.boosters",), (".ubj",), b"{"),
    Format(
        "xgboost-binary",
        boosters.is_xgboost_binary,
        f"{_MODEL}.boosters.xgboost_binary",
        (f"{_CHECKS}.boosters",),
    ),
    Format("lightgbm", boosters.is_lightgbm, f"{_MODEL}.boosters.lightgbm", (f"{_CHECKS}.boosters",), (), b"t"),
    Format("catboost", boosters.is_catboost, f"{_MODEL}.boosters.catboost", (f"{_CHECKS}.boosters",), (".cbm",), b"C"),
    Format(
        "msgpack",
        msgpack.is_msgpack,
        f"{_MODEL}.msgpack.checkpoint",
        (f"{_CHECKS}.flax",),
        (".msgpack",),
        msgpack.FIRST,
    ),
    Format("zarr", msgpack.is_zarr, f"{_MODEL}.msgpack.zarr", (f"{_CHECKS}.flax",), (), b"{ \t\r\n\xef"),
    Format("ocdbt", msgpack.is_ocdbt, first=b"\x0c"),
    Format("blosc", msgpack.is_blosc, first=b"\x02"),
    Format("rdata", rdata.is_rdata, f"{_MODEL}.rdata.serialized", (f"{_CHECKS}.rdata",), rdata.SUFFIXES, rdata.FIRST),
    Format("skops", skops.is_skops, f"{_MODEL}.skops.schema", (f"{_CHECKS}.skops",), (), skops.FIRST),
    Format("pmml", xml.is_pmml, f"{_MODEL}.xml.pmml", (f"{_CHECKS}.xml",), (".pmml",), xml.FIRST),
    Format("openvino", xml.is_openvino, f"{_MODEL}.xml.openvino", (f"{_CHECKS}.xml",), (), xml.FIRST),
)

PROJECTS = (Project("openvino", f"{_MODEL}.xml.openvino_folder", (f"{_CHECKS}.xml",), (".xml",)),)
