"""Items, searched."""

from chimera_connectors.news.items import FeedItem, matches

RYE = FeedItem(id="1", title="Rye", summary="Sourdough takes time", link="", published_at=None, source="Brød")


def test_a_search_needs_every_word() -> None:
    assert matches(RYE, "RYE time")
    assert not matches(RYE, "rye wheat")
