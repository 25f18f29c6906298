"""`python -m tests.chaos`: faults of every kind for some minutes, and the proof that nothing was lost or doubled."""

import logging
import shutil
import tempfile
from pathlib import Path
from random import SystemRandom

import click
import structlog
from rich.console import Console

from infra.local.tools import ensure_tools
from stream_processors.runtime.fail_points import FAULTS as MUTATIONS
from tests.chaos.faults import FAULTS, ROUND
from tests.chaos.installation import NotRecoveredError
from tests.chaos.run import Plan, run

FAULTS_PER_MINUTE = 3
console = Console(highlight=False, soft_wrap=True)


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0), default=10, show_default=True, help="How long at least.")
@click.option("--seed", type=int, help="Makes the same schedule again; the instants differ.")
@click.option("--brokers", type=click.Choice([1, 3]), default=1, show_default=True, help="Kafka brokers.")
@click.option("--mutation", type=click.Choice(sorted(MUTATIONS)), help="A fault of our own that must be found.")
@click.option(
    "--only", "kinds", multiple=True, type=click.Choice(sorted(FAULTS)), help="Only this kind; can be given often."
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), default="chaos.json", show_default=True)
def main(
    *, minutes: float, seed: int | None, brokers: int, mutation: str | None, kinds: tuple[str, ...], report: Path
) -> None:
    """Kill, stop and cut everything in turn, then fold the whole log again and compare."""
    # Folding again says again what the workers have said.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    ensure_tools(install=True, progress=console.print)
    seed = SystemRandom().randrange(10**6) if seed is None else seed
    at_least = round(minutes * FAULTS_PER_MINUTE)
    plan = Plan(seed, minutes, at_least, kinds or ROUND, brokers=brokers, mutation=mutation or "")
    folder = Path(tempfile.mkdtemp(prefix="aforo-chaos-"))
    folder.chmod(0o711)
    console.print(f"seed {seed}, logs and data in {folder}")
    try:
        result = run(plan, folder, console.print)
    except NotRecoveredError as error:
        raise click.ClickException(str(error)) from error
    result.save(report)
    console.print(result.table())
    for example in result.account.examples:
        console.print(example, markup=False)
    if result.wrong:
        raise click.ClickException(f"{'; '.join(result.wrong)}; look into {folder}")
    shutil.rmtree(folder)
    console.print(f"nothing lost, nothing double; {report} has the figures")


if __name__ == "__main__":
    main()
