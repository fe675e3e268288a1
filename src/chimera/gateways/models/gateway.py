"""Language models behind one port: typed answers, fallbacks, bounds, and one kind of failure."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from time import monotonic

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelHTTPError,
    RunTimedOut,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
    UserError,
)
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from chimera.errors import ModelFailed
from chimera.gateways.models.composer.link import Composer
from chimera.gateways.models.types import COMPOSER, ModelAnswer, ModelBounds, Out, RenderedPrompt, Usage
from chimera.values import Role
from chimera_protocol.errors import Invalid
from chimera_protocol.money import EXPONENTS, Money, plain

_LOCAL = "local:"
_REMEDY = (
    "Set CHIMERA_MODEL to 'composer', to 'PROVIDER:NAME' with that provider's key in the environment, "
    "or to 'local:NAME' with the base URL of an OpenAI-compatible server."
)


class ModelGateway:
    """The port `Model`: for each role a model, and others that take over when its provider fails.

    `timeout_s` bounds a whole ask in seconds, shared out evenly over the models of the chain;
    `request_limit` counts requests, so 2 leaves one for mending an answer that did not fit.
    `built` holds ready-made models by name, beside the ones that names alone can find.
    Invalid when a role has no model, or a name cannot be made into one.
    """

    def __init__(
        self,
        models: Mapping[Role, Sequence[str]],
        *,
        timeout_s: float = 60,
        max_output_tokens: int = ModelBounds.max_output_tokens,
        request_limit: int = ModelBounds.requests,
        base_url: str | None = None,
        built: Mapping[str, Model] | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._bounds = ModelBounds(max_output_tokens, request_limit)
        self._limits = UsageLimits(request_limit=request_limit)
        self._base_url = base_url
        self._built = frozenset(built or ())
        self._known: dict[str, Model] = {COMPOSER: Composer(), **(built or {})}
        self._chains = {role: self._chain(role, names) for role, names in models.items()}
        self._agents: dict[tuple[Role, type[BaseModel]], Agent[None, BaseModel]] = {}

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        """The most that one ask can cost: all models of the chain, all requests, the longest answers.

        Counted tokens for models that nobody bills. Invalid when the price of one is not known.
        """
        bounds, total = self._bounds, dict[str, Decimal]()
        for model in self._chains.get(role, []):
            if self._unbilled(model):
                most = bounds.compute(prompt)
                amount, currency = most.amount, most.currency
            else:
                price = _list_price(model, bounds.read(prompt), bounds.max_output_tokens)
                amount, currency = price * bounds.requests, "USD"
            total[currency] = total.get(currency, Decimal(0)) + amount
        return [
            Money(amount=amount.quantize(Decimal(1).scaleb(-EXPONENTS[currency]), ROUND_UP), currency=currency)
            for currency, amount in total.items()
        ]

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> ModelAnswer[Out]:
        """Put a prompt and get a typed answer. ModelFailed for every way in which a model can let us down."""
        agent = self._agent(role, output)
        started = monotonic()
        try:
            result = await agent.run(
                prompt.text,
                model_settings=ModelSettings(seed=seed),
                usage_limits=self._limits,
                timeout=self._timeout_s,
            )
        except RunTimedOut as error:
            raise ModelFailed(f"{role}: no answer within {self._timeout_s:g} s", billed=self._bills(role)) from error
        except UsageLimitExceeded as error:
            raise ModelFailed(
                f"{role}: over the bounds of one ask: {_brief(error)}", billed=self._bills(role)
            ) from error
        except UnexpectedModelBehavior as error:
            raise ModelFailed(
                f"{role}: the answer does not fit {output.__name__}: {_brief(error)}",
                billed=self._bills(role),
            ) from error
        except FallbackExceptionGroup as error:
            causes = "; ".join(_brief(cause) for cause in error.exceptions)
            raise ModelFailed(
                f"{role}: every model of the chain failed: {causes}", billed=_billed(error.exceptions)
            ) from error
        except (ModelAPIError, UserError) as error:
            raise ModelFailed(f"{role}: the provider refused: {_brief(error)}", billed=_billed([error])) from error
        if not isinstance(result.output, output):
            raise ModelFailed(f"{role}: the answer is a {type(result.output).__name__}, not a {output.__name__}")
        return ModelAnswer(
            output=result.output,
            model_used=result.response.model_name or self._chains[role][0].model_name,
            seed=seed,
            usage=Usage(
                input_tokens=result.usage.input_tokens,
                output_tokens=result.usage.output_tokens,
                cost=_price(result.usage.cost),
            ),
            duration_ms=round((monotonic() - started) * 1_000),
            unbilled=any(
                model.model_name == result.response.model_name and self._unbilled(model) for model in self._chains[role]
            ),
        )

    def _agent(self, role: Role, output: type[BaseModel]) -> Agent[None, BaseModel]:
        """One agent per role and output type: building one costs more than a composer's whole answer."""
        found = self._agents.get((role, output))
        if found is not None:
            return found
        chain = self._chains.get(role)
        if chain is None:
            raise Invalid(f"no model is configured for the {role}", remedy=_REMEDY)
        settings = ModelSettings(
            max_tokens=self._bounds.max_output_tokens,
            request_timeout=self._timeout_s / len(chain),
            # The queue retries with back-off and a new attempt number; a hidden retry would bill twice.
            max_retries=0,
        )
        model = chain[0] if len(chain) == 1 else FallbackModel(*chain)
        agent = Agent[None, BaseModel](
            model, output_type=output, model_settings=settings, retries={"output": 1}, name=role.value
        )
        self._agents[role, output] = agent
        return agent

    def _chain(self, role: Role, names: Sequence[str]) -> list[Model]:
        if not names:
            raise Invalid(f"the list of models for the {role} is empty", remedy=_REMEDY)
        return [self._model(name) for name in names]

    def _model(self, name: str) -> Model:
        """The model of that name; the same object for every role, so that they share its connections."""
        if name not in self._known:
            self._known[name] = self._local(name) if name.startswith(_LOCAL) else _remote(name)
        return self._known[name]

    def _bills(self, role: Role) -> bool:
        """Whether any model of a role's chain is somebody else's."""
        return not all(self._unbilled(model) for model in self._chains[role])

    def _unbilled(self, model: Model) -> bool:
        """Whether a model runs on our own machines."""
        return any(
            known is model and (name == COMPOSER or name.startswith(_LOCAL) or name in self._built)
            for name, known in self._known.items()
        )

    def _local(self, name: str) -> Model:
        if self._base_url is None:
            raise Invalid(f"the model {name!r} needs the base URL of its server", remedy=_REMEDY)
        # Such servers ask for no key, but the client library insists on one.
        provider = OpenAICompatibleProvider("local", base_url=self._base_url, api_key="unused")
        return OpenAIChatModel(name.removeprefix(_LOCAL), provider=provider)


def _list_price(model: Model, read: int, written: int) -> Decimal:
    try:
        usage = PricedUsage(input_tokens=read, output_tokens=written)
        price = calc_price(usage, model.model_name, provider_id=model.system).total_price
    except LookupError as error:
        price, cause = Decimal(0), str(error)
    else:
        cause = "its price is zero"
    if price <= 0:
        raise Invalid(
            f"nobody knows what {model.system}:{model.model_name} costs: {cause[:200]}",
            remedy="Use a model with a known price, or a local one; a spend of unknown cost is refused.",
        )
    return price


def _remote(name: str) -> Model:
    if ":" not in name:
        raise Invalid(f"{name!r} is not the name of a model", remedy=_REMEDY)
    try:
        return infer_model(name)
    except (UserError, ValueError, ImportError) as error:
        raise Invalid(f"the model {name!r} cannot be used: {_brief(error)}", remedy=_REMEDY) from error


def _billed(errors: Sequence[Exception]) -> bool:
    """Whether a provider may have worked before it failed. A request that was turned away (4xx) costs nothing."""
    return any(not isinstance(each, UserError) and not _turned_away(each) for each in errors)


def _turned_away(error: Exception) -> bool:
    return isinstance(error, ModelHTTPError) and 400 <= error.status_code < 500


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _price(cost: Decimal | None) -> str | None:
    return f"{plain(cost)} USD" if cost is not None and cost > 0 else None
