"""Names that are taken for others: typing slips, look-alikes, affixes, internal and invented names. Pure; see docs/names.md."""
