"""Outgoing webhooks of a project, for its admins. See docs/webhooks.md for what a receiver gets."""

from typing import Any

from pydantic import Field

from assaymark.faces.http.routes import Known, Routes, Wired, on_path
from assaymark.faces.http.wired import Strict, desk
from assaymark.registry.access import ADMIN

routes = Routes("/api/v1/projects/{project}/webhooks")


class NewWebhook(Strict):
    """Who is told, and of what; no events are all."""

    url: str = Field(max_length=2_000)
    events: list[str] = Field(default=[], max_length=32)


@routes.get("", on_path(ADMIN))
def list_webhooks(project: str, caller: Known, services: Wired) -> list[dict[str, Any]]:
    """Webhooks, without their secrets."""
    return desk(services, caller).webhooks(project)


@routes.post("", on_path(ADMIN), status_code=201)
def add_webhook(project: str, new: NewWebhook, caller: Known, services: Wired) -> dict[str, Any]:
    """A new one; its secret is in the answer, this once."""
    return desk(services, caller).add_webhook(project, new.url, new.events)


@routes.delete("/{webhook}", on_path(ADMIN))
def remove_webhook(project: str, webhook: str, caller: Known, services: Wired) -> dict[str, Any]:
    """End one."""
    return desk(services, caller).remove_webhook(project, webhook)


@routes.post("/{webhook}/test", on_path(ADMIN))
def test_webhook(project: str, webhook: str, caller: Known, services: Wired) -> dict[str, Any]:
    """Send a message of the type `test` now."""
    return desk(services, caller).test_webhook(project, webhook)
