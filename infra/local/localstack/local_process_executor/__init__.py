"""Runs the functions of a LocalStack as processes of this machine, where there is no Docker.

What it is: AWS's own runtime interface client (awslambdaric) in a bare Python of the function's version, with
the function and its layers unpacked and on the path in Lambda's order, Lambda's environment variables,
time-outs and errors. What it is not: an isolation, a memory limit, another architecture, or another runtime
than Python. Layers are not at /opt: what they hold beside `python/` is not found.
"""
