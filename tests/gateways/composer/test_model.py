"""The composer as a model: it finds its input, knows its outputs, and repeats itself exactly."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.gateways.models.composer.model import Unanswerable, answer, told
from chimera.gateways.models.composer.text import numbers, weight
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.tasks.types.work import Draft

FACT = {
    "id": "f1",
    "title": "Git keeps its own diary",
    "summary": "Git has kept its own source code in Git since April 2005.",
    "link": "https://git-scm.com/",
    "source": "notes",
}


def test_the_input_is_what_stands_behind_the_last_heading() -> None:
    inputs = {"goal": "a heading\n\n## Input\n\n```json\n{}\n``` inside", "n": 1}
    assert json.loads(told(prompts.render("write", inputs).text)) == inputs


@pytest.mark.parametrize(
    ("output", "given_"),
    [
        (PlanDraft, {"goal": "Talk about Git"}),
        (Draft, {"goal": "Talk about Git", "topic": "git", "facts": [FACT]}),
        (Opinion, {"goal": "Talk about Git", "content": ["Git is from 2005."], "facts": [FACT]}),
        (Revision, {"goal": "Talk about Git", "content": ["Git"], "reasons": ["prohibited keyword: git"]}),
    ],
)
def test_each_output_of_the_swarm_has_an_answer(output: type, given_: dict[str, object]) -> None:
    found = answer(output.__name__, json.dumps(given_), 1)
    assert isinstance(found, output)
    assert found == answer(output.__name__, json.dumps(given_), 1)


@pytest.mark.parametrize(
    ("name", "given_"),
    [
        ("Poem", "{}"),
        ("Draft", "{}"),
        ("Draft", "not json"),
        ("Opinion", '{"goal": "x", "content": []}'),
        ("Draft", '{"goal": "x", "character_limit": 1}'),
    ],
)
def test_what_it_cannot_do_it_says(name: str, given_: str) -> None:
    with pytest.raises(Unanswerable):
        answer(name, given_, 1)


anything = st.text(max_size=300)
prose = st.lists(
    st.sampled_from(
        [
            "In 1999 it began.",
            "Nobody",
            "knew 42",
            "of them!",
            "“Why?”",
            "e.g. so",
            "<b>3</b>",
            "1\x004",
            "@x",
            "…",
        ]
    ),
    max_size=12,
).map(" ".join)
texts = anything | prose
facts = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.uuids().map(str),
            "title": texts,
            "summary": texts,
            "link": texts | st.just("https://a.example/7"),
        }
    ),
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    facts=facts,
    goal=texts,
    topic=texts,
    length=st.integers(1, 6),
    ordinal=st.integers(1, 9),
    limit=st.integers(20, 400) | st.none(),
    earlier=st.lists(texts, max_size=2),
    seed=st.integers(0, 2**31),
)
def test_a_draft_never_breaks_its_bounds_and_invents_no_number(
    facts: list[dict[str, str]],
    goal: str,
    topic: str,
    length: int,
    ordinal: int,
    limit: int | None,
    earlier: list[str],
    seed: int,
) -> None:
    given_ = {"goal": goal, "topic": topic, "length": length, "ordinal": ordinal, "facts": facts}
    draft = answer("Draft", json.dumps({**given_, "earlier": earlier, "character_limit": limit}), seed)
    assert isinstance(draft, Draft)
    assert limit is None or all(weight(post) <= limit for post in draft.posts)
    assert len(draft.posts) <= length
    assert set(draft.sources) <= {fact["id"] for fact in facts}
    counters = [str(number) for number in range(1, len(draft.posts) + 1)]
    allowed = numbers(" ".join([goal, topic, *counters, *(text for fact in facts for text in fact.values())]))
    assert numbers(" ".join(draft.posts)) <= allowed


@given(
    goal=texts,
    content=st.lists(texts, min_size=1, max_size=3),
    facts=facts,
    earlier=st.lists(texts, max_size=3),
)
def test_an_opinion_of_anything_is_a_score_with_reasons(
    goal: str, content: list[str], facts: list[dict[str, str]], earlier: list[str]
) -> None:
    given_ = {"goal": goal, "content": content, "facts": facts, "earlier": earlier}
    opinion = answer("Opinion", json.dumps(given_), 0)
    assert isinstance(opinion, Opinion)
    assert opinion.reasons


@given(goal=texts.filter(bool), reasons=st.lists(texts, max_size=4), content=st.lists(texts, max_size=3))
def test_a_plan_and_a_revision_of_anything_are_valid(goal: str, reasons: list[str], content: list[str]) -> None:
    assert isinstance(answer("PlanDraft", json.dumps({"goal": goal}), 0), PlanDraft)
    revised = answer("Revision", json.dumps({"goal": goal, "reasons": reasons, "content": content}), 0)
    assert isinstance(revised, Revision)
