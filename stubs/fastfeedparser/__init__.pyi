from collections.abc import Mapping, Sequence

class FastFeedParserDict(dict[str, object]):
    entries: Sequence[Mapping[str, object]]
    feed: Mapping[str, object]

def parse(
    source: bytes, *, include_tags: bool = True, include_media: bool = True, include_enclosures: bool = True
) -> FastFeedParserDict: ...
