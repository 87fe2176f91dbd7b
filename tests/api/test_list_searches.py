"""Which searches of a store are listed."""

from langgraph.checkpoint.memory import InMemorySaver

from its_graph.api.list_searches import SearchList
from its_graph.api.schemas import SearchStatus


def summary(id: str, created: float) -> SearchStatus:
    question = [{"role": "user", "content": "Add 3, 5."}]
    return SearchStatus(
        id=id,
        status="done",
        strategy="single",
        model="toy",
        question=question,
        options={},
        seed=0,
        error=None,
        events=0,
        spend=None,
        created=created,
    )


async def test_the_oldest_search_is_dropped() -> None:
    listing = SearchList(InMemorySaver(), max_listed=2)
    assert await listing.newest() == []
    for id, created in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        listing.put(summary(id, created))
    assert {search.id for search in await listing.newest()} == {"b", "c"}


async def test_without_a_store_nothing_is_read() -> None:
    assert await SearchList(None, max_listed=2).newest() == []
