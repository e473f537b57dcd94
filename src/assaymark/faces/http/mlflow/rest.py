"""What no other route of MLflow's takes, told in its words."""

from typing import Any

from assaymark.faces.http.mlflow.answers import answer
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import KNOWN, Routes

routes = Routes(errors=answer)
_ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@routes.get("/api/3.0/mlflow/server-info", KNOWN)
def server_info() -> dict[str, Any]:
    """What the server can do besides."""
    return {"store_type": "SqlStore", "multipart_uploads_enabled": False, "multipart_downloads_enabled": False}


@routes.add(_ALL, "/api/2.0/mlflow/{path:path}", KNOWN)
@routes.add(_ALL, "/api/3.0/mlflow/{path:path}", KNOWN)
@routes.add(_ALL, "/api/2.0/mlflow-artifacts/{path:path}", KNOWN)
def unknown(path: str) -> dict[str, Any]:
    """Everything else of MLflow's interface."""
    raise Problem(
        404, f"there is no {path[:100]!r} here", "docs/clients.md lists what there is", code="ENDPOINT_NOT_FOUND"
    )
