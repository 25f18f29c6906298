"""What one caller may ask for: how long and deep a document may be, what it may cost, and how much cost in how much time.

Nothing here knows what the fields mean beyond their weight in `cost.WORK`.
"""
