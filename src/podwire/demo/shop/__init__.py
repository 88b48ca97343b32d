"""
The shop's own programs: gateway, orders, payments, a client, and nginx's configuration.

They know nothing of podwire. Each counts what it does with its sockets in a book of its own, which
is the truth that our numbers are held against.
"""
