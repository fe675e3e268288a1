"""The process that feeds are read in: `python -m chimera_connectors.news.answering FD`, started by `reading`."""

import sys
from multiprocessing.connection import Connection

from chimera_connectors.news import entries
from chimera_connectors.news.items import FeedError
from chimera_connectors.news.reading import ANSWER, FeedRefused, Read, ReadRequest

IDLE_SECONDS = 120.0


def answered(request: ReadRequest, body: bytes) -> bytes:
    """What the process says about a feed."""
    try:
        items = entries.parse(request.name, body, request.content_type, request.address)
    except FeedError as error:
        return ANSWER.dump_json(FeedRefused(reason=str(error)))
    return ANSWER.dump_json(Read(items=items))


def serve(pipe: Connection) -> None:
    """Answer until the other side goes, or asks nothing for long."""
    pipe.send_bytes(b"ready")
    while pipe.poll(IDLE_SECONDS):
        try:
            request, body = pipe.recv_bytes(), pipe.recv_bytes()
            pipe.send_bytes(answered(ReadRequest.model_validate_json(request), body))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
