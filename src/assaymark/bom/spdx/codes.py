"""What can be wrong with an SPDX document beyond what can be wrong with any BOM (bom.validate_codes)."""

from collections.abc import Mapping

from assaymark.bom.problems.codes import LOW, MEDIUM, Code

CODES: Mapping[str, Code] = {
    code.id: code
    for code in (
        Code(
            "BOM031", MEDIUM, "A property that a profile asks for is missing.",
            "The document says that it conforms to the profile, and readers rely on that property.",
            "State the property, or leave the profile out of profileConformance.",
        ),
        Code(
            "BOM032", MEDIUM, "A relationship joins what it is not for.",
            "Readers pass it over, so what it should say is not said.",
            "Turn it round, or take the type of relationship that fits both ends.",
        ),
        Code(
            "BOM033", MEDIUM, "A relationship leads back to where it starts.",
            "Nothing comes from itself: the end that was meant is missing.",
            "Point it at the element that is meant, or take it out.",
        ),
        Code(
            "BOM034", LOW, "A mandatory text says nothing.",
            "It is there to satisfy the form and tells a reader no more than if it were missing.",
            "State it, or NOASSERTION where SPDX takes that.",
        ),
    )
}  # fmt: skip
