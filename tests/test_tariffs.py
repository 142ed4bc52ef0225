"""What a picture costs where."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cogview_cli.api.models import MODELS
from cogview_cli.api.tariffs import BIGMODEL, ZAI, tariff_of

BIGMODEL_URL = "https://open.bigmodel.cn/api/paas/v4"
ZAI_URL = "https://api.z.ai/api/paas/v4"


@pytest.mark.parametrize(
    ("url", "currency"),
    [
        (BIGMODEL_URL, "CNY"),
        (ZAI_URL, "USD"),
        ("https://API.Z.AI./v4", "USD"),
        ("https://z.ai/v4", "USD"),
        ("https://notz.ai/v4", "CNY"),
        ("https://api.z.ai.example/v4", "CNY"),
        ("https://gateway.example/z.ai", "CNY"),
        ("http://[broken", "CNY"),
    ],
)
def test_the_host_decides_the_price_list(url: str, currency: str) -> None:
    assert tariff_of(url).currency == currency


@pytest.mark.parametrize(
    ("model", "price"),
    [("cogview-4-250304", "0.01"), ("CogView-4", "0.01"), ("glm-image", "0.015")],
)
def test_prices_on_zai(model: str, price: str) -> None:
    assert ZAI.price_of(model) == Decimal(price)


def test_what_zai_does_not_list_has_no_price() -> None:
    assert ZAI.price_of("cogview-3-flash") is None and ZAI.price_of("x") is None


def test_bigmodels_prices_are_those_of_the_models() -> None:
    assert {name: BIGMODEL.price_of(name.upper()) for name in MODELS} == {
        name: rules.price for name, rules in MODELS.items()
    }
    assert BIGMODEL.price_of("my-model") is None


def test_an_own_price_holds_for_every_model() -> None:
    own = tariff_of(BIGMODEL_URL, price=Decimal("0.05"), currency="EUR")
    assert (own.price_of("cogview-4"), own.price_of("x"), own.currency) == (
        Decimal("0.05"),
        Decimal("0.05"),
        "EUR",
    )
    assert tariff_of(ZAI_URL, price=Decimal(1)).currency == "USD"
    assert tariff_of("https://h.example", price=Decimal(0)).free and not own.free


def test_a_free_model_is_no_free_server() -> None:
    """It is the profile that says that losing an answer costs nothing."""
    assert BIGMODEL.price_of("cogview-3-flash") == 0 and not BIGMODEL.free


def test_a_list_in_another_currency_says_nothing() -> None:
    assert tariff_of(BIGMODEL_URL, currency="EUR").price_of("cogview-4") is None
    assert tariff_of(ZAI_URL, currency="USD").price_of("cogview-4") == Decimal("0.01")
