"""docs/security.md says of the roles what the rules say."""

from pathlib import Path

from graphql_api.access.principal import Principal, Role, Scope
from graphql_api.access.rules import Action, allowed

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_table_of_roles_is_what_the_rules_allow() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("<!-- roles -->")[2].partition("<!-- /roles -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    heading, _, *told = rows
    assert heading == ["may", *(role.name for role in Role)]
    assert told == [
        [
            action.value,
            *(
                "yes" if allowed(Principal("someone", Scope.of({"here": role.name})), action, "here") else "no"
                for role in Role
            ),
        ]
        for action in Action
    ]
