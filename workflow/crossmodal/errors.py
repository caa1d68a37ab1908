"""The one exception that is meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: a wrong parameter, a bad file, no network.

    The message is one line that says what was wrong, where, and what would be right. Entry points
    print it and end with status 1; they never show a traceback for it.
    """
