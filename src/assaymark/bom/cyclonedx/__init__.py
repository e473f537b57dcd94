"""CycloneDX: JSON 1.4 to 1.7 and XML 1.4 to 1.7 read, JSON 1.4 to 1.7 written.

`fields` puts facts into CycloneDX fields and takes them out again; what a field cannot say exactly, `properties` carry; what a
document says beyond the facts is kept as a difference (`patch`), and put back on writing.
"""

VERSIONS = ("1.4", "1.5", "1.6", "1.7")
