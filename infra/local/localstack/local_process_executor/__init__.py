"""Runs the functions of a LocalStack as processes of this machine, without Docker.

Each process is AWS's runtime interface client (awslambdaric) in a bare Python of the function's version, with
the function and its layers unpacked and on the path in Lambda's order, and with Lambda's environment
variables, time-outs and errors. It provides no isolation, no memory limit, no other architecture and no other
runtime than Python. Layers are not mounted at /opt, so what they hold outside `python/` is not found.
"""
