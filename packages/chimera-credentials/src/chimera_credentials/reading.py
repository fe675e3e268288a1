"""What a file's manifest says, and what the C2PA library makes of it, as values of ours."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import c2pa
from pydantic import BaseModel, Field, JsonValue

from chimera_credentials.jumbf import ClaimSignature, claim_signature

_CONTENT_HASH = "c2pa.hash."
_PLAIN_HASH = "c2pa.hash.data"
_PLAIN_MISMATCH = "assertion.dataHash.mismatch"
_STAMP_CHECKED = "timeStamp.validated"
_STAMP_TRUSTED = "timeStamp.trusted"


class ManifestFinding(BaseModel):
    """One thing the library found, by the C2PA's name for it."""

    code: str
    explanation: str = ""


class _ManifestFindings(BaseModel):
    success: tuple[ManifestFinding, ...] = ()
    informational: tuple[ManifestFinding, ...] = ()
    failure: tuple[ManifestFinding, ...] = ()


class _Delta(BaseModel):
    found: _ManifestFindings = Field(_ManifestFindings(), alias="validationDeltas")


class _Results(BaseModel):
    active: _ManifestFindings = Field(_ManifestFindings(), alias="activeManifest")
    ingredients: tuple[_Delta, ...] = Field((), alias="ingredientDeltas")


class _Ingredient(BaseModel):
    relationship: str = ""
    active_manifest: str | None = None


class _SignatureInfo(BaseModel):
    alg: str = ""
    common_name: str | None = None
    issuer: str | None = None
    time: datetime | None = None


class _Manifest(BaseModel):
    signature_info: _SignatureInfo = _SignatureInfo()
    ingredients: tuple[_Ingredient, ...] = ()


class _Report(BaseModel):
    active_manifest: str
    manifests: dict[str, _Manifest]
    validation_results: _Results = _Results()


class _PlainManifest(BaseModel):
    label: str
    assertions: dict[str, JsonValue] = {}


class _PlainReport(BaseModel):
    manifests: tuple[_PlainManifest, ...]


@dataclass(frozen=True)
class Reading:
    """A manifest that could be read. Whether to believe it is for `verifying` to say."""

    label: str
    algorithm: str
    signed_by: str | None
    signature: ClaimSignature | None
    failures: tuple[ManifestFinding, ...]
    stamped_at: datetime | None
    stamp_trusted: bool
    assertions: Mapping[str, JsonValue]
    content_hash: JsonValue
    parents: tuple[str, ...]


class NoManifest(Exception):
    """The file carries no manifest."""


class UnreadableManifest(Exception):
    """There is something like a manifest, or like a file, but it cannot be read."""


def read(path: Path, media_type: str | None, root_pem: str, stamp_pem: str = "") -> Reading:
    """Read a file's active manifest, with these roots and nothing from the network."""
    store = io.BytesIO()
    try:
        with path.open("rb") as file, _context(root_pem, stamp_pem) as context:
            reader = c2pa.Reader(media_type, file, context=context)
            with reader:
                report = _Report.model_validate_json(reader.json())
                plain = _PlainReport.model_validate_json(reader.crjson())
                if not reader.is_embedded():
                    raise NoManifest("the manifest is kept elsewhere")
                reader.resource_to_stream(f"self#jumbf=/c2pa/{report.active_manifest}", store)
    except c2pa.C2paError.ManifestNotFound as error:
        raise NoManifest(str(error)) from error
    except (c2pa.C2paError, ValueError) as error:
        raise UnreadableManifest(str(error)[:300]) from error
    return _reading(report, plain, store.getvalue())


def read_store(store: bytes, root_pem: str, stamp_pem: str = "") -> Reading:
    """Read a manifest store by itself. Whether the content fits is for the caller to check: the library cannot."""
    try:
        with (
            _context(root_pem, stamp_pem) as context,
            c2pa.Reader("text/plain", io.BytesIO(), manifest_data=store, context=context) as reader,
        ):
            report = _Report.model_validate_json(reader.json())
            plain = _PlainReport.model_validate_json(reader.crjson())
    except (c2pa.C2paError, ValueError) as error:
        raise UnreadableManifest(str(error)[:300]) from error
    found = _reading(report, plain, store)
    return replace(found, failures=tuple(one for one in found.failures if one.code != _PLAIN_MISMATCH))


def _reading(report: _Report, plain: _PlainReport, store: bytes) -> Reading:
    label = report.active_manifest
    results = report.validation_results
    manifest = report.manifests.get(label)
    if manifest is None:
        raise UnreadableManifest(
            "; ".join(finding.explanation for finding in results.active.failure) or "it is not there"
        )
    happy = {finding.code for finding in results.active.success}
    failures = (*results.active.failure, *(f for delta in results.ingredients for f in delta.found.failure))
    said = next((entry.assertions for entry in plain.manifests if entry.label == label), {})
    return Reading(
        label=label,
        algorithm=manifest.signature_info.alg,
        signed_by=manifest.signature_info.common_name or manifest.signature_info.issuer,
        signature=claim_signature(store, label),
        failures=failures,
        stamped_at=manifest.signature_info.time if _STAMP_CHECKED in happy else None,
        stamp_trusted=_STAMP_TRUSTED in happy,
        assertions={name: value for name, value in said.items() if not name.startswith(_CONTENT_HASH)},
        content_hash=said.get(_PLAIN_HASH),
        parents=tuple(
            entry.active_manifest
            for entry in manifest.ingredients
            if entry.relationship == "parentOf" and entry.active_manifest
        ),
    )


def _context(root_pem: str, stamp_pem: str) -> c2pa.Context:
    anchors = [{"trust_anchors": root_pem, "trust_uri": "root", "trust_kind": kind} for kind in ("manifest", "tsa")]
    if stamp_pem:
        anchors.append({"trust_anchors": stamp_pem, "trust_uri": "stamps", "trust_kind": "tsa"})
    return c2pa.Context.from_dict(
        {
            "core": {"allowed_network_hosts": []},
            "trust": {"anchors": anchors},
            "verify": {
                "verify_trust": True,
                "verify_timestamp_trust": True,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
        }
    )
