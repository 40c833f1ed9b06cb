"""Made-up but plausible events of the virtual currency of the game Kaizen Wars, as CSV.

The example needs data that a live game could have exported: players in four regions who play in sessions, mostly in
the evening of their own time zone, earn and spend koku, buy packs and are now and then refunded. All follows from
the seed, so that the committed file can be made again; a file of any size is written in constant memory (the state is
one small record per player, and there are at most 100,000 of them).

    python data/generate.py --rows 20000 --out data/raw_fact_virtual.csv     # the committed file
    python data/generate.py --rows 10000000 --out /tmp/big.csv              # a large one, streamed
    python data/generate.py --append 50 --to copy.csv                       # a copy grows, as a live export would

What holds in every file: event ids count up by one, times strictly increase, and each player's balance is the balance
before plus the amount, and never negative. Appending reads the file once and goes on from there. Both ways write beside
the file and rename, so that a reader sees the old file or the new one and never half a line.
"""

import argparse
import fcntl
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import TextIO

__all__ = ["COLUMNS", "KINDS", "CannotAppend", "Player", "World", "append", "generate", "main"]

COLUMNS = (
    "event_id",
    "player_id",
    "event_time",
    "kind",
    "item",
    "amount",
    "balance",
    "region",
    "platform",
    "session_id",
)
KINDS = ("grant", "earn", "spend", "purchase", "refund")
SEED = 7
ROWS = 20_000
DAYS = 22.0
"""A whole file covers so many days, whatever its number of rows."""

START_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000
SESSION_GAP_MS = 30 * 60 * 1000
"""A player who was quiet for longer starts a new session."""
PAUSE_MS = 100_000
"""The usual pause between two events of one player's session."""
MAX_PLAYERS = 100_000

REGIONS = {"EU": (1, 0.36), "NA": (-6, 0.27), "APAC": (8, 0.25), "LATAM": (-4, 0.12)}
"""Region → (hours from UTC, share of the players)."""
REGION_CYCLE = ("EU", "NA", "APAC") * 6 + ("EU", "NA", "LATAM") * 2 + ("LATAM",)
"""A player's region follows from the number, so that an appended event needs no look-up."""
PLATFORM_CYCLE = ("ios", "android", "android", "pc", "ios", "android", "console", "pc", "android", "ios", "pc")
LOCAL_DAY = (5, 3, 2, 1, 1, 1, 2, 4, 5, 5, 5, 6, 8, 7, 6, 7, 8, 10, 13, 16, 18, 17, 13, 9)
"""How busy a player's own day is, hour by hour."""

EARNED = (
    ("daily_quest", 40, 120),
    ("arena_win", 15, 60),
    ("raid_chest", 20, 180),
    ("login_bonus", 10, 30),
    ("guild_tribute", 25, 90),
    ("tournament_prize", 150, 600),
)
"""Why a player earns, and between how much; the first are the most frequent. So are they in the next two."""
SPENT = (
    ("katana_upgrade", 120),
    ("healing_scroll", 15),
    ("stamina_refill", 40),
    ("armor_dye", 60),
    ("summon_ticket", 150),
    ("clan_banner", 300),
    ("dojo_expansion", 500),
    ("dragon_mount", 1200),
)
PACKS = (("koku_pouch", 500), ("koku_chest", 1200), ("koku_vault", 2600), ("koku_treasury", 7000))
STARTER = ("starter_pack", 250)
PRICES = dict(SPENT)


class CannotAppend(Exception):
    """The file is not one that this generator goes on with; the message says why."""


@dataclass(slots=True)
class Player:
    """What must be known of a player to write the next event."""

    balance: int = 0
    sessions: int = 0
    last_ms: int = -SESSION_GAP_MS
    last_spent: str = ""


@dataclass(slots=True)
class World:
    """The game between two events. ``gap_ms`` is the mean time from one event to the next over a whole day."""

    random: random.Random
    gap_ms: float
    population: int
    event_id: int = 0
    now_ms: int = START_MS
    players: dict[int, Player] = field(default_factory=dict)
    online: list[int] = field(default_factory=list)

    def rows(self, *, count: int, until_ms: int | None = None) -> Iterator[str]:
        """The next `count` lines; with `until_ms` spread from now until then, else by the rhythm of the day."""
        for left in range(count, 0, -1):
            if until_ms is None:
                pace = self.gap_ms / RHYTHM[(self.now_ms // HOUR_MS) % 24]
                step = pace * self.random.expovariate(1.0)
            else:
                pace = (until_ms - self.now_ms) / left
                step = pace * self.random.uniform(0.6, 1.0)
            self.now_ms += max(1, int(step))
            yield self._event(self._who(max(1.0, pace)))

    def _who(self, pace: float) -> int:
        """Somebody who is playing, or who starts to; about as many play at once as the pace asks for."""
        draw = self.random.random
        wanted = max(1, int(PAUSE_MS / pace))
        if self.online and len(self.online) >= wanted:
            at = int(draw() * len(self.online))
            number = self.online[at]
            if draw() < 0.09:  # the session ends with this event
                self.online[at] = self.online[-1]
                self.online.pop()
            return number
        number = self._newcomer()
        self.online.append(number)
        return number

    def _newcomer(self) -> int:
        """A player of a region where it is a good hour to play; few play much, many play little."""
        region = self.random.choices(REGION_NAMES, cum_weights=REGION_HOURS[(self.now_ms // HOUR_MS) % 24])[0]
        slots = REGION_SLOTS[region]
        slot = slots[int(self.random.random() * len(slots))]
        rank = int(self.population / len(REGION_CYCLE) * self.random.random() ** 1.7)
        return rank * len(REGION_CYCLE) + slot + 1

    def _event(self, number: int) -> str:
        player = self.players.get(number)
        new = player is None
        if player is None:
            player = self.players[number] = Player()
        if self.now_ms - player.last_ms > SESSION_GAP_MS:
            player.sessions += 1
        player.last_ms = self.now_ms
        kind, item, amount = ("grant", *STARTER) if new else self._deed(player)
        player.balance += amount
        self.event_id += 1
        return (
            f"{self.event_id},{player_id(number)},{timestamp(self.now_ms)},{kind},{item},{amount},{player.balance},"
            f"{REGION_CYCLE[(number - 1) % len(REGION_CYCLE)]},{PLATFORM_CYCLE[number * 7 % len(PLATFORM_CYCLE)]},"
            f"{player_id(number)}-{player.sessions}\n"
        )

    def _deed(self, player: Player) -> tuple[str, str, int]:
        """Kind, item and signed amount of what the player does next."""
        draw = self.random.random()
        if draw < 0.018:
            item, amount = PACKS[min(int(self.random.expovariate(1.1)), len(PACKS) - 1)]
            return "purchase", item, amount
        if draw < 0.026 and player.last_spent:
            item, player.last_spent = player.last_spent, ""
            return "refund", item, PRICES[item]
        if draw < 0.50:
            item, price = SPENT[int(self.random.random() ** 1.5 * len(SPENT))]
            if price <= player.balance:
                player.last_spent = item
                return "spend", item, -price
        item, low, high = EARNED[min(int(self.random.expovariate(0.6)), len(EARNED) - 1)]
        return "earn", item, int(low + (high - low) * self.random.random())


def player_id(number: int) -> str:
    """``KW0000123``."""
    return f"KW{number:07d}"


def timestamp(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    second, milli = divmod(ms, 1000)
    day, rest = divmod(second, 86_400)
    if day not in _DATES:
        _DATES.clear()  # times only go forward: one day is enough to remember
        _DATES[day] = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d")
    return f"{_DATES[day]}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}.{milli:03d}Z"


_DATES: dict[int, str] = {}
REGION_NAMES = tuple(REGIONS)
REGION_SLOTS = {name: [i for i, region in enumerate(REGION_CYCLE) if region == name] for name in REGION_NAMES}
REGION_HOURS = tuple(
    tuple(accumulate(share * LOCAL_DAY[(hour + offset) % 24] for offset, share in REGIONS.values()))
    for hour in range(24)
)
"""UTC hour → how much each region plays then, as cumulative weights."""
RHYTHM = tuple(weights[-1] / (sum(w[-1] for w in REGION_HOURS) / 24) for weights in REGION_HOURS)
"""UTC hour → how busy the whole game is, 1 on average."""


def generate(*, path: Path, rows: int = ROWS, seed: int = SEED, days: float = DAYS) -> None:
    """Write a whole file of `rows` events to `path`."""
    population = min(MAX_PLAYERS, max(len(REGION_CYCLE) * 8, rows // 25))
    world = World(random=random.Random(seed), gap_ms=days * 86_400_000 / max(rows, 1), population=population)
    with _replacing(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(world.rows(count=rows))


def append(*, path: Path, rows: int, seed: int = SEED, until_ms: int | None = None) -> int:
    """Let the file at `path` grow by `rows` events; returns its new number of events.

    `until_ms` (epoch milliseconds) is the time that they come close to, which must lie after the file's
    last event. Raises :class:`CannotAppend`.
    """
    with _alone(path):
        world = _resume(path, seed)
        if until_ms is not None and until_ms <= world.now_ms:
            raise CannotAppend(f"{path} already has events up to {timestamp(world.now_ms)}; choose a later --until.")
        with _replacing(path) as file, path.open("rb") as old:
            shutil.copyfileobj(old, file.buffer, 1 << 20)
            file.writelines(world.rows(count=rows, until_ms=until_ms))
    return world.event_id


def _resume(path: Path, seed: int) -> World:
    """The world as the file leaves it. Reads the file once; keeps one record per player."""
    players: dict[int, Player] = {}
    first_ms = last_ms = event_id = 0
    with path.open(encoding="utf-8", newline="") as file:
        if file.readline().rstrip("\r\n") != ",".join(COLUMNS):
            raise CannotAppend(f"{path} does not start with the columns {','.join(COLUMNS)}.")
        line = "\n"
        for at, line in enumerate(file, start=2):
            number, last_ms = _take(players, line, f"{path}, line {at}")
            event_id, first_ms = number, first_ms or last_ms
    if not event_id or not line.endswith("\n"):
        raise CannotAppend(f"{path} has no events or ends in the middle of a line: make it anew with --rows.")
    gap_ms = max(1.0, (last_ms - first_ms) / event_id)
    population = max(max(players), len(REGION_CYCLE) * 8) + len(REGION_CYCLE)  # a live game gains players
    online = [number for number, player in players.items() if last_ms - player.last_ms < PAUSE_MS * 3]
    rng = random.Random(f"{seed}/{event_id}")
    return World(rng, gap_ms, population, event_id, last_ms, players, online)


def _take(players: dict[int, Player], line: str, where: str) -> tuple[int, int]:
    """Learn from one line; its event id and time (epoch milliseconds) come back."""
    try:
        event, who, when, kind, item, _, balance, _, _, session = line.rstrip("\r\n").split(",")
        event_id, number = int(event), int(who.removeprefix("KW"))
        ms = round(datetime.fromisoformat(when).timestamp() * 1000)
        player = players.setdefault(number, Player())
        player.balance, player.last_ms, player.sessions = int(balance), ms, int(session.rpartition("-")[2])
    except ValueError as error:
        raise CannotAppend(f"{where} is not an event of this generator ({error}): make the file anew.") from error
    if kind == "spend" and item in PRICES:
        player.last_spent = item
    return event_id, ms


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A new file that takes `path`'s place when all of it is written; its name matches no ``*.csv``."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One appender at a time; the lock is on the folder, so that it leaves no file behind."""
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make or grow a CSV of game events.", allow_abbrev=False)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--rows", type=_positive, default=ROWS, help=f"make a whole file of so many events ({ROWS})")
    what.add_argument("--append", type=_positive, metavar="N", help="let the file of --to grow by N events")
    committed = Path(__file__).with_name("raw_fact_virtual.csv")
    parser.add_argument("--out", type=Path, default=committed, help=f"--rows: where to write it ({committed.name})")
    parser.add_argument("--to", type=Path, metavar="FILE", help="the file that --append lets grow")
    parser.add_argument(
        "--until", type=_time, metavar="TIME", help="--append: spread the events until TIME (RFC 3339 or 'now')"
    )
    parser.add_argument("--days", type=float, default=DAYS, help=f"--rows: the time that the file covers ({DAYS:g})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"equal seeds make equal files ({SEED})")
    arguments = parser.parse_args(argv)
    if (arguments.append is None) != (arguments.to is None):
        parser.error("--append N and --to FILE go together")
    return arguments


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a number, 1 or more")
    return int(text)


def _time(text: str) -> int:
    try:
        moment = datetime.now(UTC) if text == "now" else datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a time such as 2026-11-23T12:00:00Z, or now") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    arguments = _arguments(argv)
    try:
        if arguments.append is None:
            generate(path=arguments.out, rows=arguments.rows, seed=arguments.seed, days=arguments.days)
        else:
            append(path=arguments.to, rows=arguments.append, seed=arguments.seed, until_ms=arguments.until)
    except (CannotAppend, OSError) as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
