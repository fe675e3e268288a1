"""Pictures and clips of posts: what is refused and what is kept, whoever dies on the way."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from showing import KINDS, kept, made, offered, path_of
from wallet_setup import wait_for

from chimera_devnet.social.media import MAX_BYTES, MediaFolder, check_media, marks, noted
from chimera_devnet.social.messages import MediaFile, OfferedMedia, PostReceipt
from chimera_devnet.social.network import Network
from chimera_devnet.social.rules import NetworkError, PostRefused, content_hash

SOURCE = os.pathsep.join(path for path in sys.path if path)


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


@pytest.fixture
def network(tmp_path: Path, outbox: Path) -> Iterator[Network]:
    opened = Network(tmp_path / "social.db", seed=7, media_from=[outbox])
    yield opened
    opened.close()


def tweet(network: Network, *shown: OfferedMedia, key: str = "k1", text: str = "Look") -> PostReceipt:
    return network.publish("tweet", "nova", [text], key, ai_label=True, media=shown)


def refused(network: Network, *shown: OfferedMedia) -> str:
    """Why; nothing is written by then."""
    with pytest.raises(NetworkError) as caught:
        tweet(network, *shown)
    assert caught.value.refusal is PostRefused.INVALID
    assert not network.find("nova", "k1").found
    return str(caught.value)


@pytest.mark.parametrize("ending", KINDS)
def test_a_post_shows_the_very_bytes_it_was_given(tmp_path: Path, network: Network, outbox: Path, ending: str) -> None:
    item = offered(outbox, ending, alt="A star, drawn é")
    receipt = tweet(network, item)
    assert (receipt.media, receipt.content_hash) == ([item.sha256], content_hash(["Look"]))
    path_of(item.uri).unlink()
    (shown,) = network.post("1").media
    assert MediaFile.model_validate(shown.model_dump()) == MediaFile.model_validate(item.model_dump())
    assert path_of(shown.url).read_bytes() == made(ending)
    assert kept(tmp_path) == [f"{item.sha256}.{ending}"]
    own = [post for post in network.posts(500, None).posts if post.author == "nova"]
    assert network.timeline("nova", 9, None).posts == own == [network.post("1")]


def test_four_files_keep_their_order_and_a_fifth_is_too_many(network: Network, outbox: Path) -> None:
    five = [offered(outbox, "png", shade) for shade in (10, 20, 30, 40, 50)]
    assert "at most 4 files, not 5" in refused(network, *five)
    assert tweet(network, *five[:4]).media == [item.sha256 for item in five[:4]]
    assert [shown.sha256 for shown in network.post("1").media] == [item.sha256 for item in five[:4]]


def test_the_first_post_of_a_thread_and_a_reply_show_files_too(network: Network, outbox: Path) -> None:
    item = offered(outbox)
    thread = network.publish("thread", "nova", ["one", "two"], "t", ai_label=True, media=[item])
    reply = network.publish("reply", "theo", ["Nice"], "r", ai_label=True, in_reply_to="2", media=[item])
    assert [len(network.post(post).media) for post in (*thread.ids, *reply.ids)] == [1, 0, 1]
    assert network.publish("thread", "nova", ["one", "two"], "t", ai_label=True, media=[item]).replayed


def test_the_same_file_is_kept_once_and_one_that_was_damaged_is_mended(
    tmp_path: Path, network: Network, outbox: Path
) -> None:
    item = offered(outbox)
    tweet(network, item)
    copy = tmp_path / "social.db.media" / f"{item.sha256}.png"
    copy.write_bytes(b"damaged")
    tweet(network, item, key="k2", text="Again")
    assert copy.read_bytes() == made("png")
    assert kept(tmp_path) == [copy.name]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"sha256": "a" * 64}, "does not give the SHA-256"),
        ({"sha256": "A" * 64}, "needs a SHA-256 of 64 hex digits"),
        ({"sha256": "a" * 64 + "\n"}, "needs a SHA-256 of 64 hex digits"),
        ({"sha256": "../../etc/passwd"}, "needs a SHA-256 of 64 hex digits"),
        ({"media_type": "image/jpeg"}, "does not begin like image/jpeg"),
        ({"media_type": "video/mp4"}, "does not begin like video/mp4"),
        ({"media_type": "image/webp"}, "does not begin like image/webp"),
        ({"media_type": "image/gif"}, "is 'image/gif', not one of image/png, image/jpeg, image/webp, video/mp4"),
        ({"media_type": "image/png; x=../y"}, "not one of image/png"),
        ({"alt": "x" * 1_001}, "described in at most 1000 characters"),
        ({"alt": "a\0b"}, "none of them NUL"),
        ({"uri": "http://example.com/a.png"}, "a file is named by a file:// URI"),
        ({"uri": "file://elsewhere/a.png"}, "a file is named by a file:// URI"),
        ({"uri": "file:///\ud800.png"}, "a file is named by a file:// URI"),
        ({"uri": "file://["}, "a file is named by a file:// URI"),
        ({"uri": "file:relative.png"}, "a file is named by a file:// URI"),
        ({"uri": ""}, "a file is named by a file:// URI"),
        ({"uri": "file:///etc/passwd"}, "in none of the folders"),
    ],
)
def test_what_is_not_as_it_is_said_to_be_is_refused(
    tmp_path: Path, network: Network, outbox: Path, changed: dict[str, str], why: str
) -> None:
    assert why in refused(network, offered(outbox).model_copy(update=changed))
    assert kept(tmp_path) == []


def linked_file(outbox: Path, beside: Path) -> Path:
    (outbox / "link.png").symlink_to(beside)
    return outbox / "link.png"


def linked_folder(outbox: Path, beside: Path) -> Path:
    (outbox / "inner").symlink_to(beside.parent)
    return outbox / "inner" / beside.name


def folder(outbox: Path, beside: Path) -> Path:
    (outbox / "folder.png").mkdir()
    return outbox / "folder.png"


def pipe(outbox: Path, beside: Path) -> Path:
    os.mkfifo(outbox / "pipe.png")
    return outbox / "pipe.png"


def large(outbox: Path, beside: Path) -> Path:
    with (outbox / "large.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    return outbox / "large.png"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (lambda outbox, beside: beside, "in none of the folders"),
        (lambda outbox, beside: outbox / ".." / beside.name, "no '..'"),
        (lambda outbox, beside: Path(f"{outbox}-more/{beside.name}"), "in none of the folders"),
        (lambda outbox, beside: outbox, "in none of the folders"),
        (lambda outbox, beside: outbox / "nothing.png", "there is no plain file 'nothing.png'"),
        (lambda outbox, beside: outbox / ("n" * 300), "there is no plain file"),
        (linked_file, "there is no plain file 'link.png'"),
        (linked_folder, "there is no plain file"),
        (folder, "is no plain file"),
        (pipe, "is no plain file"),
        (large, "is larger than 52428800 bytes"),
    ],
)
def test_only_plain_files_in_the_folder_are_copied(
    tmp_path: Path, network: Network, outbox: Path, place: Callable[[Path, Path], Path], why: str
) -> None:
    item = offered(tmp_path)
    uri = place(outbox, path_of(item.uri)).as_uri()
    assert why in refused(network, item.model_copy(update={"uri": uri}))
    assert kept(tmp_path) == []


@pytest.mark.parametrize("escape", ["/%2e%2e/", "/%2E./", "/x/../../", "/\0/", "/%00/"])
def test_a_path_that_is_written_otherwise_leads_nowhere_else(
    tmp_path: Path, network: Network, outbox: Path, escape: str
) -> None:
    item = offered(tmp_path)
    uri = outbox.as_uri() + escape + path_of(item.uri).name
    assert "no '..'" in refused(network, item.model_copy(update={"uri": uri}))


def test_names_with_spaces_folders_below_and_another_name_of_the_folder_are_fine(tmp_path: Path, outbox: Path) -> None:
    (outbox / "a folder ü").mkdir()
    item = offered(outbox / "a folder ü")
    (tmp_path / "alias").symlink_to(outbox)
    for number, source in enumerate((tmp_path / "alias", outbox)):
        network = Network(tmp_path / "social.db", seed=7, media_from=[tmp_path / "absent", source])
        assert tweet(network, item, key=f"k{number}").media == [item.sha256]
        network.close()


def test_without_a_folder_no_files_are_taken(tmp_path: Path, outbox: Path) -> None:
    network = Network(tmp_path / "social.db", seed=7)
    assert "takes no files" in refused(network, offered(outbox))
    assert tweet(network).media == []
    network.close()


def test_a_replay_by_key_needs_the_file_no_more_and_shows_nothing_twice(network: Network, outbox: Path) -> None:
    item = offered(outbox)
    first = tweet(network, item)
    path_of(item.uri).unlink()
    assert tweet(network, item) == first.model_copy(update={"replayed": True})
    assert network.find("nova", "k1") == first
    assert [post.author for post in network.posts(500, None).posts].count("nova") == 1


@pytest.mark.parametrize("change", ["other file", "no file", "one more", "other words", "file as text"])
def test_the_same_key_with_anything_else_to_show_is_a_conflict(network: Network, outbox: Path, change: str) -> None:
    item, other = offered(outbox), offered(outbox, "png", 200)
    tweet(network, item)
    shown = {
        "other file": [other],
        "no file": [],
        "one more": [item, other],
        "other words": [item.model_copy(update={"alt": "A planet"})],
        "file as text": [],
    }[change]
    with pytest.raises(NetworkError) as caught:
        if change == "file as text":
            texts = ["Look", item.sha256, item.media_type, item.alt]
            network.publish("tweet", "nova", texts, "k1", ai_label=True)
        else:
            tweet(network, *shown)
    assert caught.value.refusal is PostRefused.KEY_CONFLICT


def test_a_folder_that_cannot_be_written_is_not_the_callers_fault(
    tmp_path: Path, network: Network, outbox: Path
) -> None:
    (tmp_path / "social.db.media").write_text("in the way")
    with pytest.raises(NetworkError) as caught:
        tweet(network, offered(outbox))
    assert caught.value.refusal is PostRefused.UNAVAILABLE
    assert not network.find("nova", "k1").found


def test_what_a_row_keeps_is_read_back_and_what_is_no_clip_is_told_apart(tmp_path: Path, outbox: Path) -> None:
    item = offered(outbox)
    check_media([item])
    (shown,) = MediaFolder(tmp_path, []).shown(noted([item]))
    assert (shown.sha256, shown.alt) == (item.sha256, "A star")
    assert marks([]) == []
    assert marks([item]) != marks([item.model_copy(update={"sha256": "a" * 64})])
    for brand in (b"avif", b"heic", b"qt  "):
        data = b"\0\0\0\x18ftyp" + brand + made("mp4")[12:]
        (outbox / "film.mp4").write_bytes(data)
        film = OfferedMedia(
            uri=(outbox / "film.mp4").as_uri(),
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="video/mp4",
            alt="",
        )
        with pytest.raises(NetworkError, match="does not begin like video/mp4"):
            MediaFolder(tmp_path / "own", [outbox]).take_in([film])


PUBLISH = """
import sys
from pathlib import Path
from chimera_devnet.social.messages import OfferedMedia
from chimera_devnet.social.network import Network
network = Network(Path(sys.argv[1]), 7, media_from=[Path(sys.argv[2])])
print("open", flush=True)
item = OfferedMedia.model_validate_json(sys.stdin.readline())
print(network.publish("tweet", "nova", ["Look"], "k1", ai_label=True, media=[item]).ids, flush=True)
"""


def test_a_process_killed_between_copy_and_commit_leaves_a_sane_network(
    tmp_path: Path, outbox: Path, network: Network
) -> None:
    item, own = offered(outbox), tmp_path / "social.db.media"
    with ExitStack() as stack:
        command = [sys.executable, "-c", PUBLISH, str(tmp_path / "social.db"), str(outbox)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        child = stack.enter_context(subprocess.Popen(command, text=True, env={"PYTHONPATH": SOURCE}, **pipes))
        stack.callback(child.kill)
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        blocker = sqlite3.connect(tmp_path / "social.db", isolation_level=None)
        stack.callback(blocker.close)
        blocker.execute("BEGIN IMMEDIATE")  # the child gets as far as its copy, and waits
        child.stdin.write(item.model_dump_json() + "\n")
        child.stdin.flush()
        wait_for(lambda: kept(tmp_path) == [f"{item.sha256}.png"])
        child.send_signal(signal.SIGKILL)
        assert child.wait(timeout=10) == -signal.SIGKILL
        assert child.stdout.read() == ""
    assert not network.find("nova", "k1").found
    assert network.posts(9, None).posts == []
    receipt = tweet(network, item)
    assert (receipt.replayed, receipt.ids) == (False, ["1"])
    assert [path.read_bytes() for path in own.iterdir()] == [made("png")]
    check = sqlite3.connect(tmp_path / "social.db")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
