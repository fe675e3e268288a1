"""SOUL.md: what is refused, and what does and does not make a new version (SOUL-1)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.personas import rules as persona
from chimera_protocol.errors import Invalid

FRONT = """\
id: Nora
name: Nora
account: Nora
voice_traits: [calm, curious]
directives:
  - Be kind.
"""
BODY = "# Nora\n\nI have never seen a star.\n"
SOURCE = f"---\n{FRONT}---\n\n{BODY}"


def test_a_soul_is_read_with_its_story() -> None:
    found = persona.parse(SOURCE)
    assert (found.soul.id, found.soul.voice_traits) == ("Nora", ["calm", "curious"])
    assert found.body == BODY.strip()
    assert len(found.soul_hash) == 64


REORDERED = (
    """\
---
directives: ["Be kind."]
voice_traits:
- calm
- "curious"
account: 'Nora'
name: Nora
id: Nora
---
"""
    + BODY
)


@pytest.mark.parametrize(
    "source",
    [
        "\ufeff" + SOURCE,
        SOURCE.replace("\n", "\r\n"),
        SOURCE.replace("\n", "   \n"),
        SOURCE + "\n\n\n",
        SOURCE.rstrip(),
        REORDERED,
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "trailing spaces",
        "blank end",
        "no last newline",
        "key order and quotes",
    ],
)
def test_layout_does_not_make_a_new_version(source: str) -> None:
    assert persona.parse(source).soul_hash == persona.parse(SOURCE).soul_hash


def test_composed_and_decomposed_letters_of_the_story_are_one_version() -> None:
    assert persona.parse(SOURCE + "caf\u00e9").soul_hash == persona.parse(SOURCE + "cafe\u0301").soul_hash


@pytest.mark.parametrize(
    "change",
    [
        ("never seen", "always seen"),
        ("Be kind.", "Be kinder."),
        ("[calm, curious]", "[curious, calm]"),
        ("account: Nora", "account: Nora2"),
        ("id: Nora\n", "id: Nora\nmotto: Look up\n"),
    ],
)
def test_a_changed_word_makes_a_new_version(change: tuple[str, str]) -> None:
    assert change[0] in SOURCE
    assert persona.parse(SOURCE.replace(*change)).soul_hash != persona.parse(SOURCE).soul_hash


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_story_is_read_or_refused(body: str) -> None:
    try:
        found = persona.parse(f"---\n{FRONT}---\n{body}")
    except Invalid:
        return
    assert found.soul_hash == persona.parse(f"---\n{FRONT}---\n{found.body}").soul_hash


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "no front matter"),
        ("# Nora", "no front matter"),
        (f"\n{SOURCE}", "no front matter"),
        (f"---\n{FRONT}", "never closed"),
        (f"---\n{FRONT}----\n", "never closed"),
        ("---\n- a\n- b\n---\n", "not a mapping"),
        ("---\n---\n", "not a mapping"),
        ("---\njust words\n---\n", "not a mapping"),
        ("---\na: [1\n---\n", "not YAML"),
        ("---\na: !!python/object/apply:os.getcwd []\n---\n", "not YAML"),
        ("---\nid: Nora\nname: Nora\naccount: Nora\n---\n", "voice_traits"),
        (SOURCE.replace("account: Nora", "account: two words"), "account"),
        (SOURCE.replace("[calm, curious]", "calm"), "voice_traits"),
        (SOURCE.replace("id: Nora\n", "id: Nora\n1: one\n"), "does not fit"),
        (SOURCE.replace("id: Nora\n", "id: Nora\nborn: 2026-01-01\n"), "born"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(source: str, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refusal:
        persona.parse(source)
    assert refusal.value.remedy.startswith("Start the file with '---'")


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        persona.parse("---\nid: Nora\n---\n")
    assert all(field in refusal.value.detail for field in ("name", "account", "voice_traits", "directives"))


def test_a_soul_over_the_bound_is_refused() -> None:
    with pytest.raises(Invalid, match="at most 262144 bytes"):
        persona.parse(SOURCE + "é" * 131_072)


@pytest.mark.parametrize("value", [".nan", ".inf", "12345678901234567890"])
def test_a_figure_that_has_no_canonical_form_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        persona.parse(SOURCE.replace("id: Nora\n", f"id: Nora\nlucky: {value}\n"))


def test_front_matter_that_unfolds_without_bound_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 6)]
    begun = time.process_time()
    with pytest.raises(Invalid):
        persona.parse(SOURCE.replace("id: Nora\n", "id: Nora\n" + "\n".join(levels) + "\n"))
    assert time.process_time() - begun < 1
