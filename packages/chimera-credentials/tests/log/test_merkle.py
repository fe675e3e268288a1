"""Merkle trees: RFC 6962's reference vectors, and a second implementation on trees of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from chimera_credentials.log import merkle
from chimera_credentials.log.merkle import EMPTY, Frontier, leaf_hash

LEAVES = [
    leaf_hash(bytes.fromhex(each))
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    0: [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    5: [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 8): INCLUSION[0],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def grown(leaves: list[bytes]) -> tuple[Frontier, dict[merkle.Subtree, bytes]]:
    """A tree that grew leaf by leaf, and all that would be stored of it."""
    frontier = Frontier()
    stored: dict[merkle.Subtree, bytes] = {}
    for number, leaf in enumerate(leaves):
        stored[0, number] = leaf
        stored |= dict(frontier.append(leaf))
    return frontier, stored


WIDE = [leaf_hash(entry) for entry in entries(70_000)]
TREE, STORED = grown(WIDE)
SECOND = InmemoryTree(algorithm="sha256")
SECOND.append_entries(entries(1_500))


def proof(path: list[tuple[int, int]]) -> list[bytes]:
    """A proof computed from nothing but the pieces that it asks for."""
    needed = {piece: STORED[piece] for begin, end in path for piece in merkle.pieces(begin, end)}
    return [merkle.subtree(begin, end, needed) for begin, end in path]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize("index", INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference(index: int) -> None:
    _, known = grown(LEAVES)
    made = [merkle.subtree(begin, end, known) for begin, end in merkle.inclusion(index, 8)]
    assert [each.hex() for each in made] == INCLUSION[index]
    assert merkle.verify_inclusion(LEAVES[index], index, 8, made, bytes.fromhex(ROOTS[8]))


@pytest.mark.parametrize("sizes", CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference(sizes: tuple[int, int]) -> None:
    old, new = sizes
    _, known = grown(LEAVES[:new])
    made = [merkle.subtree(begin, end, known) for begin, end in merkle.consistency(old, new)]
    assert [each.hex() for each in made] == CONSISTENCY[sizes]
    assert merkle.verify_consistency(old, new, *(bytes.fromhex(ROOTS[each]) for each in sizes), made)


@given(st.integers(1, 1_500), st.data())
def test_inclusion_proofs_are_those_of_a_second_implementation(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    theirs = SECOND.prove_inclusion(index + 1, size)
    made = proof(merkle.inclusion(index, size))
    assert [WIDE[index], *made] == theirs.path
    assert merkle.verify_inclusion(WIDE[index], index, size, made, SECOND.get_root(size))


def subproof(old: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF as RFC 6962 defines it, over lists."""
    size = len(leaves)
    if old == size:
        return [] if whole else [merkle.root(leaves)]
    middle = next(1 << height for height in range(32) if 1 << height + 1 >= size)
    if old <= middle:
        return [*subproof(old, leaves[:middle], whole), merkle.root(leaves[middle:])]
    return [*subproof(old - middle, leaves[middle:], False), merkle.root(leaves[:middle])]


@given(st.integers(1, 1_500), st.data())
def test_consistency_proofs_are_those_of_the_definition_and_hold_for_a_second_implementation(
    new: int, data: st.DataObject
) -> None:
    """pymerkle's own proofs have another form, so it is its roots that ours are held against."""
    old = data.draw(st.integers(1, new))
    made = proof(merkle.consistency(old, new))
    assert made == subproof(old, WIDE[:new], True)
    assert merkle.verify_consistency(old, new, SECOND.get_root(old), SECOND.get_root(new), made)


@given(st.integers(0, 1_500))
def test_roots_are_those_of_a_second_implementation(size: int) -> None:
    assert merkle.root(WIDE[:size]) == SECOND.get_root(size)


@given(st.integers(0, 70_000), st.integers(0, 300))
def test_an_edge_restored_from_its_pieces_grows_like_the_tree(size: int, more: int) -> None:
    more = min(more, 70_000 - size)
    needed = {piece: STORED[piece] for piece in merkle.edge(size)}
    restored = Frontier.restore(size, needed)
    for leaf in WIDE[size : size + more]:
        for piece, made in restored.append(leaf):
            assert STORED[piece] == made
    assert restored.root() == (merkle.subtree(0, size + more, STORED) if size + more else EMPTY)
    assert len(needed) <= 3 * 255


@given(st.integers(1, 70_000), st.data())
def test_a_large_tree_proves_itself_from_few_pieces(size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    whole = merkle.subtree(0, size, STORED)
    path = merkle.inclusion(index, size)
    assert len([piece for begin, end in path for piece in merkle.pieces(begin, end)]) <= 3 * 256
    assert merkle.verify_inclusion(WIDE[index], index, size, proof(path), whole)
    before = merkle.subtree(0, old, STORED)
    assert merkle.verify_consistency(old, size, before, whole, proof(merkle.consistency(old, size)))


@given(st.integers(1, 600), st.data())
def test_no_changed_proof_passes(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    whole, made = merkle.root(WIDE[:size]), proof(merkle.inclusion(index, size))
    wrong = data.draw(st.integers(0, 2 * size))
    if wrong != index:
        assert not merkle.verify_inclusion(WIDE[index], wrong, size, made, whole)
    assert not merkle.verify_inclusion(WIDE[size], index, size, made, whole)
    assert not merkle.verify_inclusion(WIDE[index], index, size, [*made, EMPTY], whole)
    assert not merkle.verify_inclusion(WIDE[index], index, size, made, EMPTY)
    for place in range(len(made)):
        broken = [EMPTY if number == place else each for number, each in enumerate(made)]
        assert not merkle.verify_inclusion(WIDE[index], index, size, broken, whole)
        assert not merkle.verify_inclusion(WIDE[index], index, size, made[:place], whole)


@given(st.integers(1, 600), st.data())
def test_a_rewritten_past_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    before, after = merkle.root(WIDE[:old]), merkle.root(WIDE[:new])
    made = proof(merkle.consistency(old, new))
    forged = merkle.root([*WIDE[: old - 1], WIDE[-1]])
    assert not merkle.verify_consistency(old, new, forged, after, made)
    assert not merkle.verify_consistency(old, new, before, EMPTY, made)
    assert not merkle.verify_consistency(old, new, before, after, [*made, EMPTY])
    assert not merkle.verify_consistency(new + 1, new, before, after, made)
    for place in range(len(made)):
        broken = [EMPTY if number == place else each for number, each in enumerate(made)]
        assert not merkle.verify_consistency(old, new, before, after, broken)


def test_a_tree_grows_from_nothing_and_never_shrinks() -> None:
    assert merkle.consistency(0, 5) == []
    assert merkle.verify_consistency(0, 5, EMPTY, merkle.root(WIDE[:5]), [])
    assert not merkle.verify_consistency(0, 5, merkle.root(WIDE[:1]), merkle.root(WIDE[:5]), [])
    assert not merkle.verify_consistency(3, 5, merkle.root(WIDE[:3]), merkle.root(WIDE[:5]), [])
    with pytest.raises(ValueError, match="does not grow"):
        merkle.consistency(6, 5)
    with pytest.raises(ValueError, match="no leaf 5"):
        merkle.inclusion(5, 5)
