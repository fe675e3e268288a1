from collections.abc import Mapping, Sequence
from typing import BinaryIO

class FeedParserDict(dict[str, object]):
    entries: Sequence[Mapping[str, object]]
    feed: Mapping[str, object]

def parse(
    url_file_stream_or_string: BinaryIO,
    *,
    response_headers: Mapping[str, str] | None = None,
    sanitize_html: bool | None = None,
    resolve_relative_uris: bool | None = None,
) -> FeedParserDict: ...
