"""The models' gateway: typed answers, and one kind of failure for everything that can go wrong."""

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal

import pydantic_ai.models
import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from pydantic_ai.exceptions import ModelHTTPError, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.usage import RequestUsage

from chimera.campaigns.types.plans import Revision
from chimera.errors import ModelFailed
from chimera.gateways.models import gateway as models
from chimera.gateways.models.gateway import ModelGateway
from chimera.gateways.models.types import Model, RenderedPrompt
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.tasks.types.work import Draft
from chimera.values import Role
from chimera_protocol.errors import Invalid

NATIVE = ModelProfile(supports_json_schema_output=True, default_structured_output_mode="native")
GOOD = '{"score": 91, "reasons": ["Clear and sourced."]}'
PROMPT = RenderedPrompt(name="judge", version=1, sha256="0" * 64, text="Judge this.")


@pytest.fixture(autouse=True)
def fuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a provider."""
    monkeypatch.setattr(pydantic_ai.models, "ALLOW_MODEL_REQUESTS", False)


def scripted(*answers: str | Exception, name: str = "scripted", cost: str | None = None) -> FunctionModel:
    """A model that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        price = None if cost is None else Decimal(cost)
        usage = RequestUsage(input_tokens=10, output_tokens=5, cost=price)
        return ModelResponse(parts=[TextPart(answer)], model_name=name, usage=usage)

    return FunctionModel(reply, model_name=name, profile=NATIVE)


def hanging() -> FunctionModel:
    async def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    return FunctionModel(reply, model_name="hanging", profile=NATIVE)


def gateway(*models: FunctionModel, timeout_s: float = 5, request_limit: int = 2) -> ModelGateway:
    built = {f"m{number}": model for number, model in enumerate(models)}
    return ModelGateway({Role.JUDGE: list(built)}, built=built, timeout_s=timeout_s, request_limit=request_limit)


async def test_an_answer_is_typed_and_says_what_it_took() -> None:
    port: Model = gateway(scripted(GOOD, cost="0.0021"))
    answer = await port.ask(Role.JUDGE, PROMPT, Opinion, seed=3)
    assert (answer.output.score, answer.model_used, answer.seed) == (91, "scripted", 3)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 5)
    assert answer.usage.cost == "0.0021 USD"
    assert answer.duration_ms >= 0


@pytest.mark.parametrize("cost", [None, "0"])
async def test_an_unknown_or_zero_price_is_absent(cost: str | None) -> None:
    answer = await gateway(scripted(GOOD, cost=cost)).ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert answer.usage.cost is None


async def test_the_seed_and_the_bounds_reach_the_model() -> None:
    seen: list[AgentInfo] = []

    async def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append(info)
        return ModelResponse(parts=[TextPart(GOOD)])

    model = FunctionModel(reply, profile=NATIVE)
    built = {"m": model, "n": scripted(GOOD)}
    port = ModelGateway({Role.JUDGE: ["m", "n"]}, built=built, timeout_s=30, max_output_tokens=77)
    await port.ask(Role.JUDGE, PROMPT, Opinion, seed=12)
    settings = seen[0].model_settings or {}
    assert (settings.get("seed"), settings.get("max_tokens"), settings.get("max_retries")) == (12, 77, 0)
    assert settings.get("request_timeout") == 15


async def test_one_repair_is_allowed_when_an_answer_does_not_fit() -> None:
    answer = await gateway(scripted("rubbish", GOOD)).ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert answer.output.score == 91
    assert answer.usage.input_tokens == 20


async def test_the_second_model_takes_over_and_is_named() -> None:
    port = gateway(scripted(ModelHTTPError(503, "first"), name="first"), scripted(GOOD, name="second"))
    answer = await port.ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert answer.model_used == "second"


async def test_the_second_model_takes_over_when_the_first_hangs() -> None:
    answer = await gateway(hanging(), scripted(GOOD), timeout_s=0.4).ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert answer.model_used == "scripted"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: gateway(scripted("rubbish")), "does not fit Opinion"),
        (lambda: gateway(scripted('{"score": 500, "reasons": ["x"]}')), "does not fit Opinion"),
        (lambda: gateway(scripted("rubbish"), request_limit=1), "bounds of one ask"),
        (lambda: gateway(scripted(ModelHTTPError(429, "busy"))), "429"),
        (lambda: gateway(scripted(ModelHTTPError(500, "a")), scripted(ModelHTTPError(502, "b"))), "502"),
        (lambda: gateway(scripted(UserError("no key"))), "no key"),
        (lambda: gateway(hanging(), timeout_s=0.05), "judge"),
    ],
)
async def test_every_failure_is_a_model_failed(make: Callable[[], ModelGateway], said: str) -> None:
    with pytest.raises(ModelFailed, match=re.escape(said)) as caught:
        await make().ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert caught.value.status == 502


async def test_the_fuse_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    port = ModelGateway({Role.JUDGE: ["openai:gpt-5"]})
    with pytest.raises(RuntimeError, match="not allowed") as caught:
        await port.ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert not isinstance(caught.value, ModelFailed)


@pytest.mark.parametrize("name", ["nonsense", "test", "foo:bar", "openai:gpt-5", "local:llama", ""])
def test_a_name_that_makes_no_model_fails_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(Invalid) as caught:
        ModelGateway({Role.WORKER: [name]})
    assert "CHIMERA_MODEL" in caught.value.remedy


def test_a_role_without_models_fails_at_once() -> None:
    with pytest.raises(Invalid, match="worker"):
        ModelGateway({Role.WORKER: []})


async def test_a_role_that_was_not_configured_cannot_ask() -> None:
    with pytest.raises(Invalid, match="worker"):
        await gateway(scripted(GOOD)).ask(Role.WORKER, PROMPT, Draft, seed=1)


async def test_a_local_server_is_asked_for_its_model() -> None:
    port = ModelGateway({Role.JUDGE: ["local:llama"]}, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(RuntimeError, match="not allowed"):
        await port.ask(Role.JUDGE, PROMPT, Opinion, seed=1)


async def test_the_composer_answers_through_the_gateway_and_as_a_fallback() -> None:
    prompt = prompts.render("revise", {"goal": "A post on birds", "reasons": ["prohibited keyword: cat"]})
    built = {"broken": scripted(ModelHTTPError(500, "broken"))}
    for names in (["composer"], ["broken", "composer"]):
        port = ModelGateway({Role.PLANNER: names}, built=built)
        answer = await port.ask(Role.PLANNER, prompt, Revision, seed=5)
        assert answer.model_used == "composer"
        assert answer.output.avoid == ["cat"]
        assert answer.usage.input_tokens > 0
        assert answer.usage.cost is None


async def test_a_prompt_that_the_composer_cannot_read_is_a_model_failed() -> None:
    with pytest.raises(ModelFailed, match="no input"):
        await ModelGateway({Role.JUDGE: ["composer"]}).ask(Role.JUDGE, PROMPT, Opinion, seed=1)


def words(text: str) -> RenderedPrompt:
    return PROMPT.model_copy(update={"text": text})


def priced(*names: str, monkeypatch: pytest.MonkeyPatch, max_output_tokens: int = 4_000) -> ModelGateway:
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{provider}_API_KEY", "x")
    return ModelGateway({Role.JUDGE: list(names)}, max_output_tokens=max_output_tokens)


def test_the_ceiling_of_the_composer_is_every_byte_and_token_of_two_requests() -> None:
    port: Model = ModelGateway({Role.JUDGE: ["composer"]}, max_output_tokens=100)
    short, longer = (port.ceilings(Role.JUDGE, words(text)) for text in ("", "é" * 1_000))
    assert [money.currency for money in short] == ["COMPUTE"]
    assert longer[0].amount - short[0].amount == 2 * 2_000
    assert short[0].amount >= 2 * 100


def test_a_priced_model_has_a_ceiling_in_whole_cents_rounded_up(monkeypatch: pytest.MonkeyPatch) -> None:
    (money,) = priced("openai:gpt-5", monkeypatch=monkeypatch).ceilings(Role.JUDGE, words("x" * 1_000))
    # 1,000 bytes, what frames them, and the first answer, which a second request reads.
    usage = PricedUsage(input_tokens=1_000 + 4_000 + 4_000, output_tokens=4_000)
    exact = calc_price(usage, "gpt-5", provider_id="openai").total_price * 2
    assert money.currency == "USD"
    assert exact <= money.amount < exact + Decimal("0.01")
    assert money.amount == money.amount.quantize(Decimal("0.01"))


def test_the_cheapest_call_still_reserves_a_cent(monkeypatch: pytest.MonkeyPatch) -> None:
    port = priced("openai:gpt-5-nano", monkeypatch=monkeypatch, max_output_tokens=1)
    assert [str(money) for money in port.ceilings(Role.JUDGE, words("x"))] == ["0.01 USD"]


def test_a_chain_reserves_for_all_its_models_by_currency(monkeypatch: pytest.MonkeyPatch) -> None:
    def ceilings(*names: str) -> dict[str, Decimal]:
        found = priced(*names, monkeypatch=monkeypatch).ceilings(Role.JUDGE, PROMPT)
        return {money.currency: money.amount for money in found}

    gpt, claude = ceilings("openai:gpt-5"), ceilings("anthropic:claude-sonnet-4-5")
    both, mixed = ceilings("openai:gpt-5", "anthropic:claude-sonnet-4-5"), ceilings("openai:gpt-5", "composer")
    assert gpt["USD"] + claude["USD"] - Decimal("0.01") <= both["USD"] <= gpt["USD"] + claude["USD"]
    assert mixed == gpt | ceilings("composer")
    assert set(mixed) == {"USD", "COMPUTE"}


@pytest.mark.parametrize("name", ["openai:a-model-of-tomorrow", "anthropic:claude-of-tomorrow"])
def test_a_model_of_unknown_price_is_refused_before_anything_is_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Invalid, match=r"nobody knows what .*tomorrow costs") as caught:
        priced("composer", name, monkeypatch=monkeypatch).ceilings(Role.JUDGE, PROMPT)
    assert "known price" in caught.value.remedy


def test_a_model_that_is_said_to_cost_nothing_is_of_unknown_price(monkeypatch: pytest.MonkeyPatch) -> None:
    free = calc_price(PricedUsage(input_tokens=0, output_tokens=0), "gpt-5", provider_id="openai")
    monkeypatch.setattr(models, "calc_price", lambda *args, **named: free)
    with pytest.raises(Invalid, match="its price is zero"):
        priced("openai:gpt-5", monkeypatch=monkeypatch).ceilings(Role.JUDGE, PROMPT)


def test_a_local_model_is_counted_in_tokens() -> None:
    port = ModelGateway({Role.JUDGE: ["local:gpt-5"]}, base_url="http://127.0.0.1:9/v1")
    assert [money.currency for money in port.ceilings(Role.JUDGE, PROMPT)] == ["COMPUTE"]


def somebody_elses(made: ModelGateway) -> ModelGateway:
    """The same gateway, as if its models were a provider's."""
    made._unbilled = lambda model: False  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize(
    ("make", "billed"),
    [
        (lambda: gateway(scripted(ModelHTTPError(401, "no"))), False),
        (lambda: gateway(scripted(ModelHTTPError(429, "busy"))), False),
        (lambda: gateway(scripted(UserError("no key"))), False),
        (lambda: gateway(scripted(ModelHTTPError(500, "broken"))), True),
        (lambda: gateway(scripted(ModelHTTPError(400, "a")), scripted(ModelHTTPError(403, "b"))), False),
        (lambda: gateway(scripted(ModelHTTPError(400, "a")), scripted(ModelHTTPError(502, "b"))), True),
        (lambda: gateway(hanging(), timeout_s=0.05), False),
        (lambda: gateway(scripted("rubbish"), request_limit=1), False),
        (lambda: somebody_elses(gateway(hanging(), timeout_s=0.05)), True),
        (lambda: somebody_elses(gateway(scripted("rubbish"), request_limit=1)), True),
        (lambda: gateway(scripted("rubbish")), False),
    ],
    ids=[
        "401",
        "429",
        "no key",
        "500",
        "all turned away",
        "one broke",
        "no answer of ours",
        "our own over bounds",
        "no answer",
        "over bounds",
        "our own rubbish",
    ],
)
async def test_a_failure_says_whether_it_may_be_billed(make: Callable[[], ModelGateway], billed: bool) -> None:
    with pytest.raises(ModelFailed) as caught:
        await make().ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert caught.value.billed is billed


async def test_rubbish_of_a_model_that_sends_bills_is_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "infer_model", lambda name: scripted("rubbish", name=name))
    with pytest.raises(ModelFailed, match="does not fit") as caught:
        await ModelGateway({Role.JUDGE: ["openai:gpt-5"]}).ask(Role.JUDGE, PROMPT, Opinion, seed=1)
    assert caught.value.billed
