"""What a run is like: each has other faults and other tasks, so that rare ones come together."""

from __future__ import annotations

from random import Random

#: How likely each fault is at a step, and a lost answer at a commit.
FAULTS = {
    "kill": 0.006, "die": 0.003, "freeze": 0.035, "interrupt": 0.05, "tick": 0.15, "leap": 0.002,
    "lose_answer": 0.06, "cut": 0.008, "stop": 0.01,
}  # fmt: skip
#: How often a task ends in which way.
ENDS = {
    "succeeded": 20, "failed": 5, "cancelled": 3, "retry": 14, "unstarted": 14, "crash": 14,
    "together": 20,
}  # fmt: skip


class Weather:
    """The faults of one run, and what its tasks and workers are like."""

    def __init__(self, random: Random, favour: str = "") -> None:
        """Draw it; `favour` names faults, ends of tasks and limits to be frequent, or `busy`."""
        self._random = random
        self.favour = favour.split()
        self._faults = {fault: rate * random.choice([0.2, 1, 3]) for fault, rate in FAULTS.items()}
        self._faults["tick"] = FAULTS["tick"]
        self._ends = {end: weight * random.choice([0.2, 1, 3]) for end, weight in ENDS.items()}
        for name in favour.split():
            if name in FAULTS:
                self._faults[name] = 0.3 if name == "stop" else 0.05
            elif name in ENDS:
                self._ends[name] = 200
        self.processes = random.choice([2, 2, 2, 3])
        #: How many jobs may wait and run before clients enqueue no more.
        self.jobs = random.choice([5, 8, 12])
        #: How likely a new job has limits.
        self.limited = 0.9 if "limited" in favour else random.choice([0.0, 0.2, 0.6])
        #: How likely a job ends while its worker does something.
        self._short = random.choice([0.05, 0.1, 0.3])
        #: Whether clients use unique keys: not where something else is to be noticed soon.
        self.keys = not favour
        if favour:
            self._short = 0.05
        #: How likely a worker asks for jobs when it writes outcomes down.
        self._hungry = random.choice([0.4, 0.8])
        #: Whether a queue has a rate.
        self.rated = "rated" in favour or (not favour and random.random() < 0.3)
        #: Whether who freezes does so in the middle of a transaction, rather than between two.
        self.freezes_busy = random.random() < 0.3 or "busy" in favour

    def strikes(self, fault: str) -> bool:
        """Decide whether a fault happens now."""
        return self._random.random() < self._faults[fault]

    def ends(self) -> bool:
        """Decide whether a task ends now."""
        return self._random.random() < self._short

    def claims(self) -> bool:
        """Decide whether a worker has use for jobs now."""
        return self._random.random() < self._hungry

    def end(self) -> str:
        """Decide how a task ends."""
        return self._random.choices([*self._ends], [*self._ends.values()])[0]
