"""Who calls, and what their role may do (OPS-5)."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chimera.errors import Forbidden, Unauthenticated
from chimera.values import Caller, KeyRole

COOKIE = "chimera_key"
"""The board's cookie: HttpOnly, SameSite=Strict, worth as much as the key it holds."""

_bearer = HTTPBearer(auto_error=False, description="An API key: 'Authorization: Bearer chm_…'.")


async def authenticate(request: Request, secret: str) -> Caller:
    """Who holds this key; Unauthenticated when nobody (any more) does."""
    known: Callable[[str], Awaitable[Caller]] = request.app.state.authenticate
    return await known(secret)


async def caller(request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    """The caller by bearer key or the board's cookie."""
    secret = bearer.credentials if bearer else request.cookies.get(COOKIE)
    if not secret:
        raise Unauthenticated("this needs an API key")
    return await authenticate(request, secret)


def only(*roles: KeyRole) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that lets these roles pass."""

    async def gate(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if who.role not in roles:
            names = ", ".join(role.value for role in roles)
            raise Forbidden(f"a key with the role {who.role.value} may not do this; it takes: {names}")
        return who

    return gate


Anyone = Annotated[Caller, Depends(caller)]
Operator = Annotated[Caller, Depends(only(KeyRole.OPERATOR))]
Author = Annotated[Caller, Depends(only(KeyRole.OPERATOR, KeyRole.DEVELOPER))]
Dispatcher = Annotated[Caller, Depends(only(KeyRole.OPERATOR, KeyRole.DEVELOPER, KeyRole.AGENT))]
Spender = Annotated[Caller, Depends(only(KeyRole.OPERATOR, KeyRole.AGENT))]
Reviewer = Annotated[Caller, Depends(only(KeyRole.OPERATOR, KeyRole.REVIEWER))]
