"""An API over a real database with two sites, and people who may see one of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg2
from fastapi.testclient import TestClient

from graphql_api.access import secrets
from graphql_api.app import assemble
from graphql_api.commands import Commands
from graphql_api.context import Services
from graphql_api.database import Database
from graphql_api.live import Live
from graphql_api.settings import ApiSettings
from graphql_api.sql.access_changes import Entry, NewKey, accept_invitation, create_key, invite
from stream_processors.projections.timescale import libpq_url
from tests.api.doubles import ScriptedLog

PASSWORD = "correct horse battery"
CSRF = {"x-aforo-csrf": "1"}


@dataclass(frozen=True)
class Installation:
    """One API process over a database."""

    services: Services
    url: str

    def run(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return asyncio.run(self.services.database.run(query, *args, **kwargs))

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        connection = psycopg2.connect(libpq_url(self.url))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def client(self, **headers: str) -> TestClient:
        """A program or browser that has not signed in."""
        return TestClient(assemble(self.services, lambda _: None), base_url="https://testserver", headers=headers)

    def person(self, email: str, grants: Mapping[str, str], password: str | None = None) -> str:
        """A user with grants, who may have a password; returns the id."""
        user_id, token = secrets.new_id(), secrets.new_token()
        entry = Entry(actor="test", action="test", subject=user_id)
        self.run(invite, entry, email, grants, secrets.digest(token))
        if password:
            self.run(accept_invitation, secrets.digest(token), secrets.hashed_password(password))
        return user_id

    def key(self, user_id: str, grants: Mapping[str, str], expires_at: str = "2100-01-01T00:00Z") -> str:
        """An API key of a user."""
        key = secrets.new_api_key()
        entry = Entry(actor="test", action="test", subject=key.key_id)
        made = NewKey(
            user_id=user_id,
            secret_hash=secrets.digest(key.secret),
            name="a program",
            grants=grants,
            expires_at=datetime.fromisoformat(expires_at),
        )
        self.run(create_key, entry, made)
        return str(key)

    def holding(self, grants: Mapping[str, str]) -> TestClient:
        """A program with the key of somebody who has these grants."""
        user_id = self.person(f"{uuid4()}@example.org", grants)
        return self.client(authorization=f"Bearer {self.key(user_id, grants)}")

    def signed_in(self, email: str, password: str = PASSWORD) -> TestClient:
        """A browser in which somebody has signed in."""
        browser = self.client()
        answer = browser.post("/api/v1/session", json={"email": email, "password": password}, headers=CSRF)
        assert answer.status_code == 200, answer.text
        return browser


def installed(url: str, **settings: Any) -> Installation:
    """An installation over a migrated database."""
    chosen = ApiSettings(**settings)
    database = Database(url, chosen)
    services = Services(chosen, database, Live(100, [1]), Commands(ScriptedLog(), database, 1.0))
    return Installation(services, url)


def ask(client: TestClient, document: str, **variables: Any) -> dict[str, Any]:
    """The answer to a GraphQL document."""
    answer: dict[str, Any] = client.post("/graphql", json={"query": document, "variables": variables}).json()
    return answer
