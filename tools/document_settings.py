"""Writes `.env.example` and docs/settings.md from the settings themselves."""

from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from aforo.settings import PREFIX, Settings, documented
from tools.markdown import GENERATED, code, table

ENV_HEADER = """\
# Every setting with its default. Copy this file to .env and uncomment what you change.
# The environment beats .env, .env beats aforo.yaml. What a setting means is told at length in docs/settings.md.
"""

HEADER = f"""\
# Settings

{GENERATED}
A setting is looked for in the environment, then in `.env`, then in `aforo.yaml` (another file: `AFORO_CONFIG`), and else has
its default. `AFORO_KAFKA__BOOTSTRAP` in the environment or in `.env` is `kafka: {{bootstrap: …}}` in YAML; lists are JSON in the
former. An empty variable counts as not set. Names nobody knows and wrong values are refused at start, all of them at once.
`aforo config check` says whether the settings are in order, `aforo config list` shows these tables.

"""


def env_example() -> str:
    """`.env.example`: each setting commented out, with its meaning."""
    return ENV_HEADER + "".join(_env_group(name, field) for name, field in Settings.model_fields.items())


def render() -> str:
    """docs/settings.md: one table for each group, and one for what a list holds."""
    return HEADER + "\n".join(_group(name, field) for name, field in Settings.model_fields.items())


def _env_group(name: str, field: FieldInfo) -> str:
    settings = documented(_model(field), f"{PREFIX}{name.upper()}__")
    lines = (f"# {each.description}\n#{variable}={_default(each)}\n" for variable, each in settings)
    return f"\n# --- {name}: {field.description}\n" + "".join(lines)


def _group(name: str, field: FieldInfo) -> str:
    rows = [(f"`{variable}`", each) for variable, each in documented(_model(field), f"{PREFIX}{name.upper()}__")]
    lists = "".join(_elements(variable, each) for variable, each in rows)
    return f"## {name}\n\n{field.description}\n\n" + _table(rows) + lists


def _elements(variable: str, field: FieldInfo) -> str:
    """The table of what a list of models holds; nothing for any other setting."""
    models = [each for each in get_args(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
    tables = (_table([(f"`{name}`", each) for name, each in model.model_fields.items()]) for model in models)
    return "".join(f"\nEach of {variable}:\n\n{each}" for each in tables)


def _table(settings: list[tuple[str, FieldInfo]]) -> str:
    rows = ([name, _shown(field), field.description or ""] for name, field in settings)
    return table(["Name", "Default", "Meaning"], rows)


def _shown(field: FieldInfo) -> str:
    return "required" if field.is_required() else code(_default(field))


def _default(field: FieldInfo) -> str:
    """The default as it would be written in a variable; empty where it depends on the machine."""
    value = None if field.default_factory else field.default
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return value.get_secret_value()
        case _:
            return str(value)


def _model(field: FieldInfo) -> type[BaseModel]:
    assert isinstance(field.annotation, type)
    assert issubclass(field.annotation, BaseModel)
    return field.annotation
