"""What the rooms offer to routes and pages, found by its type. The wiring fills it, and it alone knows how."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

Service = TypeVar("Service")


class Services:
    """One maker for each type. Each is asked whenever its type is, so that a process pays for what it uses."""

    def __init__(self) -> None:
        self._makers: dict[type, Callable[[], object]] = {}

    def offer(self, kind: type[Service], make: Callable[[], Service]) -> None:
        """Let this type be found."""
        self._makers[kind] = make

    def get(self, kind: type[Service]) -> Service:
        """The service of this type. LookupError when nobody offers it, which is a mistake in the wiring."""
        make = self._makers.get(kind)
        found = make() if make is not None else None
        if not isinstance(found, kind):
            raise LookupError(f"nobody offers a {kind.__name__}")
        return found


def services_of(request: Request) -> Services:
    """What serves this request."""
    services: Services = request.app.state.services
    return services


def provided(kind: type[Service]) -> Callable[[Request], Awaitable[Service]]:
    """A dependency on the service of a type."""

    async def provide(request: Request) -> Service:
        return services_of(request).get(kind)

    return provide
