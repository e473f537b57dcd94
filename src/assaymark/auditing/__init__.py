"""Libraries against what is known of them: import feeds, audit inventories, answer in the words of the OSV API."""

from assaymark.auditing.answering import Answering, Query, read_query
from assaymark.auditing.audit import FRESH, Audit, audit, feed_troubles
from assaymark.auditing.documents import feed_told, known_told, told
from assaymark.auditing.held import Advisories, advisory_of
from assaymark.auditing.importing import Imported, feeds, import_feed, update_feed

__all__ = [
    "FRESH", "Advisories", "Answering", "Audit", "Imported", "Query", "advisory_of", "audit", "feed_told", "feed_troubles",
    "feeds", "import_feed", "known_told", "read_query", "told", "update_feed",
]  # fmt: skip
