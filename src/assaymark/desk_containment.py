"""The desk's part on containment (registry.containment): see `desk.Desk`."""

import json
import os
from collections.abc import Sequence
from typing import Any

from assaymark import containing, containing_vex, impacting
from assaymark.bom.vex import FORMS
from assaymark.core.errors import UsageError
from assaymark.registrar import Registrar
from assaymark.registry import containment, versions
from assaymark.registry.containment import Asked

Json = dict[str, Any]


class Containing:
    """What a desk does with everything that comes from one thing."""

    registrar: Registrar

    def preview_containment(self, what: str, *, scope: Sequence[str] = ("*",)) -> Json:
        """What would be stopped, were everything contained that comes from `what` (bom.selectors)."""
        asked = self._asked(what, "", scope)
        with self.registrar.look() as work:
            return containing.preview(work, asked)

    def contain(
        self,
        what: str,
        reason: str,
        envelopes: Sequence[bytes],
        *,
        scope: Sequence[str] = ("*",),
        partial: bool = False,
    ) -> Json:
        """Stop everything that comes from `what`: a quarantine for each version, all taken or none."""
        asked = self._asked(what, reason, scope)
        with self.registrar.work() as work:
            done = containment.contain(work, asked, envelopes, partial=partial)
        return {
            "containment": done.id,
            "stopped": len(done.stopped),
            "already": list(done.already),
            "held": list(done.held),
        }

    def containments(self, *, standing: bool = True) -> list[Json]:
        """Containments, the newest first."""
        with self.registrar.database.read() as connection:
            rows = containment.listed(connection, standing=standing)
            return [containing.told(row) | {"versions": row.versions} for row in rows]

    def containment(self, number: str) -> Json:
        """One containment, its versions, and who lifted each."""
        with self.registrar.look() as work:
            found = containing.told(containment.find(work, number))
            members = [
                {"version": row.title, "digest": row.digest, "state": row.state, "quarantine": quarantine,
                 "lifted_by": sorted(versions.lifted_by(work, row.id).get(quarantine, ()))}
                for row, quarantine in containment.members(work.connection, number)
            ]  # fmt: skip
        return found | {"versions": members}

    def lift_containment(self, number: str, envelopes: Sequence[bytes]) -> Json:
        """One of the two persons' words that end a containment: a lift for each version."""
        with self.registrar.work() as work:
            ended, freed = containment.lift(work, number, envelopes)
        return {"containment": number, "standing": not ended, "free": freed}

    def vex(
        self, what: str, form: str = "openvex", *, scope: Sequence[str] = ("*",), author: str = "assaymark"
    ) -> Json:
        """How each version stands to `what`, as an OpenVEX or CycloneDX document."""
        if form not in FORMS:
            raise UsageError(f"{form[:40]!r} is no form of VEX", step=", ".join(FORMS))
        asked = self._asked(what, "", scope)
        with self.registrar.look() as work:
            return containing_vex.document(work, asked, form, author)

    def _asked(self, what: str, reason: str, scope: Sequence[str]) -> Asked:
        record = impacting.advisory(os.path.dirname(self.registrar.folder), what)
        text = json.dumps(record, sort_keys=True) if record is not None else ""
        return Asked(what, reason, tuple(scope), text)
