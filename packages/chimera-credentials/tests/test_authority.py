"""The authority: one root for all processes, keys that only their owner reads, and renewal that nobody notices."""

import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from credential_setup import Clock
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chimera_credentials.authority import Authority, Terms
from chimera_credentials.certificates import CLAIM_SIGNING
from chimera_protocol.errors import Invalid


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


def test_only_the_owner_reads_the_keys(authority: Authority, tmp_path: Path) -> None:
    authority.signer()
    authority.stamper()
    folder = folder_of(tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes.pop("root.pem") == 0o644
    assert modes == dict.fromkeys(["root-key.pem", "intermediate.pem", "signer.pem", "stamper.pem"], 0o600)
    assert "PRIVATE" not in authority.root_pem
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


def test_the_chain_leads_to_the_root(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem.encode())
    for leaf, above in (authority.signer().chain, authority.stamper().chain):
        leaf.verify_directly_issued_by(above)
        above.verify_directly_issued_by(root)


def test_each_certificate_is_for_one_thing(authority: Authority) -> None:
    """Half the verifiers ask for e-mail protection, the other half for claim signing; RFC 3161 for a critical one."""
    signs = authority.signer().certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    stamps = authority.stamper().certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert set(signs.value) == {ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING}
    assert (set(stamps.value), stamps.critical) == ({ExtendedKeyUsageOID.TIME_STAMPING}, True)


def test_the_terms_are_kept(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem.encode())
    days = [(one.not_valid_after_utc - one.not_valid_before_utc).days for one in (*authority.signer().chain, root)]
    assert days == [90, 5 * 365, 20 * 365]


def test_a_second_start_finds_the_same(authority: Authority, tmp_path: Path) -> None:
    again = Authority(folder_of(tmp_path))
    assert again.root_pem == authority.root_pem
    assert again.signer().certificate == authority.signer().certificate


def test_processes_that_start_at_once_share_one_root_and_sign_under_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from chimera_credentials.authority import Authority\n"
        "from chimera_credentials.certificates import leads_to\n"
        "from cryptography import x509\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "made = Authority(pathlib.Path(sys.argv[1]))\n"
        "root = x509.load_pem_x509_certificate(made.root_pem.encode())\n"
        "assert leads_to(made.signer().chain, [root]) == root\n"
        "print(made.root_pem)"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder_of(tmp_path))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in racing:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    told = {process.communicate(timeout=30)[0].strip() for process in racing}
    assert told == {Authority(folder_of(tmp_path)).root_pem.strip()}
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


def test_an_empty_folder_that_is_there_already_is_filled(tmp_path: Path) -> None:
    folder_of(tmp_path).mkdir()
    assert Authority(folder_of(tmp_path)).signer()


def test_a_signer_is_renewed_before_its_end_and_the_root_stays(
    authority: Authority, tmp_path: Path, clock: Clock
) -> None:
    first, root = authority.signer(), authority.root_pem
    clock.ahead = timedelta(days=59)
    assert authority.signer() == first
    clock.ahead = timedelta(days=61)
    second = authority.signer()
    assert second.certificate.not_valid_after_utc > first.certificate.not_valid_after_utc
    assert second.key.private_numbers() != first.key.private_numbers()
    assert second.above == first.above
    assert authority.root_pem == root
    assert Authority(folder_of(tmp_path), clock=clock).signer().certificate == second.certificate


def test_a_process_takes_over_what_another_renewed(authority: Authority, tmp_path: Path, clock: Clock) -> None:
    other = Authority(folder_of(tmp_path), clock=clock)
    assert other.signer().certificate == authority.signer().certificate
    clock.ahead = timedelta(days=61)
    assert other.signer().certificate == authority.signer().certificate


def test_after_years_the_intermediate_is_renewed_as_well(authority: Authority, clock: Clock) -> None:
    first, root = authority.signer(), x509.load_pem_x509_certificate(authority.root_pem.encode())
    clock.ahead = timedelta(days=4 * 365)
    second = authority.signer()
    assert second.above != first.above
    second.above[0].verify_directly_issued_by(root)
    second.certificate.verify_directly_issued_by(second.above[0])


def test_no_certificate_outlives_the_one_above(tmp_path: Path) -> None:
    terms = Terms(root=timedelta(days=10), intermediate=timedelta(days=9), signer=timedelta(days=90))
    made = Authority(folder_of(tmp_path), terms=terms).signer()
    assert made.certificate.not_valid_after_utc == made.above[0].not_valid_after_utc


@pytest.mark.parametrize("name", ["root.pem", "signer.pem"])
@pytest.mark.parametrize("damage", [b"", b"not a key", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_a_damaged_file_is_named_and_never_written_over(
    authority: Authority, tmp_path: Path, name: str, damage: bytes
) -> None:
    authority.signer()
    path = folder_of(tmp_path) / name
    path.write_bytes(damage)
    with pytest.raises(Invalid, match=name):
        Authority(folder_of(tmp_path)).signer()
    assert path.read_bytes() == damage


def test_files_of_two_authorities_do_not_mix(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    other.signer()
    authority.signer()
    (tmp_path / "other" / "signer.pem").rename(folder_of(tmp_path) / "signer.pem")
    with pytest.raises(Invalid, match=r"signer\.pem does not belong to root\.pem"):
        Authority(folder_of(tmp_path)).signer()


def test_a_key_that_does_not_fit_its_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    signer = authority.signer()
    wrong = type(signer)(ec.generate_private_key(ec.SECP256R1()), signer.certificate, signer.above)
    (folder_of(tmp_path) / "signer.pem").write_bytes(wrong.stored())
    with pytest.raises(Invalid, match="does not belong to its certificate"):
        Authority(folder_of(tmp_path)).signer()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    folder_of(tmp_path).mkdir()
    (folder_of(tmp_path) / "letters.txt").write_text("mine")
    with pytest.raises(Invalid, match="in the way"):
        Authority(folder_of(tmp_path))
    assert [path.name for path in tmp_path.rglob("*")] == ["credentials", "letters.txt"]
