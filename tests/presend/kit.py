"""A shop with rules of every kind, a crowd, and what sends to it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.memory import memory_of
from engine.ledger.queries.persons import recall
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.population.scarcity import PairSpool
from engine.model.decision import Decision
from engine.model.instant import DAY, Instant
from engine.model.request import Request
from engine.presend.left import LastPass
from engine.presend.parts import Job, PartSender
from engine.presend.population import PART, Population, PopulationSource, fingerprint_of, staged
from engine.presend.rows import SendPlan
from engine.presend.run import RunSummary, begin, finish, run_row
from engine.presend.shares import DemandReader, shared_out
from tests.books import compiled_book
from tests.logs import Log
from tests.measure.population.people_files import write_csv

NOW: Instant = 1_773_136_800_000_000  # 2026-03-10T10:00Z
CLOCK = NOW + DAY // 24
BOOK = """
book: {name: shop, timezone: Europe/Paris, salt: s1, currency: EUR}
attributes:
  profile.email:  {type: text}
  profile.phone:  {type: text}
  profile.score:  {type: number, min: 0, max: 1}
  profile.town:   {type: text}
  profile.weekly: {type: integer, min: 0, max: 7}
channels:
  mail: {kind: outbound, address: profile.email, consent: mail, on_silence: confirm}
  sms:  {kind: outbound, address: profile.phone, consent: not_needed, hold: 24h, on_silence: release, cost: 0.05,
         capacity: {limit: 90, per: calendar day}}
offers:
  rare:  {name: Rare, value: 9, stock: 40, content: {default: {text: Rare}}}
  cream: {name: Cream, value: 5, category: care, tags: [winter], content: {default: {text: Cream}}}
  soap:  {name: Soap, value: 1, category: care, content: {default: {text: Soap}}}
campaigns:
  rare:
    offer: rare
    when: {profile.score: {gte: 0.4}}
    channels: [mail, sms]
    propensity: {attribute: profile.score, default: 0}
    control: {share: 10%, salt: rare}
  cream:
    offer: cream
    channels: [mail]
    when: {profile.town: {in: [Lyon, Nice, Metz]}}
    variants:
      plain: {share: 1, content: {default: {text: "Cream for {profile.town}"}}}
      bold:  {share: 2, content: {default: {text: Cream}}}
    limits: {per_customer: {limit: 1, per: rolling 7d}, total: 200}
    stop: {converted: 30d}
  soap:
    offer: soap
    channels: [sms]
    control: {share: 30%, salt: soap}
    ramp: {from: 2026-03-01, start: 10%, full: 2026-03-15}
pressure:
  caps:
    weekly: {limit: 2, per: rolling 7d, count: {kind: outbound}}
    daily:  {limit: 1, per: calendar day, count: {channel: sms}}
"""
UNSHARED = (
    BOOK.replace(", stock: 40", "")
    .replace(", total: 200", "")
    .replace(
        """,
         capacity: {limit: 90, per: calendar day}""",
        "",
    )
)
"""The same without counters that all customers share."""

COLUMNS = ("customer", "profile.email", "profile.phone", "profile.score", "profile.town", "consents")


def crowd(folder: Path, number: int, seed: int = 1) -> Path:
    """A people file in no order."""
    random = Random(seed)
    rows = [
        [
            f"person-{at:06}",
            "mail" if random.random() < 0.8 else "",
            "138" if random.random() < 0.7 else "",
            f"{random.random():.2f}" if random.random() < 0.9 else "",
            random.choice(["Lyon", "Nice", "Metz", "Brest", ""]),
            "mail" if random.random() < 0.8 else "",
        ]
        for at in range(number)
    ]
    random.shuffle(rows)
    return write_csv(folder / "people.csv", rows, COLUMNS)


class Send:
    """A run over a crowd, as the command makes it, in this process."""

    def __init__(
        self,
        compiled: CompiledBook,
        log: Log,
        people: Path,
        out: Path,
        plan: SendPlan | None = None,
        *,
        group: int = 100,
        part_size: int = PART,
    ) -> None:
        self.compiled, self.log = compiled, log
        self.plan = plan or SendPlan("spring", NOW)
        out.mkdir(parents=True, exist_ok=True)
        source = PopulationSource(people, fingerprint_of(people), out, self.plan.channels, part_size)
        self.population: Population = staged(source, compiled, lambda _: None)
        self.job = Job(self.plan, self.population, out, group, verified=1.0)

    def run(
        self, stop: Callable[[], bool] = lambda: False, advance: Callable[[int], object] = lambda _: None
    ) -> RunSummary | None:
        """Sends to everybody; None where it was stopped."""
        with closing(open_store(self.log.url, busy_timeout=60)) as store:
            job = self.shared_out(store)
            worker = PartSender(self.compiled, store, job, lambda: CLOCK)
            for part in range(self.population.parts):
                if not worker.send(part, stop, advance):
                    return None
            if job.plan.prices:
                last = LastPass(self.compiled, store, job, lambda: CLOCK)
                for part in range(self.population.parts):
                    last.send(part, stop)
            made = finish(store, self.job.folder, self.plan.run, CLOCK)
            self.population.discard()
            return made

    def shared_out(self, store: Store) -> Job:
        """The job with its prices, which the run keeps from now on."""
        people, fingerprint, size = (
            self.population.people,
            self.population.fingerprint,
            self.population.part_size,
        )
        begin(store, run_row(self.compiled.book.version, self.plan, people, fingerprint, size, CLOCK))

        def read(spool: PairSpool) -> None:
            reader = DemandReader(self.compiled, store, self.job, lambda: CLOCK, spool)
            for part in range(self.population.parts):
                reader.read(part)

        return self.job._replace(plan=shared_out(self.compiled, store, self.job, read, lambda: CLOCK))


def one_by_one(
    compiled: CompiledBook, store: Store, population: Population, group: int = 64, now: Instant = NOW
) -> list[Decision]:
    """The decisions that a server makes of the population in order of the names, each in turn."""
    decisions: list[Decision] = []
    for part in range(population.parts):
        requests = [
            _remembering(compiled, store, request)
            for request in population.requests(part, 0, compiled, now, CLOCK)
        ]
        for start in range(0, len(requests), group):
            commands = [
                DecideCommand(evaluate(compiled, request)) for request in requests[start : start + group]
            ]
            results = commit_group(store, commands)
            decisions += [result for result in results if isinstance(result, Decision)]
    return decisions


def _remembering(compiled: CompiledBook, store: Store, request: Request) -> Request:
    """The request with what is remembered of its customer, as far as the book reads it."""
    if compiled.recall is None:
        return request
    with store.transaction(writes=False):
        (recalled,) = recall(store, [compiled.recall.of(request.customer, NOW, request.aliases)])
    return request._replace(memory=memory_of(recalled, NOW))


def shop(folder: Path, text: str = BOOK) -> CompiledBook:
    """The shop's book."""
    return compiled_book(folder / "book", text)


CONTACTS = (
    "SELECT person, at, position, state, expires_at, channel, kind, campaign, offer, category, tags, zones, alike,"
    " counted_by, cost FROM contacts ORDER BY person, at, channel, campaign"
)
COUNTERS = "SELECT counter, period, sum(used) FROM counters GROUP BY counter, period ORDER BY counter, period"
HOLDINGS = (
    "SELECT count(*), coalesce(sum(amount), 0), counter FROM holdings GROUP BY counter ORDER BY counter"
)
DECISIONS = (
    "SELECT person, at, outcome, campaign, offer, variant, channel, score, selection_probability, expires_at"
    " FROM decisions WHERE campaign IS NOT NULL ORDER BY person, at"
)


def state_of(
    log: Log, queries: Sequence[str] = (CONTACTS, COUNTERS, HOLDINGS, DECISIONS)
) -> list[list[tuple[object, ...]]]:
    """What the log holds, without ids that are drawn."""
    return [log.rows(query) for query in queries]
