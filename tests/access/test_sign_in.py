"""Signing in and out, keys, invitations, throttling and what browsers must show, over a real database."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from graphql_api.sql.access_changes import Entry, set_grant
from tests.access.installations import CSRF, PASSWORD, Installation, ask, installed

pytestmark = pytest.mark.integration

VIEWER = "{ viewer { userId personLevel grants { siteId role } sites { siteId } } }"
ANN = "ann@example.org"


def refusal(client: TestClient) -> tuple[int, str]:
    answer = client.post("/graphql", json={"query": VIEWER})
    return answer.status_code, answer.json()["code"]


def sign_in(client: TestClient, password: str) -> int:
    return client.post("/api/v1/session", json={"email": ANN, "password": password}, headers=CSRF).status_code


def test_who_signs_in_is_known_until_they_sign_out(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "OPERATOR"}, PASSWORD)
    browser = installation.signed_in(ANN)
    viewer = ask_as_page(browser, VIEWER)["data"]["viewer"]
    assert viewer == {
        "userId": user_id,
        "personLevel": True,
        "grants": [{"siteId": "default", "role": "OPERATOR"}],
        "sites": [{"siteId": "default"}],
    }
    token = browser.cookies["__Host-aforo"]
    assert browser.delete("/api/v1/session", headers=CSRF).status_code == 204
    browser.cookies.set("__Host-aforo", token)
    assert browser.get("/api/v1/viewer").status_code == 401


def ask_as_page(browser: TestClient, document: str) -> dict[str, dict[str, dict[str, object]]]:
    answer: dict[str, dict[str, dict[str, object]]] = browser.post(
        "/graphql", json={"query": document}, headers=CSRF
    ).json()
    return answer


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(installation: Installation) -> None:
    installation.person(ANN, {"default": "VIEWER"}, PASSWORD)
    answer = installation.client().post("/api/v1/session", json={"email": ANN, "password": PASSWORD}, headers=CSRF)
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes


def test_nobody_gets_in_without_signing_in(installation: Installation) -> None:
    client = installation.client()
    assert refusal(client) == (401, "UNAUTHENTICATED")
    assert client.get("/api/v1/cameras").status_code == 401
    assert client.get("/livez").status_code == 200
    with socket(client) as opened:
        opened.send_json({"type": "connection_init"})
        with pytest.raises(WebSocketDisconnect) as closed:
            opened.receive_json()
    assert closed.value.code == 4401


def socket(client: TestClient) -> Any:
    return client.websocket_connect("wss://testserver/graphql", subprotocols=["graphql-transport-ws"])


def test_a_socket_may_name_a_key_once_it_is_open(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "VIEWER"})
    key = installation.key(user_id, {"default": "VIEWER"})
    with socket(installation.client()) as opened:
        opened.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
        assert opened.receive_json()["type"] == "connection_ack"
        opened.send_json({"id": "1", "type": "subscribe", "payload": {"query": "{ viewer { userId } }"}})
        assert opened.receive_json()["payload"]["data"] == {"viewer": {"userId": user_id}}


def test_a_socket_is_closed_when_its_owner_loses_the_role(database: str) -> None:
    installation = installed(database, access_poll_s=0.05)
    user_id = installation.person(ANN, {"default": "VIEWER"})
    key = installation.key(user_id, {"default": "VIEWER"})
    with socket(installation.client(authorization=f"Bearer {key}")) as opened:
        opened.send_json({"type": "connection_init"})
        assert opened.receive_json()["type"] == "connection_ack"
        entry = Entry(actor="test", action="grantSet", subject=user_id)
        installation.run(set_grant, entry, "default", None, None)
        with pytest.raises(WebSocketDisconnect) as closed:
            opened.receive_json()
    assert closed.value.code == 4403


def test_a_removed_users_session_and_keys_are_worth_nothing_and_the_name_is_gone(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "VIEWER"}, PASSWORD)
    browser = installation.signed_in(ANN)
    program = installation.client(authorization=f"Bearer {installation.key(user_id, {'default': 'VIEWER'})}")
    assert program.get("/api/v1/viewer").status_code == 200
    admin = installation.holding({"*": "ADMIN"})
    removed = 'mutation($id: ID!) { userUpdate(userId: $id, disabled: true, commandId: "r") { user { email } userErrors { code } } }'
    assert ask(admin, removed, id=user_id)["data"]["userUpdate"] == {"user": {"email": ""}, "userErrors": []}
    assert browser.get("/api/v1/viewer").status_code == 401
    assert program.get("/api/v1/viewer").status_code == 401
    assert sign_in(installation.client(), PASSWORD) == 401
    assert not installation.sql("SELECT 1 FROM audit_log WHERE details::text LIKE '%%' || %s || '%%'", ANN)


def test_expired_and_revoked_keys_and_those_of_another_secret_are_refused(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "VIEWER"})
    good = installation.key(user_id, {"default": "VIEWER"})
    expired = installation.key(user_id, {"default": "VIEWER"}, "2020-01-01T00:00Z")
    revoked = installation.key(user_id, {"default": "VIEWER"})
    installation.sql("UPDATE api_keys SET revoked_at = now() WHERE key_id = %s", revoked.split("_")[1])
    forged = "_".join([*good.split("_")[:2], "0" * 64])
    assert installation.client(authorization=f"Bearer {good}").get("/api/v1/viewer").status_code == 200
    for key in (expired, revoked, forged, "aforo_x", "", "a b"):
        assert installation.client(authorization=f"Bearer {key}").get("/api/v1/viewer").status_code == 401


def test_a_key_never_does_more_than_its_owner_may(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "VIEWER"})
    key = installation.key(user_id, {"*": "ADMIN"})
    answer = installation.client(authorization=f"Bearer {key}").get("/api/v1/viewer").json()
    assert answer["grants"] == [{"site_id": "default", "role": "VIEWER"}]


def test_secrets_are_nowhere_in_the_database(installation: Installation) -> None:
    user_id = installation.person(ANN, {"default": "VIEWER"}, PASSWORD)
    token = installation.signed_in(ANN).cookies["__Host-aforo"]
    secret = installation.key(user_id, {"default": "VIEWER"}).split("_")[2]
    for table in ("users", "sessions", "api_keys", "audit_log", "invitations", "login_attempts"):
        held = repr(installation.sql(f"SELECT row_to_json({table})::text FROM {table}"))
        assert not any(each in held for each in (PASSWORD, token, secret)), table
    (kept,) = installation.sql("SELECT password_hash FROM users WHERE user_id = %s", user_id)
    assert kept[0].startswith("$argon2id$")
    assert installation.sql("SELECT 1 FROM sessions WHERE token_hash = %s", hashlib.sha256(token.encode()).digest())


def test_a_page_of_another_site_cannot_use_the_cookie(installation: Installation) -> None:
    installation.person(ANN, {"default": "VIEWER"}, PASSWORD)
    browser = installation.signed_in(ANN)
    assert refusal(browser) == (403, "FORBIDDEN")  # nothing a form of another site could not send, too
    foreign = CSRF | {"origin": "https://evil.example"}
    assert browser.post("/graphql", json={"query": VIEWER}, headers=foreign).status_code == 403
    own = CSRF | {"origin": "https://testserver"}
    assert browser.post("/graphql", json={"query": VIEWER}, headers=own).status_code == 200
    with (
        pytest.raises(WebSocketDisconnect),
        browser.websocket_connect(
            "wss://testserver/graphql",
            subprotocols=["graphql-transport-ws"],
            headers={"origin": "https://evil.example"},
        ),
    ):
        pass


def test_too_many_failed_attempts_on_an_account_are_refused_by_every_process(database: str) -> None:
    one, other = (installed(database, throttle_account=3) for _ in range(2))
    one.person(ANN, {"default": "VIEWER"}, PASSWORD)
    with ThreadPoolExecutor(4) as together:
        clients = [each.client() for each in (one, other) * 2]
        answers = list(together.map(lambda client: sign_in(client, "a wrong password"), clients))
    assert answers.count(401) <= 3
    assert sign_in(other.client(), PASSWORD) == 429
    one.sql("UPDATE login_attempts SET at = at - interval '1 hour'")
    assert sign_in(other.client(), PASSWORD) == 200


def test_too_many_failed_attempts_from_one_address_are_refused_whichever_the_account(database: str) -> None:
    installation = installed(database, throttle_address=3)
    client = installation.client()
    emails = [f"{number}@example.org" for number in range(5)]
    statuses = [
        client.post("/api/v1/session", json={"email": email, "password": "guess"}, headers=CSRF).status_code
        for email in emails
    ]
    assert statuses == [401, 401, 401, 429, 429]


def test_an_invitation_makes_a_password_once(installation: Installation) -> None:
    admin = installation.holding({"*": "ADMIN"})
    invited = """mutation { userInvite(email: "ann@example.org", grants: [{siteId: "default", role: VIEWER}], commandId: "i") {
        invitation user { grants { role } } userErrors { code } } }"""
    first, again = (ask(admin, invited)["data"]["userInvite"] for _ in range(2))
    assert first["invitation"]
    assert again == {"invitation": None, "user": {"grants": [{"role": "VIEWER"}]}, "userErrors": []}
    acceptance = {"invitation": first["invitation"], "password": PASSWORD}
    client, path = installation.client(), "/api/v1/invitations/accepted"
    assert client.post(path, json=acceptance | {"password": "short"}, headers=CSRF).status_code == 400
    assert client.post(path, json=acceptance, headers=CSRF).status_code == 204
    assert client.post(path, json=acceptance, headers=CSRF).status_code == 401
    assert sign_in(client, PASSWORD) == 200


def test_one_command_id_is_not_used_for_two_changes(installation: Installation) -> None:
    admin = installation.holding({"*": "ADMIN"})
    user_id = installation.person(ANN, {"default": "VIEWER"})
    change = """mutation($id: ID!, $role: Role, $revision: Int) {
        grantSet(userId: $id, siteId: "default", role: $role, commandId: "c", ifRevision: $revision) {
          user { revision grants { role } } userErrors { code } } }"""
    assert ask(admin, change, id=user_id, role="ADMIN")["data"]["grantSet"]["user"]["revision"] == 2
    assert ask(admin, change, id=user_id, role="ADMIN")["data"]["grantSet"]["user"]["revision"] == 2
    reused = ask(admin, change, id=user_id, role=None)["data"]["grantSet"]
    assert reused["userErrors"] == [{"code": "COMMAND_ID_REUSED"}]
    stale = ask(admin, change.replace('"c"', '"d"'), id=user_id, role=None, revision=1)["data"]["grantSet"]
    assert stale["userErrors"] == [{"code": "REVISION_CONFLICT"}]
    assert stale["user"] == {"revision": 2, "grants": [{"role": "ADMIN"}]}


def test_administrators_of_a_site_give_roles_there_and_nowhere_else(installation: Installation) -> None:
    admin = installation.holding({"default": "ADMIN"})
    user_id = installation.person(ANN, {"default": "VIEWER"})
    change = 'mutation($id: ID!, $site: ID) { grantSet(userId: $id, siteId: $site, role: ADMIN, commandId: "c") { user { userId } } }'
    for site in (None, "south"):
        assert ask(admin, change, id=user_id, site=site)["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert ask(admin, change, id=user_id, site="default")["data"]["grantSet"]["user"] == {"userId": user_id}


def test_the_first_administrator_comes_from_the_settings_once(database: str) -> None:
    first = installed(database, bootstrap_email=ANN, bootstrap_password=PASSWORD)
    asyncio.run(first.services.access.sign_in.bootstrap())
    second = installed(database, bootstrap_email="eve@example.org", bootstrap_password=PASSWORD)
    asyncio.run(second.services.access.sign_in.bootstrap())
    assert first.sql("SELECT email FROM users") == [(ANN,)]
    assert first.signed_in(ANN).get("/api/v1/viewer").json()["person_level"] is True
