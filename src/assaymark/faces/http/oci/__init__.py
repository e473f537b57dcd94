"""OCI distribution v2 with referrers (distribution-spec 1.1): what skopeo, oras, crane and their like speak."""

from assaymark.faces.http.oci import blobs, lists, manifests, start, uploads

ROUTES = (start.routes, lists.routes, uploads.routes, blobs.routes, manifests.routes, start.nothing)
"""In the order in which they are tried."""
