"""Give the terms of a step names that tell them apart: z1, h1, W1 belong to one brick."""

from .trace import Symbol


class Namer:
    """Counts each letter.

    Parameters
    ----------
    loss : str
        What the loss of the data is called.
    """

    def __init__(self, loss: str = "L") -> None:
        self.loss = loss
        self.taken: set[str] = {"L"}
        self.last: dict[str, int] = {}

    def free(self, name: str) -> str:
        """Return a name, or one like it that is not taken, and take it."""
        found, number = name, 2
        while found in self.taken:
            found, number = f"{name}{number}", number + 1
        self.taken.add(found)
        return found

    def number(self, output: str, others: list[str], role: str) -> int:
        """Return the number of a brick: the next one of its output's letter that is free for all its letters."""
        lead = letter_of(output, role)
        number = self.last.get(lead, 0) + 1
        while any(f"{letter}{number}" in self.taken for letter in (lead, *others)):
            number += 1
        self.last[lead] = number
        self.taken |= {f"{letter}{number}" for letter in (lead, *others)}
        return number

    def outputs(self, output: str, number: int, count: int, role: str) -> list[Symbol]:
        """Return the symbols of what a brick gives."""
        lead = letter_of(output, role)
        if role == "loss":
            return [Symbol(self.loss, "" if number == 1 else str(number))]
        return [
            Symbol(lead, str(number)),
            *(Symbol(lead, str(self.number(output, [], role))) for _ in range(count - 1)),
        ]


def letter_of(output: str, role: str) -> str:
    """Return the letter of an output: z for weighted sums, R for penalties, L for a loss, h for all else."""
    return {"loss": "L", "penalty": "R"}.get(role) or ("z" if output == "z" else "h")
