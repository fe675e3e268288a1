"""Inside a manifest store: the signature with its certificates, which the C2PA library does not hand out."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cbor2
from cryptography import x509

_JUMBF = b"jumb"
_DESCRIPTION = b"jumd"
_CBOR = b"cbor"
_SIGNATURE = "c2pa.signature"
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    StopIteration,
    struct.error,
    cbor2.CBORDecodeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_HEAD = 8
_UUID_AND_TOGGLES = 17
_CHAIN = 33
"""COSE header x5chain (RFC 9360)."""
_STAMPS = frozenset({"sigTst", "sigTst2"})
_ROOM = ("pad", "pad2")
_CHAINS = (_CHAIN, "x5chain")
_OTHERS = (*_CHAINS, "rVals")


@dataclass(frozen=True)
class ClaimSignature:
    """Who signed a claim, whether a time stamp lies beside it, and whether the rest of the part that nobody signs
    is as empty as it was left."""

    chain: tuple[x509.Certificate, ...]
    stamped: bool
    clean: bool


def claim_signature(store: bytes, label: str) -> ClaimSignature | None:
    """The signature of one manifest in a store; None when there is none that can be read."""
    try:
        found = _inside(store, [None, label, _SIGNATURE])
        return None if found is None else _signature(found)
    except _UNREADABLE:
        return None


def label_of(store: bytes) -> str:
    """The label of the only manifest in a fresh store."""
    (_, manifests), *_ = _boxes(store)
    return next(_label(content) for kind, content in _boxes(manifests) if kind == _JUMBF)


def repadded(store: bytes, label: str, room: int) -> bytes:
    """The same store with so many empty bytes in the signature of one manifest: nobody signs them."""
    return _repadded(store, [None, label, _SIGNATURE], room)


def _repadded(data: bytes, labels: list[str | None], room: int) -> bytes:
    whole = b""
    for kind, content in _boxes(data):
        inside = content
        if not labels and kind == _CBOR:
            message = cbor2.loads(content)
            protected, loose, *rest = message.value
            kept = {name: value for name, value in loose.items() if name not in _ROOM}
            inside = cbor2.dumps(cbor2.CBORTag(message.tag, [protected, {**kept, _ROOM[0]: bytes(room)}, *rest]))
        elif labels and kind == _JUMBF and labels[0] in {None, _label(content)}:
            inside = _repadded(content, labels[1:], room)
        whole += struct.pack(">I4s", _HEAD + len(inside), kind) + inside
    return whole


def _signature(box: bytes) -> ClaimSignature:
    message = cbor2.loads(box)
    protected, loose, *_ = message.value if isinstance(message, cbor2.CBORTag) else message
    kept = cbor2.loads(protected)
    if not isinstance(kept, dict) or not isinstance(loose, dict):
        raise ValueError("a signature without its two heads")
    listed = next(head[name] for head in (kept, loose) for name in _CHAINS if name in head)
    chain = [_certificate(one) for one in (listed if isinstance(listed, list) else [listed])]
    room = b"".join(loose.get(name, b"") for name in _ROOM)
    return ClaimSignature(
        tuple(chain),
        stamped=not _STAMPS.isdisjoint(loose),
        clean=not any(room) and _STAMPS.union(_ROOM, _OTHERS).issuperset(loose),
    )


def _certificate(raw: bytes) -> x509.Certificate:
    """A certificate of which every part that is asked for later can be read."""
    found = x509.load_der_x509_certificate(raw)
    if None in (found.subject, found.issuer, found.extensions, found.not_valid_before_utc, found.not_valid_after_utc):
        raise ValueError("a certificate with a part missing")
    return found


def _inside(data: bytes, labels: list[str | None]) -> bytes | None:
    """The content of the CBOR box at the end of a path of labelled boxes; None in the path fits any label."""
    for kind, content in _boxes(data):
        if not labels and kind == _CBOR:
            return content
        if labels and kind == _JUMBF and labels[0] in {None, _label(content)}:
            return _inside(content, labels[1:])
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + _HEAD <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = _HEAD
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + _HEAD)[0], 2 * _HEAD
        end = len(data) if size == 0 else at + size
        if end < at + head or end > len(data):
            raise ValueError("a box that ends outside")
        yield kind, data[at + head : end]
        at = end


def _label(content: bytes) -> str:
    kind, description = next(_boxes(content))
    if kind != _DESCRIPTION:
        raise ValueError("a box without a description")
    return description[_UUID_AND_TOGGLES:].split(b"\0", 1)[0].decode()
