"""Every write that a person can cause, one function each, by noun.

A command authorises, checks, asks policy where policy has a say, and then opens exactly
one write transaction, in which everything that belongs together is recorded: the thing
itself, the decision that let it pass, the audit entry, the event, the wake-up, the answer.
The rows are locked in one order everywhere: request, audit head, outbox, work.
"""
