#!/usr/bin/env python3
"""Explores the rules of the cache (docs/decisions/0064) in all interleavings, and each rule's absence.

One row with the values 0 and 1, which a transaction of process 0 changes by deleting another row whose foreign key
reaches it. Two processes with up to two readers each, one of which reads twice. Each process polls what was told. A second
transaction takes its number earlier or later. A stale read is a violation: of what was acknowledged in the same process before,
of what the feed has told this process, or of what was shown here before (by a list: in the writer's process only). So is a read of what was never committed, and
a transaction's read that differs from the database.

What it leaves out: time (the bound Δ), several rows that share a word, several writes, and a poll that fails.

  python3 cache_model.py            all rules, and each one taken away
  python3 cache_model.py RULE ...   only without these
"""
import sys
import time
from collections import deque, namedtuple

RULES = {
    "lease": "the words are read before the load",
    "flight_stamp": "a reader joins a load only if the words are the same",
    "fence": "during COMMIT the row is read from the database",
    "change": "a COMMIT that has ended counts as a change",
    "settle_late": "a dropped caller leaves the fence to whoever learns the outcome",
    "cascade": "the write set has what foreign keys reach",
    "tx_no_fill": "a transaction's reads are not kept",
    "tx_no_hit": "a transaction does not read from the cache",
    "snapshot_cursor": "a poll asks for what the last snapshot did not see, not for higher numbers",
}

# transaction: 0 none, 1 open, 2 committed, 3 rolled back. writer: 0 begins, 1 has written, 2 has sent COMMIT,
# 3 COMMIT has ended, 4 settled. has_caller: somebody awaits the writer.
State = namedtuple("State", "first second numbers writer has_caller acknowledged processes readers")
# entry: None or (value, generation); flight: None or (generation, value or None); seen: what the last poll knew;
# told: a poll has told the change; shown: somebody here has read the new value.
Process = namedtuple("Process", "generation writers entry flight seen highest told shown")
# step: idle, leads, loaded, joined, past (reads the database), done; due: the new value must be shown
Reader = namedtuple("Reader", "step generation value due left")

PROCESS = Process(0, 0, None, None, frozenset(), 0, False, False)
READER = Reader("idle", 0, None, False, 1)
ONCE = READER._replace(left=0)
# Two readers in each process, with the second transaction over; and one in each, with both transactions.
OVER = PROCESS._replace(seen=frozenset({"second"}))
STARTS = (State(0, 2, (0, 0, 0), 0, True, False, (OVER, OVER), ((READER, ONCE), (READER, ONCE))),
          State(0, 0, (0, 0, 0), 0, True, False, (PROCESS, PROCESS), ((READER,), (READER,))))


class Violation(Exception):
    pass


def put(items, at, item):
    return items[:at] + (item,) + items[at + 1:]


def writes(state, on):
    """The steps of the two transactions."""
    first, second, (one, two, last), writer = state.first, state.second, state.numbers, state.writer
    process = state.processes[0]
    named = on("cascade")
    if second == 0:
        yield "other begins", state._replace(second=1, numbers=(one, last + 1, last + 1))
    if second == 1:
        yield "other commits", state._replace(second=2)
    if writer == 0:
        yield "writes", state._replace(first=1, numbers=(last + 1, two, last + 1), writer=1)
    if writer == 1:
        if not on("tx_no_fill") and process.writers == 0:
            dirty = process._replace(entry=(1, process.generation))
            if dirty != process:
                yield "its read is kept", state._replace(processes=put(state.processes, 0, dirty))
        yield "rolls back", state._replace(first=3, writer=4)
        fenced = process._replace(writers=process.writers + 1) if named else process
        yield "sends COMMIT", state._replace(writer=2, processes=put(state.processes, 0, fenced))
    if writer == 2:
        yield "is committed", state._replace(first=2, writer=3)
        yield "COMMIT fails", state._replace(first=3, writer=3)
    if writer in (2, 3) and state.has_caller:
        gone = state._replace(has_caller=False)
        if not on("settle_late") and process.writers:
            gone = gone._replace(processes=put(state.processes, 0, process._replace(writers=0)))
        yield "caller is dropped", gone
    if writer == 3:
        settled = process._replace(writers=0)
        if first == 2 and named and process.writers and on("change"):
            settled = settled._replace(generation=process.generation + 1)
        state = state._replace(writer=4, processes=put(state.processes, 0, settled))
        yield "is settled", state._replace(acknowledged=state.has_caller and first == 2)


def polls(state, on):
    """The steps of a process beside its readers."""
    one, two, _ = state.numbers
    committed = {name: number for name, is_in, number in
                 (("first", state.first == 2, one), ("second", state.second == 2, two)) if is_in}
    ended = frozenset(name for name, at in (("first", state.first), ("second", state.second)) if at >= 2)
    for at, process in enumerate(state.processes):
        if on("snapshot_cursor"):
            new = [name for name in committed if name not in process.seen]
        else:
            new = [name for name, number in committed.items() if number > process.highest]
        polled = process._replace(seen=ended, highest=max([process.highest, *committed.values()]),
                                  told=process.told or state.first == 2)
        # A process is not told of its own commits, but to be told is harmless.
        if "first" in new and on("cascade"):
            polled = polled._replace(generation=process.generation + 1)
        if polled != process:
            yield f"{at} polls", state._replace(processes=put(state.processes, at, polled))
        # In the other process a list may be newer than the cache, for at most Δ.
        if at == 0 and state.first == 2 and not process.shown:
            yield f"{at} lists", state._replace(processes=put(state.processes, at, process._replace(shown=True)))
        if process.entry:
            yield f"{at} evicts", state._replace(processes=put(state.processes, at, process._replace(entry=None)))
            if not on("tx_no_hit") and process.writers == 0 and process.entry[1] == process.generation:
                if process.entry[0] != (1 if state.first == 2 else 0):
                    raise Violation(f"{at}: a transaction reads {process.entry[0]}")


def reads(state, on):
    """The steps of the readers."""
    stored = 1 if state.first == 2 else 0
    for at, process in enumerate(state.processes):
        for which, reader in enumerate(state.readers[at]):
            name = f"{at}.{which}"

            def after(reader, process=process, others=None):
                readers = put(others or state.readers[at], which, reader)
                return state._replace(processes=put(state.processes, at, process),
                                      readers=put(state.readers, at, readers))

            def end(value, due):
                if due and value == 0:
                    raise Violation(f"{name}: a stale read")
                if value == 1 and state.first != 2:
                    raise Violation(f"{name}: a read of what is not committed")
                return Reader("done", 0, None, False, reader.left)

            generation = process.generation
            if reader.step == "idle":
                due = process.told or process.shown or (at == 0 and state.acknowledged)
                if process.writers and on("fence"):
                    yield f"{name} reads past", after(reader._replace(step="past", due=due))
                elif process.entry and process.entry[1] == generation:
                    value = process.entry[0]
                    yield f"{name} hits {value}", after(end(value, due),
                                                        process._replace(shown=process.shown or value == 1))
                elif process.flight and (process.flight[0] == generation or not on("flight_stamp")):
                    yield f"{name} joins", after(reader._replace(step="joined", generation=process.flight[0], due=due))
                else:
                    yield f"{name} leads", after(reader._replace(step="leads", generation=generation, due=due),
                                                 process._replace(flight=(generation, None)))
            elif reader.step == "leads":
                yield f"{name} loads {stored}", after(reader._replace(step="loaded", value=stored))
                # It is dropped: another of those who wait begins again.
                gone = process if not process.flight or process.flight[0] != reader.generation else \
                    process._replace(flight=None)
                others = tuple(other._replace(step="idle") if other.step == "joined" and
                               other.generation == reader.generation else other for other in state.readers[at])
                yield f"{name} is dropped", after(Reader("done", 0, None, False, reader.left), gone, others)
            elif reader.step == "loaded":
                kept = generation if not on("lease") else reader.generation
                may_fill = kept == generation and (process.writers == 0 or not on("fence"))
                filled = process._replace(
                    entry=(reader.value, kept) if may_fill else process.entry,
                    flight=None if process.flight and process.flight[0] == reader.generation else process.flight,
                    shown=process.shown or reader.value == 1)
                others = state.readers[at]
                other = others[(which + 1) % len(others)]
                if other.step == "joined" and other.generation == reader.generation:
                    others = put(others, (which + 1) % len(others), end(reader.value, other.due)._replace(left=other.left))
                yield f"{name} fills {reader.value}", after(end(reader.value, reader.due), filled, others)
            elif reader.step == "past":
                yield f"{name} reads {stored}", after(end(stored, reader.due),
                                                      process._replace(shown=process.shown or stored == 1))
            elif reader.step == "done" and reader.left:
                yield f"{name} begins again", after(READER._replace(left=reader.left - 1))


def explore(without=None):
    """Returns the number of states, and the shortest way to a violation if there is one."""
    on = lambda rule: rule != without
    came_from, queue = dict.fromkeys(STARTS), deque(STARTS)

    def way(state):
        labels = []
        while came_from[state]:
            label, state = came_from[state]
            labels.append(label)
        return labels[::-1]

    while queue:
        state = queue.popleft()
        try:
            for steps in (writes, polls, reads):
                for label, after in steps(state, on):
                    if after not in came_from:
                        came_from[after] = (label, state)
                        queue.append(after)
        except Violation as violation:
            return len(came_from), way(state) + [str(violation)]
    return len(came_from), None


def main():
    names = sys.argv[1:] or [*RULES, None]
    is_as_expected = True
    for name in names:
        began = time.monotonic()
        states, found = explore(name)
        is_as_expected &= (found is None) == (name is None)
        title = f"without {name} ({RULES[name]})" if name else "all rules"
        print(f"{title}: {states} states, {time.monotonic() - began:.1f} s:",
              " | ".join(found) if found else "no violation", flush=True)
    sys.exit(0 if is_as_expected else 1)


if __name__ == "__main__":
    main()
