"""Runs in the fixture worker.

What the controller sends is taken in by :mod:`.intake` and done by the loop in :mod:`.server`. For
a request, :mod:`.lookup` finds the definition, and :mod:`.answers` has :mod:`.running` set it up,
if it is not, by way of an item (:mod:`.items`). In the end :mod:`.finalizing` runs the finalizers.
What is known of each set-up stands in :mod:`.set_ups`.
"""
