"""The documents of docs/, as the operator serves them and ``freshet runbook`` prints them: what an alert links to must
be there for whoever it wakes, also where nobody has a copy of the repository.
"""

from freshet.manual.app import manual

__all__ = ["manual"]
