"""What discover, train and serve all see of a call: its redacted view, versioned. A certificate names the view it was made under.

    redactor     a request -> what is seen of it, in one call's names
    names        the values that were taken out of one call: numbered placeholders, and the way back
    tree         JSON values: which strings are looked at, and which are payloads
    finder       where in a text something stands that is taken out; a glance at the bytes that says that nothing can be there
    secrets, addresses, numbers, phones, identities     what is looked for
    keeping      what is stored of a call
    identities.toml, checksums     the table of identity numbers, and the functions that it may name

It takes out what has a shape: keys, card and account numbers, addresses, phone and identity numbers. It knows no names of people,
no streets, nothing that only its meaning gives away.
"""

from modicum.view.names import Names, Restorer
from modicum.view.redactor import VIEW_VERSION, Redactor, Seen

__all__ = ["VIEW_VERSION", "Names", "Redactor", "Restorer", "Seen"]
