"""The table of what can be wrong with a BOM: one row a code. `assay bom validate` names them, `assay explain` tells of them."""

from collections.abc import Mapping

from assaymark.bom.validate import Problem
from assaymark.core.finding import Severity
from assaymark.core.record import dataclass

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


@dataclass(frozen=True, slots=True)
class Code:
    """What is wrong, why it matters, and what to do; HIGH is an error, anything below a warning."""

    id: str
    severity: Severity
    title: str
    why: str
    fix: str

    def problem(self, at: str, message: str, *, severity: Severity | None = None, fix: str = "") -> Problem:
        """One occurrence of it."""
        return Problem(self.id, self.severity if severity is None else severity, at, message, fix or self.fix)


CODES: Mapping[str, Code] = {
    code.id: code
    for code in (
        Code(
            "BOM001", HIGH, "The document breaks the schema of its version.",
            "Other tools refuse the document, or pass over the part that they do not understand.",
            "Write what the schema of that version asks for at the place that is named.",
        ),
        Code(
            "BOM002", HIGH, "Two elements have one bom-ref.",
            "A reference to it means both, so a vulnerability or a dependency is put down to the wrong one.",
            "Give each element a bom-ref of its own, and point each reference at the one that it means.",
        ),
        Code(
            "BOM003", HIGH, "A reference leads nowhere.",
            "What it should lead to is left out of every question asked of the graph, and nobody notices.",
            "Add the element with that bom-ref, or take the reference out.",
        ),
        Code(
            "BOM004", HIGH, "A digest cannot be one of its algorithm.",
            "It can never match the bytes, so the component cannot be verified; often it is cut off or in the wrong encoding.",
            "Write the digest in hexadecimal and whole: sha256sum FILE prints the 64 digits of SHA-256.",
        ),
        Code(
            "BOM005", HIGH, "A package URL cannot be read.",
            "Advisories are matched by package URL: none will ever match this component.",
            "Write it as pkg:TYPE/NAMESPACE/NAME@VERSION, for example pkg:pypi/torch@2.6.0.",
        ),
        Code(
            "BOM006", MEDIUM, "A package URL names another thing than its component does.",
            "A reader takes one of the two, and which one it takes decides which advisories apply.",
            "Make name and version agree with the package URL.",
        ),
        Code(
            "BOM007", HIGH, "Something that is no model has a model card.",
            "Readers that look for models pass it over, or count a library as a model.",
            'Set its type to "machine-learning-model", or move the card to the model.',
        ),
        Code(
            "BOM008", HIGH, "A model card names as dataset what is no data.",
            "The question which models were trained on a dataset gets a wrong answer.",
            'Point the reference at a component of type "data".',
        ),
        Code(
            "BOM009", MEDIUM, "Components depend on one another in a circle.",
            "Nothing can be built in such an order; in what went into a model it says that something came from itself.",
            "Take out the dependency that is not one.",
        ),
        Code(
            "BOM010", HIGH, "A component is its own ancestor.",
            "A thing cannot be made from itself: the pedigree hides what the base truly is.",
            "Name the base that it was made from in pedigree.ancestors, with its own package URL or digest.",
        ),
        Code(
            "BOM011", MEDIUM, "No digest says which weights the model has.",
            "Nobody can tell whether the file at hand is the model that is described.",
            "Add the digest of its weights: assay bom build FOLDER does.",
        ),
        Code(
            "BOM012", HIGH, "A moment in time cannot be.",
            "Deadlines and the question what was known when are worked out from it.",
            "Write the moment as RFC 3339, for example 2026-05-12T09:30:00Z.",
        ),
        Code(
            "BOM013", HIGH, "The serial number is no UUID.",
            "Other documents refer to this one by its serial number.",
            "Write urn:uuid: and a UUID in lower-case hexadecimal.",
        ),
        Code(
            "BOM014", MEDIUM, "One component stands there twice.",
            "Counts are wrong, and a fix made at one of them leaves the other.",
            "Keep one of them and point the references at it.",
        ),
        Code(
            "BOM015", HIGH, "A licence is not one that SPDX lists.",
            "Licence checks pass over an id that they do not know.",
            "Write the id as https://spdx.org/licenses has it, or give the licence by name.",
        ),
        Code(
            "BOM016", HIGH, "A citation speaks of a place that is not there.",
            "Who vouches for what cannot be told any more.",
            "Write JSON pointers that lead to fields of this document.",
        ),
        Code(
            "BOM017", HIGH, "Two digests of one algorithm contradict each other.",
            "No bytes can have both: one of them is of something else.",
            "Keep the digest of the bytes that are meant.",
        ),
        Code(
            "BOM018", LOW, "The document does not say what it is about.",
            "What it lists hangs on nothing, so nothing can be said of a product or a model from it.",
            "Name the model or the product in metadata.component.",
        ),
    )
}  # fmt: skip
