"""What one caller may ask for: measured before it runs, told afterwards, and refused by name beyond it."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from graphql import GraphQLObjectType, get_operation_ast, parse
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from graphql_api.access.principal import NOBODY, OPEN, Principal, Scope
from graphql_api.app import assemble
from graphql_api.limits.budget import MAX_CALLERS, Budgets, Rate
from graphql_api.limits.caller import caller_of
from graphql_api.limits.cost import INTROSPECTION, UNPAGED, WORK, Extent, extent, objects
from graphql_api.limits.operation import MAX_ALIASES, MAX_DEPTH, MAX_TOKENS
from graphql_api.router import GRAPHQL_RESPONSE
from graphql_api.schema import api_schema
from graphql_api.settings import ApiSettings
from graphql_api.sql.sites import all_sites
from tests.api.doubles import services

SCHEMA = api_schema()._schema
SITES = [{"site_id": "default", "name": "Home", "time_zone": "UTC"}]
RANGE = '{from: "2026-03-02T08:00:00Z", to: "2026-03-02T09:00:00Z"}'


def measured(text: str, variables: dict[str, Any] | None = None) -> Extent:
    document = parse(text)
    operation = get_operation_ast(document, None)
    assert operation is not None
    return extent(SCHEMA, document, operation, variables or {})


def ask(query: str, **limits: Any) -> Any:
    made, _, _ = services({all_sites: SITES})
    object.__setattr__(made, "settings", ApiSettings(access="open", **limits))
    client = TestClient(assemble(made, lambda _: None))
    return client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL_RESPONSE})


@pytest.mark.parametrize(
    ("query", "variables", "points"),
    [
        ('{ site(siteId: "a") { name timeZone } }', {}, 1),
        ("{ sites { name } }", {}, UNPAGED),
        ("{ cameras { nodes { name } } }", {}, 1 + 50),
        ("{ cameras(first: 10) { nodes { name } pageInfo { endCursor } } }", {}, 1 + 10 + 1),
        ("{ cameras(first: 10) { edges { cursor node { name } } } }", {}, 1 + 10 * 2),
        ("query($n: Int!) { cameras(first: $n) { nodes { name } } }", {"n": 3}, 1 + 3),
        ("query($n: Int = 7) { cameras(first: $n) { nodes { name } } }", {}, 1 + 7),
        ("query($n: Int) { cameras(first: $n) { nodes { name } } }", {"n": 100_000}, 1 + 200),
        ("{ cameras(first: 10) { nodes { zones { name } } } }", {}, 1 + 10 * (1 + UNPAGED)),
        ("{ cameras(first: 10) { ...P } } fragment P on CameraConnection { nodes { name } }", {}, 1 + 10),
        (f'{{ efficiency(siteId: "a", range: {RANGE}) {{ t efficiency }} }}', {}, 1 + WORK["Query.efficiency"]),
        ("{ __typename }", {}, 0),
        ("{ __schema { types { name } } }", {}, INTROSPECTION),
    ],
)
def test_a_point_is_an_object_that_may_come(query: str, variables: dict[str, Any], points: int) -> None:
    assert measured(query, variables).points == points


def test_every_field_with_work_of_its_own_is_there() -> None:
    for name in WORK:
        parent, field = name.split(".")
        kind = SCHEMA.type_map[parent]
        assert isinstance(kind, GraphQLObjectType)
        assert field in kind.fields


def test_depth_counts_fields_and_looks_through_fragments() -> None:
    query = "{ sites { ...S } } fragment S on Site { cameras { nodes { zones { polygon { x } } } } }"
    assert measured(query).depth == 6


def test_aliases_are_counted_wherever_they_are() -> None:
    query = "{ a: sites { b: name ... on Site { c: name ...S } } } fragment S on Site { d: name }"
    assert measured(query).aliases == 4


def test_fragments_within_fragments_are_measured_at_once_however_much_they_come_to() -> None:
    count = 60
    bomb = "".join(
        f"fragment F{i} on Site {{ ...F{i + 1} ... on Site {{ ...F{i + 1} }} }} " for i in range(count)
    )  # 2^60 ways to the last of them
    document = f"{{ sites {{ ...F0 }} }} {bomb} fragment F{count} on Site {{ cameras {{ nodes {{ name }} }} }}"
    assert measured(document).points > 2**count


def nested(depth: int) -> str:
    cameras = "{ name }"
    for _ in range(depth):
        cameras = f"{{ site {{ cameras {{ nodes {cameras} }} }} }}"
    return f'{{ camera(cameraId: "a") {cameras} }}'


ALIASES = "{ " + " ".join(f"a{i}: __typename" for i in range(MAX_ALIASES + 1)) + " }"


@pytest.mark.parametrize(
    ("query", "code", "limit"),
    [
        (nested(5), "QUERY_TOO_DEEP", MAX_DEPTH),
        (ALIASES, "TOO_MANY_ALIASES", MAX_ALIASES),
        (
            "{ cameras(first: 200) { nodes { site { cameras(first: 200) { nodes { name } } } } } }",
            "QUERY_TOO_COSTLY",
            2_000,
        ),
    ],
)
def test_what_is_beyond_a_limit_is_refused_with_its_code_and_the_limit(query: str, code: str, limit: int) -> None:
    answer = ask(query)
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert code in {error["extensions"]["code"] for error in errors}
    assert any(str(limit) in error["message"] for error in errors)
    assert "data" not in answer.json()


def test_a_document_of_too_many_words_is_not_even_read() -> None:
    answer = ask("{ sites { " + "name " * MAX_TOKENS + "} }")
    assert answer.status_code == 400
    assert f"more than {MAX_TOKENS} tokens" in answer.json()["errors"][0]["message"]


def test_a_deep_document_within_the_words_is_refused_in_good_order() -> None:
    answer = ask("{a" * 950 + "}" * 950)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_an_answer_tells_what_it_cost_and_what_is_left() -> None:
    cost = ask("{ sites { name } }").json()["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (UNPAGED, 1)
    assert cost["throttleStatus"] == {"maximumAvailable": 20_000, "currentlyAvailable": 19_999, "restoreRate": 1_000}


def test_work_is_due_whatever_comes_back() -> None:
    answer = ask(f'{{ efficiency(siteId: "a", range: {RANGE}) {{ t }} }}').json()
    assert answer["extensions"]["cost"]["actualQueryCost"] == WORK["Query.efficiency"]


def test_who_asks_too_much_in_too_short_a_time_is_told_how_long_to_wait() -> None:
    made, read_model, _ = services({all_sites: SITES})
    object.__setattr__(made, "settings", ApiSettings(access="open", cost_saved_up=6, cost_restored_per_s=1e-6))
    client = TestClient(assemble(made, lambda _: None))
    body, headers = {"query": "{ sites { name } }"}, {"accept": GRAPHQL_RESPONSE}
    answers = [client.post("/graphql", json=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    (error,) = answers[-1].json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryAfterMs"] > 0) == ("THROTTLED", True)
    assert len(read_model.asked) == 2


def test_a_document_is_refused_the_second_time_as_the_first() -> None:
    first, second = ask("{ nonsense }"), ask("{ nonsense }")
    assert first.json() == second.json()
    assert first.json()["errors"][0]["message"].startswith("Cannot query field 'nonsense'")


@given(st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_objects_are_counted_as_their_opening_braces(data: Any) -> None:
    braces = repr(_without_text(data)).count("{")
    assert objects(data) == braces


def _without_text(data: Any) -> Any:
    if isinstance(data, dict):
        return dict(enumerate(map(_without_text, data.values())))
    return list(map(_without_text, data)) if isinstance(data, list) else data


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_bucket_fills_again_at_its_rate_and_not_beyond_its_capacity() -> None:
    clock = Clock()
    budgets = Budgets(Rate(capacity=10, restored_per_s=2), clock)
    assert budgets.spend("a", 10) == 0
    assert budgets.spend("a", 4) == 2
    clock.now_s = 2
    assert budgets.spend("a", 4) == 0
    clock.now_s = 1_000
    assert budgets.left("a") == 10


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 12)), max_size=30))
def test_nobody_gets_more_than_was_saved_up_and_restored(asked: list[tuple[float, float]]) -> None:
    clock, spent = Clock(), 0.0
    budgets = Budgets(Rate(capacity=10, restored_per_s=2), clock)
    for pause_s, points in asked:
        clock.now_s += pause_s
        spent += 0 if budgets.spend("a", points) else points
        assert spent <= 10 + 2 * clock.now_s + 1e-6


def test_callers_do_not_share_a_bucket_and_the_memory_of_them_is_bounded() -> None:
    budgets = Budgets(Rate(capacity=10, restored_per_s=1), Clock())
    budgets.spend("a", 10)
    assert budgets.left("b") == 10
    for number in range(MAX_CALLERS):
        budgets.spend(str(number), 1)
    assert (budgets.left("a"), budgets.left("0")) == (10, 9)


@pytest.mark.parametrize(
    ("principal", "caller"),
    [
        (Principal("u", Scope(), key_id="k"), "key k"),
        (Principal("u", Scope(), session_id="s"), "user u"),
        (OPEN, "address 192.0.2.1"),
        (NOBODY, "address 192.0.2.1"),
    ],
)
def test_a_key_pays_for_itself_a_person_for_all_sessions_and_a_stranger_by_address(
    principal: Principal, caller: str
) -> None:
    assert caller_of(principal, HTTPConnection({"type": "http", "client": ("192.0.2.1", 9)})) == caller


def whole(body: bytes) -> dict[str, Any]:
    return {"content": body}


def in_parts(body: bytes) -> dict[str, Any]:
    return {"content": (body[i : i + 100] for i in range(0, len(body), 100))}


@pytest.mark.parametrize("path", ["/graphql", "/api/v1/replay-runs"])
@pytest.mark.parametrize("sent", [whole, in_parts])
def test_a_body_beyond_the_limit_is_a_413_with_or_without_its_length(
    sent: Callable[[bytes], dict[str, Any]], path: str
) -> None:
    made, _, _ = services()
    object.__setattr__(made, "settings", ApiSettings(access="open", max_body_bytes=1_024))
    client = TestClient(assemble(made, lambda _: None))
    headers = {"content-type": "application/json"}
    answer = client.post(path, headers=headers, **sent(b'"' + b"x" * 1_023 + b'"'))
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert "1024 bytes" in answer.json()["detail"]
